"""The loop that keeps a workspace true as long as the server runs: a thread that ticks when something is to do."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from enum import StrEnum
from time import monotonic, perf_counter, time_ns

import polars as pl

from shoal.collect.http import FailedStore
from shoal.definitions.workspace import Workspace, load_workspace
from shoal.errors import Error, StoreError
from shoal.journal.journal import Entry, Journal
from shoal.model.change import MembershipChanged
from shoal.runtime.doors import decoder_of
from shoal.runtime.erasing.erase import are_erasures_wanted, do_erasures
from shoal.runtime.live_workspace import EVENTS_UNTIL_ARCHIVED, LiveWorkspace, Meaning
from shoal.runtime.metrics import LiveFigures
from shoal.runtime.places import FAILED_FOLDER
from shoal.runtime.standings import Standings
from shoal.runtime.watching import Watch
from shoal.triggers.machine import Acted
from shoal.triggers.retention import FORGOTTEN_AT_ONCE

LONGEST_WAIT_S = 0.1
"""The loop looks at least so often, so that a moment which has come is told soon after."""

SECONDS_UNTIL_ARCHIVED = 60.0
"""What is not many events is archived after so long."""

SECONDS_BETWEEN_LOOKS_AT_ARCHIVE = 1.0
"""How soon what was imported is taken in, and how soon an archive that could not be written is tried again."""

SECONDS_BETWEEN_LOOKS_AT_FILES = 1.0
"""How soon changed definitions are taken on: once they have stayed as they are from one look to the next."""

SECONDS_BEFORE_BEGINNING_AGAIN = 1.0

SECONDS_UNTIL_FORGOTTEN = 3600.0
"""How soon what triggers did long ago is forgotten."""

SECONDS_BETWEEN_ERASURES = 10.0
"""How soon an erasure is tried again that something was in the way of."""

LONGEST_DRAIN_S = 5.0
"""What has not been taken in so long after the server was told to stop is taken in at the next start."""

_LOG = logging.getLogger(__name__)


def wall_clock_ms() -> int:
    return time_ns() // 1_000_000


class LiveCondition(StrEnum):
    """How the live engine is, by the names that `/readyz` gives."""

    STARTING = "starting"
    WELL = "ok"
    CANNOT_STORE = "cannot_store"
    CANNOT_EVALUATE = "cannot_evaluate"
    FAILED = "live_engine_failed"


class LiveLoop:
    """Ticks until it is stopped. When the disk fails it begins again from what lasts, until the disk is back."""

    def __init__(
        self,
        workspace: Workspace,
        journal: Journal,
        *,
        clock: Callable[[], int] = wall_clock_ms,
        prepare: Callable[[Meaning], None] = lambda _: None,
    ) -> None:
        """`prepare` is called with everything loaded, before the first tick and before anybody is told so."""
        self.workspace, self.journal, self.clock = workspace, journal, clock
        self.condition, self.trouble = LiveCondition.STARTING, "the live engine is starting"
        self.definitions_trouble = ""
        """Why the definitions in the files are not those in use; empty when they are."""
        self.on_acted: list[Callable[[Acted], None]] = []
        """Who hears, on the engine's thread, that something was done which now lasts."""
        self.on_redefined: list[Callable[[Workspace], None]] = []
        """Who hears, on the engine's thread, that other definitions hold now."""
        self.changes_told = 0
        self.figures = LiveFigures()
        self.on_events: Callable[[pl.DataFrame], None] = lambda _: None
        """Told what came, on the engine's thread, before it is known whether it came before."""
        self._prepare = prepare
        self._failed = FailedStore(workspace.folder / FAILED_FOLDER)
        self._decoder = decoder_of(workspace)
        self._stopping = threading.Event()
        self._stops_at = 0.0
        self._archived_at = self._looked_at = self._watched_at = self._erases_at = self._forgets_at = clock()
        self._watch = Watch(workspace)
        self._thread = threading.Thread(target=self._run, name="live engine", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Takes in what has come, as far as LONGEST_DRAIN_S allows, and ends."""
        self._stops_at = monotonic() + LONGEST_DRAIN_S
        self._stopping.set()
        self._thread.join()

    @property
    def standings(self) -> Standings | None:
        """Who is in what as of the last step, for any thread; None while the engine loads."""
        engine = self.figures.engine
        return None if engine is None else engine.standings

    def _run(self) -> None:
        while True:
            try:
                self._keep_true()
            except StoreError as error:
                self._is_troubled(LiveCondition.CANNOT_STORE, error.message)
            except Error as error:
                self._is_troubled(LiveCondition.CANNOT_EVALUATE, error.message)
            except Exception:
                _LOG.exception("the live engine met what it does not know")
                self._is_troubled(LiveCondition.FAILED, "the live engine failed; the log says how")
            if self._stopping.wait(0 if self._stopping.is_set() else SECONDS_BEFORE_BEGINNING_AGAIN):
                return

    def _is_troubled(self, condition: LiveCondition, reason: str) -> None:
        self.condition, self.trouble = condition, reason
        _LOG.warning("the live engine stopped and begins again: %s", reason)

    def _keep_true(self) -> None:
        has_erased, began = self._erase(), perf_counter()
        live = LiveWorkspace(self.workspace, self.journal, self._decode, now=self.clock())
        self._prepare(live.meaning)
        self._begin_figures(live)
        self._tell_acted(live.acted)
        self.condition, self.trouble = LiveCondition.WELL, ""
        told = {"seconds": round(perf_counter() - began, 3), "position": live.last_tick.through}
        _LOG.info("segments are kept true", extra=told)
        self._looked_at = self.clock()
        self._archived_at = 0 if has_erased else self._looked_at  # raw requests go soon, too
        try:
            while not self._is_done(live):
                self._tick(live)
                if self.clock() - self._looked_at >= SECONDS_BETWEEN_LOOKS_AT_ARCHIVE * 1000:
                    self._look_at_archive(live)
                    self._looked_at = self.clock()
                    if self._is_to_erase(live):  # which is done before segments are kept true again
                        return
                if self.clock() - self._watched_at >= SECONDS_BETWEEN_LOOKS_AT_FILES * 1000:
                    self._look_at_definitions(live)
                    self._watched_at = self.clock()
                if not self._stopping.is_set():
                    self.journal.wait_beyond(live.last_tick.through, self._wait_s(live))
            self._archive(live)
        finally:
            self.figures.end()
            with suppress(Error):
                live.close()

    def _is_done(self, live: LiveWorkspace) -> bool:
        """Whether to stop: when what came is taken in, or soon, because the journal keeps the rest."""
        if not self._stopping.is_set():
            return False
        return live.last_tick.through >= self.journal.position or monotonic() > self._stops_at

    def _tick(self, live: LiveWorkspace) -> None:
        began, number, duplicates = perf_counter(), live.last_tick.number, live.duplicates
        self._tell(live.tick(self.clock()))
        if live.last_tick.number != number:
            seconds = perf_counter() - began
            left_out = live.duplicates - duplicates
            self.figures.ticked(live.engine, live.last_tick.through, seconds=seconds, duplicates=left_out)
            self._tell_acted(live.acted)

    def _begin_figures(self, live: LiveWorkspace) -> None:
        self.figures.begin(live.engine, live.last_tick.through, live.state.sizes())

    def _tell(self, changes: list[MembershipChanged]) -> None:
        self.changes_told += len(changes)
        self.figures.told(changes)

    def _tell_acted(self, acted: Acted) -> None:
        self.figures.fired(acted.firings)
        for hear in self.on_acted:
            hear(acted)

    def _look_at_definitions(self, live: LiveWorkspace) -> None:
        """Takes on definitions that were changed. What cannot be used is left alone until it is changed again."""
        if not self._watch.is_changed():
            return
        try:
            workspace = load_workspace(self.workspace.folder)
            self._redefine(live, workspace)
        except StoreError as error:
            _LOG.warning("changed definitions wait for now: %s", error.message)
            return
        except Error as error:
            self._watch.take()
            self.definitions_trouble = error.message
            _LOG.warning("changed definitions are not taken on, those before stay: %s", error.message)
            return
        self._watch.take(workspace)
        self.definitions_trouble = ""
        _LOG.info("changed definitions are taken on")

    def _redefine(self, live: LiveWorkspace, workspace: Workspace) -> None:
        changes = live.redefine(workspace, self.clock())
        self.workspace, self._decoder = workspace, decoder_of(workspace)
        self._tell(changes)
        self._begin_figures(live)
        self._tell_acted(live.acted)
        for hear in self.on_redefined:
            hear(workspace)

    def _look_at_archive(self, live: LiveWorkspace) -> None:
        is_due = self.clock() - self._archived_at >= SECONDS_UNTIL_ARCHIVED * 1000
        is_changed = live.is_archive_changed()
        if self.clock() >= self._forgets_at:
            is_done = live.forget_old() < FORGOTTEN_AT_ONCE
            self._forgets_at = self.clock() + (int(SECONDS_UNTIL_FORGOTTEN * 1000) if is_done else 0)
        if not (is_due or is_changed or live.waiting_for_archive >= EVENTS_UNTIL_ARCHIVED):
            return
        if self._archive(live) and is_changed:
            self._tell(live.take_in_imports(self.clock()))
            self._begin_figures(live)
            self._tell_acted(live.acted)

    def _archive(self, live: LiveWorkspace) -> bool:
        """Whether events could be moved to the archive. While an import writes to it, they stay in the journal."""
        try:
            live.archive_events()
        except StoreError as error:
            _LOG.warning("events stay in the journal for now: %s", error.message)
            return False
        self._archived_at = self.clock()
        return True

    def _is_to_erase(self, live: LiveWorkspace) -> bool:
        """Whether somebody is to be erased now: when everything that was told is archived."""
        if self.clock() < self._erases_at or not are_erasures_wanted(self.workspace.folder):
            return False
        return self._archive(live)

    def _erase(self) -> bool:
        """Erases who is to be erased; whether anybody was.

        When something is in the way, an import or a long reading, it is tried again a little later.
        """
        if not are_erasures_wanted(self.workspace.folder):
            return False
        self.condition, self.trouble = LiveCondition.STARTING, "somebody is being erased"
        try:
            if do_erasures(self.workspace, self.journal, clock=self.clock):
                return True
        except StoreError as error:
            _LOG.warning("an erasure is not finished: %s", error.message)
        self._erases_at = self.clock() + int(SECONDS_BETWEEN_ERASURES * 1000)
        return False

    def _wait_s(self, live: LiveWorkspace) -> float:
        self.figures.next_moment = live.next_moment
        until_moment = (self.figures.next_moment - self.clock()) / 1000
        return min(max(until_moment, 0.0), LONGEST_WAIT_S)

    def _decode(self, entries: Iterable[Entry]) -> pl.DataFrame:
        decoded = self._decoder.decode(entries)
        self._failed.add(decoded.failed)
        if self.condition is LiveCondition.WELL:  # what is repeated at the beginning was counted before
            self.figures.left_out += decoded.left_out
        self.on_events(decoded.events)
        return decoded.events
