"""The arena: a history that grows. Events come in, late ones to their place; profiles merge and part again.

Each profile's run has room to grow. A run that is full moves to the end of the arena with half as much room again;
what it leaves behind is swept up when it is more than half of everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
Numbers = NDArray[np.int32]
Block = dict[str, NDArray[Any]]
"""Columns of some events by name, `times` and `positions` among them. A column may have several lines."""

SMALLEST_RUN = 4


class Arena:
    """Events of many profiles as columns by name. Profiles are numbers; their runs are in order of time."""

    def __init__(self, empty: Mapping[str, NDArray[Any]]) -> None:
        """`empty` has every column with no events in it, which says its type and its number of lines."""
        self.columns: Block = dict(empty)
        self.begin: Indices = np.zeros(0, np.int64)
        self.size: Indices = np.zeros(0, np.int64)
        self.room: Indices = np.zeros(0, np.int64)
        self.used = 0

    @property
    def end(self) -> Indices:
        return self.begin + self.size

    @property
    def event_count(self) -> int:
        return int(self.size.sum())

    def add_profiles(self, count: int) -> None:
        """Makes room for profiles up to a number."""
        missing = count - len(self.begin)
        if missing > 0:
            extra = np.zeros(max(missing, len(self.begin) // 2), np.int64)
            self.begin, self.size, self.room = (
                np.concatenate([each, extra]) for each in (self.begin, self.size, self.room)
            )

    def insert(self, owners: Numbers, block: Block) -> None:
        """Puts events into the runs of their owners, each at its place by moment and position."""
        if not len(owners):
            return
        self.add_profiles(int(owners.max()) + 1)
        order = np.lexsort((block["positions"], block["times"], owners))
        owners = owners[order].astype(np.int64)
        distinct, firsts, counts = np.unique(owners, return_index=True, return_counts=True)
        profiles = distinct.astype(np.int64)
        self._make_room(profiles, counts)
        times, positions = self.columns["times"], self.columns["positions"]
        new_times, new_positions = block["times"][order], block["positions"][order]
        moved_from, moved_to, placed = _places(
            self.begin[profiles], self.size[profiles], firsts, counts, times, positions, new_times, new_positions
        )
        for name, column in self.columns.items():
            if len(moved_from):
                column[..., moved_to] = column[..., moved_from]
            column[..., placed] = block[name][..., order]
        self.size[profiles] += counts

    def take(self, profiles: Iterable[int]) -> Block:
        """The events of some profiles, taken out of the arena, profile after profile."""
        chosen = np.array(list(profiles), np.int64)
        rows = self.rows_of(chosen)
        block = {name: column[..., rows].copy() for name, column in self.columns.items()}
        self.size[chosen] = 0
        return block

    def rows_of(self, profiles: Indices) -> Indices:
        """Where the events of some profiles are, profile after profile."""
        sizes = self.size[profiles]
        skipped = np.concatenate([[0], np.cumsum(sizes)[:-1]]) if len(sizes) else sizes
        return np.repeat(self.begin[profiles] - skipped, sizes) + np.arange(int(sizes.sum()))

    def _make_room(self, profiles: Indices, counts: Indices) -> None:
        needed = self.size[profiles] + counts
        full = profiles[needed > self.room[profiles]]
        if not len(full):
            return
        needed = needed[needed > self.room[profiles]]
        room = np.maximum(needed + needed // 2, SMALLEST_RUN)
        if self.used + int(room.sum()) > len(self.columns["times"]):
            self._grow(int(room.sum()))
        begin = self.used + np.concatenate([[0], np.cumsum(room)[:-1]])
        source = self.rows_of(full)
        sizes = self.size[full]
        target = np.repeat(begin - np.concatenate([[0], np.cumsum(sizes)[:-1]]), sizes) + np.arange(len(source))
        for column in self.columns.values():
            column[..., target] = column[..., source]
        self.begin[full], self.room[full] = begin, room
        self.used += int(room.sum())

    def _grow(self, more: int) -> None:
        """Sweeps up when more than half is unused, and makes the columns longer."""
        if self.room.sum() < self.used // 2:
            self._sweep()
        needed = self.used + more
        length = max(needed + needed // 4, 1024)
        for name, column in self.columns.items():
            longer = np.empty((*column.shape[:-1], length), column.dtype)
            longer[..., : self.used] = column[..., : self.used]
            self.columns[name] = longer

    def _sweep(self) -> None:
        profiles = np.flatnonzero(self.room > 0)
        source = self.rows_of(profiles)
        room = np.maximum(self.size[profiles] + self.size[profiles] // 2, SMALLEST_RUN)
        begin = np.concatenate([[0], np.cumsum(room)[:-1]])
        sizes = self.size[profiles]
        target = np.repeat(begin - np.concatenate([[0], np.cumsum(sizes)[:-1]]), sizes) + np.arange(len(source))
        for column in self.columns.values():
            column[..., target] = column[..., source]
        self.begin[profiles], self.room[profiles] = begin, room
        self.used = int(room.sum())


@numba.njit(cache=True, nogil=True)
def _places(  # noqa: PLR0917  (compiled functions take arrays by position)
    begin: Indices,
    size: Indices,
    firsts: Indices,
    counts: Indices,
    times: Indices,
    positions: Indices,
    new_times: Indices,
    new_positions: Indices,
) -> tuple[Indices, Indices, Indices]:
    """For runs with room and their new events in order: which events move where, and where the new ones go.

    From the back, so that in the usual case, when all new events are later than all there are, nothing moves.
    """
    placed = np.empty(len(new_times), np.int64)
    total = 0
    for p in range(len(begin)):
        total += size[p]
    moved_from, moved_to = np.empty(total, np.int64), np.empty(total, np.int64)
    n = 0
    for p in range(len(begin)):
        old, new = begin[p] + size[p] - 1, firsts[p] + counts[p] - 1
        place = old + counts[p]
        while new >= firsts[p]:
            is_later = (
                old < begin[p]
                or times[old] < new_times[new]
                or (times[old] == new_times[new] and positions[old] < new_positions[new])
            )
            if is_later:
                placed[new] = place
                new -= 1
            else:
                moved_from[n], moved_to[n] = old, place
                n += 1
                old -= 1
            place -= 1
    return moved_from[:n].copy(), moved_to[:n].copy(), placed
