"""Looks: memberships of profiles at every moment of a stretch of time at which anything can change.

A profile is looked at when the stretch begins, when one of its events happens, and after that whenever the kernel
says that something can change by itself. All looks are independent, so they are evaluated many at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from shoal.evaluate.frozen import Frozen
from shoal.evaluate.kernel import evaluate
from shoal.evaluate.plan import Plan
from shoal.history.history import History

Indices = NDArray[np.int64]
Moments = NDArray[np.int64]
Members = NDArray[np.bool_]

LOOKS_AT_ONCE = 1_000_000
"""How many looks are evaluated in one call: bounds memory, not the answer."""


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """Look n is at the stretch `stretch[n]` (a place in the arrays asked about) at `moment[n]`.

    Sorted by stretch and moment. `members` has one column for each segment. Between a look and the next one of
    its stretch, or the end of it, nothing changes. `next_moment` has for each stretch the first moment after its
    end at which something can change.
    """

    stretch: Indices
    moment: Moments
    members: Members
    next_moment: Moments


def look(
    plan: Plan,
    history: History,
    *,
    segments: Sequence[str],
    profiles: Indices,
    start: Moments,
    stop: Moments,
    frozen: Frozen | None = None,
    spans: Sequence[int] = (),
    heard: Callable[[float], None] | None = None,
) -> Looks:
    """Looks at each of `profiles` from its `start` to its `stop`, both included.

    After each event it looks `spans` later, too: where something probably changes. A right guess saves a call.
    `heard` is told which share is done, 0 to 1.
    """
    stretch, moment = _first_looks(history, profiles, start, stop, spans)
    limit = stop[stretch] + 1
    if len(stretch):
        limit[:-1] = np.where(stretch[1:] == stretch[:-1], moment[1:], limit[:-1])
    walk = _Walk(plan, history, segments, profiles, frozen or Frozen())
    for first in range(0, len(stretch), LOOKS_AT_ONCE):
        part = slice(first, first + LOOKS_AT_ONCE)
        walk.follow(stretch[part], moment[part], limit[part])
        if heard is not None:
            heard(min(1.0, (first + LOOKS_AT_ONCE) / len(stretch)))
    return walk.looks()


def _first_looks(
    history: History, profiles: Indices, start: Moments, stop: Moments, spans: Sequence[int]
) -> tuple[Indices, Moments]:
    """The beginning of each stretch, and each moment in it that is an event of its profile or a span after one."""
    begin, end = history.begin[profiles], history.end[profiles]
    stretch, moment = _moments_inside(begin, end, history.times, start, stop, np.array([0, *spans], np.int64))
    order = np.lexsort((moment, stretch))
    stretch, moment = stretch[order], moment[order]
    is_new = np.ones(len(stretch), np.bool_)
    is_new[1:] = (stretch[1:] != stretch[:-1]) | (moment[1:] != moment[:-1])
    return stretch[is_new], moment[is_new]


@numba.njit(cache=True, nogil=True)
def _moments_inside(  # noqa: PLR0917  (compiled functions take arrays by position)
    begin: Indices, end: Indices, times: Moments, start: Moments, stop: Moments, spans: Moments
) -> tuple[Indices, Moments]:
    """The start of each stretch, and each event's moment plus each span that is inside; some of them twice."""
    first = np.empty((len(begin), len(spans)), np.int64)
    total = len(begin)
    for p in range(len(begin)):
        for s in range(len(spans)):
            low, high = begin[p], end[p]
            while low < high:
                middle = (low + high) // 2
                if times[middle] + spans[s] < start[p]:
                    low = middle + 1
                else:
                    high = middle
            first[p, s] = low
            while low < end[p] and times[low] + spans[s] <= stop[p]:
                low += 1
            total += low - first[p, s]
    stretch, moment = np.empty(total, np.int64), np.empty(total, np.int64)
    n = 0
    for p in range(len(begin)):
        if start[p] <= stop[p]:
            stretch[n], moment[n] = p, start[p]
            n += 1
        for s in range(len(spans)):
            row = first[p, s]
            while row < end[p] and times[row] + spans[s] <= stop[p]:
                stretch[n], moment[n] = p, times[row] + spans[s]
                n += 1
                row += 1
    return stretch[:n].copy(), moment[:n].copy()


class _Walk:
    def __init__(
        self, plan: Plan, history: History, segments: Sequence[str], profiles: Indices, frozen: Frozen
    ) -> None:
        self.plan, self.history, self.segments, self.frozen = plan, history, segments, frozen
        self.profiles = profiles
        self.found: list[tuple[Indices, Moments, Members]] = []
        self.next_moment = np.zeros(len(profiles), np.int64)

    def follow(self, stretch: Indices, moment: Moments, limit: Moments) -> None:
        """Looks at these moments, and on from each as long as something can change before its limit."""
        while len(stretch):
            evaluation = evaluate(
                self.plan, self.history, moment, frozen=self.frozen, profiles=self.profiles[stretch]
            )
            members = [evaluation.values["segment", name].holds for name in self.segments]
            self.found.append((stretch, moment, np.stack(members, axis=1)))
            goes_on = evaluation.next_moment < limit
            # Something happens at the latest at the next event, so only the last look of a stretch sees beyond it.
            np.maximum.at(self.next_moment, stretch[~goes_on], evaluation.next_moment[~goes_on])
            stretch, moment, limit = stretch[goes_on], evaluation.next_moment[goes_on], limit[goes_on]

    def looks(self) -> Looks:
        if not self.found:
            nothing = np.empty(0, np.int64)
            return Looks(nothing, nothing, np.empty((0, len(self.segments)), np.bool_), self.next_moment)
        stretch, moment, members = (np.concatenate(each) for each in zip(*self.found, strict=True))
        order = np.lexsort((moment, stretch))
        return Looks(stretch[order], moment[order], members[order], self.next_moment)
