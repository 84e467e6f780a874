"""An explanation says what the reference says, and shows from what it was made."""

from __future__ import annotations

from hypothesis import HealthCheck, given, note, settings
from tests.property.strategies import World, worlds
from tests.spec.cases import Case, case_of_tables, moment_of

from shoal.definitions.definition import (
    Definition,
    Definitions,
    FeatureDefinition,
    PartDefinition,
    ScoreDefinition,
    SegmentDefinition,
)
from shoal.definitions.resolve import resolve
from shoal.evaluate.explain import MOST_WITNESSES, Explanation, Reason, explain
from shoal.evaluate.reference import Reference
from shoal.evaluate.wording import worded_duration, worded_moment, worded_number
from shoal.model.consent import Purpose
from shoal.model.time import DAY, HOUR

EVENTS = """
    who | at    | name     | price
    ann | 08:00 | Viewed   | 10
    ann | 09:00 | Viewed   | 30
    ann | 10:00 | Viewed   | 20
    ann | 11:00 | Added    | 20
"""


def explained(
    when: str, *others: Definition, events: str = EVENTS, purpose: Purpose = Purpose.ANALYTICS
) -> Explanation:
    case: Case = case_of_tables("count()", events, "ann\n0")
    segment = SegmentDefinition(name="segment", when=when, purpose=purpose)
    resolved = resolve(Definitions.of(segment, *others))
    return explain(Reference(resolved), case.profiles()["ann"], moment_of("12:00"), "segment")


def condition(explanation: Explanation) -> Reason:
    """What the author wrote, without the consent and the person that stand before it."""
    return explanation.root.below[-1]


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(worlds())
def test_the_root_is_the_membership(world: World) -> None:
    """For any definitions, events and moments the explanation ends as the evaluation does."""
    reference = Reference(world.resolved, world.frozen)
    for who, events in world.profiles.items():
        members = reference.memberships(events, world.now[who])
        for segment in world.resolved.segments:
            explanation = explain(reference, events, world.now[who], segment.name)
            assert explanation.is_member is (segment.name in members)


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(worlds())
def test_every_answer_follows_from_those_below(world: World) -> None:
    """Reading the tree upwards with all, any and not gives the answers that stand there."""
    reference = Reference(world.resolved, world.frozen)
    for who, events in world.profiles.items():
        for segment in world.resolved.segments:
            explanation = explain(reference, events, world.now[who], segment.name)
            for reason in explanation.root.walk():
                note(reason)
                below = [each.holds for each in reason.below]
                match reason.joins:
                    case "all":
                        assert reason.holds is all(below)
                    case "any":
                        assert reason.holds is any(below)
                    case "not":
                        assert reason.holds is not below[0]


def test_a_comparison_shows_what_was_found_and_what_was_wanted() -> None:
    """The value, the threshold, and the events that were counted."""
    compared = condition(explained('count("Viewed") >= 3'))
    assert compared.holds
    assert compared.wanted == ">= 3"
    (counted,) = compared.below
    assert counted.found == "3"
    assert counted.evidence is not None
    assert [witness.message_id for witness in counted.evidence.latest] == ["m1", "m2", "m3"]


def test_the_threshold_may_stand_on_the_left() -> None:
    """`3 <= x` wants what `x >= 3` wants."""
    assert condition(explained('3 <= count("Viewed")')).wanted == ">= 3"


def test_only_the_latest_events_are_shown() -> None:
    """Many events are counted and the last few are shown."""
    rows = "\n".join(f"ann | 08:{minute:02} | Viewed | 1" for minute in range(40))
    counted = condition(explained('count("Viewed") > 1', events="who | at | name | price\n" + rows)).below[0]
    assert counted.evidence is not None
    assert counted.evidence.count == 40
    assert [each.message_id for each in counted.evidence.latest] == [f"m{i}" for i in range(36, 41)]
    assert len(counted.evidence.latest) == MOST_WITNESSES


def test_the_event_that_decided_a_maximum_is_shown() -> None:
    """Of all that were selected, the one with the value."""
    reason = condition(explained('maximum("price", of="Viewed") > 25')).below[0]
    assert reason.evidence is not None
    assert [each.message_id for each in reason.evidence.latest] == ["m2"]


def test_a_limit_of_a_window_has_its_own_reason() -> None:
    """`after=` another event: that moment is found and shown too."""
    happened = condition(explained('not happened("Order", after=time_of_last("Added"))')).below[0]
    assert not happened.holds
    assert [(each.text, each.found) for each in happened.below] == [
        ('time_of_last("Added")', "2026-03-02 11:00:00")
    ]


def test_references_are_followed_once() -> None:
    """A feature that is used twice is told where it stands first."""
    feature = FeatureDefinition(name="views", value='count("Viewed")')
    first, second = condition(explained('feature("views") > 1 and feature("views") < 9', feature)).below
    assert first.below[0].below[0].text == 'count("Viewed")'
    assert second.below[0].note == "told above"


def test_a_score_shows_its_parts() -> None:
    """Each part with its value and points; one that is missing is left out and the others count for more."""
    score = ScoreDefinition(
        name="interest",
        parts=(
            PartDefinition(name="views", weight=60, value='scale(count("Viewed"), 0, 6)'),
            PartDefinition(name="rating", weight=40, value='scale(average("rating"), 0, 5)'),
        ),
    )
    reason = condition(explained('score("interest") >= 50', score)).below[0]
    views, rating = (part.share for part in reason.below)
    assert reason.found == "50"
    assert views is not None
    assert (views.name, views.value, views.points) == ("views", 0.5, 50.0)
    assert rating is not None
    assert (rating.value, rating.points) == (None, 0.0)


def test_consent_tells_which_statement_decided() -> None:
    """The refusal, by its event; without a statement, the default."""
    refused = EVENTS.replace("| price", "| price | kind | consent.ads")
    refused = "\n".join(f"{line} |  | " if "ann" in line else line for line in refused.splitlines())
    refused += "\n ann | 11:30 |  |  | consent | false"
    stated = explained("everyone()", events=refused, purpose=Purpose.ADS).root.below[1]
    assert not stated.holds
    assert stated.note == "refused by the person"
    assert stated.evidence is not None
    assert [each.message_id for each in stated.evidence.latest] == ["m5"]
    default = explained("everyone()", purpose=Purpose.ADS).root.below[1]
    assert default.note == "nothing stated; by default it is refused"


def test_a_sequence_tells_how_far_it_came() -> None:
    """The steps reached in order."""
    reason = condition(explained('sequence("Viewed", "Added", "Order")'))
    assert not reason.holds
    assert reason.note == "reached 2 of 3 steps in order"


def test_steps_that_were_reached_are_not_always_enough() -> None:
    """Too long a pause between two, and an end that has to be waited for, are told."""
    far = condition(explained('sequence("Viewed", "Added", gap="10 minutes")'))
    assert far.note == "reached 2 of 2 steps in order, but not close enough to each other"
    early = condition(explained('sequence("Viewed", "Added", absent("Order"), span="1 day")'))
    assert not early.holds
    assert early.note.endswith("but what must stay away came, or its time is not over")


def test_values_are_told_for_people() -> None:
    """Two units of a duration, a date without its offset, a number without its tail."""
    assert worded_duration(2 * DAY + 3 * HOUR + 1) == "2 d 3 h"
    assert worded_duration(0) == "0 ms"
    assert worded_duration(-HOUR) == "-1 h"
    assert worded_moment(moment_of("10:00")) == "2026-03-02 10:00:00"
    assert worded_number(1234.5) == "1,234.5"
