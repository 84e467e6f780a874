"""What a message states about consent: by the categories of a banner, Google's consent mode, IAB's TC string.

Where two of them stand for one purpose, refusal wins. What stands for no purpose is nobody's consent.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from collections.abc import Mapping as Map
from typing import Any

from shoal.model.consent import Purpose, consent_path
from shoal.model.value import Value

CONSENT_UPDATED = "Segment Consent Preference Updated"

CATEGORIES = {
    **dict.fromkeys(("analytics", "statistics", "performance", "measurement", "c0002"), Purpose.ANALYTICS),
    **dict.fromkeys(
        ("personalisation", "personalization", "functional", "preferences", "c0003"), Purpose.PERSONALISATION
    ),
    **dict.fromkeys(("email", "email marketing"), Purpose.EMAIL),
    **dict.fromkeys(("advertising", "ads", "targeting", "marketing", "c0004"), Purpose.ADS),
    **dict.fromkeys(("sharing", "data sharing", "sale", "sale of data", "c0005"), Purpose.SHARING),
}
"""The purposes that common names of consent categories stand for, in lower case. C0002 to C0005 are OneTrust's."""

GOOGLE_KEYS = {
    "analytics_storage": Purpose.ANALYTICS,
    "personalization_storage": Purpose.PERSONALISATION,
    "ad_storage": Purpose.ADS,
    "ad_user_data": Purpose.ADS,
    "ad_personalization": Purpose.ADS,
}
"""Google Consent Mode v2, whose values are "granted" and "denied"
(developers.google.com/tag-platform/security/concepts/consent-mode). Its other keys are for no purpose of ours."""

TCF_PURPOSES = {
    Purpose.ANALYTICS: (1, 8, 9),
    Purpose.PERSONALISATION: (1, 5, 6),
    Purpose.ADS: (1, 3, 4, 7),
}
"""The purposes of IAB's Transparency and Consent Framework that each of ours needs, all of them. 1 is storing
anything on the device, without which there is nothing to work with."""

_GOOGLE_WORDS = {"granted": True, "denied": False}
_VERSION_KEYS = ("version", "policyVersion", "policy_version")
_TCF_PURPOSES_AT, _TCF_PURPOSE_COUNT = 152, 24
"""Bits before the purposes of a TC string of version 2, and how many there are (its segment `core`)."""

VERSION_PATH, STATED_BY_PATH = "context.consent.version", "context.consent.by"
"""Where an event keeps which version of a policy its statement is about, and who wrote the statement down."""

Stated = Iterator[tuple[Purpose, bool]]


def purpose_of(category: str, categories: Map[str, Purpose]) -> Purpose | None:
    """What a consent category is for, by the workspace's own `categories` first; None when nobody says."""
    lower = category.strip().lower()
    return categories.get(lower) or CATEGORIES.get(lower)


def consent_fields(context: dict[str, Any], categories: Map[str, Purpose]) -> Iterator[tuple[str, Value]]:
    """The fields that the consent of a message's context becomes."""
    consent = _object(context.get("consent"))
    stated: dict[Purpose, bool] = {}
    for purpose, granted in _statements(context, consent, categories):
        stated[purpose] = stated.get(purpose, True) and granted
    yield from _unknown_categories(_object(consent.get("categoryPreferences")), categories)
    yield from ((consent_path(purpose), granted) for purpose, granted in stated.items())
    versions = (consent.get(key) for key in _VERSION_KEYS)
    version = next((each for each in versions if isinstance(each, str) and each), None)
    if version is not None:
        yield VERSION_PATH, version
    if isinstance(consent.get("by"), str) and consent["by"]:
        yield STATED_BY_PATH, consent["by"]


def _statements(context: dict[str, Any], consent: dict[str, Any], categories: Map[str, Purpose]) -> Stated:
    yield from _of_categories(consent.get("categoryPreferences"), categories)
    yield from _of_purposes(_object(consent.get("purposes")))
    yield from _of_google(_object(consent.get("google")))
    yield from _of_tc_string(consent.get("tcf"))
    yield from _of_rudderstack(_object(context.get("consentManagement")), categories)


def _of_categories(preferences: Any, categories: Map[str, Purpose]) -> Stated:
    """Segment's `categoryPreferences`. An empty one says that everything was refused."""
    if preferences == {} and isinstance(preferences, dict):
        yield from ((purpose, False) for purpose in Purpose)
        return
    for category, granted in _object(preferences).items():
        purpose = purpose_of(category, categories)
        if purpose is not None and isinstance(granted, bool):
            yield purpose, granted


def _unknown_categories(preferences: dict[str, Any], categories: Map[str, Purpose]) -> Iterator[tuple[str, Value]]:
    """What stands for no purpose, or says something else than yes or no, stays context."""
    for category, granted in preferences.items():
        is_statement = purpose_of(category, categories) is not None and isinstance(granted, bool)
        if isinstance(granted, (bool, str)) and not is_statement:
            yield f"context.consent.categoryPreferences.{category}", granted


def _of_purposes(purposes: dict[str, Any]) -> Stated:
    """By the names of the purposes themselves, as `shoal consent` states them."""
    for purpose in Purpose:
        if isinstance(purposes.get(purpose), bool):
            yield purpose, purposes[purpose]


def _of_google(settings: dict[str, Any]) -> Stated:
    for key, word in settings.items():
        granted = _GOOGLE_WORDS.get(word) if isinstance(word, str) else None
        if key in GOOGLE_KEYS and granted is not None:
            yield GOOGLE_KEYS[key], granted


def _of_tc_string(text: Any) -> Stated:
    granted = tcf_purposes(text) if isinstance(text, str) else None
    if granted is not None:
        for purpose, needed in TCF_PURPOSES.items():
            yield purpose, granted.issuperset(needed)


def _of_rudderstack(management: dict[str, Any], categories: Map[str, Purpose]) -> Stated:
    """RudderStack's `consentManagement`: lists of the categories that were allowed and denied."""
    for key, granted in (("allowedConsentIds", True), ("deniedConsentIds", False)):
        listed = management.get(key)
        for category in listed if isinstance(listed, list) else ():
            purpose = purpose_of(category, categories) if isinstance(category, str) else None
            if purpose is not None:
                yield purpose, granted


def tcf_purposes(text: str) -> frozenset[int] | None:
    """The purposes that a TC string of version 2 grants consent to; None when it is none that can be read.

    Source: IAB Europe, Consent string and vendor list formats v2, the core string.
    """
    core = text.split(".", 1)[0]
    try:
        content = base64.b64decode(core + "=" * (-len(core) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    bits = "".join(f"{byte:08b}" for byte in content[: (_TCF_PURPOSES_AT + _TCF_PURPOSE_COUNT) // 8])
    if len(bits) < _TCF_PURPOSES_AT + _TCF_PURPOSE_COUNT or int(bits[:6], 2) != 2:
        return None
    flags = bits[_TCF_PURPOSES_AT : _TCF_PURPOSES_AT + _TCF_PURPOSE_COUNT]
    return frozenset(number for number, flag in enumerate(flags, 1) if flag == "1")


def _object(found: Any) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}
