"""A backtest is the past as it would have been live: the same firings under the same ids, the same deliveries."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from hypothesis import given, note, settings
from hypothesis import strategies as st

from shoal.definitions import nodes
from shoal.definitions.acting import Acting, Destination, QuietHours
from shoal.definitions.definition import Definitions
from shoal.definitions.implied import with_implied
from shoal.definitions.resolve import Resolved, resolve
from shoal.definitions.trigger import ActionDefinition, TriggerDefinition
from shoal.definitions.workspace import Workspace
from shoal.evaluate.frozen import Frozen
from shoal.evaluate.past import Past
from shoal.evaluate.plan import compile_plan
from shoal.identity import IdentityRules
from shoal.identity import resolve as resolve_identities
from shoal.model.consent import Purpose
from shoal.model.event import Event
from shoal.model.firing import Channel, Delivery, Firing, Status
from shoal.model.frame import frame_of_events
from shoal.model.time import NEVER
from shoal.runtime.acting import Actor, open_outbox
from shoal.runtime.backtest.replay import Replay, followed_by, keys_of
from shoal.runtime.live import LiveEngine
from shoal.runtime.live_people import LivePeople
from shoal.runtime.live_workspace import LiveWorkspace
from shoal.triggers.machine import Acted, TriggerMachine
from shoal.triggers.memory import MemoryInMemory
from shoal.triggers.occasions import News
from shoal.triggers.outbox import Settlement, Wanted
from tests.property.strategies import TINY, Author, World, histories, worlds
from tests.property.test_engines_agree import texts
from tests.property.test_live_workspace import ListJournal, arrival_of, decoder_of, positioned
from tests.property.test_occasions import occasion

RULES = IdentityRules()
PLAN = {"plan": nodes.LastStated("traits.plan")}
ACTIONS = (
    ActionDefinition(channel=Channel.PAGE, content={"offer": "chat", "title": "Hello {{ plan }}"}, values=PLAN),
    ActionDefinition(channel=Channel.EMAIL, destination="mail", content={"subject": "Hello", "text": "Hello!"}),
    ActionDefinition(channel=Channel.AUDIENCE, destination="ads"),
)
DESTINATIONS = {
    "mail": Destination(name="mail", channel=Channel.EMAIL, address="smtp://mail.example:587"),
    "ads": Destination(name="ads", channel=Channel.AUDIENCE, address="https://ads.example/track"),
}
ALL = frozenset(Channel)
QUIET = (
    QuietHours(begins=0, ends=60, channels=ALL),
    QuietHours(begins=20 * 60, ends=21 * 60, channels=frozenset({Channel.EMAIL})),
    QuietHours(begins=60, ends=2 * 60, channels=frozenset({Channel.PAGE})),
)
"""The worlds begin ten milliseconds before one o'clock in UTC, nine in the evening in New York, two in Paris."""


@dataclass(frozen=True)
class ActingWorld:
    """A world with a few triggers of any kind that get into each other's way."""

    world: World
    triggers: list[TriggerDefinition]
    acting: Acting

    @cached_property
    def definitions(self) -> Definitions:
        return with_implied(self.world.definitions, triggers=self.triggers)

    @cached_property
    def resolved(self) -> Resolved:
        return resolve(self.definitions, self.world.settings)

    def machine(self, memory: MemoryInMemory) -> TriggerMachine:
        return TriggerMachine(self.triggers, self.acting, memory, zone=self.world.settings.time_zone)


@st.composite
def acting_worlds(draw) -> ActingWorld:
    """Quiet hours, caps, cooldowns, conditions and purposes, each in some of them."""
    world = draw(worlds(TINY, profiles=1, size=0))
    author = Author(draw, TINY)
    names = [each.name for each in world.definitions.segments]
    triggers = [
        TriggerDefinition(
            name=f"trigger_{number}",
            on=occasion(author, names),
            actions=tuple(draw(st.lists(st.sampled_from(ACTIONS), min_size=1, max_size=2))),
            condition=author.condition(0) if author.chance(3) else None,
            purpose=draw(st.sampled_from((Purpose.PERSONALISATION, Purpose.ANALYTICS, Purpose.EMAIL))),
            valid_for=draw(st.sampled_from((0, 5, 100))),
            cooldown=draw(st.sampled_from((0, 0, 4, 100))),
            include_present=draw(st.booleans()),
            is_dry_run=author.chance(5),
            is_transactional=author.chance(5),
        )
        for number in range(draw(st.integers(1, 3)))
    ]
    acting = Acting(
        destinations=DESTINATIONS,
        hold_out=draw(st.sampled_from((0.0, 0.0, 0.4))),
        caps=draw(st.dictionaries(st.sampled_from(list(Channel)), st.integers(0, 2), max_size=3)),
        quiet_hours=tuple(draw(st.lists(st.sampled_from(QUIET), max_size=2))),
    )
    return ActingWorld(world, triggers, acting)


@dataclass(frozen=True)
class Served:
    """What a served workspace did, and the frozen values it did it with."""

    frozen: Frozen
    firings: list[Firing]
    deliveries: list[Delivery]


