"""Searching a workspace for a person: every byte of every file, and what is packed inside.

Files are read as what they are by their first bytes. What tells by itself is looked for in the bytes of a file,
and in what it holds: rows, cells, lines, packed contents. What does not is looked for where identifiers stand.
"""

from __future__ import annotations

import bz2
import csv
import io
import lzma
import sqlite3
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import polars as pl
import pyarrow as pa

from shoal.definitions.workspace import LIST_FOLDER
from shoal.errors import StoreError
from shoal.evaluate.frozen_store import DIGEST_BYTES
from shoal.runtime.erasing.databases import cells_of, columns_of, is_naming, tables_of
from shoal.runtime.erasing.traces import Traces

CHUNK = 4 * 2**20
LINES_AT_ONCE = 10_000
OVERLAP = 4096
"""Longer than any identifier, so that none is cut where a chunk ends."""

TABLES = (".csv", ".tsv")
HEAD = 64
ZIP = b"PK\x03\x04"
IN_BYTES = "its bytes"
DEEPEST = 4
"""Packed files inside packed files."""


@dataclass(frozen=True, slots=True, order=True)
class Found:
    """A place that holds the person: a file, relative to where was searched, and where in it."""

    path: str
    where: str


def search(folder: Path, traces: Traces, *, others: Iterable[str] = (), skipping: str = "") -> list[Found]:
    """Every place below a folder that holds the person. `others` are identifiers of other people.

    What is a part of one of those cannot be told from it in bytes, and is looked for in contents only.
    """
    needles = traces.needles(others)
    paths = (path for path in _files(folder) if not skipping or not path.is_relative_to(folder / skipping))
    return sorted({each for path in paths for each in _found(folder, path, traces, needles)})


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path


def _found(folder: Path, path: Path, traces: Traces, needles: tuple[bytes, ...]) -> Iterator[Found]:
    place = path.relative_to(folder).as_posix()
    if any(traces.in_text(text) for part in Path(place).parts for text in (part, Path(part).stem)):
        yield Found(place, "its name")
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
        if not _is_text(path) and _in_bytes(path, needles):
            yield Found(place, IN_BYTES)
        for where in _contents_of(head)(path, traces):
            yield Found(place, where)
    except FileNotFoundError:  # it was removed meanwhile
        return
    except OSError as error:
        raise StoreError(
            f"{path} cannot be searched: {error.strerror}", hint="make it readable, and run it again"
        ) from error


def _in_bytes(path: Path, needles: tuple[bytes, ...]) -> bool:
    return any(needle in chunk for chunk in _chunks(path) for needle in needles)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        before = b""
        while chunk := file.read(CHUNK):
            yield before + chunk
            before = chunk[-OVERLAP:]


# By kind


def _contents_of(head: bytes) -> Callable[[Path, Traces], Iterator[str]]:
    if head.startswith(b"SQLite format 3\0"):
        return _in_database
    if head.startswith(b"PAR1"):
        return _in_table
    if _unpacker_of(head) is not None:
        return _in_packed
    return _in_lines


def _in_database(path: Path, traces: Traces) -> Iterator[str]:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as connection:
            for table in tables_of(connection):
                for name in columns_of(connection, table):
                    if any(_is_named(name, cell, traces) for cell in cells_of(connection, table, name)):
                        yield f"table {table}, column {name}"
    except sqlite3.OperationalError as error:
        if path.exists():
            raise StoreError(f"{path} cannot be searched: {error}", hint="run it again") from error
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{path} cannot be searched: {error}", hint="it is damaged: remove it") from error


def _is_named(column: str, cell: object, traces: Traces) -> bool:
    if isinstance(cell, str):
        return traces.in_text(cell) or traces.is_at(column, cell) or traces.is_keyed(cell)
    return isinstance(cell, bytes) and is_naming(cell, traces)


