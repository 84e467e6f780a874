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


@compiled
def first_at_or_after(times: Times, begin: Indices, end: Indices, limits: Times) -> Indices:
    """Per profile, the first index in its run with a time of at least the limit; `end` when there is none."""
    found = np.empty(len(begin), np.int64)
    for p in range(len(begin)):
        low, high = begin[p], end[p]
        while low < high:
            middle = (low + high) // 2
            if times[middle] < limits[p]:
                low = middle + 1
            else:
                high = middle
        found[p] = low
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
        for i in range(start[p], stop[p]):
            if words[i] & mask:
                if count == 0:
                    firsts[p] = i
                count += 1
        counts[p] = count
    return counts, firsts


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
