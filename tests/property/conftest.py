"""How long to look for counterexamples: 100 examples each, or 3,000 with SHOAL_FULL=1 in the environment."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}

settings.register_profile("quick", max_examples=100, **_COMMON)
settings.register_profile("full", max_examples=3_000, **_COMMON)
settings.load_profile("full" if os.environ.get("SHOAL_FULL") == "1" else "quick")
