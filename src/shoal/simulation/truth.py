"""The truth: what only the simulation knows about a person, one line of the truth file."""

from __future__ import annotations

import msgspec


class Truth(msgspec.Struct, kw_only=True):
    """What a person was, and did, whatever the events let one guess.

    `experiment`, `arm`, `base_probability`, `set_effect` and `converted` are None for who was in no experiment.
    Otherwise the person orders after the exposure with the base probability, plus the set effect in the arm that
    is not "control"; `converted` says whether it came so. `consent` is the last choice by category, None for who
    chose nothing. `orders` counts all orders; `revenue` is what they brought before refunds.
    """

    person: int
    intent: str
    user_id: str | None
    anonymous_ids: list[str]
    email: str
    tone: float
    motive: str
    timezone: str
    shared: str | None
    visits: int = 0
    experiment: str | None = None
    arm: str | None = None
    base_probability: float | None = None
    set_effect: float | None = None
    converted: bool | None = None
    bought: bool = False
    orders: int = 0
    revenue: float = 0.0
    consent: dict[str, bool] | None = None
