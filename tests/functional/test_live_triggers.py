"""Triggers of a workspace that is served: from what comes in to what goes out, with a clock of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shoal.definitions.acting import Acting, Destination, QuietHours
from shoal.definitions.definition import Definitions, SegmentDefinition
from shoal.definitions.trigger import (
    ActionDefinition,
    Changes,
    Enters,
    Happens,
    Leaves,
    RunsOut,
    SessionEnds,
    TriggerDefinition,
)
from shoal.journal import Archive
from shoal.model.change import Direction
from shoal.model.consent import Purpose
from shoal.model.event import Event, EventKind
from shoal.model.firing import Channel, Outcome, Status
from shoal.model.frame import frame_of_events
from shoal.model.time import HOUR, MINUTE, SECOND
from shoal.runtime.places import ARCHIVE_FOLDER
from tests.functional.live_shop import LiveShop, moment

NOON = moment("2026-03-10T12:00Z")
PAGE = ActionDefinition(channel=Channel.PAGE, content={"offer": "chat", "title": "Still there?"})
LEFT_A_CART = Definitions.of(
    SegmentDefinition(
        name="left_a_cart",
        purpose=Purpose.PERSONALISATION,
        when="""time_since("Product Added") >= "30 minutes"
                and not happened("Order Completed", after=time_of_last("Product Added"))""",
    )
)
DESTINATIONS = {
    "mail": Destination(name="mail", channel=Channel.EMAIL, address="smtp://mail.example:587"),
    "ads": Destination(name="ads", channel=Channel.AUDIENCE, address="https://ads.example/track"),
}
NIGHT = Acting(
    destinations=DESTINATIONS,
    quiet_hours=(QuietHours(begins=21 * 60, ends=8 * 60, channels=frozenset({Channel.EMAIL})),),
    caps={Channel.EMAIL: 1},
)
MAIL = ActionDefinition(channel=Channel.EMAIL, destination="mail", content={"subject": "Hello", "text": "Hello!"})
REFUSED = {"consent": {"purposes": {"personalisation": False}}}
Open = Callable[..., LiveShop]


def trigger(name: str = "cart", **other: Any) -> TriggerDefinition:
    return TriggerDefinition(**({"name": name, "on": Enters("left_a_cart"), "actions": (PAGE,)} | other))


@pytest.fixture
def open_shop(tmp_path: Path) -> Iterator[Open]:
    shops: list[LiveShop] = []

    def opened(*triggers: TriggerDefinition, definitions: Definitions = LEFT_A_CART, **other: Any) -> LiveShop:
        shops.append(LiveShop.of(tmp_path, definitions, *triggers, now=NOON, **other))
        return shops[-1]

    yield opened
    for shop in shops:
        shop.close()


def outcomes(shop: LiveShop, name: str = "cart") -> list[tuple[str, int, Outcome]]:
    """(profile, milliseconds after noon, outcome)."""
    return [(each.profile, each.effective_at - NOON, each.outcome) for each in shop.firings(name)]


def test_a_deadline_with_no_event_fires_at_its_moment(open_shop: Open) -> None:
    """Thirty minutes of nothing after a cart: one firing, one delivery, and nothing of it shows as a segment."""
    shop = open_shop(trigger())
    shop.sees(NOON, "ann", "Product Added")
    shop.waits_until(NOON + HOUR)
    assert outcomes(shop) == [("user_id:ann", 30 * MINUTE, Outcome.FIRED)]
    [delivery] = shop.deliveries()
    assert (delivery.person, delivery.status, delivery.not_before) == (
        "user_id:ann",
        Status.READY,
        NOON + 30 * MINUTE,
    )
    assert delivery.content == {"offer": "chat", "title": "Still there?"}
    assert delivery.expires_at == NOON + 45 * MINUTE
    assert (
        {each.segment for each in shop.changes}
        == {"left_a_cart"}
        == {each for _, each in shop.live.state.members()}
    )


def test_each_kind_of_occasion(open_shop: Open) -> None:
    """Entering, leaving, both, an event, a deadline without one, the end of a session: each at its own moment."""
    shop = open_shop(
        trigger("enters"),
        trigger("leaves", on=Leaves("left_a_cart")),
        trigger("changes", on=Changes("left_a_cart")),
        trigger("happens", on=Happens("Product Added", "price > 100")),
        trigger("runs_out", on=RunsOut(Happens("Product Added"), Happens("Order Completed"), 10 * MINUTE)),
        trigger("ends", on=SessionEnds()),
    )
    shop.sees(NOON, "ann", "Product Added", price=50)
    shop.sees(NOON + MINUTE, "ann", "Product Added", price=150)
    shop.sees(NOON + HOUR, "ann", "Order Completed")
    shop.waits_until(NOON + 2 * HOUR)
    found = {(each.trigger, (each.effective_at - NOON) // MINUTE, each.direction.value) for each in shop.firings()}
    assert found == {
        ("enters", 31, "entered"),
        ("leaves", 60, "left"),
        ("changes", 31, "entered"),
        ("changes", 60, "left"),
        ("happens", 1, "entered"),
        ("runs_out", 11, "entered"),
        ("ends", 31, "entered"),
        ("ends", 90, "entered"),
    }
    assert {each.outcome for each in shop.firings()} == {Outcome.FIRED}


def test_a_context_counts_at_the_moment_of_the_change(open_shop: Open) -> None:
    """Who was on a phone when it became so: what they use later changes nothing."""
    shop = open_shop(trigger(on=Happens("Product Added"), condition='last("device", of="*") == "phone"'))
    shop.hears(NOON, userId="ann", event="Product Added", properties={"device": "phone"})
    shop.hears(NOON + SECOND, userId="ann", event="Page Viewed", properties={"device": "desktop"})
    shop.hears(NOON, userId="bob", event="Product Added", properties={"device": "desktop"})
    shop.hears(NOON + SECOND, userId="bob", event="Page Viewed", properties={"device": "phone"})
    shop.waits_until(NOON + MINUTE)
    assert outcomes(shop) == [("user_id:ann", 0, Outcome.FIRED)]


def test_a_late_event_fires_nothing_stale(open_shop: Open) -> None:
    """A cart of two hours ago that comes only now: it is noted why nothing is done."""
    shop = open_shop(trigger())
    shop.waits_until(NOON + 3 * HOUR)
    shop.hears(NOON + HOUR, userId="ann", event="Product Added")
    shop.waits_until(NOON + 3 * HOUR + SECOND)
    assert outcomes(shop) == [("user_id:ann", 90 * MINUTE, Outcome.TOO_LATE)]
    assert shop.firings()[0].reason == "known only 1 h 30 min after the change"
    assert shop.deliveries() == []


def test_an_event_that_is_a_little_late_still_counts(open_shop: Open) -> None:
    """Within what the trigger calls valid; and an order that comes after it takes it back before it fires."""
    shop = open_shop(trigger())
    shop.waits_until(NOON + 40 * MINUTE)
    shop.hears(NOON + SECOND, userId="ann", event="Product Added")
    shop.hears(NOON + SECOND, userId="bob", event="Product Added")
    shop.hears(NOON + MINUTE, userId="bob", event="Order Completed")
    shop.waits_until(NOON + 41 * MINUTE)
    assert outcomes(shop) == [("user_id:ann", 30 * MINUTE + SECOND, Outcome.FIRED)]


def test_who_is_gone_again_gets_nothing(open_shop: Open) -> None:
    """In one step into the segment and out of it: it is no longer so when it could fire."""
    shop = open_shop(trigger())
    shop.sees(NOON, "ann", "Product Added")
    shop.live.archive_events()
    shop.hears(NOON + 31 * MINUTE, userId="ann", event="Order Completed")
    shop.now = NOON + 32 * MINUTE
    shop.live.tick(shop.now)
    assert outcomes(shop) == [("user_id:ann", 30 * MINUTE, Outcome.NO_LONGER)]


def test_a_refusal_is_asked_about_first(open_shop: Open) -> None:
    """Nobody who refuses enters; leaving needs consent, too, and leaving by a refusal fires nothing."""
    shop = open_shop(trigger(), trigger("leaves", on=Leaves("left_a_cart")))
    for who in ("ann", "bob"):
        shop.sees(NOON, who, "Product Added")
    shop.hears(NOON + MINUTE, "identify", userId="bob", context=REFUSED)
    shop.waits_until(NOON + MINUTE)
    shop.waits_until(NOON + 31 * MINUTE)
    assert outcomes(shop) == [("user_id:ann", 30 * MINUTE, Outcome.FIRED)]
    shop.hears(NOON + HOUR, "identify", userId="ann", context=REFUSED)
    shop.waits_until(NOON + HOUR)
    assert outcomes(shop, "leaves") == [("user_id:ann", HOUR, Outcome.NO_CONSENT)]


def test_a_restart_fires_nothing_again(open_shop: Open) -> None:
    """Wherever it happens: steps that are repeated have fired, and those that are not will."""
    shop = open_shop(trigger(), trigger("seen", on=Happens("Product Added")))
    for number, who in enumerate(("ann", "bob", "cyd")):
        shop.sees(NOON + number * MINUTE, who, "Product Added")
        shop.starts_again()
    shop.waits_until(NOON + 31 * MINUTE)
    shop.starts_again()
    shop.live.archive_events()
    shop.starts_again()
    shop.waits_until(NOON + HOUR)
    expected = [(f"user_id:{who}", number * MINUTE) for number, who in enumerate(("ann", "bob", "cyd"))]
    assert [(who, at) for who, at, _ in outcomes(shop, "seen")] == expected
    assert [(who, at - 30 * MINUTE) for who, at, _ in outcomes(shop)] == expected


def test_a_step_that_cannot_be_written_has_not_fired(open_shop: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Changes, firings and deliveries are one transaction: none of them is on the disk, then all of them."""
    shop = open_shop(trigger("seen", on=Happens("Product Added")))
    follow = type(shop.live.actor).follow

    def failing(*given: Any) -> Any:
        follow(*given)
        raise OSError("no space left")

    monkeypatch.setattr(type(shop.live.actor), "follow", failing)
    with pytest.raises(Exception, match="no space left"):
        shop.sees(NOON, "ann", "Product Added")
    monkeypatch.setattr(type(shop.live.actor), "follow", follow)
    assert shop.firings() == shop.deliveries() == []
    shop.starts_again()
    shop.waits_until(NOON + SECOND)
    assert outcomes(shop, "seen") == [("user_id:ann", 0, Outcome.FIRED)]


