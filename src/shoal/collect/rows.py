"""Rows as they were read: text cells, the lines they stand on, and their bytes as they were."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shoal.model.text_hash import Words, hash_spans

LONGEST_ROW = 2**20
"""Rows of more bytes are refused. The largest batch that an SDK sends has half as many."""

KEPT_OF_LONG_ROW = 2**16
"""How much of a refused long row the failed-events file keeps."""

Letters = NDArray[np.uint8]
Spans = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Raw:
    """The bytes of rows: `letters[starts[i]:ends[i]]`. `show` gives a readable form of those that are not text."""

    letters: Letters
    starts: Spans
    ends: Spans
    show: Callable[[int], bytes] | None = None

    def __len__(self) -> int:
        return len(self.starts)

    def of(self, row: int) -> bytes:
        """A row as it can be told."""
        if self.show is not None:
            return self.show(row)
        return self.letters[self.starts[row] : self.ends[row]].tobytes()

    def from_row(self, first: int) -> Raw:
        """Those from the `first` on."""
        show = self.show
        later = None if show is None else lambda row: show(row + first)
        return Raw(self.letters, self.starts[first:], self.ends[first:], later)

    def hashes(self, key: bytes) -> tuple[Words, Words]:
        """128 bits of each row."""
        return hash_spans(self.letters, self.starts, self.ends, key)


@dataclass(slots=True)
class Rows:
    """Some rows of a file. `reasons` tells of each row that could not be read why; its cells are missing."""

    raw: Raw
    lines: Spans
    reasons: dict[int, str] = field(default_factory=dict)
    cells: pl.DataFrame = field(default_factory=pl.DataFrame)

    def __len__(self) -> int:
        return len(self.lines)

    def from_row(self, first: int) -> Rows:
        """Those from the `first` on."""
        reasons = {row - first: reason for row, reason in self.reasons.items() if row >= first}
        return Rows(self.raw.from_row(first), self.lines[first:], reasons, self.cells[first:])


@dataclass(slots=True)
class Mapped:
    """What rows became: events in the order of the rows, failed rows with reasons, skipped ones counted."""

    events: pl.DataFrame
    failed: dict[int, str] = field(default_factory=dict)
    skipped: Counter[str] = field(default_factory=Counter)


def shown(raw: bytes) -> dict[str, object]:
    """A row for the failed-events file: as text, or in base64 when it is not text; a very long one is cut."""
    kept = raw if len(raw) <= LONGEST_ROW else raw[:KEPT_OF_LONG_ROW]
    cut: dict[str, object] = {} if kept is raw else {"row_is_cut": True, "row_bytes": len(raw)}
    try:
        return {"row": kept.decode(), **cut}
    except UnicodeDecodeError:
        if cut:
            return {"row": kept.decode(errors="replace"), **cut}
        return {"row_base64": base64.b64encode(kept).decode()}