def _in_table(path: Path, traces: Traces) -> Iterator[str]:
    try:
        table = pl.read_parquet(path, hive_partitioning=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        if not path.exists():
            return
        raise StoreError(f"{path} cannot be searched: {error}", hint="it is damaged: remove it") from error
    for name, kind in table.schema.items():
        if traces.in_text(name):
            yield "the name of a column"
        if kind == pl.String and _is_named_in(table[name].unique().drop_nulls(), traces):
            yield f"column {name}"


def _is_named_in(cells: pl.Series, traces: Traces) -> bool:
    """`_is_named` for any of many cells of one column."""
    likely = cells.filter(traces.may_hold(cells))
    return any(map(traces.in_text, likely)) or any(
        traces.is_at(cells.name, cell) or traces.is_keyed(cell) for cell in cells
    )


def _in_lines(path: Path, traces: Traces) -> Iterator[str]:
    if not _is_text(path):
        return
    with path.open("rb") as file:
        yield from _lines_of(file, traces)
    if path.suffix in TABLES or path.parent.name == LIST_FOLDER:
        yield from _cells_of(path, traces)


def _is_text(path: Path) -> bool:
    """Whether a file is lines of text. What is not has been looked through as bytes."""
    with path.open("rb") as file:
        head = file.read(CHUNK)
    return b"\0" not in head and (b"\n" in head or len(head) < CHUNK)


def _lines_of(file: Iterable[bytes], traces: Traces) -> Iterator[str]:
    lines, number = iter(file), 1
    while some := list(islice(lines, LINES_AT_ONCE)):
        yield from (f"line {number + place}" for place in traces.lines_naming(some))
        number += len(some)


def _cells_of(path: Path, traces: Traces) -> Iterator[str]:
    """Identifiers that do not tell by themselves, in columns of identifiers; all of a list are."""
    is_list = path.parent.name == LIST_FOLDER
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        rows = csv.reader(file)
        header: list[str] = []
        try:
            for row in rows:
                header = header or row
                named = zip(row, header, strict=False)
                if any(
                    traces.is_one(cell.strip()) if is_list else traces.is_at(name, cell.strip())
                    for cell, name in named
                ):
                    yield f"line {rows.line_num}"
        except csv.Error:
            return


# Packed


def _in_packed(path: Path, traces: Traces) -> Iterator[str]:
    yield from _in_content(path.read_bytes(), traces, "", DEEPEST)


def _in_content(content: bytes, traces: Traces, inside: str, depth: int) -> Iterator[str]:
    unpack = _unpacker_of(content[:HEAD])
    if unpack is None or depth == 0:
        if any(needle in content for needle in traces.needles()):
            yield f"{inside}its bytes"
        yield from (f"{inside}{where}" for where in _lines_of(io.BytesIO(content), traces))
        return
    for name, unpacked in unpack(content):
        yield from _in_content(unpacked, traces, f"{inside}{name}, ", depth - 1)


Unpacker = Callable[[bytes], Iterator[tuple[str, bytes]]]


def _unpacker_of(head: bytes) -> Unpacker | None:
    """What takes a file apart that begins like this; None for what is not packed, or in no way that is known."""
    if head.startswith((b"\x1f\x8b", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")):
        return _inflated
    if head[DIGEST_BYTES:].startswith(ZIP):  # frozen values
        return _unzipped
    return next((unpack for magic, unpack in _UNPACKERS.items() if head.startswith(magic)), None)


def _inflated(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Gzip and zlib, as far as it is whole."""
    while content:
        unpacker = zlib.decompressobj(32 + zlib.MAX_WBITS)
        try:
            unpacked = unpacker.decompress(content)
        except zlib.error:
            return
        yield "unpacked", unpacked
        content = unpacker.unused_data


def _bunzipped(content: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        yield "unpacked", bz2.decompress(content)
    except (OSError, ValueError):
        return


def _unxzed(content: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        yield "unpacked", lzma.decompress(content)
    except lzma.LZMAError:
        return


def _unzstded(content: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        yield "unpacked", pa.CompressedInputStream(pa.BufferReader(content), "zstd").read()
    except OSError:
        return


def _unzipped(content: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            for name in file.namelist():
                yield name, file.read(name)
    except zipfile.BadZipFile:
        return


_UNPACKERS: dict[bytes, Unpacker] = {
    b"BZh": _bunzipped,
    b"\xfd7zXZ\x00": _unxzed,
    b"\x28\xb5\x2f\xfd": _unzstded,
    ZIP: _unzipped,
}
