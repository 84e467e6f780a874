"""The law of the house, live: what the engine tells is what batch finds, and both are what the judge says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, note
from hypothesis import strategies as st

from shoal.evaluate.reference import Reference
from shoal.identity import IdentityRules, owners
from shoal.model.change import Direction
from shoal.model.event import Event, EventKind
from shoal.model.frame import frame_of_events
from shoal.runtime.live import LiveEngine
from tests.property.strategies import TINY, World, histories, worlds
from tests.property.test_engines_agree import texts
from tests.property.test_identity import ANY_RULES
from tests.property.test_identity import streams as identity_streams
from tests.property.test_timeline import Change, changes_by_kernel

RULES = IdentityRules()


def told_live(world: World, events: list[Event], since: int, until: int, cuts: list[int]) -> list[Change]:
    """The changes told when the stream comes in batches that end at these places; time goes with the events."""
    engine = LiveEngine(world.resolved, RULES, frozen=world.frozen, now=since)
    changes = []
    for start, end in zip([0, *cuts], [*cuts, len(events)], strict=True):
        batch = events[start:end]
        # A batch ends before the next event, so that no event comes late.
        latest = events[end].occurred_at - 1 if end < len(events) else until
        changes += engine.process(frame_of_events(batch), max(engine.now, latest))
    return [(each.effective_at, each.profile, each.segment, each.direction.value) for each in changes]


@st.composite
def streams(draw) -> tuple[list[Event], list[int]]:
    """A stream in order, and where it is cut into batches: only where moments differ."""
    events = draw(histories(TINY, 10))
    places = [i for i in range(1, len(events)) if events[i].occurred_at > events[i - 1].occurred_at]
    cuts = sorted(draw(st.sets(st.sampled_from(places)))) if places else []
    return events, cuts


@given(worlds(TINY, profiles=1, size=0), streams())
def test_live_tells_what_batch_finds(world: World, stream: tuple[list[Event], list[int]]) -> None:
    """For a stream in order, in batches of any size: every change, at its moment, once."""
    note(texts(world))
    events, cuts = stream
    since = min((event.occurred_at for event in events), default=0) - 1
    until = max((event.occurred_at for event in events), default=0) + 20
    assert told_live(world, events, since, until, cuts) == changes_by_kernel(world, events, since, until)


def at_random(draw, events: list[Event]) -> list[list[Event]]:
    """The events in any order of arrival, cut anywhere."""
    left, batches = list(draw(st.permutations(events))), []
    while left:
        size = draw(st.integers(1, len(left)))
        batches.append(left[:size])
        left = left[size:]
    return batches


@st.composite
def shuffled_streams(draw) -> tuple[list[Event], IdentityRules, list[list[Event]]]:
    """People who share devices, addresses and former ids, whose events come in any order."""
    events = [
        replace(event, name=draw(st.sampled_from(("A", "B"))) if event.kind is EventKind.TRACK else "")
        for event in draw(identity_streams(12))
    ]
    return events, draw(ANY_RULES), at_random(draw, events)


def held(engine: LiveEngine) -> dict[str, list[int]]:
    """The positions of each profile's events, as the engine keeps them."""
    found = {}
    for profile in np.flatnonzero(engine.arena.size).tolist():
        rows = engine.arena.rows_of(np.array([profile]))
        found[engine.identity.node_ids[profile]] = engine.arena.columns["positions"][rows].tolist()
    return found


@given(worlds(TINY, profiles=1, size=0), shuffled_streams(), st.data())
def test_late_events_end_in_the_same_memberships(world: World, stream, data) -> None:
    """A shuffled stream in batches of any size: after each batch, everyone is where the judge says."""
    note(texts(world))
    _, rules, batches = stream
    engine = LiveEngine(world.resolved, rules, frozen=world.frozen, now=-1)
    reference = Reference(world.resolved, world.frozen)
    come: list[Event] = []
    told: dict[str, set[str]] = {}
    for batch in [*batches, []]:
        come += batch
        now = engine.now + data.draw(st.integers(0, 5))
        for change in engine.process(frame_of_events(batch), now):
            entered = change.direction is Direction.ENTERED
            assert (change.segment in told.setdefault(change.profile, set())) is not entered
            told[change.profile] ^= {change.segment}
            assert change.effective_at <= now
        people = owners(come, rules, as_of=now)
        assert held(engine) == {who: [event.position for event in theirs] for who, theirs in people.items()}
        expected = {who: reference.memberships(theirs, now) for who, theirs in people.items()}
        assert engine.memberships() == {who: segments for who, segments in expected.items() if segments}
        assert {who: frozenset(each) for who, each in told.items() if each} == engine.memberships()