def test_a_new_trigger_does_not_fire_for_those_present(open_shop: Open) -> None:
    """Unless it says so; those who come later count for both."""
    shop = open_shop()
    shop.sees(NOON, "ann", "Product Added")
    shop.waits_until(NOON + HOUR)
    shop.redefines(trigger(), trigger("everybody", include_present=True))
    assert shop.firings("cart") == []
    assert outcomes(shop, "everybody") == [("user_id:ann", HOUR, Outcome.FIRED)]
    shop.sees(NOON + HOUR, "bob", "Product Added")
    shop.waits_until(NOON + 2 * HOUR)
    for name in ("cart", "everybody"):
        assert outcomes(shop, name)[-1] == ("user_id:bob", 90 * MINUTE, Outcome.FIRED)
    shop.redefines(trigger(), trigger("everybody", include_present=True, title="Only called otherwise"))
    shop.starts_again()
    assert len(shop.firings()) == 3


def test_an_import_fires_only_for_those_present_who_count(open_shop: Open) -> None:
    """What a file says of the past is no occasion."""
    shop = open_shop(trigger(), trigger("everybody", include_present=True))
    shop.sees(NOON, "ann", "Product Added")
    shop.waits_until(NOON + HOUR)
    cart = Event(
        position=1,
        message_id="from a file",
        kind=EventKind.TRACK,
        name="Product Added",
        occurred_at=NOON - HOUR,
        received_at=NOON,
        user_id="bob",
    )
    archive = Archive(shop.workspace.folder / ARCHIVE_FOLDER)
    with archive.writing():
        archive.append(frame_of_events([cart]), source="file", source_rows=1)
    shop.live.take_in_imports(shop.now)
    assert outcomes(shop) == [("user_id:ann", 30 * MINUTE, Outcome.FIRED)]
    assert outcomes(shop, "everybody") == [
        ("user_id:ann", 30 * MINUTE, Outcome.FIRED),
        ("user_id:bob", HOUR, Outcome.FIRED),
    ]
    shop.starts_again()
    assert len(shop.firings()) == 3


