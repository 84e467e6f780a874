"""Entries of the journal as events: what a request means is said here, and by `message.py` for each message.

Many messages are read at once, as columns; few, and odd ones, one by one. Both ways give the same events.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
import polars as pl

from shoal.collect.http.answers import Refused
from shoal.collect.http.bodies import unpack
from shoal.collect.http.context import with_context
from shoal.collect.http.failed_event import REPLAYED_FROM, FailedEvent
from shoal.collect.http.limits import Limits
from shoal.collect.http.routes import BATCH, kind_of
from shoal.collect.ids import RowIds
from shoal.collect.mapping_file import load_mapping
from shoal.collect.message import MessageRejected, Reading, row_of_message, with_shared
from shoal.collect.rows import Raw, Rows
from shoal.collect.segment import NOT_JSON, MessageLines, frame_of_rows
from shoal.definitions.settings import Settings
from shoal.definitions.sources import Collecting
from shoal.journal.journal import Entry
from shoal.model.frame import STORED_ENVELOPE
from shoal.model.time import format_moment

FEW = 32
"""So many messages are read one by one: setting up columns would take longer."""

LINES_BETWEEN_RENEWALS = 2_000_000
"""After so many lines the paths that were seen are forgotten, so that made-up names do not add up for ever."""

DAMAGED = "the disk gave back other bytes than were written"

_ROW, _POSITION = "row", "position"
_ABSENT = msgspec.UNSET
_NULL, _EMPTY = b"null", b'""'


@dataclass(frozen=True, slots=True)
class Decoded:
    """What entries hold: events with STORED_ENVELOPE, in order of position, and the messages that failed."""

    events: pl.DataFrame
    failed: list[FailedEvent]


class _Batch(msgspec.Struct):
    batch: list[msgspec.Raw] | msgspec.UnsetType = _ABSENT
    sentAt: Any = None  # noqa: N815  (a name of the protocol)
    context: Any = None


class _Said(msgspec.Struct):
    """What a message says of itself, as it is written."""

    type: msgspec.Raw | msgspec.UnsetType = _ABSENT
    messageId: msgspec.Raw | msgspec.UnsetType = _ABSENT  # noqa: N815
    sentAt: msgspec.Raw | msgspec.UnsetType = _ABSENT  # noqa: N815
    timestamp: msgspec.Raw | msgspec.UnsetType = _ABSENT
    originalTimestamp: msgspec.Raw | msgspec.UnsetType = _ABSENT  # noqa: N815
    receivedAt: msgspec.Raw | msgspec.UnsetType = _ABSENT  # noqa: N815
    batch: msgspec.Raw | msgspec.UnsetType = _ABSENT


_BATCHES = msgspec.json.Decoder(_Batch)
_SAYINGS = msgspec.json.Decoder(_Said)


@dataclass(slots=True)
class _Message:
    """One message as it was written, and what its request says of it."""

    entry: Entry
    index: int
    written: bytes
    sent_at: Any = None
    context: Any = None
    kind: str = BATCH
    is_alone: bool = False

    def failed(self, reason: str) -> FailedEvent:
        shared = None if self.is_alone else {"sentAt": self.sent_at, "context": self.context}
        return FailedEvent(
            position=self.entry.position,
            index=self.index,
            reason=reason,
            arrival=self.entry.arrival,
            message=self.written,
            shared=shared,
        )


class Decoder:
    """Reads the entries of one workspace's journal."""

    def __init__(
        self, settings: Settings, collecting: Collecting, *, limits: Limits | None = None, few: int = FEW
    ) -> None:
        self._limits, self._few = limits or Limits(), few
        self._mapping = replace(
            load_mapping("segment"),
            retention_ms=settings.retention,
            consent_categories=collecting.consent_categories,
        )
        self._reading = Reading(self._mapping.consent_categories, self._mapping.consent, settings.retention)
        self._ids = RowIds("live", keeps_duplicates=False)
        self._renew()

    def _renew(self) -> None:
        self._lines, self._lines_read = MessageLines(self._mapping), 0

    def decode(self, entries: Iterable[Entry]) -> Decoded:
        """The events of entries. The same entries always give the same events."""
        messages, failed = list[_Message](), list[FailedEvent]()
        for entry in entries:
            try:
                messages += self._messages(entry)
            except _Unreadable as error:
                whole = _Message(entry, 0, entry.arrival.body, is_alone=True)
                failed.append(whole.failed(str(error)))
        frame, reasons = self._frame(messages)
        failed += [messages[row].failed(reason) for row, reason in reasons.items()]
        failed.sort(key=lambda each: (each.position, each.index))
        return Decoded(frame, failed)

    def _messages(self, entry: Entry) -> Iterator[_Message]:
        arrival = entry.arrival
        if not entry.is_whole:
            raise _Unreadable(DAMAGED)
        kind = kind_of(arrival.path) or BATCH
        try:
            body = unpack(arrival.body, arrival.headers.get("content-encoding", "").strip().lower(), self._limits)
            shared = _BATCHES.decode(body)
        except Refused as error:
            raise _Unreadable(error.message) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            yield from self._odd_messages(entry, kind, body)
            return
        if shared.batch is _ABSENT:
            yield _Message(entry, 0, body.strip(), kind=kind, is_alone=True)
            return
        assert isinstance(shared.batch, list)
        for index, written in enumerate(shared.batch):
            yield _Message(entry, index, bytes(written), shared.sentAt, shared.context, kind)

    def _odd_messages(self, entry: Entry, kind: str, body: bytes) -> Iterator[_Message]:
        """Of a body that is not what it should be, although it was taken: its `batch` is no list, say."""
        try:
            found = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _Unreadable(f"{NOT_JSON}: {error}") from None
        batch = found.get("batch") if isinstance(found, dict) else None
        if not isinstance(batch, list):
            yield _Message(entry, 0, body.strip(), kind=kind, is_alone=True)
            return
        for index, message in enumerate(batch):
            written = msgspec.json.encode(message)
            yield _Message(entry, index, written, found.get("sentAt"), found.get("context"), kind)

    # Messages as rows of a frame

    def _frame(self, messages: Sequence[_Message]) -> tuple[pl.DataFrame, dict[int, str]]:
        """The events of messages, and why the others (by their place in `messages`) are none."""
        lines = list[bytes | None]([None]) * len(messages)
        if len(messages) > self._few:
            lines = [_as_line(message, self._limits) for message in messages]
        rows, reasons = list[dict[str, Any]](), dict[int, str]()
        for row, message in enumerate(messages):
            if lines[row] is None:
                try:
                    rows.append({_ROW: row, **self._row(message)})
                except MessageRejected as error:
                    reasons[row] = str(error)
        frames = [frame_of_rows(rows)]
        fast = [(row, line) for row, line in enumerate(lines) if line is not None]
        if fast:
            frame, failed = self._columns([line for _, line in fast])
            numbers = np.array([row for row, _ in fast])
            kept = np.ones(len(fast), np.bool_)
            kept[list(failed)] = False
            frames.append(frame.with_columns(pl.Series(_ROW, numbers[kept], dtype=pl.Int64)))
            reasons |= {int(numbers[index]): reason for index, reason in failed.items()}
        frame = pl.concat(frames, how="diagonal") if len(frames) > 1 else frames[0]
        if rows and fast:
            frame = frame.sort(_ROW, maintain_order=True)
        return _placed(frame, messages), reasons

    def _columns(self, lines: Sequence[bytes]) -> tuple[pl.DataFrame, dict[int, str]]:
        self._lines_read += len(lines)
        if self._lines_read > LINES_BETWEEN_RENEWALS:
            self._renew()
        ends = np.cumsum([len(line) for line in lines], dtype=np.int64)
        starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])
        raw = Raw(np.frombuffer(b"".join(lines), np.uint8), starts, ends)
        mapped = self._lines.mapped(Rows(raw, np.arange(len(lines))), self._ids.of(raw))
        return mapped.events, mapped.failed

    def _row(self, message: _Message) -> dict[str, Any]:
        """The slow and obvious way. Raises MessageRejected."""
        if len(message.written) > self._limits.event_bytes:
            raise MessageRejected(_too_large(self._limits))
        try:
            found = msgspec.json.decode(message.written)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise MessageRejected(f"{NOT_JSON}: {error}") from None
        except RecursionError:
            raise MessageRejected(f"{NOT_JSON} that can be read: it is nested too deep") from None
        context = {} if message.context is None else message.context
        if not isinstance(context, dict):
            raise MessageRejected("the context of its batch is not an object")
        shared = {} if message.sent_at is None else {"sentAt": message.sent_at}
        found = with_shared(found, shared, context)
        if isinstance(found, dict):
            found["receivedAt"] = message.entry.arrival.received_at
            if message.kind != BATCH:
                found.setdefault("type", message.kind)
        return row_of_message(found, self._reading, _made_id(message, _says_when(found)))


