"""Readers: for each format, how a file becomes rows, and how rows become events."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Protocol

from shoal.collect.csv_rows import CsvReader
from shoal.collect.ids import Ids
from shoal.collect.lines import LineReader
from shoal.collect.mapping import TABLE_FORMATS, Mapping
from shoal.collect.ndjson_rows import NdjsonReader
from shoal.collect.parquet_rows import ParquetReader
from shoal.collect.rows import Mapped, Rows
from shoal.collect.segment import MessageLines
from shoal.collect.snowplow import SnowplowRows, chosen_snowplow_columns
from shoal.collect.source import Bytes, SourceFile
from shoal.collect.table import map_rows
from shoal.errors import DefinitionError, InputError, Problem


class Reader(Protocol):
    """One file being read. `bytes_done` and `broken` are of the file as it lies on the disk."""

    @property
    def bytes_done(self) -> int: ...

    @property
    def broken(self) -> str | None: ...

    def rows(self) -> Iterator[Rows]:
        """The rows in order. Every row of the file is in them, also those that cannot be read."""

    @property
    def mapped(self) -> MapRows:
        """Gives the events of some rows."""


MapRows = Callable[[Rows, Ids], Mapped]
Choose = Callable[[Sequence[str]], list[str]]


def open_reader(source: SourceFile, mapping: Mapping) -> Reader:
    """The reader for a file, by what the mapping says and the file is."""
    if mapping.format == "segment":
        return _SegmentFile(source, mapping)
    if mapping.format == "snowplow":
        choose: Choose = partial(chosen_snowplow_columns, source)
        map_: MapRows = SnowplowRows(mapping).mapped
    else:
        choose, map_ = partial(chosen_columns, mapping, source), partial(map_rows, mapping)
    stated = mapping.format if mapping.format in TABLE_FORMATS else None
    match "parquet" if source.is_parquet else stated or source.format:
        case "csv":
            return _CsvFile(source, mapping, choose, map_)
        case "ndjson" if mapping.format != "snowplow":
            return _NdjsonFile(source, mapping, map_)
        case "parquet":
            return _ParquetFile(source, choose, map_)
    hint = "say format: csv, ndjson or parquet in the mapping"
    raise InputError(f"{source.path}: it is not clear what it holds", hint=hint)


class _File:
    """What readers of streams of bytes share."""

    def __init__(self, source: SourceFile, mapping: Mapping) -> None:
        self._source, self._mapping = source, mapping
        self._stream = Bytes(source, mapping.encoding)

    @property
    def bytes_done(self) -> int:
        return self._stream.done

    @property
    def broken(self) -> str | None:
        return self._stream.broken


class _SegmentFile(_File):
    def __init__(self, source: SourceFile, mapping: Mapping) -> None:
        super().__init__(source, mapping)
        self.mapped = MessageLines(mapping).mapped

    def rows(self) -> Iterator[Rows]:
        return LineReader(self._stream).rows()


class _CsvFile(_File):
    def __init__(self, source: SourceFile, mapping: Mapping, choose: Choose, map_: MapRows) -> None:
        super().__init__(source, mapping)
        self.mapped = map_
        self._reader = CsvReader(
            self._stream,
            choose,
            separator=mapping.separator or ("\t" if source.is_tab_separated else None),
            quote=mapping.quote,
            header=mapping.header,
        )

    def rows(self) -> Iterator[Rows]:
        return self._reader.rows()


class _NdjsonFile(_File):
    def __init__(self, source: SourceFile, mapping: Mapping, map_: MapRows) -> None:
        super().__init__(source, mapping)
        self.mapped = map_
        self._reader = NdjsonReader(self._stream, list(mapping.columns()))

    def rows(self) -> Iterator[Rows]:
        return self._reader.rows()


class _ParquetFile:
    def __init__(self, source: SourceFile, choose: Choose, map_: MapRows) -> None:
        self.mapped = map_
        self._reader = ParquetReader(source, choose)

    @property
    def bytes_done(self) -> int:
        return self._reader.done

    @property
    def broken(self) -> str | None:
        return self._reader.broken

    def rows(self) -> Iterator[Rows]:
        return self._reader.rows()


def chosen_columns(mapping: Mapping, source: SourceFile, header: Sequence[str]) -> list[str]:
    """The columns that a mapping reads. Raises DefinitionError naming all that the file does not have."""
    counts, problems = Counter(header), []
    for column, line in sorted(mapping.columns().items(), key=lambda named: named[1]):
        if counts[column] == 1:
            continue
        message = f"{source.path} has no column {column[:80]}"
        if counts[column]:
            message = f"{source.path} has {counts[column]} columns named {column[:80]}"
        close = difflib.get_close_matches(column, header, 1)
        hint = f"did you mean {close[0]}?" if close and not counts[column] else f"it has {_listed(header)}"
        problems.append(Problem(code="SH061", message=message, hint=hint, path=mapping.path, line=line))
    if problems:
        raise DefinitionError(problems)
    return list(mapping.columns())


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(name[:40] for name in names[:20])
    return f"{shown} and {len(names) - 20} more" if len(names) > 20 else shown