def test_who_turns_out_to_be_somebody_stays_one_person(open_shop: Open) -> None:
    """What was done for a device counts for the person: cooldown, caps and the line of deliveries go along."""
    shop = open_shop(
        trigger("seen", on=Happens("Product Added"), cooldown=HOUR),
        trigger("more", on=Happens("Product Viewed")),
        acting=Acting(caps={Channel.PAGE: 2}),
    )
    for event in ("Product Added", "Product Viewed"):
        shop.hears(NOON, anonymousId="x", event=event)
    shop.waits_until(NOON + SECOND)
    shop.sees(NOON + MINUTE, "ann", "Sign In")
    shop.hears(NOON + 2 * MINUTE, "identify", userId="ann", anonymousId="x")
    shop.waits_until(NOON + 2 * MINUTE)
    shop.sees(NOON + 3 * MINUTE, "ann", "Product Added")
    shop.sees(NOON + 4 * MINUTE, "ann", "Product Viewed")
    assert [each for _, _, each in outcomes(shop, "seen")] == [Outcome.FIRED, Outcome.COOLING_DOWN]
    assert [each.profile for each in shop.firings("seen")] == ["anonymous_id:x", "user_id:ann"]
    assert {each.person for each in shop.deliveries()} == {"user_id:ann"}
    [_, capped] = shop.deliveries("more")
    assert (capped.status, capped.reason) == (Status.CAPPED, "2 of at most 2 on page on 2026-03-10 (UTC)")