class _Unreadable(ValueError):
    """A request of which nothing can be read."""


def _as_line(message: _Message, limits: Limits) -> bytes | None:
    """The message with what its request says of it, for reading it with many others. None when it is odd."""
    written = message.written
    if message.context or len(written) > limits.event_bytes or not written.startswith(b"{"):
        return None
    try:
        said = _SAYINGS.decode(written)
        written.decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if said.receivedAt is not _ABSENT or said.batch is not _ABSENT:
        return None
    parts = [b'{"receivedAt":"', format_moment(message.entry.arrival.received_at).encode(), b'"']
    if said.sentAt is _ABSENT:
        if isinstance(message.sent_at, str) and message.sent_at:
            parts += [b',"sentAt":', msgspec.json.encode(message.sent_at)]
        elif message.sent_at is not None:
            return None
    elif bytes(said.sentAt) == _NULL:
        return None
    if said.type is _ABSENT:
        if message.kind == BATCH:
            return None
        parts += [b',"type":"', message.kind.encode(), b'"']
    elif bytes(said.type) == _NULL:
        return None
    if said.messageId is _ABSENT or bytes(said.messageId) in (_NULL, _EMPTY):
        if said.messageId is not _ABSENT:
            return None
        says_when = message.sent_at is not None or any(
            each is not _ABSENT and bytes(each) not in (_NULL, _EMPTY)
            for each in (said.sentAt, said.timestamp, said.originalTimestamp)
        )
        parts += [b',"messageId":"', _made_id(message, says_when).encode(), b'"']
    rest = written[1:].lstrip()
    return None if rest.startswith(b"}") else b"".join((*parts, b",", rest))


