"""Warnings: definitions that have a meaning, but one that surprises."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, note, settings
from tests.docs.problem_examples import EventSeen, Seen
from tests.property.strategies import World, worlds

from shoal.definitions.check import check
from shoal.definitions.definition import (
    Definition,
    Definitions,
    FeatureDefinition,
    ListDefinition,
    PartDefinition,
    ScoreDefinition,
    SegmentDefinition,
)
from shoal.definitions.reasoning import Reasoning
from shoal.definitions.render import render
from shoal.definitions.settings import Settings
from shoal.definitions.workspace import Workspace
from shoal.errors import Problem, Severity
from shoal.evaluate.reference import Reference
from shoal.model.time import DAY

SEEN = Seen(
    {
        "Product Viewed": EventSeen(900, {"price": ("number",), "device.type": ("text",)}),
        "Checkout Started": EventSeen(90, {"value": ("number",)}),
        "Checkout Step Viewed": EventSeen(80, {"step": ("number",)}),
    }
)
VIP = ListDefinition(name="vip", identifiers=frozenset())


def found(*definitions: Definition, seen: Seen | None = None, sizes=None, **more) -> list[Problem]:
    """The problems of a workspace made of these."""
    workspace = Workspace(folder=None, definitions=Definitions.of(VIP, *definitions), settings=Settings(**more))
    return check(workspace, seen, sizes)


def codes(when: str, *others: Definition, **more) -> list[str]:
    """The codes of what is wrong with one segment."""
    return [each.code for each in found(SegmentDefinition(name="s", when=when), *others, **more)]


NEVER = (
    "false",
    "happened('A') and not happened('A')",
    "count('A') > 3 and count('A') < 2",
    "count('A') < 0",
    "count('A', latest=3) > 3",
    "count('A', within='7 days') > 3 and count('A') < 2",
    "happened('A', within='1 day') and not happened('A', within='7 days')",
    "count('A') == 1.5",
    "trait('plan') == 'pro' and trait('plan') == 'free'",
    "trait('plan') in ('a', 'b') and trait('plan') == 'c'",
    "trait('age') > 10 and trait('age') < 5",
    "has(trait('age')) and not has(trait('age'))",
    "time_since('A') < '1 day' and time_since('A') > '2 days'",
    "local_hour() > 23",
    "local_weekday() == 0",
    "share('A', where=price > 1) > 1",
    "funnel('A', 'B') > 2",
    "decay(time_since_any(), half_life='1 day') > 1",
    "scale(count('A'), 0, 10) > 1",
    "count('A', where=price > 5 and price < 3) > 0",
    "in_list('vip') and not in_list('vip')",
    "consents('ads') and not consents('ads')",
    "sessions(where=pages > 5 and pages < 3) > 0",
    "happened('A') and f < 0",
    "score('engagement') > 100",
    "in_segment('other') and not in_segment('other')",
)
ALWAYS = (
    "true",
    "happened('A') or not happened('A')",
    "count('A') >= 0",
    "has(trait('a')) or not has(trait('a'))",
    "local_hour() < 24",
    "not (count('A') > 3 and count('A') < 2)",
)
CHOOSES = (
    "happened('A')",
    "count('A') > 3 and count('A') < 5",
    "trait('plan') == 'pro'",
    "happened('A', within='7 days') and not happened('A', within='1 day')",
    "count('A') == 1 or count('A') == 3",
    "trait('age') > 10 and not trait('age') > 20",
    "everyone() and not happened('A')",
    "has(trait('plan')) and count('A') < 2",
    "happened('B') and time_since('A') > '1 day'",
    "not happened('A') and in_list('vip')",
    "score('engagement') > 99",
    "everyone()",
)
OF_NOBODY = (
    "not happened('A')",
    "count('A') < 2",
    "not trait('plan') == 'pro'",
    "trait('plan') != 'pro'",
    "not has(trait('plan'))",
    "not in_list('vip')",
    "consents('analytics')",
    "funnel('A', 'B') == 0",
    "default(trait('age'), 5) < 10",
    "f < 10",
)
OTHERS = (
    FeatureDefinition(name="f", value="count('A')"),
    ScoreDefinition(
        name="engagement", parts=(PartDefinition(name="r", weight=100, value="scale(count('A'), 0, 9)"),)
    ),
    SegmentDefinition(name="other", when="happened('A')"),
)


@pytest.mark.parametrize("when", NEVER)
def test_what_can_never_hold_is_a_warning(when: str) -> None:
    """Contradictions in one condition, and between two."""
    assert codes(when, *OTHERS) == ["SH015"]


@pytest.mark.parametrize("when", ALWAYS)
def test_what_always_holds_is_a_warning(when: str) -> None:
    """Unless it says everyone()."""
    assert codes(when, *OTHERS) == ["SH015"]


@pytest.mark.parametrize("when", OF_NOBODY)
def test_what_holds_for_people_who_did_nothing_is_a_warning(when: str) -> None:
    """Absence alone picks people who are only known by a record."""
    assert codes(when, *OTHERS) == ["SH016"]


@pytest.mark.parametrize("when", CHOOSES)
def test_what_chooses_is_no_problem(when: str) -> None:
    """No warning where there is a choice."""
    assert codes(when, *OTHERS) == []


FULL = os.environ.get("SHOAL_FULL") == "1"


@settings(max_examples=2_000 if FULL else 100, deadline=None, suppress_health_check=list(HealthCheck))
@given(worlds(profiles=2))
def test_reasoning_rules_out_nothing_that_happens(world: World) -> None:
    """What is called impossible never comes: of any profile, with events and without."""
    resolved = world.resolved
    everybody, nobody = Reasoning(resolved), Reasoning(resolved, of_nobody=True)
    reference = Reference(resolved, world.frozen)
    for who, events in world.profiles.items():
        for segment in resolved.segments:
            note(f"{segment.name}: {render(segment.when)}")
            key = ("segment", segment.name)
            holds = reference.evaluate(events, world.now[who])[key] is True
            if holds:
                assert everybody.can_be_true(segment.when)
            assert (everybody if events else nobody).can_be_true(segment.node) or not holds
            assert everybody.can_be_false(segment.node) or holds


def test_events_and_properties_that_were_not_seen_are_warnings() -> None:
    """With the nearest name that was; dotted paths, patterns and traits as well."""
    when = (
        "count('Product Viewd') > 1 and maximum('prise', of='Product Viewed') > 1"
        " and happened('Checkout *', where=steps > 1) and trait('plam') == 'pro'"
        " and happened('Product Viewed', where=context.device.typ == 'x')"
        " and sequence('Product Viewed', step('Chekout Started', where=valu > 1))"
    )
    problems = found(SegmentDefinition(name="s", when=when), seen=SEEN)
    assert [(each.code, each.hint) for each in problems] == [
        ("SH013", 'did you mean "Product Viewed"?'),
        ("SH014", 'did you mean "price"?'),
        ("SH014", 'did you mean "step"?'),
        ("SH014", 'did you mean "plan"?'),
        ("SH014", 'did you mean "device.type"?'),
        ("SH013", 'did you mean "Checkout Started"?'),
    ]
    assert all(each.severity is Severity.WARNING for each in problems)


def test_what_was_seen_is_no_problem() -> None:
    """Names, beginnings of names, properties, context and traits."""
    when = (
        "happened('Product Viewed', where=price > 1 and device.type == 'x')"
        " and happened('Checkout *', where=step > 1) and trait('plan') == 'pro'"
        " and context('device.type') == 'mobile'"
    )
    assert found(SegmentDefinition(name="s", when=when), seen=SEEN) == []


def test_nothing_is_unseen_before_anything_came() -> None:
    """A new workspace is not full of warnings."""
    assert found(SegmentDefinition(name="s", when="happened('A')"), seen=Seen({})) == []


@pytest.mark.parametrize(
    "value",
    [
        "count('A', within='91 days')",
        "count('A', since=ago('91 days'))",
        "regularly('A', periods=1, of=13, each='7 days 1 hour')",
        "stopped('A', active='61 days', idle='30 days')",
        "restarted('A', idle='90 days', back='1 day')",
        "sessions(within='1 year')",
        "funnel('A', 'B', within='1 year')",
    ],
)
def test_windows_beyond_retention_are_warnings(value: str) -> None:
    """However the length is said."""
    feature = FeatureDefinition(name="f", value=value)
    assert [each.code for each in found(feature, retention=90 * DAY)] == ["SH018"]
    assert found(feature) == []


def test_small_segments_are_warnings() -> None:
    """Below the workspace's minimum; one that was not evaluated yet says nothing."""
    segment = SegmentDefinition(name="s", when="happened('A')")
    assert [each.code for each in found(segment, sizes={"s": 499})] == ["SH017"]
    assert found(segment, sizes={"s": 500}) == []
    assert found(segment, sizes={}) == []
    assert found(segment, sizes={"s": 499}, minimum_members=0) == []


def test_errors_come_first() -> None:
    """Then warnings, each by its place."""
    problems = found(
        SegmentDefinition(name="a", when="true"),
        SegmentDefinition(name="b", when="cuont() > 1"),
        SegmentDefinition(name="c", when="nothing > 1"),
    )
    assert [each.code for each in problems] == ["SH003", "SH009", "SH015"]


def test_reasoning_comes_to_an_end() -> None:
    """A chain of segments that each use the one before twice would be walked 2 to the power of 15 times."""
    chain = [SegmentDefinition(name="s0", when="happened('A')")]
    chain += [
        SegmentDefinition(
            name=f"s{n}", when=f"in_segment('s{n - 1}') or not in_segment('s{n - 1}') and happened('B')"
        )
        for n in range(1, 16)
    ]
    assert all(each.severity is Severity.WARNING for each in found(*chain))
