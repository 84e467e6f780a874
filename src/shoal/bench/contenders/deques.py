"""The counters as somebody writes them by hand: for each user, a deque of moments for each counter."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import polars as pl

from shoal.bench.counters import COUNTERS

_WINDOWS = [window for _, window, _ in COUNTERS.values()]
_PLACES = {
    event: [place for place, (other, _, _) in enumerate(COUNTERS.values()) if other == event]
    for event, _, _ in COUNTERS.values()
}


class UserCounters:
    """The counters of one user."""

    __slots__ = ("moments",)

    def __init__(self) -> None:
        self.moments: list[deque[int]] = [deque() for _ in COUNTERS]

    def add(self, name: str, at: int) -> list[int]:
        """All counters after one more event."""
        for place in _PLACES.get(name, ()):
            self.moments[place].append(at)
        return self.counts(at)

    def counts(self, now: int) -> list[int]:
        """All counters at a moment, which never goes back."""
        found = []
        for moments, window in zip(self.moments, _WINDOWS, strict=True):
            start = now - window
            while moments and moments[0] <= start:
                moments.popleft()
            found.append(len(moments))
        return found


def answers_of(users: Mapping[str, UserCounters], now: int) -> pl.DataFrame:
    """The counters of everyone at a moment, as the contenders are compared."""
    rows = [(user, *counters.counts(now)) for user, counters in users.items()]
    return pl.DataFrame(rows, schema=["profile", *COUNTERS], orient="row")
