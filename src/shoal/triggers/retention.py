"""Retention: how long firings and deliveries are kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from shoal.definitions.trigger import TriggerDefinition
from shoal.model.time import DAY

KEPT_FOR = 90 * DAY

FORGOTTEN_AT_ONCE = 20_000
"""So many rows are forgotten in one transaction: whoever delivers waits for it."""


def kept_since(triggers: Iterable[TriggerDefinition], now: int) -> int:
    """What is older is no longer needed: neither to look at, nor to know whom a trigger fired for lately."""
    return now - max([KEPT_FOR, *(trigger.cooldown for trigger in triggers)])


def forget_before(connection: sqlite3.Connection, moment: int, triggers: Iterable[TriggerDefinition]) -> int:
    """Forgets settled deliveries and firings of before a moment, within a transaction; how many rows there were.

    What waits is kept, with its firing. So is what a trigger fired that includes those present: who was dealt with
    is not dealt with again. There may be more to forget: FORGOTTEN_AT_ONCE of each at most.
    """
    count = 0
    if _is_older(connection, "SELECT created_at FROM delivery ORDER BY number LIMIT 1", moment):
        count += connection.execute(_DELIVERIES, (moment, FORGOTTEN_AT_ONCE)).rowcount
    if _is_older(connection, "SELECT seen_at FROM firing ORDER BY number LIMIT 1", moment):
        kept = [trigger.name for trigger in triggers if trigger.include_present]
        names = ", ".join("?" * len(kept))
        count += connection.execute(_FIRINGS.format(kept=names), (moment, *kept, FORGOTTEN_AT_ONCE)).rowcount
    return count


_DELIVERIES = """
    DELETE FROM delivery WHERE number IN (
        SELECT number FROM delivery WHERE created_at < ? AND status NOT IN ('ready', 'held') LIMIT ?
    )
"""
_FIRINGS = """
    DELETE FROM firing WHERE number IN (
        SELECT number FROM firing WHERE seen_at < ? AND trigger NOT IN ({kept}) AND NOT EXISTS (
            SELECT 1 FROM delivery WHERE delivery.id > firing.id || '_' AND delivery.id < firing.id || '`'
        ) LIMIT ?
    )
"""
"""Ids of deliveries are that of their firing, `_` and a number; the sign after `_` is a grave accent."""


def _is_older(connection: sqlite3.Connection, oldest: str, moment: int) -> bool:
    """Whether it is worth to look at every row: they are in order."""
    row = connection.execute(oldest).fetchone()
    return row is not None and row[0] < moment
