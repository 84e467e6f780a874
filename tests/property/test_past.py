"""The past can be looked into: at any moment of it everybody's values are what the judge says."""

from __future__ import annotations

import numpy as np
from hypothesis import given, note
from hypothesis import strategies as st

from shoal.evaluate.past import Past
from shoal.evaluate.plan import compile_plan
from shoal.evaluate.reference import Reference
from shoal.identity import IdentityRules, owners
from shoal.identity import resolve as resolve_identities
from shoal.model.event import Event
from shoal.model.frame import frame_of_events
from tests.property.strategies import TINY, World, histories, worlds
from tests.property.test_engines_agree import texts
from tests.property.test_timeline import changes_by_kernel

RULES = IdentityRules()


@given(worlds(TINY, profiles=1, size=0), histories(TINY, 10), st.data())
def test_values_of_any_moment_are_those_of_the_judge(world: World, events: list[Event], data) -> None:
    """By the name that a profile had then or at any time before, whatever came later."""
    note(texts(world))
    first = min((event.occurred_at for event in events), default=0)
    since, until = first, first + 12
    resolution = resolve_identities(frame_of_events(events), RULES)
    past = Past(
        compile_plan(world.resolved),
        frame_of_events(events),
        resolution,
        since=since,
        until=until,
        frozen=world.frozen,
    )
    at = data.draw(st.integers(since, until))
    before = {who for now in range(first, at + 1) for who in owners(events, RULES, as_of=now)}
    names = {name: node for node, name in enumerate(resolution.node_ids.to_list())}
    asked = np.array([names[who] for who in sorted(before)], np.int32)
    moments = np.full(len(asked), at, np.int64)
    persons = resolution.node_ids.gather(past.persons_at(asked, moments)).to_list()
    keys = [("segment", each.name) for each in world.resolved.segments]
    found = past.values_at(keys, asked, moments)

    reference = Reference(world.resolved, world.frozen)
    people = owners(events, RULES, as_of=at)
    for place, person in enumerate(persons):
        expected = reference.memberships(people[person], at)
        assert {name for _, name in keys if found.values["segment", name].holds[place]} == expected


@given(worlds(TINY, profiles=1, size=0), histories(TINY, 10), st.integers(0, 8))
def test_what_comes_later_changes_nothing_of_the_past(world: World, events: list[Event], span: int) -> None:
    """A timeline is the same whether the events after its end are known or not."""
    note(texts(world))
    first = min((event.occurred_at for event in events), default=0)
    known = [event for event in events if event.occurred_at <= first + span]
    expected = changes_by_kernel(world, known, first - 1, first + span)
    assert changes_by_kernel(world, events, first - 1, first + span) == expected
