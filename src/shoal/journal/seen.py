"""Message ids of live events: which are new, remembered over restarts, with memory for recent ones only.

seen-7.json                        the runs that were there when the state of number 7 was saved
message_ids/period=640/run-3.bin   as in the archive

The engine saves it together with its own state, under the same number: what it reads again after a crash is new
again, exactly as it was the first time.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import numba
import numpy as np
import polars as pl
from numpy.typing import NDArray

from shoal.errors import StoreError
from shoal.journal.deduplication import DEDUPLICATION_WINDOW, are_new
from shoal.journal.durable import failures_told, make_folder, sync_folder, write_whole
from shoal.journal.manifest import Run
from shoal.journal.message_ids import MessageIds, sorted_ids, write_runs

STATES_KEPT = 2
"""Older states are forgotten when a new one is saved."""

RECENT = 2**22
"""Beyond so many ids in memory they go to the disk."""

Flags = NDArray[np.bool_]

_compiled = numba.njit(cache=True, nogil=True)


class _State(msgspec.Struct, frozen=True):
    """The runs of a state, and the number that the next run has."""

    runs: list[Run]
    next_run: int


class SeenMessages:
    """Message ids with the moments of their events. One process uses a folder."""

    def __init__(self, folder: Path, number: int | None = None, *, recent: int = RECENT) -> None:
        """As it was saved under `number`; empty when that is None."""
        self.folder, self._most = folder, recent
        self._state = _State([], _unused_run(folder)) if number is None else self._load(number)
        self._recent = _Table()

    def new(self, events: pl.DataFrame) -> Flags:
        """For each event whether it is the first of its id within 30 days of its own time; then it is remembered.

        The first to arrive is kept, also among `events`.
        """
        with failures_told("Looking for duplicates", self.folder):
            ids, rows = sorted_ids(events)
            new = are_new(self.folder, ids, self._state.runs)
            self._recent.add(ids, new)
            if len(self._recent) > self._most:
                self._settle()
        flags = np.empty(len(rows), np.bool_)
        flags[rows] = new
        return flags

    def save(self, number: int) -> None:
        """Everything seen so far, certainly on the disk. States of larger numbers are of a past that was left."""
        with failures_told("Saving message ids", self.folder):
            self._settle()
            make_folder(self.folder)
            for path in self.folder.glob("seen-*.json"):
                if _number(path) > number:
                    path.unlink()
            write_whole(self._path(number), [msgspec.json.encode(self._state)])
            sync_folder(self.folder)
            self._sweep()

    def forget(self, before_ms: int) -> None:
        """Leaves out ids of events before a moment, as far as that frees files; from the next `save` on."""
        kept = [run for run in self._state.runs if run.last >= before_ms]
        self._state = msgspec.structs.replace(self._state, runs=kept)

    def _settle(self) -> None:
        """Recent ids to the disk, where they belong to no saved state yet."""
        ids = self._recent.take()
        if not len(ids):
            return
        number = self._state.next_run
        written, taken = write_runs(self.folder, ids, number, self._state.runs)
        left = [run for run in self._state.runs if run not in taken]
        for run in written:
            sync_folder((self.folder / run.place).parent)
        self._state = _State([*left, *written], number + 1)

    def _path(self, number: int) -> Path:
        return self.folder / f"seen-{number}.json"

    def _load(self, number: int) -> _State:
        path = self._path(number)
        try:
            state = msgspec.json.decode(path.read_bytes(), type=_State)
        except (OSError, msgspec.DecodeError) as error:
            raise StoreError(
                f"{path} is missing or damaged",
                hint="start from an earlier state, or from the journal's beginning",
            ) from error
        return msgspec.structs.replace(state, next_run=max(state.next_run, _unused_run(self.folder)))

    def _sweep(self) -> None:
        """Removes states that are too old, and files of no state."""
        states = sorted(self.folder.glob("seen-*.json"), key=_number)
        for path in states[:-STATES_KEPT]:
            path.unlink(missing_ok=True)
        named = {run.place for path in states[-STATES_KEPT:] for run in self._load(_number(path)).runs}
        for path in self.folder.glob("message_ids/period=*/run-*.bin"):
            if path.relative_to(self.folder).as_posix() not in named:
                path.unlink(missing_ok=True)


class _Table:
    """Recent ids: an open table that doubles. An id may stand in it again, further apart than the window."""

    def __init__(self) -> None:
        self._clear(2**12)

    def _clear(self, size: int) -> None:
        self._high, self._low = np.zeros(size, np.uint64), np.zeros(size, np.uint64)
        self._moments, self._used, self._count = np.zeros(size, np.int64), np.zeros(size, np.bool_), 0

    def __len__(self) -> int:
        return self._count

    def add(self, ids: MessageIds, new: Flags) -> None:
        """Adds those of `ids` that are still `new`, and takes back what is in the table."""
        if 2 * (self._count + len(ids)) > len(self._used):
            self._grow(2 * (self._count + len(ids)))
        self._count += _add(self._high, self._low, self._moments, self._used, ids.high, ids.low, ids.moments, new)

    def take(self) -> MessageIds:
        """Everything, by hash; afterwards it is empty."""
        ids = self._all()
        self._clear(2**12)
        return ids[np.argsort(ids.high, kind="stable")]

    def _all(self) -> MessageIds:
        return MessageIds(self._high[self._used], self._low[self._used], self._moments[self._used])

    def _grow(self, least: int) -> None:
        ids = self._all()
        self._clear(1 << (2 * least - 1).bit_length())
        self.add(ids, np.ones(len(ids), np.bool_))


@_compiled
def _add(table_high, table_low, table_moments, used, high, low, moments, new):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    mask = np.uint64(len(used) - 1)
    added = 0
    for index in range(len(high)):
        if new[index]:
            place = (high[index] ^ low[index]) & mask
            while used[place]:
                is_same = table_high[place] == high[index] and table_low[place] == low[index]
                if is_same and abs(table_moments[place] - moments[index]) <= DEDUPLICATION_WINDOW:
                    new[index] = False
                    break
                place = (place + np.uint64(1)) & mask
            if new[index]:
                used[place] = True
                table_high[place], table_low[place] = high[index], low[index]
                table_moments[place] = moments[index]
                added += 1
    return added


def _number(path: Path) -> int:
    return int(path.stem.removeprefix("seen-"))


def _unused_run(folder: Path) -> int:
    """A number that no file has: what a crash left behind is not written over while a state may name it."""
    runs = folder.glob("message_ids/period=*/run-*.bin")
    return max((int(path.stem.removeprefix("run-")) for path in runs), default=0) + 1
