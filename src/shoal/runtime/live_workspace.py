"""A workspace kept true: journal and archive in, changes of membership and what they trigger out, each once.

Every step of the engine is a tick: entries of the journal up to some position are taken in, and it is now some
moment. A tick and its changes are written in one transaction. Whoever begins again loads what is archived, repeats
the ticks since, and finds the same changes, because a tick depends on nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from shoal.definitions.implied import is_implied
from shoal.definitions.workspace import Workspace
from shoal.enrich import Enricher, enricher_of
from shoal.evaluate.frozen import Frozen
from shoal.evaluate.plan import compile_plan
from shoal.identity import read_rules
from shoal.journal import Archive
from shoal.journal.journal import Entry, Journal
from shoal.journal.recent_ids import RecentIds
from shoal.model.change import Direction, MembershipChanged
from shoal.model.frame import STORED_ENVELOPE
from shoal.runtime.acting import Actor
from shoal.runtime.freezing import kept_values
from shoal.runtime.live import LiveEngine
from shoal.runtime.live_state import LiveState, Tick
from shoal.runtime.meaning import meaning_of_all
from shoal.runtime.places import ARCHIVE_FOLDER, LIVE_STATE
from shoal.triggers.machine import Acted

SOURCE = "journal"
"""Under this name the archive knows how much of the journal it holds."""

ENTRIES_AT_ONCE = 500
"""Entries of the journal in one tick: more are quicker in all, fewer are told sooner."""

EVENTS_UNTIL_ARCHIVED = 200_000

FIRST_LIVE_POSITION = 2**52
"""Positions of events that are not archived yet come after all those that are."""


class Decoding(Protocol):
    """Reads entries of the journal: a frame of stored events, and what failed."""

    def __call__(self, entries: Iterable[Entry]) -> pl.DataFrame: ...


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a workspace means at present: definitions, identity rules, frozen values, how events are enriched.

    Ticks are repeated only under the `fingerprint` under which they were made.
    """

    workspace: Workspace
    frozen: Frozen
    enricher: Enricher
    fingerprint: str

    @classmethod
    def of(cls, workspace: Workspace) -> Meaning:
        """Raises DefinitionError for definitions that have no meaning."""
        resolved = workspace.resolve_acting()
        frozen = kept_values(workspace.folder, compile_plan(resolved))
        rules = repr(read_rules(workspace.identity))
        enricher = enricher_of(workspace)
        fingerprint = f"{meaning_of_all(resolved)} {frozen.version} {enricher.fingerprint} {rules}"
        return cls(workspace, frozen, enricher, fingerprint)

    def engine(self, now: int) -> LiveEngine:
        """An engine that knows nobody yet."""
        rules = read_rules(self.workspace.identity)
        return LiveEngine(self.workspace.resolve_acting(), rules, frozen=self.frozen, now=now)


