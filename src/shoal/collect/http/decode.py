"""Entries of the journal as events: what a request means is said here, and by `message.py` for each message.

Many messages are read at once, as columns; few, and odd ones, one by one. Both ways give the same events.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shoal.collect.door import OF_ERASED, Door
from shoal.collect.http.bodies import unpacked_so_far
from shoal.collect.http.contents import Contents, Unreadable, contents_of
from shoal.collect.http.context import with_context
from shoal.collect.http.failed_event import FailedEvent
from shoal.collect.http.limits import Limits
from shoal.collect.ids import RowIds
from shoal.collect.mapping_file import load_mapping
from shoal.collect.message import MessageRejected, Reading, row_of_message
from shoal.collect.rows import Raw, Rows
from shoal.collect.segment import MessageLines, frame_of_rows
from shoal.definitions.settings import Settings
from shoal.definitions.sources import Collecting
from shoal.journal.journal import EVENTS_PER_ENTRY, Entry
from shoal.model.frame import STORED_ENVELOPE

FEW = 100
"""So many messages are read one by one: setting up columns would take longer."""

LINES_BETWEEN_RENEWALS = 2_000_000
"""After so many lines the paths that were seen are forgotten, so that made-up names do not add up for ever."""

_ROW, _POSITION = "row", "position"

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Decoded:
    """What entries hold: events with STORED_ENVELOPE, in order of position, and the messages that failed."""

    events: pl.DataFrame
    failed: list[FailedEvent]
    left_out: Counter[str] = field(default_factory=Counter)
    """What the door kept outside, or cut down, by reason."""


@dataclass(frozen=True, slots=True)
class _Messages:
    """The messages of many requests, one after the other: of which request each is, and its number there."""

    contents: Sequence[Contents]
    requests: Places
    indices: Places

    def __len__(self) -> int:
        return len(self.requests)

    def place(self, row: int) -> tuple[Contents, int]:
        return self.contents[self.requests[row]], int(self.indices[row])


def _messages_of(contents: Sequence[Contents]) -> _Messages:
    counts = [len(each.messages) for each in contents]
    requests = np.repeat(np.arange(len(contents)), counts)
    starts = np.cumsum([0, *counts])[:-1]
    return _Messages(contents, requests, np.arange(len(requests)) - starts[requests])


class Decoder:
    """Reads the entries of one workspace's journal."""

    def __init__(
        self,
        settings: Settings,
        collecting: Collecting,
        *,
        door: Door | None = None,
        limits: Limits | None = None,
        few: int = FEW,
    ) -> None:
        self._limits, self._few = limits or Limits(), few
        self._door = door or Door(without_consent=collecting.without_consent)
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
        """The events of entries. The same entries always give the same events, until somebody is erased."""
        contents, failed = list[Contents](), list[FailedEvent]()
        for entry in entries:
            try:
                contents.append(contents_of(entry, self._limits))
            except Unreadable as error:
                whole = Contents(entry=entry, messages=[entry.arrival.body], is_alone=True)
                failed.append(whole.failed(0, str(error)))
        messages = _messages_of(contents)
        frame, reasons = self._frame(messages)
        for row, reason in reasons.items():
            request, index = messages.place(row)
            failed.append(request.failed(index, reason))
        admitted = self._door.admit(frame)
        kept = sorted(
            (each for each in failed if not self._keeps_out(each)), key=lambda each: (each.position, each.index)
        )
        left_out = admitted.left_out + Counter({OF_ERASED: len(failed) - len(kept)})
        return Decoded(admitted.events, kept, left_out)

    def _keeps_out(self, failed: FailedEvent) -> bool:
        """Whether what failed names somebody who was erased."""
        return self._door.keeps_out(unpacked_so_far(failed.message, self._limits))

    def _frame(self, messages: _Messages) -> tuple[pl.DataFrame, dict[int, str]]:
        """The events of messages, and why the others (by their row in `messages`) are none."""
        lines, reasons = list[bytes | None]([None]) * len(messages), dict[int, str]()
        if len(messages) > self._few:
            lines = self._as_lines(messages)
        rows = list[dict[str, Any]]()
        for row, line in enumerate(lines):
            if line is None:
                try:
                    rows.append({_ROW: row, **self._row(*messages.place(row))})
                except MessageRejected as error:
                    reasons[row] = str(error)
        frames = [frame_of_rows(rows)] if rows or len(reasons) == len(lines) else []
        fast = np.array([row for row, line in enumerate(lines) if line is not None], np.int64)
        if len(fast):
            frame, failed = self._columns([line for line in lines if line is not None])
            kept = np.ones(len(fast), np.bool_)
            kept[list(failed)] = False
            frames.append(frame.with_columns(pl.Series(_ROW, fast[kept])))
            reasons |= {int(fast[index]): reason for index, reason in failed.items()}
        frame = pl.concat(frames, how="diagonal") if len(frames) > 1 else frames[0]
        if len(frames) > 1:
            frame = frame.sort(_ROW, maintain_order=True)
        return _placed(frame, messages), reasons

    def _as_lines(self, messages: _Messages) -> list[bytes | None]:
        most = self._limits.event_bytes
        return [
            request.line(index) if len(written) <= most else None
            for request in messages.contents
            for index, written in enumerate(request.messages)
        ]

    def _columns(self, lines: Sequence[bytes]) -> tuple[pl.DataFrame, dict[int, str]]:
        self._lines_read += len(lines)
        if self._lines_read > LINES_BETWEEN_RENEWALS:
            self._renew()
        ends = np.cumsum([len(line) for line in lines], dtype=np.int64)
        starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])
        raw = Raw(np.frombuffer(b"".join(lines), np.uint8), starts, ends)
        mapped = self._lines.mapped(Rows(raw, np.arange(len(lines))), self._ids.of(raw))
        return mapped.events, mapped.failed

    def _row(self, request: Contents, index: int) -> dict[str, Any]:
        """The slow and obvious way. Raises MessageRejected."""
        if len(request.messages[index]) > self._limits.event_bytes:
            raise MessageRejected(f"it is larger than {self._limits.event_bytes // 1024} KB")
        return row_of_message(request.message(index), self._reading, "")


def _placed(frame: pl.DataFrame, messages: _Messages) -> pl.DataFrame:
    """The frame with positions, and what the server knows of each sender."""
    rows = frame[_ROW].to_numpy()
    requests = messages.requests[rows]
    starts = np.array([each.entry.position for each in messages.contents], np.int64) * EVENTS_PER_ENTRY
    positions = pl.Series(_POSITION, starts[requests] + messages.indices[rows], dtype=pl.Int64)
    arrivals = [each.entry.arrival for each in messages.contents]
    placed = with_context(frame.drop(_ROW), arrivals, requests).with_columns(positions)
    return placed.select(*STORED_ENVELOPE, *(column for column in placed.columns if column not in STORED_ENVELOPE))
