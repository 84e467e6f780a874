"""Parquet: rows of text cells, as the other formats have them, so that one mapping reads all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from shoal.collect.moments import letters_of
from shoal.collect.rows import Raw, Rows
from shoal.collect.source import SourceFile
from shoal.errors import InputError

ROWS_AT_A_TIME = 2**16

_END_OF_CELL = "\x1f"


class ParquetReader:
    """Reads the rows of one file: numbers as digits, moments as ISO 8601, lists and structures as JSON."""

    def __init__(self, source: SourceFile, choose: Callable[[Sequence[str]], list[str]]) -> None:
        self._source, self._choose = source, choose
        self.done = 0
        self.broken: str | None = None

    def rows(self) -> Iterator[Rows]:
        try:
            file = pq.ParquetFile(self._source.path)
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"{self._source.path} is not a whole Parquet file: {error}") from None
        with file:
            self._choose(file.schema_arrow.names)
            total, line = max(file.metadata.num_rows, 1), 1
            try:
                for batch in file.iter_batches(ROWS_AT_A_TIME):
                    yield _rows(batch, line)
                    line += batch.num_rows
                    self.done = self._source.size * (line - 1) // total
            except (pa.ArrowException, OSError) as error:
                self.broken = f"it is damaged: {error}"


def _rows(batch: pa.RecordBatch, line: int) -> Rows:
    """Cells as text. A row's bytes are its cells one after the other, a missing one marked, for its id."""
    cells = pl.DataFrame(
        {name: _as_text(column) for name, column in zip(batch.schema.names, batch.columns, strict=True)}
    )
    whole = cells.select(pl.concat_str(pl.all().fill_null("\x00"), separator=_END_OF_CELL)).to_series()
    letters, ends = letters_of(whole)
    raw = Raw(letters, ends[:-1], ends[1:], show=lambda row: _as_json(cells, row))
    return Rows(raw, np.arange(line, line + batch.num_rows), {}, cells)


def _as_json(cells: pl.DataFrame, row: int) -> bytes:
    return msgspec.json.encode(cells.row(row, named=True))


def _as_text(column: pa.Array) -> pl.Series:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _as_text(column.dictionary_decode())
    if pa.types.is_timestamp(kind):
        return _moments_as_text(column)
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return pl.Series([None if cell is None else _json(cell) for cell in column.to_pylist()], dtype=pl.String)
    series = pl.from_arrow(column)
    assert isinstance(series, pl.Series)
    if series.dtype.is_float():
        # 17850.0 stays 17850.0 and 1e22 stays 1e22: both are read back as the same number.
        return pl.Series([None if cell is None else repr(cell) for cell in series], dtype=pl.String)
    return series.cast(pl.String)


def _moments_as_text(column: pa.Array) -> pl.Series:
    """With a Z when the column knows its zone; a clock time otherwise, which the mapping says how to read."""
    moments = pl.from_arrow(column.cast(pa.timestamp("ms", column.type.tz), safe=False))
    assert isinstance(moments, pl.Series)
    end = "%Y-%m-%dT%H:%M:%S%.3f"
    if column.type.tz is None:
        return moments.dt.to_string(end)
    return moments.dt.convert_time_zone("UTC").dt.replace_time_zone(None).dt.to_string(f"{end}Z")


def _json(cell: Any) -> str:
    if isinstance(cell, bytes):
        return cell.decode(errors="backslashreplace")
    return msgspec.json.encode(cell, order="deterministic").decode()
