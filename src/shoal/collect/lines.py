"""NDJSON: rows are lines. Whether they are JSON is found out when they are mapped."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from shoal.collect.blocks import iter_blocks
from shoal.collect.csv_rows import not_utf8
from shoal.collect.rows import LONGEST_ROW, Raw, Rows
from shoal.collect.source import Bytes
from shoal.errors import InputError

_NEWLINE, _RETURN, _SPACE = 10, 13, 32


class LineReader:
    """Reads the lines of one file, without those that hold nothing but spaces."""

    def __init__(self, stream: Bytes) -> None:
        self.stream, self.line = stream, 1
        self._is_begun = False

    def rows(self) -> Iterator[Rows]:
        for rows in iter_blocks(self.stream, self._scan, self._give_up):
            if len(rows):
                yield rows

    def _scan(self, block: bytes, is_last: bool) -> tuple[Rows, int]:
        if not self._is_begun and b"\0" in block[:4096]:
            raise InputError(f"{self.stream.source.path} is a binary file, not lines of JSON")
        self._is_begun = True
        size = len(block) if is_last else block.rfind(b"\n") + 1
        letters = np.frombuffer(block, np.uint8)[:size]
        starts, ends = _cut(letters)
        lines = np.arange(self.line, self.line + len(starts))
        self.line += len(starts)
        filled = _with_content(letters, starts, ends)
        raw = Raw(letters, starts[filled], ends[filled])
        sizes = raw.ends - raw.starts
        reasons = {
            row: f"it is {sizes[row]} bytes long; at most {LONGEST_ROW} are read"
            for row in np.flatnonzero(sizes > LONGEST_ROW).tolist()
        }
        return Rows(raw, lines[filled], {**reasons, **not_utf8(raw, known=reasons)}), size

    def _give_up(self, beginning: bytes) -> Rows:
        raw = Raw(np.frombuffer(beginning, np.uint8), np.zeros(1, np.int64), np.array([len(beginning)]))
        line, self.line = self.line, self.line + 1
        return Rows(
            raw, np.array([line]), {0: f"it is far longer than {LONGEST_ROW} bytes; only its beginning is kept"}
        )


def _cut(letters: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where lines start and end, without their ends of line."""
    breaks = np.flatnonzero(letters == _NEWLINE).astype(np.int64)
    starts = np.concatenate([np.zeros(1, np.int64), breaks + 1])
    ends = np.append(breaks, len(letters)).astype(np.int64)
    if starts[-1] == len(letters):
        starts, ends = starts[:-1], ends[:-1]
    has_return = (ends > starts) & (letters[np.maximum(ends - 1, 0)] == _RETURN) if len(ends) else False
    return starts, ends - has_return


def _with_content(
    letters: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.bool_]:
    filled = ends > starts
    if not len(starts):
        return filled
    # Only lines that begin with a space can be blank.
    suspects = filled & (letters[np.minimum(starts, len(letters) - 1)] <= _SPACE)
    for line in np.flatnonzero(suspects).tolist():
        filled[line] = bool(letters[starts[line] : ends[line]].tobytes().strip())
    return filled
