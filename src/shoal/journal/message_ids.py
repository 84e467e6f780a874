"""The index of archived message ids: sorted runs of hashes with their moments, by period of occurred_at.

A run is a file of three arrays of 64-bit words: first half of each hash, second half, moment. Searching maps it,
so memory stays the same however large the archive is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shoal.errors import StoreError
from shoal.journal.durable import make_folder, write_whole
from shoal.journal.growth import taken_in
from shoal.journal.manifest import Run
from shoal.model.text_hash import Words, hash_texts
from shoal.model.time import DAY

PERIOD = 32 * DAY
"""A little more than the window of deduplication, so that an import looks into few periods beside its own."""

LARGE_RUN = 2**26
"""Runs of so many ids are left as they are."""

SLICE = 2**20
"""About how many ids are held in memory while runs are merged."""

Moments = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class MessageIds:
    """Hashes of message ids with the moments of their events, sorted by `high`."""

    high: Words
    low: Words
    moments: Moments

    def __len__(self) -> int:
        return len(self.high)

    def __getitem__(self, chosen: slice | NDArray[np.bool_] | NDArray[np.intp]) -> MessageIds:
        return MessageIds(self.high[chosen], self.low[chosen], self.moments[chosen])

    def words(self) -> tuple[Words, Words, Words]:
        """As they are stored, one array after the other."""
        return self.high, self.low, self.moments.view(np.uint64)


def sorted_ids(events: pl.DataFrame) -> tuple[MessageIds, NDArray[np.intp]]:
    """The message ids of a frame by hash, equal ones in order of arrival, and the row of each."""
    high, low = hash_texts(events["message_id"])
    rows = np.argsort(high, kind="stable")
    return MessageIds(high, low, events["occurred_at"].to_numpy())[rows], rows


def write_runs(folder: Path, ids: MessageIds, number: int, runs: Iterable[Run]) -> tuple[list[Run], list[Run]]:
    """The new runs for `ids`, one per period, and those of `runs` that they took over."""
    periods, written, taken = ids.moments // PERIOD, list[Run](), list[Run]()
    for period in np.unique(periods).tolist():
        new = ids[periods == period]
        older = taken_in(len(new), [run for run in runs if run.period == period], largest=LARGE_RUN)
        written.append(_write_run(folder, period, number, new, older))
        taken += older
    return written, taken


def _write_run(folder: Path, period: int, number: int, new: MessageIds, older: Sequence[Run]) -> Run:
    first = min([int(new.moments.min()), *(run.first for run in older)])
    last = max([int(new.moments.max()), *(run.last for run in older)])
    rows = len(new) + sum(run.rows for run in older)
    run = Run(period=period, number=number, rows=rows, first=first, last=last)
    make_folder((folder / run.place).parent)
    write_whole(folder / run.place, _merged([new, *(open_run(folder, one) for one in older)]))
    return run


def _merged(sources: Sequence[MessageIds]) -> Iterator[memoryview]:
    """The stored words of all sources as one sorted run, a slice of the hashes at a time.

    The file has one array after the other, so the slices are sorted once for each of the three: that is
    cheaper than holding a run of any size in memory.
    """
    if len(sources) == 1:
        yield from (words.data for words in sources[0].words())
        return
    slices = sum(map(len, sources)) // SLICE + 1
    edges = [(k * 2**64) // slices for k in range(1, slices)]
    cuts = [[0, *np.searchsorted(one.high, np.array(edges, np.uint64)).tolist(), len(one)] for one in sources]
    for word in range(3):
        for k in range(slices):
            pieces = [one[cut[k] : cut[k + 1]] for one, cut in zip(sources, cuts, strict=True)]
            order = np.argsort(np.concatenate([piece.high for piece in pieces]), kind="stable")
            yield np.concatenate([piece.words()[word] for piece in pieces])[order].data


def open_run(folder: Path, run: Run) -> MessageIds:
    """The ids of a run, mapped from its file."""
    path = folder / run.place
    try:
        if path.stat().st_size != 3 * 8 * run.rows:
            raise StoreError(f"{path} is damaged: it is not as long as it should be", hint=_REPAIR)
        words = np.memmap(path, dtype="<u8", mode="r", shape=(3, run.rows))
    except FileNotFoundError as error:
        raise StoreError(f"{path} is missing", hint=_REPAIR) from error
    return MessageIds(words[0], words[1], words[2].view(np.int64))


_REPAIR = "bring it back from a copy, or import again into an empty archive"
