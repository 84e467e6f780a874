"""What the trigger machine does at its edges: switching on and off, audiences, values, hold-outs, texts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.property.trigger_judge import ToldPeople

from shoal.definitions.acting import Acting
from shoal.definitions.implied import consent_segment, trigger_segment, value_feature
from shoal.definitions.trigger import ActionDefinition, Changes, Enters, Happens, Leaves, TriggerDefinition
from shoal.model.change import Direction, MembershipChanged
from shoal.model.consent import Purpose
from shoal.model.firing import Channel, Outcome, Status
from shoal.model.time import DAY, HOUR, MINUTE, format_moment
from shoal.triggers.hold_out import is_held_out
from shoal.triggers.machine import Acted, TriggerMachine
from shoal.triggers.memory import MemoryInMemory
from shoal.triggers.occasions import News

BEGIN = 1_000 * DAY
PAGE = ActionDefinition(channel=Channel.PAGE)


class Shop:
    """A machine with its people, to whom things happen at moments."""

    def __init__(self, *triggers: TriggerDefinition, acting: Acting | None = None) -> None:
        self.people = ToldPeople({}, {}, now=BEGIN)
        self.memory, self.acting = MemoryInMemory(), acting or Acting()
        self.define(*triggers)
        for name in ("ann", "bob"):
            self._tell(-DAY, name, consent_segment(Purpose.PERSONALISATION))

    def define(self, *triggers: TriggerDefinition) -> None:
        self.machine = TriggerMachine(triggers, self.acting, self.memory, zone="UTC")

    def _tell(
        self, at: int, name: str, segment: str, direction: Direction = Direction.ENTERED
    ) -> MembershipChanged:
        change = MembershipChanged(BEGIN + at, f"user_id:{name}", segment, direction)
        self.people.changes.append(change)
        return change

    def is_in(self, at: int, name: str, trigger: str = "t", direction: Direction = Direction.ENTERED) -> None:
        """It became so while nobody watched."""
        self._tell(at, name, trigger_segment(trigger), direction)

    def happens(self, at: int, name: str, trigger: str = "t", direction: Direction = Direction.ENTERED) -> Acted:
        change = self._tell(at, name, trigger_segment(trigger), direction)
        before, self.people.now = self.people.now, max(BEGIN + at, self.people.now)
        return self.machine.step(News(changes=[change], before=before), self.people, self.people.now)

    def switch_on(self, at: int = 0, *, after_a_gap: bool = False) -> Acted:
        self.people.now = BEGIN + at
        return self.machine.switch_on(self.people, self.people.now, after_a_gap=after_a_gap)


def trigger(name: str = "t", **other: object) -> TriggerDefinition:
    stated: dict[str, object] = {"name": name, "on": Enters("s"), "actions": (PAGE,)}
    return TriggerDefinition(**(stated | other))  # type: ignore[arg-type]


def fired(acted: Acted) -> list[tuple[str, Direction]]:
    return [(each.profile, each.direction) for each in acted.firings if each.outcome is Outcome.FIRED]


ANN_ENTERED, BOB_ENTERED = ("user_id:ann", Direction.ENTERED), ("user_id:bob", Direction.ENTERED)


def test_who_is_present_is_no_occasion() -> None:
    """A trigger is on from when it is new; what became so before that, and is known only now, is no occasion."""
    shop = Shop(trigger())
    shop.is_in(-HOUR, "ann")
    assert shop.switch_on() == Acted()
    assert shop.happens(-MINUTE, "bob") == Acted()
    assert fired(shop.happens(MINUTE, "bob")) == [BOB_ENTERED]


def test_who_is_present_can_be_included() -> None:
    """Once: neither a restart nor a gap makes them fire again. Who came in the gap fires then."""
    shop = Shop(trigger(include_present=True))
    shop.is_in(-HOUR, "ann")
    assert fired(shop.switch_on()) == [ANN_ENTERED]
    assert shop.switch_on(HOUR) == Acted()
    assert shop.switch_on(HOUR, after_a_gap=True) == Acted()
    shop.is_in(2 * HOUR, "bob")
    assert shop.switch_on(3 * HOUR) == Acted()
    assert fired(shop.switch_on(3 * HOUR, after_a_gap=True)) == [BOB_ENTERED]


def test_audiences_can_follow_what_happened_in_a_gap() -> None:
    """Who is in and was not told is told, and who was told as being in and is out."""
    shop = Shop(trigger(on=Changes("s"), include_present=True))
    shop.is_in(-HOUR, "ann")
    assert fired(shop.switch_on()) == [ANN_ENTERED]
    shop.is_in(MINUTE, "ann", direction=Direction.LEFT)
    shop.is_in(MINUTE, "bob")
    assert fired(shop.switch_on(HOUR, after_a_gap=True)) == [("user_id:ann", Direction.LEFT), BOB_ENTERED]


@pytest.mark.parametrize("on", [Leaves("s"), Happens("A")])
def test_presence_is_no_occasion_of_leaving_or_of_an_event(on: Leaves | Happens) -> None:
    """Even where those present are included: they have not left, and it has not happened."""
    shop = Shop(trigger(on=on, include_present=True))
    shop.is_in(-HOUR, "ann")
    assert shop.switch_on() == Acted()


def test_a_changed_occasion_is_a_new_trigger() -> None:
    """Another text is not: it goes on as before."""
    shop = Shop(trigger())
    shop.switch_on()
    shop.define(trigger(title="Another title", valid_for=DAY))
    shop.switch_on(HOUR)
    assert fired(shop.happens(MINUTE, "ann")) == [ANN_ENTERED]
    shop.define(trigger(on=Enters("other"), valid_for=DAY))
    shop.switch_on(2 * HOUR)
    assert shop.happens(MINUTE, "bob") == Acted()


def test_what_waits_of_a_trigger_that_is_no_more_is_not_sent() -> None:
    """Whoever deletes a trigger does not want its messages to go out in the morning."""
    shop = Shop(trigger(), trigger("kept"))
    shop.switch_on()
    shop.happens(MINUTE, "ann")
    shop.happens(MINUTE, "ann", "kept")
    shop.define(trigger("kept"))
    shop.switch_on(HOUR)
    gone, kept = shop.memory.deliveries
    assert (gone.status, gone.reason) == (Status.NO_LONGER, "the trigger is no more")
    assert kept.status is Status.READY


def test_values_are_those_at_the_moment_of_the_change() -> None:
    """They fill the templates and go along, each with its own action."""
    mail = ActionDefinition(
        channel=Channel.EMAIL,
        content={"subject": "Hello {{ name }}", "html": "<p>{{ name }}</p>", "text": "{{ spent }} {{ at }}"},
        values={"name": "trait('name')", "spent": "sum('price', of='Order Completed')"},
    )

    class Ann(ToldPeople):
        def features(self, asked, names):  # type: ignore[no-untyped-def]
            assert asked == [("user_id:ann", BEGIN + MINUTE)]
            known = {value_feature("t", 2, "name"): "<Ann>", value_feature("t", 2, "spent"): 12.0}
            return [{name: known.get(name, "ann@shop.example") for name in names}]

    shop = Shop(trigger(actions=(PAGE, mail)))
    shop.people = Ann({}, {}, changes=shop.people.changes, now=BEGIN)
    shop.switch_on()
    acted = shop.happens(MINUTE, "ann")
    page, sent = acted.deliveries
    assert acted.firings[0].facts == sent.facts == {"name": "<Ann>", "spent": 12.0}
    assert page.facts == {}
    assert sent.content == {
        "subject": "Hello <Ann>",
        "html": "<p>&lt;Ann&gt;</p>",
        "text": f"12 {format_moment(BEGIN + MINUTE)}",
        "to": "ann@shop.example",
    }
    assert (page.id, sent.id) == (f"{acted.firings[0].id}_1", f"{acted.firings[0].id}_2")


def test_audiences_are_told_by_the_names_of_profiles() -> None:
    """With the name of the segment, and whether one is in it now."""
    feed = ActionDefinition(channel=Channel.AUDIENCE, destination="ads")
    shop = Shop(trigger(on=Changes("s"), actions=(feed,)))
    shop.switch_on()
    told = [
        shop.happens(MINUTE, "ann").deliveries[0].content,
        shop.happens(HOUR, "ann", direction=Direction.LEFT).deliveries[0].content,
    ]
    assert told == [
        {"audience_key": "s", "profile": "user_id:ann", "is_member": is_member} for is_member in (True, False)
    ]


def test_what_would_have_fired_cools_down_like_what_did() -> None:
    """So a dry run, and those who are held out, show how often it really would fire."""
    shop = Shop(trigger(is_dry_run=True, cooldown=DAY))
    shop.switch_on()
    first = shop.happens(MINUTE, "ann")
    shop.is_in(2 * MINUTE, "ann", direction=Direction.LEFT)
    second = shop.happens(HOUR, "ann")
    assert [each.outcome for each in (*first.firings, *second.firings)] == [Outcome.DRY_RUN, Outcome.COOLING_DOWN]
    assert first.deliveries == []
    assert "for the same person" in second.firings[0].reason


def test_the_hold_out_is_a_share_of_people_and_stays() -> None:
    """Evenly spread, the same ones each time; a larger one holds out all of a smaller one."""
    people = [f"user_id:{number}" for number in range(20_000)]
    small, large = ({each for each in people if is_held_out(each, share)} for share in (0.05, 0.2))
    assert small < large
    assert 0.045 < len(small) / len(people) < 0.055
    assert 0.19 < len(large) / len(people) < 0.21
    assert not any(is_held_out(each, 0.0) for each in people)
    assert all(is_held_out(each, 1.0) for each in people)
    assert is_held_out("user_id:0", 0.05) is is_held_out("user_id:0", 0.05)


def test_transactional_ones_are_held_out_from_nobody() -> None:
    """People expect a receipt."""
    shop = Shop(trigger(), trigger("receipt", is_transactional=True), acting=Acting(hold_out=1.0))
    shop.switch_on()
    assert [each.outcome for each in shop.happens(MINUTE, "ann").firings] == [Outcome.HELD_OUT]
    assert [each.outcome for each in shop.happens(MINUTE, "ann", "receipt").firings] == [Outcome.FIRED]


def test_ids_of_firings_are_those_of_their_occasions() -> None:
    """Another moment, person, trigger or direction is another firing; when it was seen makes no difference."""
    shop = Shop(trigger())
    shop.switch_on()
    [firing] = shop.happens(MINUTE, "ann").firings
    same = replace(firing, seen_at=firing.seen_at + 1, outcome=Outcome.TOO_LATE, reason="late", facts={"a": 1.0})
    assert same.id == firing.id
    others = {
        replace(firing, trigger="u").id,
        replace(firing, profile="user_id:bob").id,
        replace(firing, effective_at=firing.effective_at + 1).id,
        replace(firing, direction=Direction.LEFT).id,
    }
    assert len({firing.id, *others}) == 5
