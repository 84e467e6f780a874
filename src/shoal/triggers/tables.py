"""Firings and deliveries as tables of SQLite, and how their rows are read and written."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

import msgspec

from shoal.model.change import Direction
from shoal.model.consent import Purpose
from shoal.model.firing import Channel, Delivery, Fact, Firing, Outcome, Status
from shoal.model.time import NEVER

TABLES = f"""
    CREATE TABLE firing (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, trigger TEXT NOT NULL, profile TEXT NOT NULL,
        person TEXT NOT NULL, effective_at INTEGER NOT NULL, direction TEXT NOT NULL, seen_at INTEGER NOT NULL,
        outcome TEXT NOT NULL, reason TEXT NOT NULL, facts TEXT NOT NULL
    );
    CREATE INDEX firing_of_person ON firing (person);
    CREATE INDEX firing_cools_down ON firing (person, trigger, effective_at)
        WHERE outcome IN ('fired', 'dry_run', 'held_out');
    CREATE TABLE delivery (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, firing TEXT NOT NULL, trigger TEXT NOT NULL,
        purpose TEXT NOT NULL, person TEXT NOT NULL, channel TEXT NOT NULL, destination TEXT NOT NULL,
        status TEXT NOT NULL, created_at INTEGER NOT NULL, not_before INTEGER NOT NULL,
        expires_at INTEGER NOT NULL, content TEXT NOT NULL, facts TEXT NOT NULL, reason TEXT NOT NULL,
        attempts INTEGER NOT NULL, is_capped INTEGER NOT NULL, ready_at INTEGER, settled_at INTEGER
    );
    CREATE INDEX delivery_of_person ON delivery (person, channel);
    CREATE INDEX delivery_of_status ON delivery (status, trigger, destination);
    CREATE INDEX delivery_held ON delivery (not_before) WHERE status = 'held';
    CREATE TABLE waiting (
        place INTEGER PRIMARY KEY, delivery INTEGER NOT NULL UNIQUE, destination TEXT NOT NULL,
        person TEXT NOT NULL, not_before INTEGER NOT NULL, expires_at INTEGER NOT NULL, is_head INTEGER NOT NULL
    );
    CREATE INDEX waiting_head ON waiting (destination, not_before, place) WHERE is_head = 1;
    CREATE INDEX waiting_line ON waiting (person, destination, place);
    CREATE INDEX waiting_expires ON waiting (expires_at) WHERE expires_at < {NEVER};
    CREATE TABLE switched_on (trigger TEXT PRIMARY KEY, meaning TEXT NOT NULL, since INTEGER NOT NULL)
        WITHOUT ROWID
"""
"""`waiting` holds what is READY, in its lines: `place` is the order, and only heads are ever looked for.

`is_capped` says whether a delivery counts for the cap of its channel: from `ready_at` on until `settled_at`.
"""

_DELIVERY = (
    "id, firing, trigger, purpose, person, channel, destination, status, created_at, not_before, expires_at, "
    "content, facts, reason, attempts"
)
DELIVERY_COLUMNS = ", ".join(f"delivery.{name}" for name in _DELIVERY.split(", "))
"""What `delivery_of` reads, in its order."""

FIRING_COLUMNS = "trigger, profile, effective_at, direction, seen_at, outcome, reason, facts"
"""What `firing_of` reads, in its order."""


def add_firing(connection: sqlite3.Connection, firing: Firing, person: str) -> None:
    """Writes a new firing, with the person whose profile it is of."""
    row = (
        firing.id,
        person,
        firing.trigger,
        firing.profile,
        firing.effective_at,
        firing.direction.value,
        firing.seen_at,
        firing.outcome.value,
        firing.reason,
        _text(firing.facts),
    )
    insert = f"INSERT INTO firing (id, person, {FIRING_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
    connection.execute(insert, row)


def add_delivery(connection: sqlite3.Connection, delivery: Delivery, *, is_capped: bool) -> None:
    """Writes a new delivery; a READY one stands at the end of its line."""
    insert = f"""
        INSERT INTO delivery ({_DELIVERY}, is_capped, ready_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    """  # noqa: S608  (column names of ours)
    row = (
        delivery.id,
        delivery.firing,
        delivery.trigger,
        delivery.purpose.value,
        delivery.person,
        delivery.channel.value,
        delivery.destination,
        delivery.status.value,
        delivery.created_at,
        delivery.not_before,
        delivery.expires_at,
        _text(delivery.content),
        _text(delivery.facts),
        delivery.reason,
        delivery.attempts,
        is_capped,
        delivery.created_at if delivery.status is Status.READY else None,
    )
    number = connection.execute(insert, row).lastrowid
    if delivery.status is Status.READY:
        queue(connection, number, delivery)


def queue(connection: sqlite3.Connection, number: int | None, delivery: Delivery) -> None:
    """Puts a delivery at the end of its line."""
    line = (delivery.person, delivery.destination)
    is_first = "NOT EXISTS (SELECT 1 FROM waiting WHERE person = ? AND destination = ?)"
    connection.execute(
        f"""
            INSERT INTO waiting (person, destination, delivery, not_before, expires_at, is_head)
            VALUES (?, ?, ?, ?, ?, {is_first})
        """,  # noqa: S608
        (*line, number, delivery.not_before, delivery.expires_at, *line),
    )


def unqueue(connection: sqlite3.Connection, place: int, destination: str, person: str) -> None:
    """Takes what stands at a place out of its line, and makes the next one its head."""
    connection.execute("DELETE FROM waiting WHERE place = ?", (place,))
    promote(connection, destination, person)


def promote(connection: sqlite3.Connection, destination: str, person: str) -> None:
    """Makes the first of a line its head."""
    first = "SELECT min(place) FROM waiting WHERE person = ? AND destination = ?"
    connection.execute(f"UPDATE waiting SET is_head = 1 WHERE place = ({first})", (person, destination))  # noqa: S608


def delivery_of(row: tuple[Any, ...]) -> Delivery:
    """The delivery of a row of DELIVERY_COLUMNS."""
    (id_, firing, trigger, purpose, person, channel, destination, status, created_at, not_before, expires_at) = (
        row[:11]
    )
    content, facts, reason, attempts = row[11:]
    return Delivery(
        id=id_,
        firing=firing,
        trigger=trigger,
        purpose=Purpose(purpose),
        person=person,
        channel=Channel(channel),
        destination=destination,
        status=Status(status),
        created_at=created_at,
        not_before=not_before,
        expires_at=expires_at,
        content=msgspec.json.decode(content),
        facts=msgspec.json.decode(facts),
        reason=reason,
        attempts=attempts,
    )


def firing_of(row: tuple[Any, ...]) -> Firing:
    """The firing of a row of FIRING_COLUMNS."""
    trigger, profile, effective_at, direction, seen_at, outcome, reason, facts = row
    return Firing(
        trigger=trigger,
        profile=profile,
        effective_at=effective_at,
        direction=Direction(direction),
        seen_at=seen_at,
        outcome=Outcome(outcome),
        reason=reason,
        facts=msgspec.json.decode(facts),
    )


def count_fired(connection: sqlite3.Connection, trigger: str, since: int, until: int) -> int:
    """How often a trigger fired after one moment and up to another."""
    query = """
        SELECT count(*) FROM firing
        WHERE trigger = ? AND outcome = ? AND effective_at > ? AND effective_at <= ?
    """
    row = connection.execute(query, (trigger, Outcome.FIRED.value, since, until)).fetchone()
    return int(row[0])


def _text(values: Mapping[str, Fact] | Mapping[str, object]) -> str:
    return msgspec.json.encode(values).decode()
