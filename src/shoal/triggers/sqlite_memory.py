"""What the trigger machine remembers, in SQLite: it writes within the transaction of whoever steps the engine."""

from __future__ import annotations

import sqlite3
from typing import Any

from shoal.model.change import Direction
from shoal.model.firing import Channel, Delivery, Firing, Status
from shoal.model.time import NEVER
from shoal.triggers import tables
from shoal.triggers.memory import REACHES_NOBODY, Held, SwitchedOn


class SqliteMemory:
    """A memory over a connection whose transactions somebody else begins and ends."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def knows(self, firing: str) -> bool:
        return self._one("SELECT 1 FROM firing WHERE id = ?", firing) is not None

    def last_fired(self, trigger: str, person: str) -> int | None:
        query = """
            SELECT max(effective_at) FROM firing
            WHERE person = ? AND trigger = ? AND outcome IN ('fired', 'dry_run', 'held_out')
        """
        moment = self._one(query, person, trigger)
        return None if moment is None else int(moment)

    def last_directions(self, trigger: str) -> dict[str, Direction]:
        query = "SELECT person, direction FROM firing WHERE trigger = ? ORDER BY number"
        return {person: Direction(each) for person, each in self._connection.execute(query, (trigger,))}

    def count_capped(self, person: str, channel: Channel, since: int, until: int) -> int:
        query = """
            SELECT count(*) FROM delivery WHERE person = ? AND channel = ? AND is_capped = 1 AND ready_at < ?
            AND (settled_at IS NULL OR settled_at >= ?)
        """
        return int(self._one(query, person, channel.value, until, since))

    def add_firing(self, firing: Firing, person: str) -> None:
        tables.add_firing(self._connection, firing, person)

    def add_delivery(self, delivery: Delivery, *, is_capped: bool) -> None:
        tables.add_delivery(self._connection, delivery, is_capped=is_capped)

    def held(self, until: int, limit: int) -> list[Held]:
        query = f"""
            SELECT firing.direction, {tables.DELIVERY_COLUMNS}
            FROM delivery INDEXED BY delivery_held JOIN firing ON firing.id = delivery.firing
            WHERE delivery.status = 'held' AND delivery.not_before <= ?
            ORDER BY delivery.not_before, delivery.number LIMIT ?
        """  # noqa: S608  (column names of ours)
        rows = self._connection.execute(query, (until, limit)).fetchall()
        return [Held(tables.delivery_of(row[1:]), Direction(row[0])) for row in rows]

    def next_release(self) -> int:
        query = "SELECT min(not_before) FROM delivery INDEXED BY delivery_held WHERE status = 'held'"
        moment = self._one(query)
        return NEVER if moment is None else int(moment)

    def release(self, delivery: Delivery, now: int) -> None:
        number = self._one("SELECT number FROM delivery WHERE id = ?", delivery.id)
        stands = "UPDATE delivery SET status = ?, not_before = ?, reason = ? WHERE number = ?"
        self._connection.execute(stands, (delivery.status.value, delivery.not_before, delivery.reason, number))
        if delivery.status is Status.READY:
            self._connection.execute("UPDATE delivery SET ready_at = ? WHERE number = ?", (now, number))
            tables.queue(self._connection, number, delivery)
        elif delivery.status is not Status.HELD:
            self._end(number, delivery.status, now, delivery.reason)

    def _end(self, number: int, status: Status, now: int, reason: str) -> None:
        end = """
            UPDATE delivery SET status = ?, reason = ?, settled_at = ?, is_capped = is_capped AND ?
            WHERE number = ?
        """
        reaches = status not in REACHES_NOBODY
        self._connection.execute(end, (status.value, reason, now, reaches, number))

    def merge(self, old: str, new: str) -> None:
        if old == new:
            return
        for table in ("firing", "delivery"):
            self._connection.execute(f"UPDATE {table} SET person = ? WHERE person = ?", (new, old))  # noqa: S608
        lines = self._connection.execute("SELECT DISTINCT destination FROM waiting WHERE person = ?", (old,))
        for (destination,) in lines.fetchall():
            line = (destination, new, old)
            self._connection.execute(
                "UPDATE waiting SET is_head = 0 WHERE destination = ? AND person IN (?, ?) AND is_head = 1", line
            )
            self._connection.execute(
                "UPDATE waiting SET person = ? WHERE destination = ? AND person = ?", (new, destination, old)
            )
            tables.promote(self._connection, destination, new)

    def persons(self) -> set[str]:
        return {person for (person,) in self._connection.execute("SELECT DISTINCT person FROM firing")}

    def switched_on(self) -> dict[str, SwitchedOn]:
        rows = self._connection.execute("SELECT trigger, meaning, since FROM switched_on")
        return {trigger: SwitchedOn(meaning, since) for trigger, meaning, since in rows}

    def switch_on(self, trigger: str, switched: SwitchedOn) -> None:
        row = (trigger, switched.meaning, switched.since)
        self._connection.execute("INSERT OR REPLACE INTO switched_on VALUES (?, ?, ?)", row)

    def switch_off(self, trigger: str, now: int, reason: str) -> None:
        self._connection.execute("DELETE FROM switched_on WHERE trigger = ?", (trigger,))
        query = """
            SELECT delivery.number, waiting.place, waiting.destination, waiting.person
            FROM delivery LEFT JOIN waiting ON waiting.delivery = delivery.number
            WHERE delivery.status IN ('held', 'ready') AND delivery.trigger = ?
        """
        for number, place, destination, person in self._connection.execute(query, (trigger,)).fetchall():
            self._end(number, Status.NO_LONGER, now, reason)
            if place is not None:
                tables.unqueue(self._connection, place, destination, person)

    def _one(self, query: str, *values: str | int) -> Any:
        """The first value of the first row; None when there is no row."""
        row = self._connection.execute(query, values).fetchone()
        return None if row is None else row[0]
