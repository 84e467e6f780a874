"""The two ways of finding changes without cleverness find the same, so either may judge a timeline."""

from __future__ import annotations

from hypothesis import given, note, settings
from hypothesis import strategies as st

from shoal.evaluate.reference import Reference
from shoal.model.change import Direction
from tests.property.brute_force import changes, every_change
from tests.property.strategies import TINY, World, worlds
from tests.property.test_engines_agree import texts


@settings(max_examples=settings.default.max_examples // 4)
@given(worlds(TINY, profiles=1, size=8))
def test_candidate_moments_miss_no_change(world: World) -> None:
    """Changes found at candidate moments are those found by looking at every millisecond."""
    note(texts(world))
    reference = Reference(world.resolved, world.frozen)
    for who, events in world.profiles.items():
        start = min((event.occurred_at for event in events), default=world.now[who]) - 2
        end = start + 60
        assert changes(reference, events, start, end) == every_change(reference, events, start, end)


@settings(max_examples=settings.default.max_examples // 4)
@given(worlds(profiles=1, size=6), st.integers(0, 40))
def test_changes_alternate(world: World, hours: int) -> None:
    """Who entered a segment leaves before entering again, and the last change tells where they are."""
    reference = Reference(world.resolved, world.frozen)
    ((who, events),) = world.profiles.items()
    start = world.now[who] - 1
    end = start + 1 + hours * 3_600_000
    inside = set(reference.memberships(events, start))
    for change in changes(reference, events, start, end):
        assert start < change.effective_at <= end
        assert (change.segment in inside) is (change.direction is Direction.LEFT)
        inside ^= {change.segment}
    assert inside == reference.memberships(events, end)
