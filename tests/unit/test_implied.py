"""What triggers and slots imply: segments and features that the engines keep like all others."""

from __future__ import annotations

import pytest

from shoal.definitions.definition import Definitions, SegmentDefinition
from shoal.definitions.expression import LanguageError
from shoal.definitions.implied import (
    ADDRESS_FEATURE,
    ZONE_FEATURE,
    choice_segment,
    condition_segment,
    consent_segment,
    is_implied,
    trigger_segment,
    value_feature,
    with_implied,
)
from shoal.definitions.language import context, count, happened, trait
from shoal.definitions.render import render
from shoal.definitions.resolve import Resolved, resolve
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
from shoal.errors import DefinitionError
from shoal.evaluate.plan import compile_plan
from shoal.evaluate.timeline import timeline
from shoal.identity import IdentityRules
from shoal.identity import resolve as resolve_identities
from shoal.model.consent import Purpose
from shoal.model.event import Event, EventKind
from shoal.model.firing import Channel
from shoal.model.frame import frame_of_events
from shoal.model.time import MINUTE
from shoal.runtime.live import LiveEngine

EAGER = SegmentDefinition(name="eager", when=count("Product Viewed") >= 2)
START = 1_772_402_808_603


def trigger(on: Occasion, **more) -> TriggerDefinition:
    """A trigger that shows an offer."""
    return TriggerDefinition(name="t", on=on, actions=(ActionDefinition(channel=Channel.PAGE),), **more)


def resolved(*triggers: TriggerDefinition, slots: tuple[SlotDefinition, ...] = ()) -> Resolved:
    """The segment above and what is implied."""
    return resolve(with_implied(Definitions.of(EAGER), triggers=triggers, slots=slots))


def when_of(found: Resolved, name: str) -> str:
    """The condition of a segment as text, without its consent."""
    return {each.name: render(each.when) for each in found.segments}[name]


@pytest.mark.parametrize(
    ("occasion", "when"),
    [
        (Enters("eager"), 'in_segment("eager")'),
        (Leaves("eager"), 'in_segment("eager")'),
        (Changes("eager"), 'in_segment("eager")'),
        (Happens("Signed Up"), 'happened("Signed Up", within="1 millisecond")'),
        (Happens("Signed *", "price > 3"), 'happened("Signed *", where=price > 3, within="1 millisecond")'),
        (
            RunsOut(Happens("Started", "price > 3"), Happens("Ended", 'plan == "pro"'), 30 * MINUTE),
            'time_since("Started", where=price > 3) >= "30 minutes" '
            'and not happened("Ended", where=plan == "pro", after=time_of_last("Started", where=price > 3))',
        ),
        (
            SessionEnds(),
            'has(session("events", of="last")) and not has(session("events", of="current"))',
        ),
        (Becomes(happened("A")), 'happened("A")'),
        (Becomes('happened("A")'), 'happened("A")'),
    ],
)
def test_an_occasion_is_a_segment(occasion: Occasion, when: str) -> None:
    """Each kind of occasion is a condition of the language, under the trigger's consent."""
    found = resolved(trigger(occasion, purpose=Purpose.EMAIL))
    assert when_of(found, trigger_segment("t")) == when
    segment = {each.name: each for each in found.segments}[trigger_segment("t")]
    assert segment.purpose is Purpose.EMAIL
    assert segment.is_momentary is isinstance(occasion, Happens)


def test_everything_that_a_trigger_and_a_slot_need() -> None:
    """Occasion, condition, values by the number of the action, choices, and the consent of each purpose."""
    mobile = context("device.type") == "mobile"
    actions = (
        ActionDefinition(channel=Channel.PAGE),
        ActionDefinition(channel=Channel.EMAIL, destination="mail", values={"first_name": trait("first_name")}),
    )
    slot = SlotDefinition(
        name="hero",
        purpose=Purpose.ADS,
        choices=(
            ChoiceDefinition(name="deal", content={}, when="in_segment('eager')"),
            ChoiceDefinition(name="other", content={}),
        ),
    )
    one = TriggerDefinition(name="t", on=Enters("eager"), actions=actions, condition=mobile)
    found = resolved(one, slots=(slot,))
    names = {each.name for each in found.segments} | {each.name for each in found.features}
    assert {name for name in names if is_implied(name)} == {
        trigger_segment("t"),
        condition_segment("t"),
        value_feature("t", 2, "first_name"),
        choice_segment("hero", "deal"),
        choice_segment("hero", "other"),
        consent_segment(Purpose.ADS),
        consent_segment(Purpose.PERSONALISATION),
        ADDRESS_FEATURE,
        ZONE_FEATURE,
    }
    assert when_of(found, condition_segment("t")) == render(mobile.node)
    assert when_of(found, choice_segment("hero", "other")) == "everyone()"


