"""Lines of the Segment protocol as events: single calls, and batches as an SDK sends them.

Most lines are read many at once, as columns. A line with anything odd in it is read by `message.py`, alone;
tests hold that both ways give the same events.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from shoal.collect.consents import CONSENT_UPDATED, VERSION_PATH, purpose_of
from shoal.collect.ids import Ids
from shoal.collect.json_rows import Dense, Found, JsonPaths, are_of, typed_columns
from shoal.collect.json_scan import ESCAPED, FALSE, TEXT, TRUE
from shoal.collect.mapping import Mapping
from shoal.collect.message import (
    FURTHEST_AHEAD,
    MessageRejected,
    Reading,
    messages_of,
    row_of_message,
)
from shoal.collect.moments import read_moments
from shoal.collect.rows import Mapped, Rows
from shoal.model.consent import Purpose, consent_path
from shoal.model.event import NAME_OF_KIND, EventKind
from shoal.model.frame import ENVELOPE, FIELD_TYPES, field_column, split_field_column
from shoal.model.time import EARLIEST_MOMENT, LATEST_MOMENT

NOT_JSON = "it is not JSON"

Flags = NDArray[np.bool_]
Keys = tuple[str, ...]

_ROW = "row"
_TOP = (
    "messageId",
    "type",
    "event",
    "userId",
    "anonymousId",
    "timestamp",
    "originalTimestamp",
    "sentAt",
    "receivedAt",
)
_MOMENTS = ("timestamp", "originalTimestamp", "sentAt", "receivedAt")
_FAST_KINDS = ("track", "page", "screen", "identify")
_CATEGORIES = ("context", "consent", "categoryPreferences")
_VERSION = ("context", "consent", "version")
_NO_CATEGORIES = re.compile(rb'"categoryPreferences"\s*:\s*\{\s*\}')
"""An object without anything in it leaves no trace among the values that are found, and says much."""


class MessageLines:
    """Reads the lines of one file."""

    def __init__(self, mapping: Mapping) -> None:
        self._reading = Reading(mapping.consent_categories, mapping.consent, mapping.retention_ms)
        self._paths = JsonPaths()

    def mapped(self, rows: Rows, ids: Ids) -> Mapped:
        """The events of lines. `ids` are for messages that have no messageId."""
        odd = np.zeros(len(rows), np.bool_)
        odd[list(rows.reasons)] = True
        odd[_refusing_all(rows)] = True
        found = self._paths.scan(rows.raw, odd)
        columns = _Columns(rows, found, odd, self._reading)
        frame = columns.frame(ids)
        slow_rows = [row for row in np.flatnonzero(columns.odd).tolist() if row not in rows.reasons]
        slow, failed = self._one_by_one(rows, ids, slow_rows)
        if slow:
            frame = pl.concat([frame, frame_of_rows(slow)], how="diagonal").sort(_ROW, maintain_order=True)
        return Mapped(frame.drop(_ROW), {**rows.reasons, **failed})

    def _one_by_one(self, rows: Rows, ids: Ids, slow: list[int]) -> tuple[list[dict[str, Any]], dict[int, str]]:
        failed, events = dict[int, str](), list[dict[str, Any]]()
        for row in slow:
            of_line, reason = events_of_line(rows.raw.of(row), self._reading, ids.all[row])
            events += [{_ROW: row, **event} for event in of_line]
            if reason is not None:
                failed[row] = reason
        return events, failed


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
    schema: dict[str, type[pl.DataType]] = {_ROW: pl.Int64, **ENVELOPE}
    for row in rows:
        for column in row:
            if column not in schema:
                field = split_field_column(column)
                assert field is not None
                schema[column] = FIELD_TYPES[field[1]]
    columns = {name: pl.Series([row.get(name) for row in rows], dtype=dtype) for name, dtype in schema.items()}
    return pl.DataFrame(columns)


class _Columns:
    """The events of all lines that are not odd. More of them turn out to be odd on the way."""

    def __init__(self, rows: Rows, found: dict[Keys, Found], odd: Flags, reading: Reading) -> None:
        self.letters, self.size = rows.raw.letters, len(rows)
        self.found, self.odd, self.reading = found, odd, reading
        self._mark_odd_shapes()
        self.top = {key: self._top(key) for key in _TOP}
        self.kinds = self.top["type"]
        self.odd |= ~self._is_kind(*_FAST_KINDS)

    def frame(self, ids: Ids) -> pl.DataFrame:
        is_track = self._is_kind("track")
        event = self.top["event"]
        self.odd |= is_track & event.is_null().to_numpy()
        self.odd |= (self.top["userId"].is_null() & self.top["anonymousId"].is_null()).to_numpy()
        occurred_at, received_at, is_adjusted = self._moments()
        fields = list(self._fields())
        name = event.set(pl.Series(~is_track), "")
        for kind, shown in NAME_OF_KIND.items():
            name = name.set(pl.Series(self._is_kind(kind.value)), shown)
        is_consent = is_track & event.eq(CONSENT_UPDATED).fill_null(value=False).to_numpy()
        frame = pl.DataFrame(
            {
                _ROW: pl.int_range(self.size, dtype=pl.Int64, eager=True),
                "message_id": self._message_ids(ids),
                "kind": self.kinds.set(pl.Series(is_consent), EventKind.CONSENT.value),
                "name": name.set(pl.Series(is_consent), ""),
                "occurred_at": occurred_at,
                "received_at": received_at,
                "user_id": self.top["userId"],
                "anonymous_id": self.top["anonymousId"],
                "previous_id": pl.Series([None], dtype=pl.String).new_from_index(0, self.size),
            }
        )
        if is_adjusted.any():
            truths = pl.Series(is_adjusted).set(pl.Series(~is_adjusted), None)
            fields = [column for column in fields if not column.name.startswith("context.ts_adjusted:")]
            fields.append(truths.alias(field_column("context.ts_adjusted", "truth")))
        frame = frame.with_columns(*fields)
        return frame.filter(pl.Series(~self.odd)) if self.odd.any() else frame

    def _message_ids(self, ids: Ids) -> pl.Series:
        stated = self.top["messageId"]
        return stated.fill_null(ids.all) if stated.null_count() else stated

    def _mark_odd_shapes(self) -> None:
        """Objects where a value should be, and values where an object should be."""
        objects = ("context", "properties", "traits")
        for keys, values in self.found.items():
            is_value_for_object = keys in {(name,) for name in objects} or keys in (
                ("context", "traits"),
                ("context", "consent"),
                _CATEGORIES,
            )
            if is_value_for_object:
                self.odd[values.present().rows] = True
            elif _is_other_consent(keys) or _is_object_for_value(keys):
                self.odd[values.rows] = True

    def _is_kind(self, *kinds: str) -> Flags:
        return self.kinds.is_in(list(kinds)).fill_null(value=False).to_numpy()

    def _top(self, key: str) -> pl.Series:
        """A text at the top of the lines; empty is missing, and anything else than a text is odd."""
        dense = Dense(self.size)
        if (key,) in self.found:
            dense.put(self.found[key,].present())
        is_text = dense.has(TEXT, ESCAPED)
        self.odd |= (dense.kinds != 0) & ~is_text
        return dense.texts(self.letters, is_text & (dense.ends > dense.starts))

    # When

    def _moments(self) -> tuple[pl.Series, pl.Series, Flags]:
        """As `moments_of` says, for all at once."""
        read = {key: read_moments(self.top[key], "iso", "UTC") for key in _MOMENTS}
        for key in ("timestamp", "originalTimestamp", "receivedAt"):
            self.odd |= (self.top[key].is_not_null() & read[key].is_null()).to_numpy()
        received, sent = read["receivedAt"], read["sentAt"]
        stated = read["originalTimestamp"].fill_null(read["timestamp"]).fill_null(received).fill_null(sent)
        self.odd |= stated.is_null().to_numpy()
        corrected = (received - (sent - stated)).fill_null(stated)
        furthest = received + FURTHEST_AHEAD
        clamped = corrected.zip_with((corrected <= furthest).fill_null(value=True), furthest)
        if self.reading.retention_ms is not None:
            earliest = received - self.reading.retention_ms
            clamped = clamped.zip_with((clamped >= earliest).fill_null(value=True), earliest)
        occurred = clamped.clip(EARLIEST_MOMENT, LATEST_MOMENT)
        is_adjusted = (received.is_not_null() & (occurred != stated)).fill_null(value=False).to_numpy()
        return occurred, received.fill_null(stated), is_adjusted

    # What

    def _fields(self) -> Iterator[pl.Series]:
        for path, dense in self._by_path().items():
            columns, bad = typed_columns(dense, self.letters)
            self.odd[bad] = True
            for type_name, column in columns:
                yield column.alias(field_column(path, type_name))
        yield from self._consents()

    def _by_path(self) -> dict[str, Dense]:
        """The values of each field. Where two places say the same field, the later of these three wins."""
        by_path: dict[str, Dense] = {}
        for group in (self._context, self._traits, self._properties):
            for path, found in group():
                if len(found.rows):
                    by_path.setdefault(path, Dense(self.size)).put(found)
        return by_path

    def _context(self) -> Iterator[tuple[str, Found]]:
        for keys, values in self._below("context"):
            if keys[1] == "traits":
                yield ".".join(("traits", *keys[2:])), values
            elif keys[1] != "consent":
                yield ".".join(keys), values
            elif keys == _VERSION:
                is_stated = are_of(values.kinds, TEXT, ESCAPED) & (values.ends > values.starts)
                yield VERSION_PATH, values[is_stated]
            elif keys[:3] == _CATEGORIES and self._purpose(keys) is None:
                is_kept = are_of(values.kinds, TEXT, ESCAPED, TRUE, FALSE)
                yield ".".join(keys), values[is_kept] if len(keys) == 4 else values[is_kept & False]

    def _traits(self) -> Iterator[tuple[str, Found]]:
        is_identify = self._is_kind("identify")
        for keys, values in self._below("traits"):
            yield ".".join(keys), values[is_identify[values.rows]]

    def _properties(self) -> Iterator[tuple[str, Found]]:
        is_activity = self._is_kind("track", "page", "screen")
        for keys, values in self._below("properties"):
            yield ".".join(keys), values[is_activity[values.rows]]
        is_page = self._is_kind("page", "screen")
        for key in ("name", "category"):
            if (key,) in self.found:
                values = self.found[key,]
                is_stated = are_of(values.kinds, TEXT, ESCAPED) & (values.ends > values.starts)
                yield f"properties.{key}", values[is_stated & is_page[values.rows]]

    def _below(self, group: str) -> Iterator[tuple[Keys, Found]]:
        for keys, values in self.found.items():
            if keys[0] == group and len(keys) > 1:
                yield keys, values.present()

    # Consent

    def _purpose(self, keys: Keys) -> Purpose | None:
        return purpose_of(keys[3], self.reading.categories) if len(keys) == 4 else None

    def _consents(self) -> Iterator[pl.Series]:
        """Where two categories stand for one purpose, refusal wins; what the import states is for the others."""
        stated = {purpose: (Dense(self.size), Dense(self.size)) for purpose in Purpose}
        for keys, values in self.found.items():
            if keys[:3] == _CATEGORIES and (purpose := self._purpose(keys)) is not None:
                granted, refused = stated[purpose]
                granted.put(values[values.kinds == TRUE])
                refused.put(values[values.kinds == FALSE])
                others = values.present()
                self.odd[others.rows[~are_of(others.kinds, TRUE, FALSE)]] = True
        for purpose, (granted, refused) in stated.items():
            is_refused, is_granted = refused.kinds != 0, granted.kinds != 0
            truths = pl.Series(is_granted & ~is_refused).set(pl.Series(~(is_granted | is_refused)), None)
            if purpose in self.reading.consent:
                truths = truths.fill_null(self.reading.consent[purpose])
            if truths.null_count() < self.size:
                yield truths.alias(field_column(consent_path(purpose), "truth"))


def _refusing_all(rows: Rows) -> list[int]:
    """The rows in which the categories of consent are an empty object."""
    places = [match.start() for match in _NO_CATEGORIES.finditer(rows.raw.letters.data)]
    return (np.searchsorted(rows.raw.starts, places, side="right") - 1).tolist() if places else []


def _is_object_for_value(keys: Keys) -> bool:
    return keys[0] == "batch" or (len(keys) > 1 and keys[0] in (*_TOP, "name", "category"))


def _is_other_consent(keys: Keys) -> bool:
    """Whether consent is stated here in a way that is read one by one."""
    below = keys[:2] == ("context", "consent") and keys[2:3] != ("categoryPreferences",) and keys != _VERSION
    return below or (len(keys) > 2 and keys[:2] == ("context", "consentManagement"))
