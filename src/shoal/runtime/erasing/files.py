"""Files without a person: tables lose their rows, lines go, and pages that show them are removed."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from pathlib import Path

import polars as pl

from shoal.errors import StoreError
from shoal.journal.durable import failures_told, sync_folder, write_whole
from shoal.runtime.erasing.traces import Traces

LINES = (".ndjson", ".jsonl", ".log", ".txt")


class Fate(StrEnum):
    """What became of a file."""

    UNTOUCHED = "untouched"
    REWRITTEN = "rewritten"
    REMOVED = "removed"


def erase_from_file(path: Path, traces: Traces) -> Fate:
    """Rewrites a file that Shoal wrote without the person, or removes it when it is nothing to be rewritten."""
    with failures_told("Rewriting a file", path):
        if not path.is_file():
            return Fate.UNTOUCHED
        match path.suffix:
            case ".parquet":
                return _rewritten_table(path, traces)
            case ".csv":
                return _rewritten(path, lambda content: _csv_without(content, traces))
            case suffix if suffix in LINES:
                return _rewritten(path, lambda content: _lines_without(content, traces))
        if not is_shown_in(path, traces):
            return Fate.UNTOUCHED
        path.unlink()
        sync_folder(path.parent)
        return Fate.REMOVED


def erase_from_lines(path: Path, traces: Traces) -> int:
    """Removes the lines of a file that name the person; how many."""
    if not path.is_file():
        return 0
    with failures_told("Rewriting a file", path):
        before = path.read_bytes()
        after = _lines_without(before, traces)
        if after != before:
            _replace(path, after)
        return before.count(b"\n") - after.count(b"\n")


def erase_from_list(path: Path, traces: Traces) -> Fate:
    """Removes the lines of a list that people wrote, whatever its kind, on which an identifier stands."""
    with failures_told("Rewriting a list", path):
        return _rewritten(path, lambda content: _csv_without(content, traces, any_cell=True))


def is_shown_in(path: Path, traces: Traces) -> bool:
    """Whether a text names the person."""
    return traces.in_line(path.read_bytes())


def _rewritten_table(path: Path, traces: Traces) -> Fate:
    try:
        before = pl.read_parquet(path)
    except pl.exceptions.PolarsError as error:
        raise StoreError(f"{path} is damaged: {error}", hint="remove it, and run it again") from error
    after = table_without(before, traces)
    if after.equals(before):
        return Fate.UNTOUCHED
    content = io.BytesIO()
    after.write_parquet(content, compression="zstd")
    _replace(path, content.getvalue())
    return Fate.REWRITTEN


def table_without(table: pl.DataFrame, traces: Traces) -> pl.DataFrame:
    """A table without the person's rows, and without the person in the texts of others."""
    texts = [name for name, kind in table.schema.items() if kind == pl.String]
    for name in texts:
        theirs = [value for value in table[name].unique().drop_nulls() if traces.is_at(name, value)]
        if theirs:
            table = table.filter(~pl.col(name).is_in(theirs).fill_null(value=False))
    return table.with_columns(texts_without(table[name], traces) for name in texts)


def texts_without(texts: pl.Series, traces: Traces) -> pl.Series:
    """A column without what tells of the person."""
    distinct = texts.unique().drop_nulls()
    likely = distinct.filter(traces.may_hold(distinct))
    changes = {text: traces.without(text) for text in likely if traces.in_text(text)}
    return texts.replace(changes) if changes else texts


# Texts


def _rewritten(path: Path, change: Callable[[bytes], bytes]) -> Fate:
    before = path.read_bytes()
    after = change(before)
    if after == before:
        return Fate.UNTOUCHED
    _replace(path, after)
    return Fate.REWRITTEN


def _lines_without(content: bytes, traces: Traces) -> bytes:
    lines = content.splitlines(keepends=True)
    named = set(traces.lines_naming(lines))
    return b"".join(line for number, line in enumerate(lines) if number not in named)


def _csv_without(content: bytes, traces: Traces, *, any_cell: bool = False) -> bytes:
    """The records as they are written. Those whose identifiers are the person's go; others lose what tells."""
    header: list[str] | None = None
    kept = list[str]()
    for record in _records(content.decode("utf-8", "surrogateescape")):
        cells = next(csv.reader([record]), [])
        if header is None:
            header = cells
            is_theirs = any_cell and any(map(traces.is_one, cells))
        else:
            named = zip(header, cells, strict=False)
            is_theirs = any(
                traces.is_one(cell.strip()) if any_cell else traces.is_at(name, cell.strip())
                for name, cell in named
            )
        if not is_theirs:
            kept.append(record if any_cell else traces.without(record) or "")
    return "".join(kept).encode("utf-8", "surrogateescape")


def _records(text: str) -> Iterator[str]:
    """The records of a table, each as it stands there: a quoted cell may hold line ends."""
    waiting = ""
    for line in text.splitlines(keepends=True):
        waiting += line
        if waiting.count('"') % 2 == 0:
            yield waiting
            waiting = ""
    if waiting:
        yield waiting


def _replace(path: Path, content: bytes) -> None:
    mode = path.stat().st_mode & 0o777
    write_whole(path, [content], mode=mode)
    path.chmod(mode)
    sync_folder(path.parent)


def remove_files(paths: Iterable[Path]) -> int:
    """Removes files; how many were there."""
    count = 0
    for path in paths:
        with failures_told("Removing a file", path):
            count += path.exists()
            path.unlink(missing_ok=True)
    return count
