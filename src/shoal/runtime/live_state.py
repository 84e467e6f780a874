"""What the live engine told, on the disk: every change once, and how far it is, in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from shoal.errors import StoreError
from shoal.model.change import Direction, MembershipChanged
from shoal.triggers import tables
from shoal.triggers.machine import Acted

T = TypeVar("T")

_MEMBERSHIPS = """
    CREATE TABLE tick (
        number INTEGER PRIMARY KEY, through INTEGER NOT NULL, now INTEGER NOT NULL, meaning TEXT NOT NULL
    );
    CREATE TABLE change (
        profile TEXT NOT NULL, segment TEXT NOT NULL, effective_at INTEGER NOT NULL, direction TEXT NOT NULL,
        tick INTEGER NOT NULL, PRIMARY KEY (profile, segment, effective_at, direction)
    ) WITHOUT ROWID;
    CREATE INDEX change_of_tick ON change (tick);
    CREATE TABLE member (
        profile TEXT NOT NULL, segment TEXT NOT NULL, since INTEGER NOT NULL, PRIMARY KEY (profile, segment)
    ) WITHOUT ROWID
"""

_STEPS = (_MEMBERSHIPS, tables.TABLES)
"""What each version added to the one before. Older files take the steps that they lack."""

VERSION = len(_STEPS)

CACHE_KIB = 32_000
"""So much of the file a connection keeps in memory: enough for the indexes of what waits."""


@dataclass(frozen=True, slots=True)
class Tick:
    """One step of the engine: it took the entries of the journal up to `through` in, and moved on to `now`."""

    number: int
    through: int
    now: int
    meaning: str


class LiveState:
    """The state of one workspace. One process writes; others may read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = open_live_state(path)
        """For those who read, and who write while a transaction of this state runs."""

    def ticks(self) -> list[Tick]:
        """The ticks since the events that are archived, in order."""
        rows = self.connection.execute("SELECT number, through, now, meaning FROM tick ORDER BY number")
        return [Tick(*row) for row in rows]

    def members(self) -> list[tuple[str, str]]:
        """(profile, segment) of every membership that was told last."""
        return list(self.connection.execute("SELECT profile, segment FROM member"))

    def sizes(self) -> dict[str, int]:
        """How many members each segment has that has any."""
        return dict(self.connection.execute("SELECT segment, count(*) FROM member GROUP BY segment"))

    def changes(self, after_tick: int = -1) -> Iterator[MembershipChanged]:
        """Every change that was told by later ticks, in the order in which they were told, then by moment."""
        query = """
            SELECT effective_at, profile, segment, direction FROM change WHERE tick > ?
            ORDER BY tick, effective_at, profile, segment
        """
        for at, profile, segment, direction in self.connection.execute(query, (after_tick,)):
            yield MembershipChanged(at, profile, segment, Direction(direction))

    def commit(self, tick: Tick, changes: Iterable[MembershipChanged], act: Callable[[], Acted] = Acted) -> Acted:
        """A tick, what it told, and what is done because of it: all of it lasts, or nothing.

        What late events took back and others bring back, with the same moment, is a change of this tick.
        """
        told = list(changes)
        rows = [
            (each.profile, each.segment, each.effective_at, each.direction.value, tick.number) for each in told
        ]
        with self._failures_told(), self._transaction():
            self._write_tick(tick)
            self.connection.executemany("INSERT OR REPLACE INTO change VALUES (?, ?, ?, ?, ?)", rows)
            for each in told:
                self._note_member(each)
            return act()

    def _write_tick(self, tick: Tick) -> None:
        row = (tick.number, tick.through, tick.now, tick.meaning)
        self.connection.execute("INSERT INTO tick VALUES (?, ?, ?, ?)", row)

    def _note_member(self, change: MembershipChanged) -> None:
        if change.direction is Direction.ENTERED:
            self.connection.execute(
                "INSERT OR REPLACE INTO member VALUES (?, ?, ?)",
                (change.profile, change.segment, change.effective_at),
            )
        else:
            self.connection.execute(
                "DELETE FROM member WHERE profile = ? AND segment = ?", (change.profile, change.segment)
            )

    def begin(self, tick: Tick, members: Iterable[tuple[str, str]], act: Callable[[], Acted] = Acted) -> Acted:
        """The first tick: who is where, which is no change."""
        with self._failures_told(), self._transaction():
            self._write_tick(tick)
            rows = [(*member, tick.now) for member in members]
            self.connection.executemany("INSERT INTO member VALUES (?, ?, ?)", rows)
            return act()

    def go_on(self, act: Callable[[], T]) -> T:
        """What is done though there is no tick, all of it or nothing."""
        with self._failures_told(), self._transaction():
            return act()

    def forget_before(self, number: int) -> None:
        """Ticks before this one are no longer needed to begin again."""
        with self._failures_told(), self._transaction():
            self.connection.execute("DELETE FROM tick WHERE number < ?", (number,))

    def close(self) -> None:
        self.connection.close()

    def _transaction(self) -> AbstractContextManager[None]:
        return _transaction(self.connection)

    def _failures_told(self) -> AbstractContextManager[None]:
        return _failures_told(self.path)


def open_live_state(path: Path) -> sqlite3.Connection:
    """A connection to the live state, made when it is not there, and brought up to this version when it is older.

    Several processes and threads may do so at a time; one connection may be used by one thread after another.
    Raises StoreError for what a newer Shoal has written.
    """
    with _failures_told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            _bring_up_to_date(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def _bring_up_to_date(connection: sqlite3.Connection, path: Path) -> None:
    if _version(connection) > VERSION:
        raise StoreError(
            f"{path} was written by a newer Shoal", hint="use that version, or bring back an older copy"
        )
    if _version(connection) < VERSION:
        with _transaction(connection):
            for step in _STEPS[_version(connection) :]:  # none, if somebody else has done it meanwhile
                for statement in step.split(";"):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextmanager
def _failures_told(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"the live state in {path} failed: {error}") from error
