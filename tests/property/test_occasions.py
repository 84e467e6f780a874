"""What triggers and slots imply is kept like everything else: in batch, live, and as the judge says."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, note
from hypothesis import strategies as st

from shoal.definitions import nodes
from shoal.definitions.definition import Definitions
from shoal.definitions.implied import trigger_segment, with_implied
from shoal.definitions.render import render
from shoal.definitions.resolve import resolve
from shoal.definitions.slot import ChoiceDefinition, SlotDefinition
from shoal.definitions.trigger import (
    ActionDefinition,
    Becomes,
    Changes,
    Enters,
    Happens,
    Leaves,
    Occasion,
    RunsOut,
    SessionEnds,
    TriggerDefinition,
)
from shoal.evaluate.reference import Reference
from shoal.identity import owners
from shoal.model.change import Direction
from shoal.model.consent import Purpose
from shoal.model.event import Event
from shoal.model.firing import Channel
from shoal.model.frame import frame_of_events
from shoal.runtime.live import LiveEngine
from tests.property.strategies import NAMES, TINY, Author, World, histories, worlds
from tests.property.test_engines_agree import texts
from tests.property.test_live import at_random, shuffled_streams, streams, told_live
from tests.property.test_timeline import changes_by_kernel, changes_by_the_judge

PAGE = ActionDefinition(channel=Channel.PAGE)


def occasion(author: Author, segments: list[str]) -> Occasion:
    """One of every kind. A tree that a generated world has is written as text, as a file holds it."""

    def happens() -> Happens:
        return Happens(author.one_of(*NAMES, "*"), render(author.where(1)) if author.chance() else "")

    kinds: list[Occasion] = [
        happens(),
        RunsOut(happens(), happens(), author.length()),
        SessionEnds(),
        Becomes(author.condition(1)),
        *([author.one_of(Enters, Leaves, Changes)(author.one_of(*segments))] if segments else []),
    ]
    return author.one_of(*kinds)


@st.composite
def acting_worlds(draw) -> World:
    """A tiny world whose definitions are only those that a few triggers and a slot imply, and what they need."""
    world = draw(worlds(TINY, profiles=1, size=0))
    author = Author(draw, TINY)
    names = [each.name for each in world.definitions.segments]
    triggers = [
        TriggerDefinition(
            name=f"trigger_{number}",
            on=occasion(author, names),
            actions=(PAGE, replace(PAGE, values={"value": nodes.LastStated("traits.plan")})),
            condition=author.condition(0) if author.chance(3) else None,
            purpose=author.one_of(*Purpose),
        )
        for number in range(draw(st.integers(1, 2)))
    ]
    choices = (ChoiceDefinition(name="some", content={}, when=author.condition(0)),)
    slot = SlotDefinition(name="hero", choices=choices, purpose=author.one_of(*Purpose))
    return replace(world, definitions=with_implied(world.definitions, triggers=triggers, slots=[slot]))


@given(acting_worlds(), histories(TINY, 8))
def test_occasions_are_what_the_judge_says(world: World, events: list[Event]) -> None:
    """Every change of every implied segment, in every millisecond."""
    note(texts(world))
    first = min((event.occurred_at for event in events), default=0)
    since, until = first - 1, first + 25
    assert changes_by_kernel(world, events, since, until) == changes_by_the_judge(world, events, since, until)


@given(acting_worlds(), streams())
def test_occasions_live_are_those_in_batch(world: World, stream: tuple[list[Event], list[int]]) -> None:
    """For a stream in order, in batches of any size."""
    note(texts(world))
    events, cuts = stream
    since = min((event.occurred_at for event in events), default=0) - 1
    until = max((event.occurred_at for event in events), default=0) + 20
    assert told_live(world, events, since, until, cuts) == changes_by_kernel(world, events, since, until)


# Events that take their time


@st.composite
def one_persons_events(draw) -> list[Event]:
    """What one person did, with no two events in neighbouring milliseconds; several may share one."""
    events = draw(histories(TINY, 10))
    start = min((event.occurred_at for event in events), default=0)
    return [
        replace(
            event,
            occurred_at=2 * event.occurred_at - start,
            user_id="u1",
            anonymous_id=None,
            fields={path: value for path, value in event.fields.items() if path != "traits.email"},
        )
        for event in events
    ]


@given(worlds(TINY, profiles=1, size=0), one_persons_events(), st.data())
def test_each_event_is_told_however_late_it_comes(world: World, events: list[Event], data) -> None:
    """Whoever waits for an event hears of each that comes, once, if the judge says that it counts."""
    note(texts(world))
    author = Author(data.draw, TINY)
    waiting = TriggerDefinition(
        name="waiting", on=Happens("*", render(author.where(1)) if author.chance() else ""), actions=(PAGE,)
    )
    world = replace(world, definitions=with_implied(world.definitions, triggers=[waiting]))
    segment, reference = trigger_segment("waiting"), Reference(world.resolved, world.frozen)
    start = min((event.occurred_at for event in events), default=0) - 1
    engine = LiveEngine(world.resolved, frozen=world.frozen, now=start)
    come: list[Event] = []
    told: set[int] = set()
    for batch in at_random(data.draw, events):
        before, now = engine.now, engine.now + data.draw(st.integers(0, 8))
        seen = {event.position for event in come if event.occurred_at <= before}
        come += batch
        visible = sorted((event for event in come if event.occurred_at <= now), key=lambda event: event.order)
        new = {event.occurred_at for event in visible if event.position not in seen}
        counts = {
            at for at in {each.occurred_at for each in visible} if segment in reference.memberships(visible, at)
        }
        changes = engine.process(frame_of_events(batch), now)
        entered = [
            each.effective_at for each in changes if (each.segment, each.direction) == (segment, Direction.ENTERED)
        ]
        assert len(set(entered)) == len(entered)
        assert set(entered) <= counts & (new | {before})
        assert counts & new <= told | set(entered)
        told |= set(entered)


@given(shuffled_streams(), st.data())
def test_events_are_told_through_merges(stream, data) -> None:
    """Whoever an event turns out to belong to: its moment is told, of somebody, as soon as it comes."""
    _, rules, arrivals = stream
    # Neighbouring milliseconds are one occasion, so there are none here.
    batches = [[replace(event, occurred_at=2 * event.occurred_at) for event in batch] for batch in arrivals]
    waiting = TriggerDefinition(name="waiting", on=Happens("*"), actions=(PAGE,), purpose=Purpose.ANALYTICS)
    resolved = resolve(with_implied(Definitions(), triggers=[waiting]))
    engine = LiveEngine(resolved, rules, now=-1)
    come: list[Event] = []
    told: set[int] = set()
    for batch in [*batches, []]:
        come += batch
        now = engine.now + data.draw(st.integers(0, 5))
        changes = engine.process(frame_of_events(batch), now)
        told |= {each.effective_at for each in changes if each.segment == trigger_segment("waiting")}
        owned = {event.position for theirs in owners(come, rules, as_of=now).values() for event in theirs}
        moments = {event.occurred_at for event in come if event.position in owned and event.kind.is_activity}
        assert moments <= told