def test_signing_in_is_not_entering_again(open_shop: Open) -> None:
    """The person was in the segment before, under the name of a device. An audience, held by names, follows."""
    feed = ActionDefinition(channel=Channel.AUDIENCE, destination="ads")
    shop = open_shop(trigger(), trigger("audience", on=Changes("left_a_cart"), actions=(feed,)), acting=NIGHT)
    shop.hears(NOON, anonymousId="x", event="Product Added")
    shop.sees(NOON + MINUTE, "ann", "Page Viewed")
    shop.waits_until(NOON + 40 * MINUTE)
    shop.hears(NOON + 40 * MINUTE, "identify", userId="ann", anonymousId="x")
    shop.waits_until(NOON + 41 * MINUTE)
    assert outcomes(shop) == [("anonymous_id:x", 30 * MINUTE, Outcome.FIRED)]
    told = [(each.profile, each.direction) for each in shop.firings("audience")]
    assert told == [
        ("anonymous_id:x", Direction.ENTERED),
        ("anonymous_id:x", Direction.LEFT),
        ("user_id:ann", Direction.ENTERED),
    ]
    assert {each.outcome for each in shop.firings("audience")} == {Outcome.FIRED}
    assert [each.content["profile"] for each in shop.deliveries("audience")] == [who for who, _ in told]


@pytest.mark.parametrize(
    ("zone", "asked", "sent"),
    [
        ("Europe/Paris", "2026-03-28T21:30+01:00", "2026-03-29T08:00+02:00"),
        ("Europe/Paris", "2026-10-24T21:30+02:00", "2026-10-25T08:00+01:00"),
        ("America/New_York", "2027-03-13T22:00-05:00", "2027-03-14T08:00-04:00"),
        ("America/New_York", "2026-10-31T22:00-04:00", "2026-11-01T08:00-05:00"),
        ("Nowhere/Land", "2026-03-28T22:00Z", "2026-03-29T08:00Z"),
        ("", "2026-03-28T22:00Z", "2026-03-29T08:00Z"),
    ],
)
def test_quiet_hours_are_those_of_the_persons_zone(open_shop: Open, zone: str, asked: str, sent: str) -> None:
    """Held and sent in the morning, across both changes of the clock; without a zone, the workspace's."""
    shop = open_shop(
        trigger("seen", on=Happens("Product Added"), actions=(MAIL,), purpose=Purpose.PERSONALISATION),
        acting=NIGHT,
    )
    shop.waits_until(moment(asked) - HOUR)
    context = {"timezone": zone} if zone else {}
    traits = {"email": "ann@shop.example"}
    shop.hears(moment(asked) - MINUTE, "identify", userId="ann", traits=traits, context=context)
    shop.sees(asked, "ann", "Product Added")
    [held] = shop.deliveries()
    assert (held.status, held.not_before) == (Status.HELD, moment(sent))
    shop.waits_until(moment(asked) + HOUR)
    assert shop.live.next_moment == moment(sent)
    shop.starts_again()
    shop.waits_until(moment(sent) - 1)
    assert shop.deliveries() == [held]
    shop.waits_until(moment(sent))
    [released] = shop.deliveries()
    assert (released.status, released.id, released.not_before) == (Status.READY, held.id, moment(sent))
    assert released.content["to"] == "ann@shop.example"


