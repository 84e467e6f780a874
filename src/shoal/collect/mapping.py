"""The mapping: how a row of somebody's file becomes events. Read from YAML by `mapping_file.py`."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass, field

from shoal.model.consent import Purpose
from shoal.model.event import EventKind

TABLE_FORMATS = ("csv", "ndjson", "parquet")
"""Rows with columns, which the mapping names."""

EVENT_FORMATS = ("segment", "snowplow")
"""Formats that are read by code of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Where a text comes from: columns of the row, or always the same text; and what is done to it, in this order.

    A cell of a column that is empty, or one of the mapping's null values, is missing.
    """

    columns: tuple[str, ...] = ()
    join: str = " "
    always: str | None = None
    extract: str | None = None
    strip_suffix: str = ""
    values: Map[str, str] | None = None
    default: str | None = None
    prefix: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRule:
    """One field of an event: its path, its cell, and of which type it is."""

    path: str
    cell: Cell
    type: str = "text"
    factor: float = 1.0
    times: str | None = None
    decimal: str = "."
    currency: str | None = None
    split: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        return self.cell.columns if self.times is None else (*self.cell.columns, self.times)


@dataclass(frozen=True, slots=True, kw_only=True)
class MomentRule:
    """When: the cell, how it is written (`iso`, a unit since 1970, or a pattern), and the zone of its clock."""

    cell: Cell
    written: str = "iso"
    zone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A test of one column of the row. A missing cell passes only `has: false` and `is_not`."""

    column: str
    one_of: tuple[str, ...] | None = None
    none_of: tuple[str, ...] | None = None
    has: bool | None = None
    starts_with: str | None = None
    above: float | None = None
    below: float | None = None
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """Rows that are left out on purpose, and why. They are counted under that reason."""

    where: tuple[Condition, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRule:
    """One event that a row gives when it passes `where`."""

    kind: EventKind
    name: Cell | None
    user_id: Cell | None
    anonymous_id: Cell | None
    previous_id: Cell | None
    occurred_at: MomentRule
    received_at: MomentRule | None
    message_id: Cell | None
    where: tuple[Condition, ...]
    fields: tuple[FieldRule, ...]

    def cells(self) -> Iterator[Cell]:
        """Every cell it reads."""
        moments = [rule.cell for rule in (self.occurred_at, self.received_at) if rule is not None]
        whom = [self.name, self.user_id, self.anonymous_id, self.previous_id, self.message_id]
        yield from (cell for cell in whom if cell is not None)
        yield from moments
        yield from (rule.cell for rule in self.fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """What a mapping file says. `fingerprint` is another one whenever the file's text is."""

    name: str
    format: str | None = None
    separator: str | None = None
    quote: str = '"'
    encoding: str = "utf-8"
    header: tuple[str, ...] | None = None
    null_values: tuple[str, ...] = ("",)
    keeps_duplicates: bool = False
    skip: tuple[Skip, ...] = ()
    events: tuple[EventRule, ...] = ()
    consent: Map[Purpose, bool] = field(default_factory=dict)
    consent_categories: Map[str, Purpose] = field(default_factory=dict)
    retention_ms: int | None = None
    heartbeat_ms: int | None = None
    path: str = ""
    fingerprint: str = ""

    def columns(self) -> dict[str, int]:
        """Every column that the mapping reads, with the line that names it first."""
        found: dict[str, int] = {}
        for rule in self.events:
            for cell in rule.cells():
                for column in cell.columns:
                    found.setdefault(column, cell.line)
            for each in rule.fields:
                if each.times is not None:
                    found.setdefault(each.times, each.cell.line)
        for condition in self._conditions():
            found.setdefault(condition.column, condition.line)
        return found

    def _conditions(self) -> Iterator[Condition]:
        yield from (condition for skip in self.skip for condition in skip.where)
        yield from (condition for rule in self.events for condition in rule.where)
