"""The clock of `shoal bench live`: how long after an event, or after a moment without one, a change is told.

A live workspace ticks as `shoal serve` does, over a journal in memory, while a steady stream comes in. What the
way over HTTP and the disk adds is measured by `shoal bench collect`.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import polars as pl

from shoal.bench.measured import Measured
from shoal.bench.stopwatch import Stopwatch
from shoal.definitions.definition import Definitions, SegmentDefinition
from shoal.definitions.workspace import Workspace
from shoal.journal.journal import Arrival, Entry
from shoal.model.frame import STORED_ENVELOPE
from shoal.model.time import SECOND
from shoal.runtime.live_loop import LONGEST_WAIT_S, wall_clock_ms
from shoal.runtime.live_workspace import LiveWorkspace

EVENTS_PER_ENTRY, USERS = 10, 2_000
SEGMENTS = Definitions.of(
    SegmentDefinition(name="came", when='happened("Came", within="1 day")'),
    SegmentDefinition(name="left", when='time_since("Came") >= "2 seconds"'),
    SegmentDefinition(name="busy", when='count("Page Viewed", within="1 hour") >= 1000000'),
)
"""Who came is in one segment at once, and in the next when it was two seconds ago and nothing else happened."""

FIRST = "user_id:new-0"
"""Who comes before anything is measured."""

SECONDS_AFTER_THE_LAST = 3


class MemoryJournal:
    """A journal that lasts as long as its process. The body of an entry is its number."""

    trouble: str | None = None

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._has_more = threading.Condition()

    @property
    def position(self) -> int:
        return len(self._entries)

    def append(self, arrival: Arrival) -> Future[int]:
        done: Future[int] = Future()
        with self._has_more:
            self._entries.append(Entry(position=len(self._entries) + 1, arrival=arrival))
            done.set_result(len(self._entries))
            self._has_more.notify_all()
        return done

    def read(self, after: int, limit: int) -> Iterator[Entry]:
        yield from self._entries[after : after + limit]

    def wait_beyond(self, position: int, timeout_s: float) -> bool:
        with self._has_more:
            return self._has_more.wait_for(lambda: self.position > position, timeout_s)

    def forget(self, through: int) -> None:
        """Keeps everything: there is little."""

    def close(self) -> None:
        """Nothing to close."""


def measure_clock(seconds: int, per_second: int) -> Measured:
    """One in ten events is somebody who comes for the first time; the others are pages of people who are known."""
    journal, watch, entries = MemoryJournal(), Stopwatch(), seconds * per_second // EVENTS_PER_ENTRY
    with tempfile.TemporaryDirectory(prefix="shoal-bench-") as folder:
        workspace = Workspace(folder=Path(folder), definitions=SEGMENTS)
        live = LiveWorkspace(workspace, journal, _decode, now=wall_clock_ms())
        _send(journal, range(1), per_second)
        live.tick(wall_clock_ms())  # so that everything is loaded
        sender = threading.Thread(target=_send, args=(journal, range(1, entries + 1), per_second))
        sender.start()
        with watch("ticks"):
            came, left = _tick_until(live, journal, time.monotonic() + seconds + SECONDS_AFTER_THE_LAST)
        sender.join()
        live.close()
    figures = {"changes told of events": float(len(came)), "changes told of moments": float(len(left))}
    for what, found in (("event to change", came), ("deadline to change", left)):
        for percentile in (50, 99, 100):
            name = f"{what}, {'most' if percentile == 100 else f'p{percentile}'} ms"
            figures[name] = float(np.percentile(found, percentile)) if found else float("nan")
    return watch.measured(**figures)


def _tick_until(live: LiveWorkspace, journal: MemoryJournal, end: float) -> tuple[list[int], list[int]]:
    """How long after its moment each change was told: of those who came, and of those who left."""
    late: dict[str, list[int]] = {"came": [], "left": []}
    while time.monotonic() < end:
        changes = live.tick(wall_clock_ms())
        told_at = wall_clock_ms()
        for change in changes:
            if change.profile == FIRST:
                continue
            late[change.segment].append(told_at - change.effective_at)
        until_moment = (live.engine.next_moment - wall_clock_ms()) / SECOND
        journal.wait_beyond(live.last_tick.through, min(max(until_moment, 0.0), LONGEST_WAIT_S))
    return late["came"], late["left"]


def _send(journal: MemoryJournal, numbers: range, per_second: int) -> None:
    """Entries of ten events each, at an even pace."""
    began = time.monotonic()
    for number in numbers:
        pause = began + (number - numbers.start) * EVENTS_PER_ENTRY / per_second - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        now = wall_clock_ms()
        journal.append(Arrival(received_at=now, write_key="", path="/v1/batch", body=str(number).encode()))


def no_events(entries: Iterable[Entry]) -> pl.DataFrame:
    """What stands in a journal that nobody writes to."""
    del entries
    return pl.DataFrame(schema=STORED_ENVELOPE)


def _decode(entries: Iterable[Entry]) -> pl.DataFrame:
    """The events of entries: the first one of each is somebody new."""
    places = [(entry, place) for entry in entries for place in range(EVENTS_PER_ENTRY)]
    numbers = [EVENTS_PER_ENTRY * int(entry.arrival.body) + place for entry, place in places]
    rows = {
        "position": [entry.event_position(place) for entry, place in places],
        "message_id": [f"m{number}" for number in numbers],
        "kind": ["track"] * len(places),
        "name": ["Page Viewed" if place else "Came" for _, place in places],
        "occurred_at": [entry.arrival.received_at for entry, _ in places],
        "received_at": [entry.arrival.received_at for entry, _ in places],
        "user_id": [
            f"user-{number % USERS}" if place else f"new-{number}"
            for number, (_, place) in zip(numbers, places, strict=True)
        ],
        "anonymous_id": [None] * len(places),
        "previous_id": [None] * len(places),
    }
    return pl.DataFrame(rows, schema=STORED_ENVELOPE)
