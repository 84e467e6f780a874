"""Lines of the Segment protocol as events: single calls, and batches as an SDK sends them."""

from __future__ import annotations

from typing import Any

import msgspec
import polars as pl

from shoal.collect.mapping import Mapping
from shoal.collect.message import MessageRejected, Reading, messages_of, row_of_message
from shoal.collect.rows import Mapped, Rows
from shoal.model.frame import ENVELOPE, FIELD_TYPES, split_field_column

NOT_JSON = "it is not JSON"


def map_messages(mapping: Mapping, rows: Rows, ids: pl.Series) -> Mapped:
    """The events of lines. `ids` are for messages that have no messageId."""
    reading = Reading(mapping.consent_categories, mapping.consent, mapping.retention_ms)
    failed, found = dict(rows.reasons), list[dict[str, Any]]()
    for row in range(len(rows)):
        if row not in failed:
            events, reason = events_of_line(rows.raw.of(row), reading, ids[row])
            found += events
            if reason is not None:
                failed[row] = reason
    return Mapped(frame_of_rows(found), failed)


def events_of_line(line: bytes, reading: Reading, message_id: str) -> tuple[list[dict[str, Any]], str | None]:
    """The events of a line, and why one of its messages could not be read."""
    try:
        messages = messages_of(msgspec.json.decode(line))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return [], f"{NOT_JSON}: {error}"
    except RecursionError:
        return [], f"{NOT_JSON} that can be read: it is nested too deep"
    except MessageRejected as error:
        return [], str(error)
    events, reason = [], None
    for index, message in enumerate(messages):
        try:
            events.append(row_of_message(message, reading, f"{message_id}.{index}" if index else message_id))
        except MessageRejected as error:
            where = f"message {index + 1} of {len(messages)}: " if len(messages) > 1 else ""
            reason = reason or f"{where}{error}"
    return events, reason


def frame_of_rows(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Rows of the slow way as a frame."""
    schema = dict(ENVELOPE)
    for row in rows:
        for column in row:
            if column not in schema:
                field = split_field_column(column)
                assert field is not None
                schema[column] = FIELD_TYPES[field[1]]
    columns = {name: pl.Series([row.get(name) for row in rows], dtype=dtype) for name, dtype in schema.items()}
    return pl.DataFrame(columns)