def moments_to_act(
    events: Sequence[Event], engine: LiveEngine, machine: TriggerMachine | Actor, until: int
) -> Iterator[int]:
    """Every event's moment, and every moment at which the engine or the machine says that something is due."""
    times = sorted({event.occurred_at for event in events})
    while True:
        upcoming = next((at for at in times if at > engine.now), NEVER)
        moment = min(upcoming, max(min(engine.next_moment, machine.next_moment), engine.now))
        if moment > until:
            return
        yield moment


def live(acting_world: ActingWorld, events: Sequence[Event], since: int, until: int) -> MemoryInMemory:
    """What the machine does beside the live engine, with a clock that stops wherever there is something to do."""
    engine = LiveEngine(acting_world.resolved, RULES, frozen=acting_world.world.frozen, now=since)
    engine.load([frame_of_events([event for event in events if event.occurred_at <= since])])
    memory = MemoryInMemory()
    machine = acting_world.machine(memory)

    def settle(acted: Acted) -> None:
        ready = [each.id for each in (*acted.deliveries, *acted.released) if each.status is Status.READY]
        memory.settle(ready, Status.DELIVERED, engine.now)

    settle(machine.switch_on(LivePeople(engine), engine.now))
    for moment in moments_to_act(events, engine, machine, until):
        before = engine.now
        new = [event for event in events if before < event.occurred_at <= moment]
        changes = engine.process(frame_of_events(new), moment)
        news = News(changes=changes, merges=engine.merges, before=before)
        settle(machine.step(news, LivePeople(engine), moment))
    return memory


def looked_back(acting_world: ActingWorld, events: Sequence[Event], since: int, until: int) -> MemoryInMemory:
    """What a backtest of all triggers finds."""
    triggers, frame = acting_world.triggers, frame_of_events(events)
    keys = keys_of(triggers)
    plan = compile_plan(acting_world.resolved, [*keys, *(("segment", name) for name in followed_by(triggers))])
    resolution, frozen = resolve_identities(frame, RULES), acting_world.world.frozen
    past = Past(plan, frame, resolution, since=since, until=until, frozen=frozen)
    zone = acting_world.world.settings.time_zone
    replay = Replay(past, triggers, acting_world.acting, keys=keys, zone=zone)
    replay.run()
    return replay.memory


def served(acting_world: ActingWorld, events: Sequence[Event], since: int, until: int, folder: Path) -> Served:
    """The same as `live`, by the workspace that is served, which remembers on the disk."""
    world = acting_world.world
    workspace = Workspace(
        folder=folder,
        definitions=world.definitions,
        settings=world.settings,
        triggers=tuple(acting_world.triggers),
        acting=acting_world.acting,
    )
    journal = ListJournal()
    here = LiveWorkspace(workspace, journal, decoder_of(events), now=since)
    outbox = open_outbox(folder)

    def settle() -> None:
        ready = [
            Settlement(id=each.id, status=Status.DELIVERED, at=here.engine.now, attempts=1)
            for each in (*here.acted.deliveries, *here.acted.released)
            if each.status is Status.READY
        ]
        outbox.settle(ready)

    try:
        settle()
        come = 0
        for moment in moments_to_act(events, here.engine, here.actor, until):
            while come < len(events) and events[come].occurred_at <= moment:
                journal.append(arrival_of(come))
                come += 1
            here.tick(moment)
            settle()
        return Served(here.meaning.frozen, outbox.find_firings(Wanted(), 10_000), outbox.find(Wanted(), 10_000))
    finally:
        outbox.close()
        here.close()


@settings(max_examples=max(settings.default.max_examples // 4, 10))
@given(acting_worlds(), histories(TINY, 10))
def test_a_backtest_finds_what_a_served_workspace_did(acting_world: ActingWorld, events: list[Event]) -> None:
    """With a clock that stops at every event and at every next moment: the same firings under the same ids."""
    since = min((event.occurred_at for event in events), default=0) - 1
    until = max((event.occurred_at for event in events), default=0) + 20
    with tempfile.TemporaryDirectory() as folder:
        expected = served(acting_world, events, since, until, Path(folder))
    world = replace(acting_world.world, frozen=expected.frozen)
    found = looked_back(replace(acting_world, world=world), positioned(events), since, until)
    assert {each.id: each for each, _ in found.firings} == {each.id: each for each in expected.firings}
    assert {each.id: _as_kept(each) for each in found.deliveries} == {
        each.id: _as_kept(each) for each in expected.deliveries
    }


def _as_kept(delivery: Delivery) -> Delivery:
    """Without how often it was tried: in a backtest nobody tries."""
    return replace(delivery, attempts=0)


@given(acting_worlds(), histories(TINY, 10), st.sampled_from((-1, -1, 0, 3)))
def test_a_backtest_finds_what_fired_live(acting_world: ActingWorld, events: list[Event], begins: int) -> None:
    """With merges, consent that changes, quiet hours that end, caps that are shared, whoever is held out."""
    note(texts(replace(acting_world.world, definitions=acting_world.definitions)))
    note(f"{acting_world.triggers}\n{acting_world.acting}\n{events}")
    first = min((event.occurred_at for event in events), default=0)
    since, until = first + begins, max((event.occurred_at for event in events), default=0) + 20
    expected = live(acting_world, events, since, until)
    found = looked_back(acting_world, events, since, until)
    assert found.firings == expected.firings
    assert [firing.id for firing, _ in found.firings] == [firing.id for firing, _ in expected.firings]
    assert found.deliveries == expected.deliveries
