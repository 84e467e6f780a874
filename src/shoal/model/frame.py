"""Many events as one Polars frame: the form in which they are imported, stored and read in bulk.

The first columns are those of `Event`. Every field of an event has one column per type it was seen with,
named `<path>:<type>`: `properties.price:number`, `context.device.type:text`. A row has at most one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import polars as pl

from shoal.model.event import Event, EventKind
from shoal.model.value import Items, Value

ENVELOPE: dict[str, type[pl.DataType]] = {
    "message_id": pl.String,
    "kind": pl.String,
    "name": pl.String,
    "occurred_at": pl.Int64,
    "received_at": pl.Int64,
    "user_id": pl.String,
    "anonymous_id": pl.String,
    "previous_id": pl.String,
}
"""The columns that every frame of incoming events has, in this order."""

STORED_ENVELOPE: dict[str, type[pl.DataType]] = {"position": pl.Int64, **ENVELOPE}
"""Stored events also know their place in the journal."""

FIELD_TYPES: dict[str, type[pl.DataType]] = {
    "number": pl.Float64,
    "text": pl.String,
    "truth": pl.Boolean,
    "items": pl.String,
}
"""Types of field columns; `items` holds canonical JSON of a list."""


def field_column(path: str, type_name: str) -> str:
    """The column of one field and one type."""
    return f"{path}:{type_name}"


def split_field_column(column: str) -> tuple[str, str] | None:
    """(path, type) of a field column; None for a column of the envelope."""
    path, colon, type_name = column.rpartition(":")
    return (path, type_name) if colon and type_name in FIELD_TYPES else None


def type_name_of(value: Value) -> str:
    """Under which of FIELD_TYPES a value is kept."""
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, str):
        return "text"
    return "items" if isinstance(value, Items) else "number"


def is_in_order(events: pl.DataFrame) -> bool:
    """Whether events stand in the order of histories: by moment, and by position where that is the same."""
    moments, positions = events["occurred_at"].to_numpy(), events["position"].to_numpy()
    later = moments[1:] > moments[:-1]
    return bool((later | ((moments[1:] == moments[:-1]) & (positions[1:] > positions[:-1]))).all())


def in_order(events: pl.DataFrame) -> pl.DataFrame:
    """The same events in the order of histories."""
    return events if is_in_order(events) else events.sort("occurred_at", "position")


def frame_of_events(events: Iterable[Event]) -> pl.DataFrame:
    """Events as a frame with STORED_ENVELOPE and their field columns, in the order given."""
    rows = [_row(event) for event in events]
    columns = dict(STORED_ENVELOPE)
    for row in rows:
        for column in row:
            if column not in columns:
                field = split_field_column(column)
                assert field is not None
                columns[column] = FIELD_TYPES[field[1]]
    return pl.DataFrame(rows, schema=columns)


def _row(event: Event) -> dict[str, object]:
    row: dict[str, object] = {name: getattr(event, name) for name in STORED_ENVELOPE}
    row["kind"] = event.kind.value
    for path, value in event.fields.items():
        type_name = type_name_of(value)
        row[field_column(path, type_name)] = value.json if isinstance(value, Items) else value
    return row


def events_of_frame(frame: pl.DataFrame) -> Iterator[Event]:
    """The events of a stored frame, row by row. For single profiles and tests; the kernel reads columns."""
    fields = [(column, split_field_column(column)) for column in frame.columns]
    typed = [(column, *field) for column, field in fields if field is not None]
    for row in frame.iter_rows(named=True):
        values: dict[str, Value] = {}
        for column, path, type_name in typed:
            if row[column] is not None:
                values[path] = Items(row[column]) if type_name == "items" else row[column]
        envelope = {name: row[name] for name in STORED_ENVELOPE}
        yield Event(**{**envelope, "kind": EventKind(row["kind"])}, fields=values)
