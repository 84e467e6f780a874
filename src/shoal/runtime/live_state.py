"""What the live engine told, on the disk: every change once, and how far it is, in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shoal.errors import StoreError
from shoal.model.change import Direction, MembershipChanged

VERSION = 1

_TABLES = """
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
    ) WITHOUT ROWID;
"""


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
        with self._failures_told():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute("PRAGMA synchronous = FULL")
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def _prepare(self) -> None:
        if self._version() > VERSION:
            raise StoreError(
                f"{self.path} was written by a newer Shoal", hint="use that version, or bring back an older copy"
            )
        if self._version() == 0:
            with self._transaction():
                if self._version() == 0:  # nobody else has begun it meanwhile
                    for statement in _TABLES.split(";"):
                        self._connection.execute(statement)
                    self._connection.execute(f"PRAGMA user_version = {VERSION}")

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])

    def ticks(self) -> list[Tick]:
        """The ticks since the events that are archived, in order."""
        rows = self._connection.execute("SELECT number, through, now, meaning FROM tick ORDER BY number")
        return [Tick(*row) for row in rows]

    def members(self) -> list[tuple[str, str]]:
        """(profile, segment) of every membership that was told last."""
        return list(self._connection.execute("SELECT profile, segment FROM member"))

    def sizes(self) -> dict[str, int]:
        """How many members each segment has that has any."""
        return dict(self._connection.execute("SELECT segment, count(*) FROM member GROUP BY segment"))

    def changes(self, after_tick: int = -1) -> Iterator[MembershipChanged]:
        """Every change that was told by later ticks, in the order in which they were told, then by moment."""
        query = """
            SELECT effective_at, profile, segment, direction FROM change WHERE tick > ?
            ORDER BY tick, effective_at, profile, segment
        """
        for at, profile, segment, direction in self._connection.execute(query, (after_tick,)):
            yield MembershipChanged(at, profile, segment, Direction(direction))

    def commit(self, tick: Tick, changes: Iterable[MembershipChanged]) -> None:
        """A tick and what it told: both last, or neither.

        What late events took back and others bring back, with the same moment, is a change of this tick.
        """
        told = list(changes)
        rows = [
            (each.profile, each.segment, each.effective_at, each.direction.value, tick.number) for each in told
        ]
        with self._failures_told(), self._transaction():
            self._write_tick(tick)
            self._connection.executemany("INSERT OR REPLACE INTO change VALUES (?, ?, ?, ?, ?)", rows)
            for each in told:
                self._note_member(each)

    def _write_tick(self, tick: Tick) -> None:
        row = (tick.number, tick.through, tick.now, tick.meaning)
        self._connection.execute("INSERT INTO tick VALUES (?, ?, ?, ?)", row)

    def _note_member(self, change: MembershipChanged) -> None:
        if change.direction is Direction.ENTERED:
            self._connection.execute(
                "INSERT OR REPLACE INTO member VALUES (?, ?, ?)",
                (change.profile, change.segment, change.effective_at),
            )
        else:
            self._connection.execute(
                "DELETE FROM member WHERE profile = ? AND segment = ?", (change.profile, change.segment)
            )

    def begin(self, tick: Tick, members: Iterable[tuple[str, str]]) -> None:
        """The first tick: who is where, which is no change."""
        with self._failures_told(), self._transaction():
            self._write_tick(tick)
            rows = [(*member, tick.now) for member in members]
            self._connection.executemany("INSERT INTO member VALUES (?, ?, ?)", rows)

    def forget_before(self, number: int) -> None:
        """Ticks before this one are no longer needed to begin again."""
        with self._failures_told(), self._transaction():
            self._connection.execute("DELETE FROM tick WHERE number < ?", (number,))

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    @contextmanager
    def _failures_told(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"the live state in {self.path} failed: {error}") from error
