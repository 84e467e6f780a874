"""What to simulate: the one argument of the simulation, checked when it is made."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from shoal.errors import InputError
from shoal.model.time import DAY, parse_moment
from shoal.simulation.business import BUSINESSES

MOST_EVENTS = 100_000_000
FEWEST_DAYS, MOST_DAYS = 14, 3650
MOST_PEOPLE = 10_000_000

_FIRST_YEAR = parse_moment("1980-01-01")
_LAST_YEAR = parse_moment("2090-01-01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """A business, its size, its stretch of days, and how untidy its events are.

    Say the size in `events` (people come until that many messages are written, so the last person may bring a
    few more) or in `people`. Five shares from 0 to 1 say how untidy it is: `duplicates` and `late` of messages,
    `skewed` of devices, `family` and `kiosk` of people. `discount_effect` is what a discount adds to the
    probability that a price-sensitive person who left a cart orders after all; `reminder_effect` is what a
    reminder adds for those who left a checkout.
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
        if not isinstance(self.start, str):
            raise InputError(f"start: {self.start!r} is not a text such as 2026-01-01")
        _start_of(self.start)

    @property
    def start_ms(self) -> int:
        """The first moment at which anything can happen."""
        return _start_of(self.start)

    @property
    def end_ms(self) -> int:
        """Everything happens, and arrives, before this moment."""
        return self.start_ms + self.days * DAY


@lru_cache(maxsize=64)
def _start_of(text: str) -> int:
    try:
        moment = parse_moment(text)
    except ValueError as wrong:
        raise InputError(f"start: {wrong}") from None
    if not _FIRST_YEAR <= moment <= _LAST_YEAR:
        raise InputError(f"start: {text} is not between 1980 and 2090")
    return moment


def _check_business(name: object) -> None:
    if name not in BUSINESSES:
        raise InputError(f"business: there is no {name!r}; choose one of {', '.join(BUSINESSES)}")


def _check_size(simulation: Simulation) -> None:
    if (simulation.events is None) == (simulation.people is None):
        hint = "for example events=150_000 or people=8_000"
        raise InputError("a simulation has either a number of events or a number of people", hint=hint)
    if simulation.events is not None:
        _check_whole("events", simulation.events, 1, MOST_EVENTS)
    if simulation.people is not None:
        _check_whole("people", simulation.people, 1, MOST_PEOPLE)


def _check_whole(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InputError(f"{name}: {value!r} is not a whole number from {low} to {high}")


def _check_number(name: str, value: object, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise InputError(f"{name}: {value!r} is not a number from {low} to {high}")