@pytest.mark.parametrize("name", ["trigger:t", "trigger:other", "consent:ads"])
def test_ordinary_names_hold_no_colon(name: str) -> None:
    """Nobody can write a definition by an implied name."""
    with pytest.raises(DefinitionError, match="SH020"):
        resolve(Definitions.of(SegmentDefinition(name=name, when=happened("A"))))


def test_definitions_cannot_refer_to_implied_ones() -> None:
    """There is no such segment for them, and no hint names one."""
    written = SegmentDefinition(name="other", when='in_segment("trigger:t")')
    misspelled = SegmentDefinition(name="another", when='in_segment("trigger")')
    own = trigger(Enters("other"), condition='in_segment("trigger:t")')
    with pytest.raises(DefinitionError) as error:
        resolve(with_implied(Definitions.of(EAGER, written, misspelled), triggers=[own]))
    assert sorted((each.code, each.path, each.hint) for each in error.value.problems) == [
        ("SH009", "another", ""),
        ("SH009", "other", ""),
        ("SH009", "t", ""),
    ]


def test_problems_speak_of_the_trigger() -> None:
    """Of one made in Python by its name; implied names are never seen."""
    with pytest.raises(DefinitionError) as error:
        with_implied(Definitions(), triggers=[trigger(Happens("A", "price >"))])
    assert [(each.code, each.path) for each in error.value.problems] == [("SH001", "t")]
    on = RunsOut(Happens("A", "price == 1"), Happens("B", 'price < "x"'), MINUTE)
    with pytest.raises(DefinitionError) as error:
        resolved(trigger(on, condition=count("A")))
    assert sorted((each.code, each.path) for each in error.value.problems) == [("SH007", "t"), ("SH008", "t")]
    assert not any(is_implied(each.message) for each in error.value.problems)


def test_a_purpose_may_be_given_by_its_word() -> None:
    """As for segments; any other word is refused."""
    assert trigger(SessionEnds(), purpose="email").purpose is Purpose.EMAIL
    assert SlotDefinition(name="s", choices=(), purpose="ads").purpose is Purpose.ADS  # type: ignore[arg-type]
    with pytest.raises(LanguageError, match='"fun" is not a purpose'):
        trigger(SessionEnds(), purpose="fun")


# Moments


def event(at: int, position: int, name: str = "A", who: str = "ann") -> Event:
    """Something that happened so many milliseconds after the start."""
    return Event(
        position=position,
        message_id=f"m{position}",
        kind=EventKind.TRACK,
        name=name,
        occurred_at=START + at,
        received_at=START + at,
        user_id=who,
    )


def moments_in_batch(events: list[Event], found: Resolved) -> list[tuple[int, str]]:
    """When each change of the trigger's segment took effect, by the timeline."""
    frame = frame_of_events(events)
    changes = timeline(
        compile_plan(found),
        frame,
        resolve_identities(frame, IdentityRules()),
        since=START - 1,
        until=START + 10_000,
        segments=[trigger_segment("t")],
    )
    return [(at - START, direction) for at, _, _, direction in changes.rows()]


def moments_live(steps: list[tuple[list[Event], int]], found: Resolved) -> list[tuple[int, str]]:
    """The same, told live when events come in at these moments."""
    engine = LiveEngine(found, now=START - 1)
    changes = [each for events, now in steps for each in engine.process(frame_of_events(events), START + now)]
    return [
        (each.effective_at - START, each.direction.value)
        for each in changes
        if each.segment == trigger_segment("t")
    ]


EVENTS = [event(0, 1), event(5, 2), event(5, 3), event(7, 4, "B"), event(100, 5), event(101, 6)]
PULSES = [(0, "entered"), (1, "left"), (5, "entered"), (6, "left"), (100, "entered"), (102, "left")]


def test_an_event_is_a_moment_in_batch() -> None:
    """Entered at the event, left a millisecond later; those of neighbouring milliseconds are one."""
    assert moments_in_batch(EVENTS, resolved(trigger(Happens("A")))) == PULSES


@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_an_event_is_a_moment_live(size: int) -> None:
    """However events are cut into batches, when they come as they happen."""
    steps = []
    for start in range(0, len(EVENTS), size):
        after = EVENTS[start + size :]
        steps.append((EVENTS[start : start + size], after[0].occurred_at - START - 1 if after else 200))
    steps = [(batch, max(now, batch[-1].occurred_at - START)) for batch, now in steps]
    assert moments_live(steps, resolved(trigger(Happens("A")))) == PULSES


def test_an_event_is_a_moment_when_it_took_its_time() -> None:
    """What arrives after the clock has gone on is told with its own moment, and as often as in batch."""
    found = resolved(trigger(Happens("A")))
    assert moments_live([([], 50), (EVENTS[:4], 60), ([], 110), (EVENTS[4:], 300)], found) == PULSES
    late_and_shuffled = [([], 50), ([EVENTS[4], EVENTS[5]], 200), ([EVENTS[2], EVENTS[0]], 210), ([], 300)]
    told = moments_live(late_and_shuffled, found)
    assert sorted(told) == PULSES