def test_in_the_morning_everything_is_asked_again(open_shop: Open) -> None:
    """Who has bought meanwhile, who refuses now, who had enough: each is kept with its reason."""
    lunch = QuietHours(begins=13 * 60, ends=14 * 60, channels=frozenset({Channel.EMAIL}))
    quiet = replace(NIGHT, quiet_hours=(lunch,))
    shop = open_shop(
        trigger(actions=(MAIL,)), trigger("seen", on=Happens("Product Added"), actions=(MAIL,)), acting=quiet
    )
    people = ("ann", "bob", "cyd", "dan")
    for who in people:
        shop.hears(NOON, "identify", userId=who, traits={"email": f"{who}@shop.example"})
    shop.waits_until(NOON + HOUR)
    for who in people[:3]:
        shop.sees(NOON + HOUR, who, "Product Added")
    shop.waits_until(NOON + 100 * MINUTE)
    shop.sees(NOON + 110 * MINUTE, "bob", "Order Completed")
    shop.hears(NOON + 110 * MINUTE, "identify", userId="cyd", context=REFUSED)
    shop.waits_until(NOON + 3 * HOUR)
    found = {(each.person, each.trigger): (each.status, each.reason) for each in shop.deliveries()}
    ready, full = (Status.READY, ""), (Status.CAPPED, "1 of at most 1 on email on 2026-03-10 (UTC)")
    refused = (Status.NO_CONSENT, "no consent to personalisation")
    assert found == {
        ("user_id:ann", "seen"): ready,
        ("user_id:ann", "cart"): full,
        ("user_id:bob", "seen"): ready,
        ("user_id:bob", "cart"): (Status.NO_LONGER, "no longer so at 2026-03-10T14:00:00.000Z"),
        ("user_id:cyd", "seen"): refused,
        ("user_id:cyd", "cart"): refused,
    }


def test_who_has_no_address_is_kept_with_the_reason(open_shop: Open) -> None:
    """Nothing is sent to nowhere."""
    shop = open_shop(trigger("seen", on=Happens("Product Added"), actions=(MAIL,)), acting=NIGHT)
    shop.sees(NOON, "ann", "Product Added")
    [delivery] = shop.deliveries()
    assert (delivery.status, delivery.reason) == (Status.UNREACHABLE, "no e-mail address is known")


def test_values_go_along_as_they_were(open_shop: Open) -> None:
    """In the templates and as facts, at the moment of the change, whatever came after it."""
    action = ActionDefinition(
        channel=Channel.PAGE,
        content={"offer": "content", "title": "Hello {{ first_name }}, {{ carts }} and {{ city }}."},
        values={
            "first_name": "trait('first_name')",
            "carts": "count('Product Added')",
            "city": "trait('city')",
            "last": "time_of_last('Product Added')",
        },
    )
    shop = open_shop(trigger(actions=(action,)))
    shop.hears(NOON, "identify", userId="ann", traits={"first_name": "Ann"})
    shop.sees(NOON, "ann", "Product Added")
    shop.hears(NOON + 30 * MINUTE + 1, "identify", userId="ann", traits={"first_name": "Anna"})
    shop.live.tick(NOON + 31 * MINUTE)
    [delivery] = shop.deliveries()
    assert delivery.content == {"offer": "content", "title": "Hello Ann, 1 and ."}
    assert delivery.facts == {
        "first_name": "Ann",
        "carts": 1.0,
        "city": None,
        "last": "2026-03-10T12:00:00.000Z",
    }
    assert shop.firings()[0].facts == delivery.facts
