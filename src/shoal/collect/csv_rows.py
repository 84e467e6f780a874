"""CSV: rows of text cells, each with its line. A row that cannot be read does not stop the others."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from shoal.collect.blocks import iter_blocks
from shoal.collect.csv_scan import AFTER_QUOTE, GOOD, NUL, UNCLOSED, gather, scan
from shoal.collect.rows import LONGEST_ROW, Letters, Raw, Rows
from shoal.collect.source import Bytes
from shoal.errors import InputError

REASONS = {
    UNCLOSED: "a quote is opened and not closed",
    AFTER_QUOTE: "text follows a closing quote",
    NUL: "it holds a NUL byte",
}

Choose = Callable[[Sequence[str]], list[str]]
"""The columns wanted, of those a header names. Raises when one is not there."""

_SEPARATORS = ",;\t|"


class CsvReader:
    """Reads the rows of one file. The header is its first row, or given."""

    def __init__(
        self, stream: Bytes, choose: Choose, *, separator: str | None, quote: str, header: Sequence[str] | None
    ) -> None:
        self.stream, self.choose = stream, choose
        self.separator, self.quote = separator, ord(quote)
        self.header: Sequence[str] | None = None
        self.wanted: list[str] = []
        self.line = 1
        self._given = header

    def rows(self) -> Iterator[Rows]:
        if self._given is not None:
            self._begin(self._given)
        for rows in iter_blocks(self.stream, self._scan, self._give_up):
            if len(rows):
                yield rows
        if self.header is None:
            raise InputError(f"{self.stream.source.path} is empty", hint="a CSV file begins with its header")

    def _begin(self, header: Sequence[str]) -> None:
        self.header = [name.strip() for name in header]
        self.wanted = self.choose(self.header)
        self._slots = np.full(len(self.header), -1, np.int64)
        for slot, name in enumerate(self.wanted):
            self._slots[self.header.index(name)] = slot

    def _scan(self, block: bytes, is_last: bool) -> tuple[Rows, int]:
        taken = 0
        if self.header is None:
            taken = self._read_header(block, is_last)
            if not taken:
                return _nothing(), 0
        letters = np.frombuffer(block, np.uint8)[taken:]
        most = block.count(b"\n", taken) + 2
        records = np.zeros((5, most), np.int64)
        cells = np.zeros((3, max(len(self.wanted), 1), most), np.int64)
        count, size, lines = scan(
            letters,
            is_last,
            LONGEST_ROW,
            ord(self.separator or ","),
            self.quote,
            self._slots,
            records,
            cells,
        )
        rows = self._rows(letters, records[:, :count], cells[:, :, :count])
        self.line += lines
        return rows, taken + size

    def _read_header(self, block: bytes, is_last: bool) -> int:
        """How many bytes the header took, 0 when it is not whole yet."""
        records, no_cells = np.zeros((5, block.count(b"\n") + 2), np.int64), np.zeros((3, 1, 1), np.int64)
        letters = np.frombuffer(block, np.uint8)
        separator = self.separator or _most_frequent_separator(block)
        count, _, _ = scan(
            letters, is_last, LONGEST_ROW, ord(separator), self.quote, np.zeros(0, np.int64), records, no_cells
        )
        if not count:
            return 0
        start, end, line = int(records[0, 0]), int(records[1, 0]), int(records[2, 0])
        self.separator = separator
        path = self.stream.source.path
        try:
            text = block[start:end].decode()
        except UnicodeDecodeError:
            raise InputError(
                f"{path} is not a CSV file in UTF-8", hint="say its encoding in the mapping"
            ) from None
        if "\0" in text or records[4, 0] != GOOD or len(text) > LONGEST_ROW:
            raise InputError(f"{path} is not a CSV file: its first line is no header")
        self._begin(next(csv.reader([text], delimiter=separator, quotechar=chr(self.quote))))
        taken = end + (block[end : end + 1] == b"\r") + 1
        self.line += line + block.count(b"\n", start, min(taken, len(block)))
        return min(taken, len(block))

    def _rows(self, letters: Letters, records: NDArray[np.int64], cells: NDArray[np.int64]) -> Rows:
        raw = Raw(letters, records[0].copy(), records[1].copy())
        reasons = self._reasons(raw, records)
        if reasons:
            cells[:2, :, list(reasons)] = 0
        columns = {
            name: text_column(letters, cells[0, slot], cells[1, slot], cells[2, slot], self.quote)
            for slot, name in enumerate(self.wanted)
        }
        return Rows(raw, records[2] + self.line, reasons, pl.DataFrame(columns))

    def _reasons(self, raw: Raw, records: NDArray[np.int64]) -> dict[int, str]:
        assert self.header is not None
        fields, flags, sizes = records[3], records[4], records[1] - records[0]
        suspects = (fields != len(self.header)) | (flags != GOOD) | (sizes > LONGEST_ROW)
        reasons = {}
        for row in np.flatnonzero(suspects).tolist():
            if sizes[row] > LONGEST_ROW:
                reasons[row] = f"it is {sizes[row]} bytes long; at most {LONGEST_ROW} are read"
            elif flags[row] != GOOD:
                reasons[row] = REASONS[int(flags[row])]
            else:
                reasons[row] = f"it has {fields[row]} cells; the header has {len(self.header)}"
        return {**reasons, **not_utf8(raw, known=reasons)}

    def _give_up(self, beginning: bytes) -> Rows:
        raw = Raw(np.frombuffer(beginning, np.uint8), np.zeros(1, np.int64), np.array([len(beginning)]))
        line, self.line = self.line, self.line + 1
        cells = pl.DataFrame({name: pl.Series([None], dtype=pl.String) for name in self.wanted})
        reason = f"it is far longer than {LONGEST_ROW} bytes; only its beginning is kept"
        return Rows(raw, np.array([line]), {0: reason}, cells)


def not_utf8(raw: Raw, known: dict[int, str]) -> dict[int, str]:
    """The rows that are not UTF-8, besides those known to be bad."""
    try:
        str(raw.letters.data, "utf-8")
    except UnicodeDecodeError:
        pass
    else:
        return {}
    high = np.flatnonzero(raw.letters >= 128)
    touched = np.unique(np.searchsorted(raw.starts, high, side="right") - 1)
    found = {}
    for row in touched.tolist():
        if row >= 0 and row not in known:
            try:
                raw.of(row).decode()
            except UnicodeDecodeError:
                found[row] = "it is not valid UTF-8"
    return found


def text_column(
    letters: Letters, starts: NDArray[np.int64], ends: NDArray[np.int64], kinds: NDArray[np.int64], quote: int
) -> pl.Series:
    """Cells as a column of texts; they must be UTF-8."""
    offsets = np.empty(len(starts) + 1, np.int64)
    content = np.empty(int((ends - starts).sum()), np.uint8)
    size = gather(letters, starts, ends, kinds, quote, offsets, content)
    return text_series(offsets, content[:size])


def text_series(offsets: NDArray[np.int64], content: Letters) -> pl.Series:
    """A column of texts that lie one after the other."""
    array = pa.LargeStringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(content))
    series = pl.from_arrow(array)
    assert isinstance(series, pl.Series)
    return series


def _most_frequent_separator(block: bytes) -> str:
    first = block.lstrip(b"\r\n").split(b"\n", 1)[0][:LONGEST_ROW]
    return max(_SEPARATORS, key=lambda separator: first.count(separator.encode()))


def _nothing() -> Rows:
    none = np.zeros(0, np.int64)
    return Rows(Raw(np.zeros(0, np.uint8), none, none), none)
