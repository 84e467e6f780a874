"""Rhythm: periods with an event, pauses, and the days on which orders came."""

from __future__ import annotations

import numpy as np

from shoal.evaluate.kernels.compiled import compiled
from shoal.evaluate.kernels.properties import Numbers
from shoal.evaluate.kernels.selection import Indices, Times, Words

_NEVER = 2**62
_DAY = 86_400_000


@compiled
def periods_with_match(
    words: Words, mask: np.uint64, begin: Indices, end: Indices, times: Times, now: Times, each: int, of: int
) -> tuple[Numbers, Times]:
    """Per profile: in how many of the last `of` periods of `each` ms an event matches, and the next moment at
    which a matching event passes from one period into the next."""
    counts, moments = np.zeros(len(begin)), np.full(len(begin), _NEVER, np.int64)
    for p in range(len(begin)):
        last_period, count, moment = np.int64(-1), 0, np.int64(_NEVER)
        for i in range(end[p] - 1, begin[p] - 1, -1):
            age = now[p] - times[i]
            if age >= each * of:
                break
            if words[i] & mask:
                period = age // each
                count += period != last_period
                last_period = period
                moment = min(moment, times[i] + (period + 1) * each)
        counts[p], moments[p] = count, moment
    return counts, moments


@compiled
def last_return(
    words: Words, mask: np.uint64, begin: Indices, end: Indices, times: Times, since: Times, idle: int
) -> Indices:
    """Per profile, the last matching event not before `since` that came `idle` ms or more after the one before."""
    found = np.full(len(begin), -1, np.int64)
    for p in range(len(begin)):
        later = -1
        for i in range(end[p] - 1, begin[p] - 1, -1):
            if not words[i] & mask:
                continue
            if later >= 0 and times[later] - times[i] >= idle:
                found[p] = later
                break
            if times[i] < since[p]:
                break
            later = i
    return found


@compiled
def order_days(
    words: Words, mask: np.uint64, begin: Indices, end: Indices, times: Times, amounts: Numbers
) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Per profile: the number of UTC days with a matching event, the first and the last of them (days since
    1970), and the sum of the amounts of all days but the first."""
    count = len(begin)
    days, repeat_amount = np.zeros(count), np.zeros(count)
    first, last = np.full(count, np.nan), np.full(count, np.nan)
    for p in range(count):
        for i in range(begin[p], end[p]):
            if not words[i] & mask:
                continue
            day = float(times[i] // _DAY)
            if days[p] == 0:
                first[p] = day
            if days[p] == 0 or day > last[p]:
                days[p] += 1
                last[p] = day
            if day > first[p] and len(amounts) and not np.isnan(amounts[i]):
                repeat_amount[p] += amounts[i]
    return days, first, last, repeat_amount
