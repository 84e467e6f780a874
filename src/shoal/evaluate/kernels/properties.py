"""Values of one property over the matching events of a selection."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shoal.evaluate.kernels.compiled import compiled
from shoal.evaluate.kernels.selection import Indices, Words

Numbers = NDArray[np.float64]
Codes = NDArray[np.int32]

_CLOCKS_APART = 2
"""The local days of two clocks at one moment differ by no more than this."""


@compiled
def reduce_numbers(
    words: Words, mask: np.uint64, start: Indices, stop: Indices, numbers: Numbers
) -> tuple[Numbers, Numbers, Numbers, Numbers, Indices]:
    """Per profile: how many matching events have a number, their sum, minimum and maximum, and the first one."""
    count, total = len(start), np.zeros(len(start))
    present, low, high = np.zeros(count), np.full(count, np.nan), np.full(count, np.nan)
    firsts = np.full(count, -1, np.int64)
    for p in range(count):
        n, first, amount, least, most = 0, np.int64(0), 0.0, np.inf, -np.inf
        for i in range(np.uint64(start[p]), np.uint64(stop[p])):
            if words[i] & mask:
                value = numbers[i]
                if not np.isnan(value):
                    if n == 0:
                        first = np.int64(i)
                    n += 1
                    amount += value
                    least = min(least, value)
                    most = max(most, value)
        if n:
            present[p], total[p], low[p], high[p] = n, amount, least, most
            firsts[p] = first
    return present, total, low, high, firsts


@compiled
def count_distinct(
    words: Words, mask: np.uint64, start: Indices, stop: Indices, numbers: Numbers, codes: Codes
) -> tuple[Numbers, Indices]:
    """Per profile: how many different values were seen, and the first event with one. An empty column stands for
    one nobody has."""
    different, firsts = np.zeros(len(start)), np.full(len(start), -1, np.int64)
    keys, slots = np.empty(16, np.int64), np.full(64, -1, np.int64)  # slots: open addressing, emptied after each
    for p in range(len(start)):
        n = 0
        for i in range(start[p], stop[p]):
            if not words[i] & mask:
                continue
            if len(codes) and codes[i] >= 0:
                key = np.int64(codes[i])
            elif len(numbers) and not np.isnan(numbers[i]):
                key = _number_key(numbers[i])
            else:
                continue
            if n == 0:
                firsts[p] = i
            slot = _slot_of(key, keys, slots)
            if slots[slot] >= 0:
                continue
            if n == len(keys):
                keys = _grown(keys)
                slots = _slots_for(keys, n)
                slot = _slot_of(key, keys, slots)
            keys[n], slots[slot] = key, n
            n += 1
        different[p] = n
        _empty(slots, keys, n)
    return different, firsts


@compiled
def _slot_of(key: np.int64, keys: Indices, slots: Indices) -> np.int64:
    """Where a key is, or the empty slot where it belongs. Slots are a power of two and never all taken."""
    last = np.uint64(len(slots) - 1)
    slot = (np.uint64(key) * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(32)) & last
    while slots[slot] >= 0 and keys[slots[slot]] != key:
        slot = (slot + np.uint64(1)) & last
    return np.int64(slot)


@compiled
def _slots_for(keys: Indices, n: int) -> Indices:
    slots = np.full(4 * len(keys), -1, np.int64)
    for k in range(n):
        slots[_slot_of(keys[k], keys, slots)] = k
    return slots


@compiled
def _empty(slots: Indices, keys: Indices, n: int) -> None:
    """Takes the first `n` keys out, the last one first, so that each is still found where it was put."""
    if n * 8 > len(slots):
        slots[:] = -1
        return
    for k in range(n - 1, -1, -1):
        slots[_slot_of(keys[k], keys, slots)] = -1


@compiled
def most_frequent_value(
    words: Words, mask: np.uint64, start: Indices, stop: Indices, numbers: Numbers, codes: Codes
) -> tuple[Indices, Indices]:
    """Per profile: the last event with the value seen most often (of several, the one seen last), and the first
    event with a value. An empty column stands for one nobody has."""
    firsts, modes = np.full(len(start), -1, np.int64), np.full(len(start), -1, np.int64)
    keys, places = np.empty(16, np.int64), np.empty(16, np.int64)
    for p in range(len(start)):
        n = 0
        for i in range(start[p], stop[p]):
            if not words[i] & mask:
                continue
            if len(codes) and codes[i] >= 0:
                key = np.int64(codes[i])
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
            modes[p] = _mode(keys[:n], places[:n])
    return modes, firsts


@compiled
def _number_key(value: float) -> np.int64:
    """The bits of a number, set apart from the codes of other values (which are below 2**31)."""
    box = np.empty(1, np.float64)
    box[0] = value
    bits = box.view(np.int64)[0]
    return np.int64(bits if bits < 0 or bits >= 2**32 else -(2**63) + bits)


@compiled
def _grown(array: Indices) -> Indices:
    larger = np.empty(2 * len(array), np.int64)
    larger[: len(array)] = array
    return larger


@compiled
def _mode(keys: Indices, places: Indices) -> int:
    order = np.argsort(keys, kind="mergesort")  # stable, so the last of equal keys is the one seen last
    best, mode, run = 0, -1, 0
    for k in range(len(order)):
        i = order[k]
        run = run + 1 if k and keys[order[k - 1]] == keys[i] else 1
        is_last_of_run = k + 1 == len(order) or keys[order[k + 1]] != keys[i]
        if is_last_of_run and (run > best or (run == best and places[i] > mode)):
            best, mode = run, places[i]
    return mode


@compiled
def distinct_days(
    words: Words, mask: np.uint64, start: Indices, stop: Indices, days: Codes
) -> tuple[Numbers, Indices]:
    """Per profile: on how many local days matching events lie, and the first of these events.

    Days of events in order of time need not be in order: two clocks may differ by a day or, across the date line,
    by two.
    """
    counts, firsts = np.zeros(len(start)), np.full(len(start), -1, np.int64)
    seen = np.empty(16, np.int64)
    for p in range(len(start)):
        n = 0
        for i in range(start[p], stop[p]):
            if not words[i] & mask:
                continue
            day = np.int64(days[i])
            if n == 0:
                firsts[p] = i
            elif not _is_new_day(seen, n, day):
                continue
            if n == len(seen):
                seen = _grown(seen)
            seen[n] = day
            n += 1
        counts[p] = n
    return counts, firsts


@compiled
def _is_new_day(seen: Indices, n: int, day: np.int64) -> bool:
    """Whether a day is not among the `n` seen. Nearly always it is the last of them, or one after all of them."""
    for k in range(n - 1, -1, -1):
        if seen[k] == day:
            return False
        if day - seen[k] > _CLOCKS_APART:
            return True
    return True


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
