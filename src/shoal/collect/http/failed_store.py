"""Failed events of the live collector, kept with their reasons until they are replayed or thrown away."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from shoal.collect.http.failed_event import FailedEvent
from shoal.errors import NotFound, StoreError
from shoal.journal.durable import failures_told, make_folder
from shoal.journal.journal import Arrival

FILE = "failed.sqlite"

_TABLE = """
    CREATE TABLE IF NOT EXISTS failed (
        position INTEGER NOT NULL, item INTEGER NOT NULL, reason TEXT NOT NULL, kind TEXT NOT NULL,
        received_at INTEGER NOT NULL, write_key TEXT NOT NULL, path TEXT NOT NULL, headers BLOB NOT NULL,
        message BLOB NOT NULL, shared BLOB NOT NULL, again BLOB,
        state TEXT NOT NULL DEFAULT 'open', PRIMARY KEY (position, item)
    ) STRICT
"""
_COLUMNS = "position, item, reason, received_at, write_key, path, headers, message, shared"


@dataclass(frozen=True, slots=True)
class Reason:
    """A kind of failure, how many open failed events are of it, and when the last one came."""

    reason: str
    count: int
    last_at: int


class FailedStore:
    """The failed events in a folder. Several processes may use it at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, failed: Iterable[FailedEvent]) -> int:
        """Keeps failed events; how many of them were not there yet. Reading the journal again adds none twice."""
        rows = [_row(each) for each in failed]
        if not rows:
            return 0
        insert = f"INSERT OR IGNORE INTO failed ({_COLUMNS}, kind) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
        with self._open() as connection:
            before = connection.total_changes
            connection.executemany(insert, rows)
            return connection.total_changes - before

    def count(self) -> int:
        """How many are open."""
        with self._open() as connection:
            return int(connection.execute("SELECT count(*) FROM failed WHERE state = 'open'").fetchone()[0])

    def reasons(self) -> list[Reason]:
        """The kinds of failures among those that are open, the most frequent first."""
        query = "SELECT kind, count(*), max(received_at) FROM failed WHERE state = 'open' GROUP BY kind"
        with self._open() as connection:
            return [Reason(*row) for row in connection.execute(f"{query} ORDER BY 2 DESC, 1")]

    def find(self, *, reason: str = "", text: str = "", limit: int = 100) -> list[FailedEvent]:
        """Those that are open, the latest first; with `reason` in the reason and `text` in the message."""
        query = f"""
            SELECT {_COLUMNS} FROM failed
            WHERE state = 'open' AND instr(lower(reason), lower(?)) > 0 AND instr(message, ?) > 0
            ORDER BY position DESC, item DESC LIMIT ?
        """  # noqa: S608  (column names of ours)
        with self._open() as connection:
            return [_failed(row) for row in connection.execute(query, (reason, text.encode(), limit))]

    def get(self, key: str) -> FailedEvent:
        """The one of a key such as `7.0`. Raises NotFound."""
        position, _, index = key.partition(".")
        if position.isdigit() and index.isdigit():
            query = f"SELECT {_COLUMNS} FROM failed WHERE position = ? AND item = ?"  # noqa: S608
            with self._open() as connection:
                row = connection.execute(query, (int(position), int(index))).fetchone()
            if row is not None:
                return _failed(row)
        raise NotFound(f'there is no failed event "{key[:40]}"', hint="shoal failed lists them")

    def want_again(self, failed: FailedEvent, message: bytes | None = None) -> None:
        """Asks for a failed event to be tried again, or for a corrected message in its place."""
        arrival = failed.again(message)
        query = "UPDATE failed SET state = 'wanted', again = ? WHERE position = ? AND item = ?"
        with self._open() as connection:
            connection.execute(query, (arrival.body, failed.position, failed.index))

    def wanted(self, limit: int = 1000) -> list[tuple[FailedEvent, Arrival]]:
        """Those that are asked for, each with the request that tries it again."""
        query = f"SELECT {_COLUMNS}, again FROM failed WHERE state = 'wanted' LIMIT ?"  # noqa: S608
        if not self._path.exists():
            return []
        with self._open() as connection:
            rows = connection.execute(query, (limit,)).fetchall()
        found = [(_failed(row[:-1]), row[-1]) for row in rows]
        return [(failed, replace(failed.again(), body=body)) for failed, body in found]

    def mark_replayed(self, failed: Iterable[FailedEvent]) -> None:
        """They were tried again: they are open no more."""
        query = "UPDATE failed SET state = 'replayed' WHERE position = ? AND item = ?"
        with self._open() as connection:
            connection.executemany(query, [(each.position, each.index) for each in failed])

    def remove(self, failed: Iterable[FailedEvent]) -> None:
        """They are not to be kept."""
        query = "DELETE FROM failed WHERE position = ? AND item = ?"
        with self._open() as connection:
            connection.executemany(query, [(each.position, each.index) for each in failed])

    def reopen(self, failed: FailedEvent, reason: str) -> None:
        """It was tried again, and failed again, for this reason."""
        query = "UPDATE failed SET state = 'open', reason = ?, kind = ? WHERE position = ? AND item = ?"
        with self._open() as connection:
            connection.execute(query, (reason, _kind(reason), failed.position, failed.index))

    @property
    def _path(self) -> Path:
        return self.folder / FILE

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection whose changes are kept, all of them or none."""
        with failures_told("Keeping failed events", self.folder):
            make_folder(self.folder)
        try:
            with closing(sqlite3.connect(self._path, timeout=10)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute(_TABLE)
                with connection:
                    yield connection
        except sqlite3.Error as error:
            raise StoreError(
                f"{self._path} cannot be used: {error}", hint="make room, or check who may write there"
            ) from error


def _row(failed: FailedEvent) -> tuple[Any, ...]:
    arrival = failed.arrival
    return (
        failed.position,
        failed.index,
        failed.reason,
        arrival.received_at,
        arrival.write_key,
        arrival.path,
        msgspec.json.encode(dict(arrival.headers)),
        failed.message,
        msgspec.json.encode(failed.shared),
        _kind(failed.reason),
    )


def _kind(reason: str) -> str:
    """The reason without what it quotes of the message."""
    return reason.partition(": ")[0]


def _failed(row: tuple[Any, ...]) -> FailedEvent:
    position, index, reason, received_at, write_key, path, headers, message, shared = row
    arrival = Arrival(
        received_at=received_at,
        write_key=write_key,
        path=path,
        body=message,
        headers=msgspec.json.decode(headers, type=dict[str, str]),
    )
    return FailedEvent(
        position=position,
        index=index,
        reason=reason,
        arrival=arrival,
        message=message,
        shared=msgspec.json.decode(shared),
    )
