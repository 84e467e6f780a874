"""Values of one property over the matching events of a selection."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shoal.evaluate.kernels.compiled import compiled
from shoal.evaluate.kernels.selection import Indices, Words

Numbers = NDArray[np.float64]
Codes = NDArray[np.int32]


@compiled
def reduce_numbers(
    words: Words, mask: np.uint64, start: Indices, stop: Indices, numbers: Numbers
) -> tuple[Numbers, Numbers, Numbers, Numbers, Indices]:
    """Per profile: how many matching events have a number, their sum, minimum and maximum, and the first one."""
    count, total = len(start), np.zeros(len(start))
    present, low, high = np.zeros(count), np.full(count, np.nan), np.full(count, np.nan)
    firsts = np.full(count, -1, np.int64)
    for p in range(count):
        n, amount, least, most = 0, 0.0, np.inf, -np.inf
        for i in range(start[p], stop[p]):
            if words[i] & mask:
                value = numbers[i]
                if not np.isnan(value):
                    if n == 0:
                        firsts[p] = i
                    n += 1
                    amount += value
                    least = min(least, value)
                    most = max(most, value)
        present[p], total[p] = n, amount
        if n:
            low[p], high[p] = least, most
    return present, total, low, high, firsts


@compiled
def distinct_values(
    words: Words, mask: np.uint64, start: Indices, stop: Indices, numbers: Numbers, codes: Codes
) -> tuple[Numbers, Indices, Indices]:
    """Per profile: how many different values were seen, the first event with one, and the last event with the
    value seen most often (of several, the one seen last). An empty column stands for one nobody has."""
    different = np.zeros(len(start))
    firsts, modes = np.full(len(start), -1, np.int64), np.full(len(start), -1, np.int64)
    keys, places = np.empty(16, np.int64), np.empty(16, np.int64)
    for p in range(len(start)):
        n = 0
        for i in range(start[p], stop[p]):
            if not words[i] & mask:
                continue
            if len(codes) and codes[i] >= 0:
                key = int(codes[i])
            elif len(numbers) and not np.isnan(numbers[i]):
                key = _number_key(numbers[i])
            else:
                continue
            if n == len(keys):
                keys, places = _grown(keys), _grown(places)
            if n == 0:
                firsts[p] = i
            keys[n], places[n] = key, i
            n += 1
        if n:
            different[p], modes[p] = _distinct_and_mode(keys[:n], places[:n])
    return different, firsts, modes


@compiled
def _number_key(value: float) -> int:
    """The bits of a number, set apart from the codes of other values (which are below 2**31)."""
    box = np.empty(1, np.float64)
    box[0] = value
    bits: int = box.view(np.int64)[0]
    return bits if bits < 0 or bits >= 2**32 else -(2**63) + bits


@compiled
def _grown(array: Indices) -> Indices:
    larger = np.empty(2 * len(array), np.int64)
    larger[: len(array)] = array
    return larger


@compiled
def _distinct_and_mode(keys: Indices, places: Indices) -> tuple[int, int]:
    order = np.argsort(keys, kind="mergesort")  # stable, so the last of equal keys is the one seen last
    different, best, mode, run = 0, 0, -1, 0
    for k in range(len(order)):
        i = order[k]
        run = run + 1 if k and keys[order[k - 1]] == keys[i] else 1
        different += run == 1
        is_last_of_run = k + 1 == len(order) or keys[order[k + 1]] != keys[i]
        if is_last_of_run and (run > best or (run == best and places[i] > mode)):
            best, mode = run, places[i]
    return different, mode


@compiled
def distinct_days(
    words: Words, mask: np.uint64, start: Indices, stop: Indices, days: Codes
) -> tuple[Numbers, Indices]:
    """Per profile: on how many local days matching events lie, and the first of these events.

    Days of events in order of time need not be in order: two clocks may differ by a day.
    """
    counts, firsts = np.zeros(len(start)), np.full(len(start), -1, np.int64)
    seen = np.empty(16, np.int64)
    for p in range(len(start)):
        n = 0
        for i in range(start[p], stop[p]):
            if not words[i] & mask:
                continue
            if n == 0:
                firsts[p] = i
            if n and seen[n - 1] == days[i]:
                continue
            if n == len(seen):
                seen = _grown(seen)
            seen[n] = days[i]
            n += 1
        if n:
            counts[p] = len(np.unique(seen[:n]))
    return counts, firsts


@compiled
def last_present(start: Indices, stop: Indices, numbers: Numbers, codes: Codes) -> Indices:
    """Per profile, the index of the last event that has the property, or NOTHING."""
    found = np.full(len(start), -1, np.int64)
    for p in range(len(start)):
        for i in range(stop[p] - 1, start[p] - 1, -1):
            if (len(codes) and codes[i] >= 0) or (len(numbers) and not np.isnan(numbers[i])):
                found[p] = i
                break
    return found
