"""News about membership, as data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Direction(StrEnum):
    ENTERED = "entered"
    LEFT = "left"


@dataclass(frozen=True, slots=True, order=True)
class MembershipChanged:
    """One change of membership. Its four key fields make every output idempotent.

    `effective_at` is the exact moment: an event's time, or the moment a window or a deadline ran out.
    """

    effective_at: int
    profile: str
    segment: str
    direction: Direction


@dataclass(frozen=True, slots=True, order=True)
class ProfilesMerged:
    """Two profiles turned out to be one person: `old` is no more, and all that was its is `new`'s."""

    effective_at: int
    old: str
    new: str
