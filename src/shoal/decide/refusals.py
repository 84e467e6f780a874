"""What a question refuses by itself: what the browser or the page says now stands before what was said earlier.

A refusal holds for this question at once; it lasts when it is sent as an event. A grant holds when it is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shoal.collect.consents import consent_fields
from shoal.model.consent import REFUSED_BY_GPC, Purpose, consent_path

_PURPOSES = {consent_path(purpose): purpose for purpose in Purpose}


def refusals(sec_gpc: str, context: dict[str, Any], categories: Mapping[str, Purpose]) -> frozenset[Purpose]:
    """The purposes that are refused by `Sec-GPC: 1` (w3.org/TR/gpc), or by the consent that the context states.

    The context says it as that of an event does; `categories` are the workspace's own.
    """
    refused = REFUSED_BY_GPC if sec_gpc.strip() == "1" or context.get("gpc") is True else frozenset()
    if "consent" not in context and "consentManagement" not in context:
        return refused
    stated = consent_fields(context, categories)
    return refused | {_PURPOSES[path] for path, granted in stated if granted is False and path in _PURPOSES}
