"""The law of the house, live: what the engine tells is what batch finds, and both are what the judge says."""

from __future__ import annotations

from hypothesis import given, note, settings
from hypothesis import strategies as st

from shoal.evaluate.reference import Reference
from shoal.identity import IdentityRules, owners
from shoal.model.event import Event
from shoal.runtime.live import LiveEngine
from tests.property.strategies import TINY, World, histories, worlds
from tests.property.test_engines_agree import texts
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
        changes += engine.process(batch, max(engine.now, latest))
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


@settings(max_examples=settings.default.max_examples // 2)
@given(worlds(TINY, profiles=1, size=0), histories(TINY, 10), st.randoms(use_true_random=False), st.data())
def test_late_events_end_in_the_same_memberships(world: World, events: list[Event], random, data) -> None:
    """A shuffled stream in batches of any size: once all has come, everyone is where the judge says."""
    note(texts(world))
    until = max((event.occurred_at for event in events), default=0) + 10
    shuffled = list(events)
    random.shuffle(shuffled)
    engine = LiveEngine(world.resolved, RULES, frozen=world.frozen)
    while shuffled:
        size = data.draw(st.integers(1, len(shuffled)))
        batch, shuffled = shuffled[:size], shuffled[size:]
        engine.process(batch, max(engine.now, *(event.occurred_at for event in batch)))
    engine.process([], max(engine.now, until))
    reference = Reference(world.resolved, world.frozen)
    people = owners(events, RULES, as_of=engine.now)
    expected = {who: reference.memberships(theirs, engine.now) for who, theirs in people.items()}
    assert engine.memberships() == {who: segments for who, segments in expected.items() if segments}
