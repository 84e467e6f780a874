"""The settings of a workspace that give definitions their meaning: clocks, sessions, consent, retention."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from shoal.model.consent import GRANTED_BY_DEFAULT, Purpose
from shoal.model.time import MINUTE

DEFAULT_SESSION_GAP = 30 * MINUTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What `shoal.yaml` states, or its defaults.

    `time_zone` is the workspace's IANA zone. With `calendar="profile"`, calendar windows follow each
    profile's last stated zone. `session_gap` is in milliseconds; a gap of exactly this length continues
    a session. `retention` in milliseconds bounds windows; None keeps everything.
    """

    time_zone: str = "UTC"
    calendar: str = "workspace"
    session_gap: int = DEFAULT_SESSION_GAP
    consent: Mapping[Purpose, bool] = field(default_factory=lambda: MappingProxyType(dict(GRANTED_BY_DEFAULT)))
    retention: int | None = None
    minimum_members: int = 500
