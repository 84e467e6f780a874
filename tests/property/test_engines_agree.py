"""The kernel says what the reference says, and what the reference says obeys the laws of the language."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

from hypothesis import given, note
from hypothesis import strategies as st

from shoal.definitions.definition import Definitions, FeatureDefinition
from shoal.definitions.kinds import Typing
from shoal.definitions.parse import parse
from shoal.definitions.render import render
from shoal.definitions.resolve import resolve
from shoal.model.time import MINUTE
from tests.engines import Answers, KernelEngine, ReferenceEngine, differences, in_order
from tests.property.strategies import HUMAN, TINY, Author, World, histories, interesting_moments, worlds

REFERENCE = ReferenceEngine()


def answers(world: World) -> Answers:
    return REFERENCE.answers(world.resolved, world.profiles, world.now, world.frozen)


def texts(world: World) -> str:
    """The definitions of a world as one would write them, for a counterexample that can be read."""
    return "\n".join(f"{kind} {name}: {render_root(root)}" for (kind, name), root in world.resolved.roots())


def render_root(root: object) -> str:
    try:
        return render(root)  # type: ignore[arg-type]
    except AssertionError:  # the total of a score has no text of its own
        return repr(root)


# Engines agree


@given(worlds())
def test_kernel_says_what_the_reference_says(world: World) -> None:
    """For any definitions, events and moments."""
    note(texts(world))
    kernel = KernelEngine().answers(world.resolved, world.profiles, world.now, world.frozen)
    assert differences(answers(world), kernel) == []


@given(worlds(TINY, size=20))
def test_kernel_says_what_the_reference_says_when_events_crowd(world: World) -> None:
    """Also when many events share few milliseconds, so that ties and edges are the rule."""
    note(texts(world))
    kernel = KernelEngine().answers(world.resolved, world.profiles, world.now, world.frozen)
    assert differences(answers(world), kernel) == []


# Laws


@given(worlds(), st.data())
def test_what_has_not_happened_yet_changes_nothing(world: World, data: st.DataObject) -> None:
    """An event later than now is not visible."""
    later = data.draw(histories())
    profiles = {
        who: in_order([*events, *(_moved(each, world.now[who]) for each in later)])
        for who, events in world.profiles.items()
    }
    assert differences(answers(world), answers(replace(world, profiles=profiles))) == []


def _moved(event, now):
    """The event at some moment after now."""
    at = max(event.occurred_at, now + 1)
    return replace(event, occurred_at=at, position=event.position + 1000)


@given(worlds())
def test_asking_twice_gives_the_same_answer(world: World) -> None:
    """Evaluation keeps nothing."""
    assert answers(world) == answers(world)


@given(worlds())
def test_the_order_of_definitions_does_not_matter(world: World) -> None:
    """References are found wherever they stand."""
    turned = Definitions(
        features=world.definitions.features[::-1],
        scores=world.definitions.scores[::-1],
        segments=world.definitions.segments[::-1],
        lists=world.definitions.lists,
    )
    assert differences(answers(world), answers(replace(world, definitions=turned))) == []


@given(worlds())
def test_people_do_not_change_each_other(world: World) -> None:
    """The answer for one profile does not depend on which others are asked about."""
    alone: Answers = {}
    for who, events in world.profiles.items():
        alone |= REFERENCE.answers(world.resolved, {who: events}, world.now, world.frozen)
    assert differences(answers(world), alone) == []


@given(worlds(TINY))
def test_shifting_every_position_changes_nothing(world: World) -> None:
    """Of the place in the journal only the order counts."""
    profiles = {
        who: [replace(event, position=event.position * 7 + 100) for event in events]
        for who, events in world.profiles.items()
    }
    assert differences(answers(world), answers(replace(world, profiles=profiles))) == []


@st.composite
def conditions_and_values(draw, scale=HUMAN):
    """(a condition, two values, one profile's events, a moment)."""
    author = Author(draw, scale)
    events = draw(histories(scale))
    now = draw(interesting_moments(events, scale))
    return author.condition(2), author.value(1), author.value(1), events, now


def ask(events, now, **expressions):
    """The reference's answers to a few expressions, by name."""
    written = [FeatureDefinition(name=name, value=value) for name, value in expressions.items()]
    from tests.property.strategies import LISTED

    resolved = resolve(Definitions.of(LISTED, *written))
    found = REFERENCE.answers(resolved, {"ann": events}, now)["ann"]
    return {name: found["feature", name] for name in expressions}


@given(conditions_and_values())
def test_not_is_exact(drawn) -> None:
    """`not` of a condition is true exactly when the condition is not, be it false or missing."""
    condition, _, _, events, now = drawn
    found = ask(events, now, yes=condition, no=parse(f"not ({render(condition)})"))
    assert found["yes"] in (True, False, None)
    assert found["no"] is (found["yes"] is not True)


@given(conditions_and_values())
def test_unequal_is_not_equal(drawn) -> None:
    """`a != b` is `not (a == b)`, and `not in` is `not (in)`, whatever is missing."""
    _, left, right, events, now = drawn
    a, b = render(left), render(right)
    found = ask(
        events,
        now,
        equal=parse(f"({a}) == ({b})"),
        unequal=parse(f"({a}) != ({b})"),
        inside=parse(f'({a}) in [10, "pro", true]'),
        outside=parse(f'({a}) not in [10, "pro", true]'),
    )
    assert found["unequal"] is not found["equal"]
    assert found["outside"] is not found["inside"]


@given(conditions_and_values(), st.sampled_from((2, MINUTE, 30 * MINUTE)))
def test_within_is_since_a_millisecond_less_ago(drawn, length: int) -> None:
    """`within=D` holds the same events as `since=ago(D - 1 ms)`: a window is open where it ends."""
    *_, events, now = drawn
    found = ask(
        events,
        now,
        within=parse(f'count(within="{length} milliseconds")'),
        since=parse(f'count(since=ago("{length - 1} milliseconds"))'),
    )
    assert found["within"] == found["since"]


@given(conditions_and_values(TINY))
def test_between_splits_what_it_holds(drawn) -> None:
    """Two windows that touch hold together what the window over both holds."""
    *_, events, now = drawn
    a, b, c = (f'ago("{length} milliseconds")' for length in (8, 3, 0))
    found = ask(
        events,
        now,
        first=parse(f"count(between=({a}, {b}))"),
        second=parse(f"count(between=({b}, {c}))"),
        both=parse(f"count(between=({a}, {c}))"),
    )
    assert found["first"] + found["second"] == found["both"]


@given(conditions_and_values())
def test_definitions_can_be_written_and_read_back(drawn) -> None:
    """Every expression has a text that means the same."""
    typing = Typing("UTC", {})
    for node in drawn[:3]:
        assert typing.of(parse(render(node))).node == typing.of(node).node


@given(histories(TINY, 4), st.integers(-1, 10))
def test_the_order_of_events_in_the_stream_does_not_matter(events, age: int) -> None:
    """A history is its events in order, however they came."""
    now = max((event.occurred_at for event in events), default=0) + age
    texts = ('last("price")', 'count("A", after=time_of_last("B"))', 'sequence("A", absent("Ab"), "B")')
    expressions = {f"value_{index}": text for index, text in enumerate(texts)}
    expected = ask(events, now, **expressions)
    for shuffled in permutations(events):
        assert ask(in_order(shuffled), now, **expressions) == expected
