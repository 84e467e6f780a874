"""The law of the house, in batch: a timeline has exactly the changes that the judge finds at every moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from hypothesis import given, note, settings
from hypothesis import strategies as st

from shoal.evaluate.build import build_history
from shoal.evaluate.kernel import evaluate
from shoal.evaluate.plan import compile_plan
from shoal.evaluate.reference import Reference
from shoal.evaluate.timeline import timeline
from shoal.identity import IdentityRules, owners
from shoal.identity import resolve as resolve_identities
from shoal.model.event import Event
from shoal.model.frame import frame_of_events
from shoal.model.value import Value
from tests.engines import in_order
from tests.property.brute_force import changes
from tests.property.strategies import TINY, World, histories, worlds
from tests.property.test_engines_agree import texts

RULES = IdentityRules()

Change = tuple[int, str, str, str]


def changes_by_kernel(world: World, events: list[Event], since: int, until: int) -> list[Change]:
    """The timeline of a stream of events."""
    frame = frame_of_events(events)
    resolution = resolve_identities(frame, RULES)
    plan = compile_plan(world.resolved)
    return timeline(plan, frame, resolution, since=since, until=until, frozen=world.frozen).rows()


def changes_by_the_judge(world: World, events: list[Event], since: int, until: int) -> list[Change]:
    """The same, looking at every profile in every millisecond, with identities replayed up to it."""
    reference = Reference(world.resolved, world.frozen)

    def members(now: int) -> set[tuple[str, str]]:
        people = owners(events, RULES, as_of=now)
        return {(who, segment) for who, theirs in people.items() for segment in reference.memberships(theirs, now)}

    found, before = [], members(since)
    for now in range(since + 1, until + 1):
        after = members(now)
        found += [(now, *each, "entered") for each in after - before]
        found += [(now, *each, "left") for each in before - after]
        before = after
    return sorted(found)


@settings(max_examples=settings.default.max_examples // 2)
@given(worlds(TINY, profiles=1, size=0), histories(TINY, 10), st.integers(-2, 8))
def test_a_timeline_has_every_change_at_its_moment(world: World, events: list[Event], begins: int) -> None:
    """With merges, ties and windows that run out, in every millisecond."""
    note(texts(world))
    first = min((event.occurred_at for event in events), default=0)
    since, until = first + begins, first + begins + 40
    assert changes_by_kernel(world, events, since, until) == changes_by_the_judge(world, events, since, until)


@settings(max_examples=settings.default.max_examples // 4)
@given(worlds(TINY, profiles=1, size=0), histories(TINY, 8), st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(world: World, events: list[Event], random) -> None:
    """A shuffled stream has, once it has all come, the timeline of the stream in order."""
    first = min((event.occurred_at for event in events), default=0)
    expected = changes_by_kernel(world, events, first - 1, first + 30)
    random.shuffle(events)
    assert changes_by_kernel(world, in_order(events), first - 1, first + 30) == expected


def _anonymous(fields: Mapping[str, Value]) -> dict[str, Value]:
    """Fields that do not say who somebody is."""
    return {path: value for path, value in fields.items() if path not in ("traits.email", "traits.phone")}


@given(worlds(profiles=1))
def test_changes_of_one_person_over_days(world: World) -> None:
    """On a human scale: hours, days, clocks that are put forward."""
    note(texts(world))
    ((who, events),) = world.profiles.items()
    own = [replace(event, user_id=None, anonymous_id="d1", fields=_anonymous(event.fields)) for event in events]
    start = min((event.occurred_at for event in own), default=world.now[who]) - 1
    end = max([start + 1, *(event.occurred_at for event in own)]) + 3 * 86_400_000
    expected = changes(Reference(world.resolved, world.frozen), own, start, end, profile="anonymous_id:d1")
    found = changes_by_kernel(world, own, start, end)
    assert found == [(each.effective_at, each.profile, each.segment, each.direction.value) for each in expected]


@given(worlds(profiles=1), st.integers(0, 2**31))
def test_nothing_changes_before_the_next_moment(world: World, wait: int) -> None:
    """Between now and the moment the kernel names, no condition and no membership changes by itself."""
    note(texts(world))
    plan = compile_plan(world.resolved)
    ((who, events),) = world.profiles.items()
    history = build_history(plan, frame_of_events(events), np.zeros(len(events), np.int32), 1)
    now = world.now[who]
    evaluation = evaluate(plan, history, now, frozen=world.frozen)
    later = min(now + wait, int(evaluation.next_moment[0]) - 1)
    after = evaluate(plan, history, later, frozen=world.frozen)
    assert evaluation.next_moment[0] > now
    for key, column in evaluation.values.items():
        if column.truths is not None:
            assert column.truths.tolist() == after.values[key].truths.tolist(), key