def _says_when(found: Any) -> bool:
    """Whether a message, or its batch, has a time of its own."""
    keys = ("sentAt", "timestamp", "originalTimestamp")
    return isinstance(found, dict) and any(found.get(key) not in (None, "") for key in keys)


def _made_id(message: _Message, says_when: bool) -> str:
    """An id for a message that has none: sent again, the same request gives the same ids.

    Two that are equal to the letter and say no time cannot be told from one that was sent twice. They are taken
    for two: each has an id of its own.
    """
    arrival = message.entry.arrival
    where = "" if says_when else arrival.headers.get(REPLAYED_FROM, message.entry.position)
    told = f"{arrival.write_key} {message.sent_at} {message.index} {where} "
    return hashlib.blake2b(told.encode() + message.written, digest_size=16).hexdigest()


def _too_large(limits: Limits) -> str:
    return f"it is larger than {limits.event_bytes // 1024} KB"


def _placed(frame: pl.DataFrame, messages: Sequence[_Message]) -> pl.DataFrame:
    """The frame with positions, and what the server knows of each sender."""
    chosen = [messages[row] for row in frame[_ROW].to_list()]
    positions = pl.Series(_POSITION, [each.entry.event_position(each.index) for each in chosen], dtype=pl.Int64)
    placed = with_context(frame.drop(_ROW), [each.entry.arrival for each in chosen])
    placed = placed.with_columns(positions)
    return placed.select(*STORED_ENVELOPE, *(column for column in placed.columns if column not in STORED_ENVELOPE))
