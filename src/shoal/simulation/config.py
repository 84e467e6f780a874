"""What to simulate: the one argument of the simulation, checked when it is made."""

from __future__ import annotations

import math
from dataclasses import dataclass

from shoal.errors import InputError
from shoal.model.time import DAY, EARLIEST_MOMENT, LATEST_MOMENT, parse_moment
from shoal.simulation.intents import SHARES

BUSINESSES = tuple(SHARES)
"""The kinds of business that can be simulated."""

MOST_EVENTS = 100_000_000
FEWEST_DAYS, MOST_DAYS = 14, 3650
MOST_PEOPLE = 10_000_000

_FIRST_YEAR = parse_moment("1980-01-01")
_LAST_YEAR = parse_moment("2090-01-01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """A business, its size, its stretch of days, and how untidy its events are.

    Say the size in `events` (people come until that many messages are written, so the last person may bring a
    few more) or in `people`. `late`, `duplicates`, `skewed`, `family` and `kiosk` are shares from 0 to 1.
    `discount_effect` is what a discount adds to the probability that a price-sensitive person who left a cart
    orders after all; `reminder_effect` is what a reminder adds for those who left a checkout.
    """

    business: str = "ecommerce"
    seed: int = 1
    events: int | None = None
    people: int | None = None
    start: str = "2026-01-01"
    days: int = 60
    duplicates: float = 0.02
    late: float = 0.03
    skewed: float = 0.01
    family: float = 0.02
    kiosk: float = 0.005
    discount_effect: float = 0.20
    reminder_effect: float = 0.0

    def __post_init__(self) -> None:
        """Raises InputError when there is no such simulation."""
        _check_business(self.business)
        _check_size(self)
        _check_whole("seed", self.seed, 0, 2**63)
        _check_whole("days", self.days, FEWEST_DAYS, MOST_DAYS)
        for name in ("duplicates", "late", "skewed", "family", "kiosk"):
            _check_number(name, getattr(self, name), 0, 1)
        for name in ("discount_effect", "reminder_effect"):
            _check_number(name, getattr(self, name), -0.1, 0.7)
        self.start_ms  # noqa: B018 - reading it checks it

    @property
    def start_ms(self) -> int:
        """The first moment at which anything can happen."""
        try:
            moment = parse_moment(self.start)
        except ValueError as wrong:
            raise InputError(f"start: {wrong}") from None
        if not _FIRST_YEAR <= moment <= _LAST_YEAR:
            raise InputError(f"start: {self.start} is not between 1980 and 2090")
        return moment

    @property
    def end_ms(self) -> int:
        """Everything happens, and arrives, before this moment."""
        return self.start_ms + self.days * DAY
