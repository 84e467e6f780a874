"""One file of the journal: entries of consecutive positions in an SQLite database, named by the first of them.

journal-00000000000000000001-000001.sqlite     the first position, and which attempt to begin there it is

While it is written to, it is in WAL mode and every commit is flushed to the disk. Sealed, it is one plain file.
A name is never used twice: SQLite would take what an older file of the name left behind for its own.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path

import msgspec

from shoal.errors import StoreError
from shoal.journal.durable import sync_folder
from shoal.journal.journal import Arrival, Entry

PATTERN = "journal-*.sqlite"
FORMAT = 1
"""Written into every file as its `user_version`. A file of a later format is refused."""

_BESIDE = ("-wal", "-shm", "-journal")
_ROWS_AT_A_TIME = 64
_TABLE = """
    CREATE TABLE entries (
        position INTEGER PRIMARY KEY, received_at INTEGER NOT NULL, write_key TEXT NOT NULL, path TEXT NOT NULL,
        headers BLOB NOT NULL, body BLOB NOT NULL, crc INTEGER NOT NULL
    ) STRICT
"""

Row = tuple[int, int, str, str, bytes, bytes, int]


class SegmentWriter:
    """The file that is written to at present. Any failure means that it is not written to again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bytes_written = 0
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._prepare()
            sync_folder(path.parent)
        except BaseException:
            self.close()
            with suppress(OSError):
                remove_segment(path)
            raise

    def _prepare(self) -> None:
        for statement in (
            "PRAGMA page_size = 16384",
            "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = FULL",
            "PRAGMA wal_autocheckpoint = 0",  # sealing does it, beside the writing
            f"PRAGMA user_version = {FORMAT}",
            _TABLE,
        ):
            self._connection.execute(statement)

    def write(self, first_position: int, arrivals: Sequence[Arrival]) -> None:
        """Keeps the arrivals at `first_position` and after it. When this returns, they survive a loss of power."""
        rows = [row_of(position, arrival) for position, arrival in enumerate(arrivals, first_position)]
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        self._connection.execute("COMMIT")
        self.bytes_written += sum(len(arrival.body) for arrival in arrivals)

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self._connection.close()


def next_segment_path(folder: Path, first_position: int, least_attempt: int) -> Path:
    """The name of a new file for entries from `first_position` on."""
    begun = folder.glob(f"journal-{first_position:020d}-*.sqlite")
    attempt = max([least_attempt, *(int(path.stem.rpartition("-")[2]) + 1 for path in begun)])
    return folder / f"journal-{first_position:020d}-{attempt:06d}.sqlite"


def first_position_of(path: Path) -> int:
    return int(path.stem.split("-")[1])


def segment_paths(folder: Path) -> list[Path]:
    """The files of a journal, the earliest first."""
    return sorted(folder.glob(PATTERN))


def read_segment(path: Path, after: int, before: int, limit: int) -> Iterator[Entry]:
    """At most `limit` entries with after < position < before."""
    with closing(_open(path)) as connection:
        if not _has_entries(connection):
            return
        query = "SELECT * FROM entries WHERE position > ? AND position < ? ORDER BY position LIMIT ?"
        cursor = connection.execute(query, (after, before, limit))
        while rows := cursor.fetchmany(_ROWS_AT_A_TIME):
            yield from (_entry_of(row) for row in rows)


def last_position_in(path: Path, before: int) -> int | None:
    """The last position below `before`; None when there is none, as in a file whose making was interrupted."""
    with closing(_open(path)) as connection:
        if not _has_entries(connection):
            return None
        found = connection.execute("SELECT max(position) FROM entries WHERE position < ?", (before,)).fetchone()
    last: int | None = found[0]
    return last


def seal_segment(path: Path) -> bool:
    """Makes a file that is written no more one plain file. False when somebody reads it now: try later."""
    try:
        place = (
            f"{path.absolute().as_uri()}?mode=rw"  # it may have been removed meanwhile, and is not to come back
        )
        with closing(sqlite3.connect(place, uri=True, isolation_level=None, timeout=0.2)) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            return bool(connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0] == "delete")
    except sqlite3.Error:
        return False


def is_sealed(path: Path) -> bool:
    return not path.with_name(f"{path.name}-wal").exists()


def remove_segment(path: Path) -> None:
    """The file and what SQLite keeps beside it."""
    for beside in _BESIDE:
        path.with_name(f"{path.name}{beside}").unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def row_of(position: int, arrival: Arrival) -> Row:
    headers = msgspec.json.encode(dict(arrival.headers))
    told = (position, arrival.received_at, arrival.write_key, arrival.path, headers, arrival.body)
    return (*told, _checksum(*told))


def _entry_of(row: Row) -> Entry:
    position, received_at, write_key, path, headers, body, crc = row
    is_whole = crc == _checksum(position, received_at, write_key, path, headers, body)
    arrival = Arrival(
        received_at=received_at,
        write_key=write_key,
        path=path,
        body=body,
        headers=msgspec.json.decode(headers, type=dict[str, str]) if is_whole else {},
    )
    return Entry(position=position, arrival=arrival, is_whole=is_whole)


def _checksum(position: int, received_at: int, write_key: str, path: str, headers: bytes, body: bytes) -> int:  # noqa: PLR0917  (the columns of a row, in order)
    told = f"{position} {received_at} {write_key} {path} ".encode()
    return zlib.crc32(body, zlib.crc32(headers, zlib.crc32(told)))


def _has_entries(connection: sqlite3.Connection) -> bool:
    """Whether the making of the file was not interrupted."""
    return connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'entries'").fetchone() is not None


def _open(path: Path) -> sqlite3.Connection:
    """For reading. What a loss of power left of the file's making is taken back first, for which SQLite writes."""
    mode = "rw" if path.with_name(f"{path.name}-journal").exists() else "ro"
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, check_same_thread=False)
    try:
        _refuse_later_format(path, connection.execute("PRAGMA user_version").fetchone()[0])
    except BaseException:
        connection.close()
        raise
    return connection


def _refuse_later_format(path: Path, version: int) -> None:
    if version > FORMAT:
        raise StoreError(
            f"{path} was written by a later version of Shoal (format {version}, this one reads up to {FORMAT})",
            hint="use the version that wrote it, or a later one",
        )
