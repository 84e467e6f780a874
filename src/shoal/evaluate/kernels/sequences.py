"""Sequences: whether steps happened in order, with limits of time and with things that must not happen.

A chain is a way in which the first steps happened. A later event can continue a chain when it is not more than
`gap` after the chain's end and `span` after its start. Of two chains that did the same steps, one that ended
later and started later can be continued whenever the other can, so only chains that no other beats are kept:
per step a short list in which later ends have earlier starts. Without a span there is one chain per step.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shoal.evaluate.kernels.compiled import compiled
from shoal.evaluate.kernels.properties import Numbers
from shoal.evaluate.kernels.selection import Indices, Times

NO_LIMIT = 2**61
"""A span or gap that is not given."""

_NONE = -(2**62)

Steps = NDArray[np.int64]
"""Per step: word and bit of what must happen, word and bit of what must not happen before it (-1: nothing)."""


@compiled
def _is_at(words: NDArray[np.uint64], i: int, word: int, bit: int) -> bool:
    return bit >= 0 and (words[word, i] >> np.uint64(bit)) & np.uint64(1) != 0


@compiled
def steps_reached(
    words: NDArray[np.uint64], steps: Steps, start: Indices, stop: Indices, times: Times, span: int, gap: int
) -> Numbers:
    """Per profile, the greatest number of steps that a chain did."""
    reached = np.zeros(len(start))
    size = len(steps)
    capacity = 1
    for p in range(len(start)):
        capacity = max(capacity, stop[p] - start[p])
    ends, starts = np.empty((size, capacity), np.int64), np.empty((size, capacity), np.int64)
    counts, began = np.zeros(size, np.int64), np.empty(size, np.int64)
    for p in range(len(start)):
        counts[:] = 0
        best = 0
        for i in range(start[p], stop[p]):
            best = max(best, _continue_chains(words, steps, i, times[i], span, gap, ends, starts, counts, began))
            _end_chains(words, steps, i, counts)
            _keep_chains(times[i], span, gap, ends, starts, counts, began)
            if best == size:
                break
        reached[p] = best
    return reached


@compiled
def _continue_chains(
    words: NDArray[np.uint64],
    steps: Steps,
    i: int,
    at: int,
    span: int,
    gap: int,
    ends: NDArray[np.int64],
    starts: NDArray[np.int64],
    counts: Indices,
    began: Indices,
) -> int:
    """For each step that event i can be: the latest start of its chain, in `began`. Returns the greatest step."""
    best = 0
    for k in range(len(steps)):
        began[k] = _NONE
        if not _is_at(words, i, steps[k, 0], steps[k, 1]):
            continue
        if k == 0:
            began[k] = at
        for c in range(counts[k - 1] if k else 0):
            if at - ends[k - 1, c] <= gap and at - starts[k - 1, c] <= span:
                began[k] = max(began[k], starts[k - 1, c])
        if began[k] != _NONE:
            best = k + 1
    return best


@compiled
def _end_chains(words: NDArray[np.uint64], steps: Steps, i: int, counts: Indices) -> None:
    """An event that must not happen before step k ends the chains that wait for it."""
    for k in range(1, len(steps)):
        if _is_at(words, i, steps[k, 2], steps[k, 3]):
            counts[k - 1] = 0


@compiled
def _keep_chains(
    at: int,
    span: int,
    gap: int,
    ends: NDArray[np.int64],
    starts: NDArray[np.int64],
    counts: Indices,
    began: Indices,
) -> None:
    """Adds the chains that end now, and drops those that they beat."""
    for k in range(len(began)):
        if began[k] == _NONE:
            continue
        kept, beaten = 0, False
        for c in range(counts[k]):
            if span != NO_LIMIT and starts[k, c] > began[k]:
                ends[k, kept], starts[k, kept] = ends[k, c], starts[k, c]
                kept += 1
                beaten = beaten or gap == NO_LIMIT
        if not beaten:
            ends[k, kept], starts[k, kept] = at, began[k]
            kept += 1
        counts[k] = kept


@compiled
def stayed_away(
    words: NDArray[np.uint64],
    steps: Steps,
    absent_word: int,
    absent_bit: int,
    start: Indices,
    stop: Indices,
    end: Indices,
    times: Times,
    now: Times,
    span: int,
    gap: int,
) -> tuple[NDArray[np.bool_], Times]:
    """Per profile: whether a chain did all steps and then the absent one did not happen until the deadline, which
    is over; and the next deadline of a chain that still waits.

    The earliest deadline is the easiest to pass, and it belongs to the earliest start. So chains are followed
    from each start on its own; without a span the start does not matter, and one pass is enough.
    """
    passed, moments = np.zeros(len(start), np.bool_), np.full(len(start), 2**62, np.int64)
    last_end = np.empty(len(steps), np.int64)
    for p in range(len(start)):
        next_absent = _next_matches(words, absent_word, absent_bit, start[p], end[p], times)
        for s in range(start[p], stop[p]):
            if not _is_at(words, s, steps[0, 0], steps[0, 1]):
                continue
            last_end[:] = _NONE
            for i in range(s, stop[p]):
                if times[i] - times[s] > span:
                    break
                if not _continue_from(words, steps, i, times[i], gap, last_end, i == s or span == NO_LIMIT):
                    continue
                deadline = min(times[s] + span, times[i] + gap)
                if next_absent[i - start[p]] <= deadline:
                    continue
                if deadline <= now[p]:
                    passed[p] = True
                else:
                    moments[p] = min(moments[p], deadline)
            if span == NO_LIMIT or passed[p]:
                break
    return passed, moments


@compiled
def _next_matches(words: NDArray[np.uint64], word: int, bit: int, start: int, end: int, times: Times) -> Times:
    """For each event from `start` on, the time of the next later event that matches, or a far moment."""
    found = np.empty(max(end - start, 0), np.int64)
    upcoming = np.int64(2**62)
    for i in range(end - 1, start - 1, -1):
        found[i - start] = upcoming
        if _is_at(words, i, word, bit):
            upcoming = times[i]
    return found


@compiled
def _continue_from(
    words: NDArray[np.uint64], steps: Steps, i: int, at: int, gap: int, last_end: Indices, may_start: bool
) -> bool:
    """Continues the chains of one start with event i; true when it is their last step.

    Without a start's span only the latest end of each step matters. Steps are taken from the last to the first,
    so that an event is one step only; what ends chains is looked at before the event starts to be waited for.
    """
    size = len(steps)
    is_last = False
    for k in range(size - 1, -1, -1):
        can_be = _is_at(words, i, steps[k, 0], steps[k, 1])
        follows = may_start if k == 0 else last_end[k - 1] != _NONE and at - last_end[k - 1] <= gap
        if k + 1 < size and _is_at(words, i, steps[k + 1, 2], steps[k + 1, 3]):
            last_end[k] = _NONE
        if can_be and follows:
            last_end[k] = at
            is_last = is_last or k + 1 == size
    return is_last
