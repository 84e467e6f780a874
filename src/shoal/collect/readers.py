"""Readers: for each format, how a file becomes rows, and how rows become events."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Protocol

from shoal.collect.csv_rows import CsvReader
from shoal.collect.ids import Ids
from shoal.collect.lines import LineReader
from shoal.collect.mapping import Mapping
from shoal.collect.ndjson_rows import NdjsonReader
from shoal.collect.parquet_rows import ParquetReader
from shoal.collect.rows import Mapped, Rows
from shoal.collect.segment import MessageLines
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

    def mapped(self, rows: Rows, ids: Ids) -> Mapped:
        """The events of some rows."""


def open_reader(source: SourceFile, mapping: Mapping) -> Reader:
    """The reader for a file, by what the mapping says and the file is."""
    if mapping.format == "segment":
        return _SegmentFile(source, mapping)
    kind = source.format or mapping.format
    match kind:
        case "csv":
            return _CsvFile(source, mapping)
        case "ndjson":
            return _NdjsonFile(source, mapping)
        case "parquet":
            return _ParquetFile(source, mapping)
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
        self._messages = MessageLines(mapping)

    def rows(self) -> Iterator[Rows]:
        return LineReader(self._stream).rows()

    def mapped(self, rows: Rows, ids: Ids) -> Mapped:
        return self._messages.mapped(rows, ids)


class _CsvFile(_File):
    def __init__(self, source: SourceFile, mapping: Mapping) -> None:
        super().__init__(source, mapping)
        self._reader = CsvReader(
            self._stream,
            lambda header: chosen_columns(mapping, source, header),
            separator=mapping.separator or ("\t" if source.is_tab_separated else None),
            quote=mapping.quote,
            header=mapping.header,
        )

    def rows(self) -> Iterator[Rows]:
        return self._reader.rows()

    def mapped(self, rows: Rows, ids: Ids) -> Mapped:
        return map_rows(self._mapping, rows, ids)


class _NdjsonFile(_File):
    def __init__(self, source: SourceFile, mapping: Mapping) -> None:
        super().__init__(source, mapping)
        self._reader = NdjsonReader(self._stream, list(mapping.columns()))

    def rows(self) -> Iterator[Rows]:
        return self._reader.rows()

    def mapped(self, rows: Rows, ids: Ids) -> Mapped:
        return map_rows(self._mapping, rows, ids)


class _ParquetFile:
    def __init__(self, source: SourceFile, mapping: Mapping) -> None:
        self._mapping = mapping
        self._reader = ParquetReader(source, lambda names: chosen_columns(mapping, source, names))

    @property
    def bytes_done(self) -> int:
        return self._reader.done

    @property
    def broken(self) -> str | None:
        return self._reader.broken

    def rows(self) -> Iterator[Rows]:
        return self._reader.rows()

    def mapped(self, rows: Rows, ids: Ids) -> Mapped:
        return map_rows(self._mapping, rows, ids)


def chosen_columns(mapping: Mapping, source: SourceFile, header: Sequence[str]) -> list[str]:
    """The columns that a mapping reads. Raises DefinitionError naming all that the file does not have."""
    counts, problems = Counter(header), []
    for column, line in mapping.columns().items():
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
