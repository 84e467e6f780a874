"""The loop that keeps a workspace true as long as the server runs: a thread that ticks when something is to do."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from time import time_ns

import polars as pl

from shoal.collect.http import Decoder, FailedStore
from shoal.definitions.workspace import Workspace
from shoal.errors import Error
from shoal.journal.journal import Entry, Journal
from shoal.runtime.live_workspace import EVENTS_UNTIL_ARCHIVED, LiveWorkspace
from shoal.runtime.places import FAILED_FOLDER

LONGEST_WAIT_S = 0.1
"""The loop looks at least so often, so that a moment which has come is told soon after."""

SECONDS_UNTIL_ARCHIVED = 60.0
"""What is not many events is archived after so long."""

SECONDS_BEFORE_BEGINNING_AGAIN = 1.0

_LOG = logging.getLogger(__name__)


def wall_clock_ms() -> int:
    return time_ns() // 1_000_000


class LiveLoop:
    """Ticks until it is stopped. When the disk fails it begins again from what lasts, until the disk is back."""

    def __init__(
        self, workspace: Workspace, journal: Journal, *, clock: Callable[[], int] = wall_clock_ms
    ) -> None:
        self.workspace, self.journal, self.clock = workspace, journal, clock
        self.trouble: str | None = "the live engine is starting"
        self.changes_told = 0
        self._failed = FailedStore(workspace.folder / FAILED_FOLDER)
        self._decoder = Decoder(workspace.settings, workspace.collecting)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live engine", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Takes in what has come, and ends."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                self._keep_true()
            except Error as error:
                self.trouble = error.message
                _LOG.warning("the live engine stopped and begins again: %s", error.message)
            except Exception:
                self.trouble = "the live engine failed; the log says how"
                _LOG.exception("the live engine stopped and begins again")
            if self._stopping.wait(0 if self._stopping.is_set() else SECONDS_BEFORE_BEGINNING_AGAIN):
                return

    def _keep_true(self) -> None:
        live = LiveWorkspace(self.workspace, self.journal, self._decode, now=self.clock())
        self.trouble = None
        archived_at = self.clock()
        try:
            while not (self._stopping.is_set() and live.last_tick.through >= self.journal.position):
                self.changes_told += len(live.tick(self.clock()))
                is_due = self.clock() - archived_at >= SECONDS_UNTIL_ARCHIVED * 1000
                if live.waiting_for_archive >= EVENTS_UNTIL_ARCHIVED or is_due:
                    live.archive_events()
                    archived_at = self.clock()
                if not self._stopping.is_set():
                    self.journal.wait_beyond(live.last_tick.through, self._wait_s(live))
            live.archive_events()
        finally:
            with suppress(Error):
                live.close()

    def _wait_s(self, live: LiveWorkspace) -> float:
        until_moment = (live.engine.next_moment - self.clock()) / 1000
        return min(max(until_moment, 0.0), LONGEST_WAIT_S)

    def _decode(self, entries: Iterable[Entry]) -> pl.DataFrame:
        decoded = self._decoder.decode(entries)
        self._failed.add(decoded.failed)
        return decoded.events
