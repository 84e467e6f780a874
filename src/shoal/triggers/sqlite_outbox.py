"""The outbox in SQLite: what deliveries wait, in their lines, and what became of those that were tried."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from shoal.errors import StoreError
from shoal.model.firing import Delivery, Firing, Outcome, Status
from shoal.model.time import NEVER
from shoal.triggers import tables
from shoal.triggers.memory import REACHES_NOBODY
from shoal.triggers.outbox import Settlement, Wanted

_DUE = f"""
    SELECT {tables.DELIVERY_COLUMNS}
    FROM waiting INDEXED BY {{index}} JOIN delivery ON delivery.number = waiting.delivery
    WHERE waiting.destination = ? AND waiting.is_head = 1 AND waiting.not_before <= ? AND waiting.expires_at > ?
"""  # noqa: S608  (column names of ours)
_DUE_AT_ALL, _DUE_FOR_ONE = _DUE.format(index="waiting_head"), _DUE.format(index="waiting_line")

_DESTINATIONS = """
    WITH RECURSIVE found (name) AS (
        SELECT min(destination) FROM waiting WHERE is_head = 1
        UNION ALL
        SELECT (SELECT min(destination) FROM waiting WHERE is_head = 1 AND destination > found.name) FROM found
        WHERE found.name IS NOT NULL
    ) SELECT name FROM found WHERE name IS NOT NULL
"""
"""One step of the index for each destination, however many wait for it."""


class SqliteOutbox:
    """The outbox over a connection of its own, which may be used by one thread after the other."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Takes a connection to tables that are there, and closes it in the end."""
        self._connection = connection
        self._lock = threading.Lock()

    def due(self, destination: str, now: int, limit: int, *, leave_out: Collection[str] = ()) -> list[Delivery]:
        query = f"{_DUE_AT_ALL} ORDER BY waiting.not_before, waiting.place LIMIT ?"
        rows = self._read(query, (destination, now, now, limit + len(leave_out)))
        found = (tables.delivery_of(row) for row in rows if row[0] not in leave_out)
        return [delivery for delivery, _ in zip(found, range(limit), strict=False)]

    def due_for(self, destination: str, persons: Collection[str], now: int) -> list[Delivery]:
        query = f"{_DUE_FOR_ONE} AND waiting.person = ?"
        rows = [row for person in persons for row in self._read(query, (destination, now, now, person))]
        return [tables.delivery_of(row) for row in rows]

    def next_due(self, destination: str) -> int:
        query = "SELECT min(not_before) FROM waiting WHERE is_head = 1 AND destination = ?"
        [[moment]] = self._read(query, (destination,))
        return NEVER if moment is None else int(moment)

    def destinations(self) -> list[str]:
        return [name for (name,) in self._read(_DESTINATIONS)]

    def settle(self, results: Iterable[Settlement]) -> None:
        with self._writing() as connection:
            for result in results:
                _settle(connection, result)

    def expire(self, now: int) -> int:
        query = f"""
            SELECT delivery.id, delivery.attempts FROM waiting JOIN delivery ON delivery.number = waiting.delivery
            WHERE waiting.expires_at < {NEVER} AND waiting.expires_at <= ?
        """  # noqa: S608
        if not (expired := self._read(query, (now,))):
            return 0
        reason = "nobody was there to see it in time"
        self.settle(
            Settlement(id=id_, status=Status.EXPIRED, at=now, attempts=attempts, reason=reason)
            for id_, attempts in expired
        )
        return len(expired)

    def replay(self, ids: Iterable[str], now: int) -> int:
        find = f"SELECT {tables.DELIVERY_COLUMNS}, number FROM delivery WHERE id = ? AND status = 'dead'"  # noqa: S608
        revive = """
            UPDATE delivery SET status = 'ready', reason = '', attempts = 0, not_before = ?, expires_at = ?,
            ready_at = ?, settled_at = NULL WHERE number = ?
        """
        count = 0
        with self._writing() as connection:
            for id_ in ids:
                for *row, number in connection.execute(find, (id_,)).fetchall():
                    connection.execute(revive, (now, NEVER, now, number))
                    delivery = replace(tables.delivery_of(tuple(row)), not_before=now, expires_at=NEVER)
                    tables.queue(connection, number, delivery)
                    count += 1
        return count

    def find(self, wanted: Wanted, limit: int) -> list[Delivery]:
        where, values = _chosen(
            trigger=wanted.trigger, person=wanted.person, destination=wanted.destination, status=wanted.status
        )
        query = f"SELECT {tables.DELIVERY_COLUMNS} FROM delivery {where} ORDER BY number DESC LIMIT ?"  # noqa: S608
        return [tables.delivery_of(row) for row in self._read(query, (*values, limit))]

    def find_firings(self, wanted: Wanted, limit: int) -> list[Firing]:
        where, values = _chosen(trigger=wanted.trigger, person=wanted.person, outcome=wanted.outcome)
        query = f"SELECT {tables.FIRING_COLUMNS} FROM firing {where} ORDER BY number DESC LIMIT ?"  # noqa: S608
        return [tables.firing_of(row) for row in self._read(query, (*values, limit))]

    def counts(self) -> dict[tuple[str, str, Status], int]:
        query = "SELECT trigger, destination, status, count(*) FROM delivery GROUP BY status, trigger, destination"
        return {
            (trigger, destination, Status(status)): count
            for trigger, destination, status, count in self._read(query)
        }

    def count_firings(self) -> dict[tuple[str, Outcome], int]:
        query = "SELECT trigger, outcome, count(*) FROM firing GROUP BY trigger, outcome"
        return {(trigger, Outcome(outcome)): count for trigger, outcome, count in self._read(query)}

    def find_persons(self, names: Collection[str]) -> list[str]:
        query = "SELECT DISTINCT person FROM firing WHERE person = ? OR profile = ?"
        return sorted({person for name in names for (person,) in self._read(query, (name, name))})

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _read(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._lock, _failures_told():
            return self._connection.execute(query, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _failures_told():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")


def _settle(connection: sqlite3.Connection, result: Settlement) -> None:
    find = """
        SELECT waiting.place, waiting.delivery, waiting.destination, waiting.person
        FROM delivery JOIN waiting ON waiting.delivery = delivery.number WHERE delivery.id = ?
    """
    row = connection.execute(find, (result.id,)).fetchone()
    if row is None:
        return
    place, number, destination, person = row
    if result.status is Status.READY:
        connection.execute("UPDATE waiting SET not_before = ? WHERE place = ?", (result.not_before, place))
        again = "UPDATE delivery SET attempts = ?, reason = ?, not_before = ? WHERE number = ?"
        connection.execute(again, (result.attempts, result.reason, result.not_before, number))
        return
    end = """
        UPDATE delivery SET status = ?, attempts = ?, reason = ?, settled_at = ?, is_capped = is_capped AND ?
        WHERE number = ?
    """
    was_sent = result.status not in REACHES_NOBODY
    connection.execute(end, (result.status.value, result.attempts, result.reason, result.at, was_sent, number))
    tables.unqueue(connection, place, destination, person)


def _chosen(**wanted: str | None) -> tuple[str, list[str]]:
    """A condition on the columns that are stated, and its values."""
    stated = {column: value for column, value in wanted.items() if value}
    where = " AND ".join(f"{column} = ?" for column in stated)
    return f"WHERE {where}" if where else "", list(stated.values())


@contextmanager
def _failures_told() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(
            f"the outbox cannot be used: {error}", hint="make room, or check who may write there"
        ) from error
