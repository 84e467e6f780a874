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
    words: Words, activity: np.uint64, begin: Indices, end: Indices, times: Times, gap: int
) -> tuple[Indices, Indices, Indices]:
    """All sessions of all profiles: per profile the index of its first session (one more entry at the end), and
    per session its first and last event."""
    first_session = np.zeros(len(begin) + 1, np.int64)
    total = 0
    for p in range(len(begin)):
        total += end[p] - begin[p]
    first, last = np.empty(total, np.int64), np.empty(total, np.int64)
    n = 0
    for p in range(len(begin)):
        first_session[p] = n
        for i in range(begin[p], end[p]):
            if not words[i] & activity:
                continue
            if n > first_session[p] and times[i] - times[last[n - 1]] <= gap:
                last[n - 1] = i
            else:
                first[n], last[n] = i, i
                n += 1
    first_session[len(begin)] = n
    return first_session, first[:n].copy(), last[:n].copy()


@compiled
def describe_sessions(
    words: NDArray[np.uint64],
    activity: tuple[int, np.uint64],
    page: tuple[int, np.uint64],
    first: Indices,
    last: Indices,
    engaged: Numbers,
    scroll: Numbers,
) -> tuple[Numbers, Numbers, Numbers, Numbers, Numbers]:
    """Per session: events, pages, engaged ms, how many events stated it, and the greatest scroll percentage."""
    count = len(first)
    events, pages = np.zeros(count), np.zeros(count)
    attention, stated, depth = np.zeros(count), np.zeros(count), np.full(count, np.nan)
    for s in range(count):
        for i in range(first[s], last[s] + 1):
            if not words[activity[0], i] & activity[1]:
                continue
            events[s] += 1
            pages[s] += (words[page[0], i] & page[1]) != 0
            if len(engaged) and not np.isnan(engaged[i]):
                attention[s] += engaged[i]
                stated[s] += 1
            if len(scroll) and not np.isnan(scroll[i]):
                depth[s] = scroll[i] if np.isnan(depth[s]) else max(depth[s], scroll[i])
    return events, pages, attention, stated, depth


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
