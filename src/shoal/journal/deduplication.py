"""Which events of a frame are new: a message id counts once within DEDUPLICATION_WINDOW.

An event is a duplicate when an event that is kept has the same message id and an `occurred_at` at most the window
away, earlier or later. The first to arrive is kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numba
import numpy as np
from numpy.typing import NDArray

from shoal.journal.manifest import Run
from shoal.journal.message_ids import MessageIds, open_run
from shoal.model.time import DAY

DEDUPLICATION_WINDOW = 30 * DAY
"""Measured between the events' own times, so that importing an old file again changes nothing on any day."""

Flags = NDArray[np.bool_]


def are_new(folder: Path, ids: MessageIds, runs: Iterable[Run]) -> Flags:
    """For each of `ids`, whether neither an archived event nor an earlier one of `ids` makes it a duplicate."""
    new = np.ones(len(ids), np.bool_)
    earliest, latest = (int(ids.moments.min()), int(ids.moments.max())) if len(ids) else (0, 0)
    for run in runs:
        if run.first - DEDUPLICATION_WINDOW <= latest and earliest <= run.last + DEDUPLICATION_WINDOW:
            known = open_run(folder, run)
            _leave_out_known(new, ids.high, ids.low, ids.moments, known.high, known.low, known.moments)
    _leave_out_repeated(new, ids)
    return new


@numba.njit(cache=True, nogil=True)
def _leave_out_known(new, high, low, moments, known_high, known_low, known_moments):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """Takes back from `new` what is among the known. Both are sorted, so one walk along them is enough."""
    place = 0
    for index in range(len(high)):
        place = _first_not_below(known_high, high[index], place)
        same = place
        while new[index] and same < len(known_high) and known_high[same] == high[index]:
            # An id can be known several times, further apart than the window.
            is_near = abs(known_moments[same] - moments[index]) <= DEDUPLICATION_WINDOW
            new[index] = not (is_near and known_low[same] == low[index])
            same += 1


@numba.njit(cache=True, nogil=True)
def _first_not_below(words, word, start):  # type: ignore[no-untyped-def]
    """The first place from `start` on that is not below `word`: strides that double, then halve."""
    stride = 1
    while start + stride <= len(words) and words[start + stride - 1] < word:
        start += stride
        stride *= 2
    end = min(start + stride - 1, len(words))
    while start < end:
        middle = (start + end) // 2
        if words[middle] < word:
            start = middle + 1
        else:
            end = middle
    return start


def _leave_out_repeated(new: Flags, ids: MessageIds) -> None:
    """Takes back from `new` what repeats an earlier new one. Only ids that occur more than once are looked at."""
    kept: dict[tuple[int, int, int], int] = {}
    repeated = np.flatnonzero(_are_shared(ids.high) & new)
    chosen = ids[repeated]
    rows = zip(repeated.tolist(), chosen.high.tolist(), chosen.low.tolist(), chosen.moments.tolist(), strict=True)
    for row, high, low, moment in rows:
        # Two kept moments are never in the same slot, because a slot is as long as the window.
        slot = moment // DEDUPLICATION_WINDOW
        near = (kept.get((high, low, slot + step)) for step in (-1, 0, 1))
        if any(other is not None and abs(moment - other) <= DEDUPLICATION_WINDOW for other in near):
            new[row] = False
        else:
            kept[high, low, slot] = moment


def _are_shared(sorted_words: NDArray[np.uint64]) -> Flags:
    shared = np.zeros(len(sorted_words), np.bool_)
    equal = sorted_words[1:] == sorted_words[:-1]
    shared[1:] |= equal
    shared[:-1] |= equal
    return shared
