"""Sessions of profiles, and values per session brought back to profiles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shoal.evaluate.kernels.compiled import compiled
from shoal.evaluate.kernels.properties import Numbers
from shoal.evaluate.kernels.selection import Indices, Times, Words

BOUNCE_ENGAGEMENT = 10_000
"""Milliseconds of attention below which a session of less than two pages bounced."""


@compiled
def cut_sessions(
    words: Words,
    activity: np.uint64,
    begin: Indices,
    end: Indices,
    start: Indices,
    stop: Indices,
    times: Times,
    gap: int,
) -> tuple[Indices, Indices, Indices]:
    """The sessions of all profiles that begin with one of the events `start` to `stop` (excluded): per profile the
    index of its first session (one more entry at the end), and per session its first and last event."""
    first_session = np.zeros(len(begin) + 1, np.int64)
    total = 0
    for p in range(len(begin)):
        total += max(stop[p] - start[p], 0)
    first, last = np.empty(total, np.int64), np.empty(total, np.int64)
    n = 0
    for p in range(len(begin)):
        first_session[p] = n
        before = -1
        for i in range(start[p] - 1, begin[p] - 1, -1):
            if words[i] & activity:
                before = i
                break
        for i in range(start[p], end[p]):
            if not words[i] & activity:
                continue
            if before < 0 or times[i] - times[before] > gap:
                if i >= stop[p]:
                    break
                first[n], last[n] = i, i
                n += 1
            elif n > first_session[p]:
                last[n - 1] = i
            elif i >= stop[p]:
                break
            before = i
    first_session[len(begin)] = n
    return first_session, first[:n].copy(), last[:n].copy()


@compiled
def last_sessions(
    words: Words, activity: np.uint64, begin: Indices, end: Indices, times: Times, gap: int
) -> tuple[Indices, Indices]:
    """Per profile the first and the last event of its last session, or NOTHING."""
    first, last = np.full(len(begin), -1, np.int64), np.full(len(begin), -1, np.int64)
    for p in range(len(begin)):
        for i in range(end[p] - 1, begin[p] - 1, -1):
            if not words[i] & activity:
                continue
            if last[p] < 0:
                last[p] = i
            elif times[first[p]] - times[i] > gap:
                break
            first[p] = i
    return first, last


@compiled
def reduce_sessions(
    first_session: Indices, chosen: NDArray[np.bool_], values: Numbers
) -> tuple[Numbers, Numbers, Numbers, Numbers, Indices]:
    """Per profile over its chosen sessions: how many have a value, sum, minimum, maximum, and the first one."""
    count = len(first_session) - 1
    present, total = np.zeros(count), np.zeros(count)
    low, high = np.full(count, np.nan), np.full(count, np.nan)
    earliest = np.full(count, -1, np.int64)
    for p in range(count):
        for s in range(first_session[p], first_session[p + 1]):
            if not chosen[s]:
                continue
            if earliest[p] < 0:
                earliest[p] = s
            if np.isnan(values[s]):
                continue
            low[p] = values[s] if present[p] == 0 else min(low[p], values[s])
            high[p] = values[s] if present[p] == 0 else max(high[p], values[s])
            present[p] += 1
            total[p] += values[s]
    return present, total, low, high, earliest