class LiveWorkspace:
    """The live engine of a workspace with everything that it must not forget."""

    def __init__(self, workspace: Workspace, journal: Journal, decode: Decoding, *, now: int) -> None:
        """Begins, or goes on where it was; `now` is the present moment."""
        self.journal, self.decode = journal, decode
        self.archive = Archive(workspace.folder / ARCHIVE_FOLDER)
        self.state = LiveState(workspace.folder / LIVE_STATE)
        self.meaning, self.actor = Meaning.of(workspace), Actor(workspace, self.state)
        self.acted = Acted()
        """What the last step led to."""
        self.duplicates = 0
        """Events left out since this process began, because they had come before."""
        self._recent = RecentIds()
        self._not_archived: list[pl.DataFrame] = []
        self._known_archive = ""
        self.engine, self.last_tick = self._begin(now)

    # Going on

    def tick(self, now: int, *, limit: int = ENTRIES_AT_ONCE) -> list[MembershipChanged]:
        """Takes in what has come and moves on to `now`; what has changed. Nothing when there is nothing to do."""
        before, now = self.engine.now, max(now, self.engine.now)
        entries = list(self.journal.read(self.last_tick.through, limit))
        if not entries and self.next_moment > now:
            self.acted = Acted()
            return []
        through = entries[-1].position if entries else self.last_tick.through
        changes = self.engine.process(self._new_events(entries), now)
        tick = Tick(self.last_tick.number + 1, through, now, self.meaning.fingerprint)
        named = [each for each in changes if not is_implied(each.segment)]
        self.acted = self.state.commit(tick, named, lambda: self.actor.follow(self.engine, changes, before))
        self.last_tick = tick
        return named

    @property
    def next_moment(self) -> int:
        """When there is something to do with no new event."""
        return min(self.engine.next_moment, self.actor.next_moment)

    def archive_events(self) -> int:
        """Moves the events since the last time from the journal to the archive; how many there were."""
        through, events = self.last_tick.through, _joined(self._not_archived)
        if through > self.archive.source_progress(SOURCE):
            self._append(events, through)
        self._not_archived, self._recent = [], RecentIds()
        self.state.forget_before(self.last_tick.number)
        self.journal.forget(through)
        return len(events)

    def _append(self, events: pl.DataFrame, through: int) -> None:
        """Adds to the archive, and notices when it has more than was loaded and what is added here."""
        with self.archive.writing():
            is_known = not self.is_archive_changed()
            self.archive.append(events, source=SOURCE, source_rows=through - self.archive.source_progress(SOURCE))
            if is_known:
                self._known_archive = self.archive.fingerprint()

    def is_archive_changed(self) -> bool:
        """Whether somebody else, an import, has added events to the archive."""
        return self.archive.fingerprint() != self._known_archive

    def take_in_imports(self, now: int) -> list[MembershipChanged]:
        """Begins anew from an archive that an import has added to; what changes by it is told with this moment."""
        self.archive_events()
        passed, acted = self.tick(now, limit=0), self.acted
        engine = self._loaded(max(now, self.engine.now))
        passed += self._become(engine, self.state.members(), self.last_tick.through)
        self.acted = acted + self.acted
        return passed

    def forget_old(self) -> int:
        """Forgets what triggers did long ago; how much it was. When it is much, there may be more."""
        return self.state.go_on(lambda: self.actor.forget_old(self.engine.now))

    @property
    def waiting_for_archive(self) -> int:
        return sum(len(events) for events in self._not_archived)

    def redefine(self, workspace: Workspace, now: int) -> list[MembershipChanged]:
        """Takes on new definitions; what changes by them is told with this moment.

        Raises DefinitionError, with nothing changed, for definitions that have no meaning.
        """
        meaning = Meaning.of(workspace)
        if meaning.fingerprint == self.meaning.fingerprint:
            self.meaning, self.actor = meaning, Actor(workspace, self.state)
            self.acted = self.state.go_on(lambda: self.actor.begin(self.engine))
            return []
        self.archive_events()
        self.meaning, self.actor = meaning, Actor(workspace, self.state)
        told = self.state.members()
        engine = self._loaded(max(now, self.engine.now))
        return self._become(engine, told, self.last_tick.through)

    def close(self) -> None:
        self.state.close()

    # Beginning

    def _begin(self, now: int) -> tuple[LiveEngine, Tick]:
        archived = self.archive.source_progress(SOURCE)
        ticks = [tick for tick in self.state.ticks() if tick.through >= archived]
        if not ticks:
            engine = self._loaded(now)
            tick = Tick(0, archived, now, self.meaning.fingerprint)
            self.acted = self.state.begin(tick, _pairs(engine.memberships()), lambda: self.actor.begin(engine))
            return engine, tick
        engine = self._loaded(ticks[0].now)
        last = ticks[0]
        for tick in ticks[1:]:
            engine.process(self._new_events(self._entries(last.through, tick.through)), tick.now)
            last = tick
        is_as_told = set(_pairs(engine.memberships())) == set(self.state.members())
        if last.meaning == self.meaning.fingerprint and is_as_told:
            self.acted = self.state.go_on(lambda: self.actor.begin(engine))
            return engine, last
        self.engine, self.last_tick = engine, last
        engine.process(pl.DataFrame(schema=STORED_ENVELOPE), max(now, engine.now))
        self._become(engine, self.state.members(), last.through)
        return self.engine, self.last_tick

    def _become(self, engine: LiveEngine, told: list[tuple[str, str]], through: int) -> list[MembershipChanged]:
        """Tells what is otherwise than it was told, as of now."""
        is_so, was_so = set(_pairs(engine.memberships())), set(told)
        changes = [MembershipChanged(engine.now, *each, Direction.ENTERED) for each in is_so - was_so]
        changes += [MembershipChanged(engine.now, *each, Direction.LEFT) for each in was_so - is_so]
        tick = Tick(self.last_tick.number + 1, through, engine.now, self.meaning.fingerprint)
        self.acted = self.state.commit(tick, changes, lambda: self.actor.begin(engine, after_a_gap=True))
        self.engine, self.last_tick = engine, tick
        return sorted(changes)

    def _loaded(self, now: int) -> LiveEngine:
        """An engine with everything that is archived."""
        engine = self.meaning.engine(now)
        self._known_archive = self.archive.fingerprint()
        known = [column for column in sorted(engine.columns) if column in self.archive.columns()]
        engine.load(self.archive.read([*STORED_ENVELOPE, *known]))
        return engine

    def _entries(self, after: int, through: int) -> list[Entry]:
        return list(self.journal.read(after, through - after)) if through > after else []

    def _new_events(self, entries: list[Entry]) -> pl.DataFrame:
        """The events of entries that have not come before, enriched, with positions after everything archived."""
        events = self.decode(entries) if entries else pl.DataFrame(schema=STORED_ENVELOPE)
        if len(events):
            events = events.with_columns(pl.col("position") + FIRST_LIVE_POSITION)
            new = self._recent.take_new(events, self.archive.are_new(events))
            self.duplicates += int((~new).sum())
            events = self.meaning.enricher.enrich(events if new.all() else events.filter(pl.Series(new)))
            self._not_archived.append(events)
        return events


def _joined(frames: list[pl.DataFrame]) -> pl.DataFrame:
    if not frames:
        return pl.DataFrame(schema=STORED_ENVELOPE)
    return pl.concat(frames, how="diagonal").sort("position")


def _pairs(memberships: dict[str, frozenset[str]]) -> list[tuple[str, str]]:
    """(profile, segment) of every membership in a segment that has a name of somebody's."""
    return [
        (profile, segment)
        for profile, segments in memberships.items()
        for segment in segments
        if not is_implied(segment)
    ]
