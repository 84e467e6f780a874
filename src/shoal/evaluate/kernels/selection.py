"""Where a selection begins and ends, and which events in it match."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shoal.evaluate.kernels.compiled import compiled

Indices = NDArray[np.int64]
Words = NDArray[np.uint64]
Times = NDArray[np.int64]

NOTHING = -1
"""The index of no event."""


_LONG = 2**61
"""Longer than any stay: a moment and this can be added up without overflow."""

_FEW = np.uint64(32)


@compiled
def first_at_or_after(times: Times, begin: Indices, end: Indices, limits: Times) -> Indices:
    """Per profile, the first index in its run with a time of at least the limit; `end` when there is none.

    The last few are counted, which is quicker than to guess the way a search will go. Indices without a sign
    spare the compiled code a look at each, here and in the loops below.
    """
    found = np.empty(len(begin), np.int64)
    for p in range(len(begin)):
        low, high, limit = np.uint64(begin[p]), np.uint64(end[p]), limits[p]
        while high > low + _FEW:
            middle = (low + high) // np.uint64(2)
            if times[middle] < limit:
                low = middle + np.uint64(1)
            else:
                high = middle
        earlier = 0
        for i in range(low, high):
            earlier += times[i] < limit
        found[p] = np.int64(low) + earlier
    return found


@compiled
def first_match(words: Words, mask: np.uint64, start: Indices, stop: Indices) -> Indices:
    """Per profile, the index of the first matching event, or NOTHING."""
    found = np.full(len(start), -1, np.int64)
    for p in range(len(start)):
        for i in range(start[p], stop[p]):
            if words[i] & mask:
                found[p] = i
                break
    return found


@compiled
def last_match(words: Words, mask: np.uint64, start: Indices, stop: Indices) -> Indices:
    """Per profile, the index of the last matching event, or NOTHING."""
    found = np.full(len(start), -1, np.int64)
    for p in range(len(start)):
        for i in range(stop[p] - 1, start[p] - 1, -1):
            if words[i] & mask:
                found[p] = i
                break
    return found


@compiled
def count_matches(
    words: Words, mask: np.uint64, start: Indices, stop: Indices
) -> tuple[NDArray[np.float64], Indices]:
    """Per profile, how many events match, and the index of the first of them or NOTHING."""
    counts, firsts = np.zeros(len(start)), np.full(len(start), -1, np.int64)
    for p in range(len(start)):
        count = 0
        for i in range(np.uint64(start[p]), np.uint64(stop[p])):
            count += (words[i] & mask) != 0
        counts[p] = count
        if count:
            first = start[p]
            while not words[first] & mask:
                first += 1
            firsts[p] = first
    return counts, firsts


@compiled
def note_leaving(moments: Times, events: Indices, times: Times, stay: Times, leaves_at: Times) -> None:
    """Brings each profile's moment forward to when its event leaves a window, where there is an event."""
    for p in range(len(events)):
        event = events[p]
        if event >= 0:
            leaves = min(times[event] + min(stay[p], _LONG), leaves_at[p])
            if leaves < _LONG:
                moments[p] = min(moments[p], leaves)


@compiled
def start_of_latest(words: Words, mask: np.uint64, start: Indices, stop: Indices, latest: int) -> Indices:
    """Per profile, the index from which at most the `latest` last matching events are left."""
    found = start.copy()
    for p in range(len(start)):
        count = 0
        for i in range(stop[p] - 1, start[p] - 1, -1):
            if words[i] & mask:
                count += 1
                if count == latest:
                    found[p] = i
                    break
    return found
