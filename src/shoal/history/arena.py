"""The arena: a history that grows. Events come in, late ones to their place; profiles merge and part again.

Each profile's run has room to grow. A run that is full moves to the end of the arena with half as much room again;
what it leaves behind is swept up when it is more than half of everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
Numbers = NDArray[np.int32]
Block = dict[str, NDArray[Any]]
"""Columns of some events by name, `times` and `positions` among them. A column may have several lines."""

SMALLEST_RUN = 4
SMALLEST_LENGTH = 1024


class Arena:
    """Events of many profiles as columns by name. Profiles are numbers; their runs are in order of time.

    Columns are twice as long as they need be when they are made: the system gives memory only to what is used.
    """

    def __init__(self, empty: Mapping[str, NDArray[Any]]) -> None:
        """`empty` has every column with no events in it, which says its type and its number of lines."""
        self.columns: Block = dict(empty)
        self.begin: Indices = np.zeros(0, np.int64)
        self.end: Indices = np.zeros(0, np.int64)
        self.room: Numbers = np.zeros(0, np.int32)
        self.used = 0

    @property
    def size(self) -> Indices:
        """How many events each profile has."""
        return self.end - self.begin

    @property
    def profile_count(self) -> int:
        """How many profiles have any event."""
        return int(np.count_nonzero(self.end > self.begin))

    @property
    def event_count(self) -> int:
        return int(self.size.sum())

    def sizes_of(self, profiles: NDArray[Any]) -> Indices:
        """How many events some profiles have."""
        sizes: Indices = self.end[profiles] - self.begin[profiles]
        return sizes

    def add_profiles(self, count: int) -> None:
        """Makes room for profiles up to a number."""
        missing = count - len(self.begin)
        if missing > 0:
            more = max(missing, len(self.begin) // 4)
            self.begin, self.end = (
                np.concatenate([each, np.zeros(more, np.int64)]) for each in (self.begin, self.end)
            )
            self.room = np.concatenate([self.room, np.zeros(more, np.int32)])

    def lay_out(self, owners: Numbers, blocks: Sequence[Block]) -> None:
        """Fills an empty arena with events in order, whose columns are taken out of the blocks one by one."""
        assert not self.used, "only an empty arena is laid out"
        self.add_profiles(int(owners.max(initial=-1)) + 1)
        sizes = np.bincount(owners, minlength=len(self.begin))
        self.room = np.where(sizes, sizes + sizes // 8 + 1, 0).astype(np.int32)
        self.begin = np.cumsum(self.room) - self.room
        self.end = self.begin.copy()
        self.used = int(self.room.sum())
        rows = _next_rows(self.end, owners)
        for name, column in self.columns.items():
            laid_out = np.empty((*column.shape[:-1], 2 * self.used), column.dtype)
            start = 0
            for block in blocks:
                part = block.pop(name)
                laid_out[..., rows[start : start + part.shape[-1]]] = part
                start += part.shape[-1]
            self.columns[name] = laid_out

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
            self.begin[profiles], self.end[profiles], firsts, counts, times, positions, new_times, new_positions
        )
        for name, column in self.columns.items():
            if len(moved_from):
                column[..., moved_to] = column[..., moved_from]
            column[..., placed] = block[name][..., order]
        self.end[profiles] += counts

    def take(self, profiles: Iterable[int]) -> Block:
        """The events of some profiles, taken out of the arena, profile after profile."""
        chosen = np.array(list(profiles), np.int64)
        rows = self.rows_of(chosen)
        block = {name: column[..., rows].copy() for name, column in self.columns.items()}
        self.end[chosen] = self.begin[chosen]
        return block

    def release(self, profile: int) -> None:
        """Nothing more is expected of a profile that has no events: its room can be swept up."""
        assert self.begin[profile] == self.end[profile], "only of a profile without events"
        self.room[profile] = 0

    def rows_of(self, profiles: Indices) -> Indices:
        """Where the events of some profiles are, profile after profile."""
        return _runs(self.begin[profiles], self.sizes_of(profiles))

    def _make_room(self, profiles: Indices, counts: Indices) -> None:
        needed = self.sizes_of(profiles) + counts
        wanted = np.maximum(needed + needed // 2, SMALLEST_RUN)
        is_full = needed > self.room[profiles]
        if self.used + int(wanted[is_full].sum()) > len(self.columns["times"]):
            self._grow(int(wanted.sum()))
            is_full = needed > self.room[profiles]  # sweeping up takes room away
        if is_full.any():
            self._move(profiles[is_full], self.used, wanted[is_full])
            self.used += int(wanted[is_full].sum())

    def _move(self, profiles: Indices, to: int, room: Indices) -> None:
        """The runs of some profiles, one after the other, from a place on."""
        source, sizes = self.rows_of(profiles), self.sizes_of(profiles)
        begin = to + np.cumsum(room) - room
        target = _runs(begin, sizes)
        for column in self.columns.values():
            column[..., target] = column[..., source]
        self.begin[profiles], self.end[profiles], self.room[profiles] = begin, begin + sizes, room

    def _grow(self, more: int) -> None:
        """Sweeps up when more than half is unused, and makes the columns longer."""
        if int(self.room.sum(dtype=np.int64)) < self.used // 2:
            self._sweep()
        needed = self.used + more
        if needed <= len(self.columns["times"]):
            return
        for name, column in self.columns.items():
            longer = np.empty((*column.shape[:-1], max(2 * needed, SMALLEST_LENGTH)), column.dtype)
            longer[..., : self.used] = column[..., : self.used]
            self.columns[name] = longer

    def _sweep(self) -> None:
        profiles = np.flatnonzero(self.end > self.begin)
        self.room[self.end == self.begin] = 0
        sizes = self.sizes_of(profiles)
        room = np.maximum(sizes + sizes // 4, SMALLEST_RUN)
        self._move(profiles, 0, room)
        self.used = int(room.sum())


@numba.njit(cache=True, nogil=True)
def _next_rows(end: Indices, owners: Numbers) -> Indices:
    """The row of each event behind those that its owner has, whose runs grow by it."""
    rows = np.empty(len(owners), np.int64)
    for event in range(len(owners)):
        rows[event] = end[owners[event]]
        end[owners[event]] += 1
    return rows


@numba.njit(cache=True, nogil=True)
def _runs(begin: Indices, sizes: Indices) -> Indices:
    """Every row of some runs, run after run."""
    rows, n = np.empty(sizes.sum(), np.int64), 0
    for run in range(len(begin)):
        for place in range(sizes[run]):
            rows[n] = begin[run] + place
            n += 1
    return rows


@numba.njit(cache=True, nogil=True)
def _places(  # noqa: PLR0917  (compiled functions take arrays by position)
    begin: Indices,
    end: Indices,
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
        total += end[p] - begin[p]
    moved_from, moved_to = np.empty(total, np.int64), np.empty(total, np.int64)
    n = 0
    for p in range(len(begin)):
        old, new = end[p] - 1, firsts[p] + counts[p] - 1
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
