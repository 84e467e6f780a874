"""A live workspace that is stopped at any point goes on as if it had never been: nothing lost, nothing twice."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path

import polars as pl
from hypothesis import given, note, settings
from hypothesis import strategies as st

from shoal.definitions.workspace import Workspace
from shoal.evaluate.reference import Reference
from shoal.identity import IdentityRules, owners
from shoal.journal.journal import Arrival, Entry
from shoal.model.event import Event
from shoal.model.frame import frame_of_events
from shoal.runtime.live_workspace import FIRST_LIVE_POSITION, LiveWorkspace
from tests.property.strategies import TINY, World, histories, worlds
from tests.property.test_engines_agree import texts
from tests.property.test_timeline import changes_by_kernel


class ListJournal:
    """A journal in memory that outlives the engine. One entry holds one event of a stream."""

    trouble = None

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    @property
    def position(self) -> int:
        return len(self.entries)

    def append(self, arrival: Arrival) -> Future[int]:
        self.entries.append(Entry(position=len(self.entries) + 1, arrival=arrival))
        done: Future[int] = Future()
        done.set_result(len(self.entries))
        return done

    def read(self, after: int, limit: int) -> Iterator[Entry]:
        yield from self.entries[after : after + limit]

    def wait_beyond(self, position: int, timeout_s: float) -> bool:
        del timeout_s  # whatever comes has come
        return self.position > position

    def forget(self, through: int) -> None:
        """Keeps everything: reading again what is archived would show as an error."""

    def close(self) -> None:
        """Nothing to close."""


def decoder_of(events: Sequence[Event]):
    """Reads entry n as the event number n of a stream."""

    def decode(entries: Iterable[Entry]) -> pl.DataFrame:
        found = [(events[int(entry.arrival.body)], entry.event_position(0)) for entry in entries]
        frame = frame_of_events([event for event, _ in found])
        return frame.with_columns(pl.Series("position", [position for _, position in found], dtype=pl.Int64))

    return decode


def arrival_of(number: int) -> Arrival:
    return Arrival(received_at=0, write_key="key", path="/v1/batch", body=str(number).encode())


def positioned(events: Sequence[Event]) -> list[Event]:
    """The events as the live engine numbers them."""
    return [
        Event(
            **{
                **{name: getattr(event, name) for name in Event.__slots__},
                "position": FIRST_LIVE_POSITION + (number + 1) * 4096,
            }
        )
        for number, event in enumerate(events)
    ]


@settings(max_examples=max(settings.default.max_examples // 4, 10))
@given(worlds(TINY, profiles=1, size=0), histories(TINY, 10), st.data())
def test_restarts_at_any_point_change_nothing(world: World, events: list[Event], data: st.DataObject) -> None:
    """Duplicates, restarts, archiving at any point: every change at its moment once, and the right members."""
    note(texts(world))
    folder = Path(tempfile.mkdtemp())
    try:
        _follow(
            folder, Workspace(folder=folder, definitions=world.definitions, settings=world.settings), events, data
        )
    finally:
        shutil.rmtree(folder)


def _follow(folder: Path, workspace: Workspace, events: list[Event], data: st.DataObject) -> None:
    journal, decode = ListJournal(), decoder_of(events)
    since = min((event.occurred_at for event in events), default=0) - 1
    live = LiveWorkspace(workspace, journal, decode, now=since)
    for number, event in enumerate(events):
        is_last = number + 1 == len(events)
        for _ in range(data.draw(st.sampled_from((1, 1, 2)))):
            journal.append(arrival_of(number))
        if is_last or events[number + 1].occurred_at > event.occurred_at:
            latest = event.occurred_at + 20 if is_last else events[number + 1].occurred_at - 1
            live.tick(latest)
        if data.draw(st.booleans()):
            live.archive_events()
        if data.draw(st.booleans()):
            live.close()
            live = LiveWorkspace(workspace, journal, decode, now=live.engine.now)
    now = live.engine.now
    told = [(each.effective_at, each.profile, each.segment, each.direction.value) for each in live.state.changes()]
    in_memory, on_disk = live.engine.memberships(), set(live.state.members())
    live.close()
    resolved = workspace.resolve()
    world = World(workspace.definitions, workspace.settings, {}, {}, live.meaning.frozen)
    own = positioned(events)
    assert told == changes_by_kernel(world, own, since, now)
    people = owners(own, IdentityRules(), as_of=now)
    reference = Reference(resolved, live.meaning.frozen)
    expected = {who: reference.memberships(theirs, now) for who, theirs in people.items()}
    assert in_memory == {who: segments for who, segments in expected.items() if segments}
    assert on_disk == {(who, segment) for who, segments in expected.items() for segment in segments}


@settings(max_examples=max(settings.default.max_examples // 8, 10))
@given(worlds(TINY, profiles=1, size=0), worlds(TINY, profiles=1, size=0), histories(TINY, 10), st.booleans())
def test_changed_definitions_are_true_at_once(
    world: World, other: World, events: list[Event], by_restart: bool
) -> None:
    """New definitions are evaluated from history and the difference is told, at a restart or while running."""
    folder = Path(tempfile.mkdtemp())
    try:
        before = Workspace(folder=folder, definitions=world.definitions, settings=world.settings)
        after = Workspace(folder=folder, definitions=other.definitions, settings=other.settings)
        journal, decode = ListJournal(), decoder_of(events)
        now = max((event.occurred_at for event in events), default=0)
        live = LiveWorkspace(before, journal, decode, now=now - 30)
        for number in range(len(events)):
            journal.append(arrival_of(number))
        live.tick(now)
        if by_restart:
            live.close()
            live = LiveWorkspace(after, journal, decode, now=now + 1)
            live.tick(now + 1)  # time goes on by itself where both mean the same
        else:
            live.redefine(after, now + 1)
        reference = Reference(after.resolve(), live.meaning.frozen)
        people = owners(positioned(events), IdentityRules(), as_of=now + 1)
        expected = {
            (who, name) for who, theirs in people.items() for name in reference.memberships(theirs, now + 1)
        }
        assert set(live.state.members()) == expected
        live.close()
    finally:
        shutil.rmtree(folder)
