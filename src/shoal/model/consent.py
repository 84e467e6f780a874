"""Consent: the purposes for which a profile may be used, and who decides when statements differ."""

from __future__ import annotations

from enum import StrEnum


class Purpose(StrEnum):
    """What a segment or a trigger is for. A profile without consent for it is not a member."""

    ANALYTICS = "analytics"
    PERSONALISATION = "personalisation"
    EMAIL = "email"
    ADS = "ads"
    SHARING = "sharing"


GRANTED_BY_DEFAULT = {
    Purpose.ANALYTICS: True,
    Purpose.PERSONALISATION: True,
    Purpose.EMAIL: False,
    Purpose.ADS: False,
    Purpose.SHARING: False,
}
"""The shipped default of each purpose, for profiles that have not stated anything. A workspace may change it."""

REFUSED_BY_GPC = frozenset({Purpose.ADS, Purpose.SHARING})
"""`Sec-GPC: 1` (Global Privacy Control), stored as `context.gpc: true`, refuses these."""


def consent_path(purpose: Purpose) -> str:
    """Where an event states consent for a purpose: `consent.<purpose>`, true or false."""
    return f"consent.{purpose.value}"


PSYCHOGRAPHIC_PATHS = frozenset({"properties.tone", "properties.motive", "properties.motive_evidence"})
"""What is read out of a person's own words. A segment that looks at any of it needs PERSONALISATION as well."""
