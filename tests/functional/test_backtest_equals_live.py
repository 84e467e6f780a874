"""What a served shop did, and what a backtest of the same events finds afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shoal.definitions.acting import Acting, Destination, QuietHours
from shoal.definitions.definition import Definitions, SegmentDefinition
from shoal.definitions.trigger import ActionDefinition, Changes, Enters, Happens, Leaves, TriggerDefinition
from shoal.model.consent import Purpose
from shoal.model.firing import Channel, Outcome, Status
from shoal.model.time import DAY, HOUR, MINUTE
from shoal.runtime.backtest import look_back
from tests.functional.live_shop import LiveShop, moment
from tests.functional.looking_back import assert_backtest_finds_what_fired, lets_arrive

EVENING = moment("2026-03-10T19:00Z")
LEFT_A_CART = SegmentDefinition(
    name="left_a_cart",
    purpose=Purpose.PERSONALISATION,
    when="""time_since("Product Added") >= "30 minutes"
            and not happened("Order Completed", after=time_of_last("Product Added"))""",
)
PAGE = ActionDefinition(channel=Channel.PAGE, content={"offer": "chat", "title": "Still there?"})
MAIL = ActionDefinition(channel=Channel.EMAIL, destination="mail", content={"subject": "Hello", "text": "Hello!"})
ADS = ActionDefinition(channel=Channel.AUDIENCE, destination="ads")
ACTING = Acting(
    destinations={
        "mail": Destination(name="mail", channel=Channel.EMAIL, address="smtp://mail.example:587"),
        "ads": Destination(name="ads", channel=Channel.AUDIENCE, address="https://ads.example/track"),
    },
    quiet_hours=(QuietHours(begins=21 * 60, ends=8 * 60, channels=frozenset({Channel.EMAIL})),),
    caps={Channel.EMAIL: 1, Channel.PAGE: 2},
)
REFUSED = {"consent": {"purposes": {"personalisation": False}}}
Open = Callable[..., LiveShop]


def trigger(name: str = "cart", **other: Any) -> TriggerDefinition:
    return TriggerDefinition(**({"name": name, "on": Enters("left_a_cart"), "actions": (PAGE,)} | other))


@pytest.fixture
def open_shop(tmp_path: Path) -> Iterator[Open]:
    """A shop whose deliveries arrive at once. When it closes, every backtest has to find what it did."""
    shops: list[LiveShop] = []

    def opened(*triggers: TriggerDefinition) -> LiveShop:
        definitions = Definitions.of(LEFT_A_CART)
        shops.append(LiveShop.of(tmp_path, definitions, *triggers, now=EVENING, acting=ACTING))
        lets_arrive(shops[-1])
        return shops[-1]

    yield opened
    for shop in shops:
        assert_backtest_finds_what_fired(shop, EVENING, compare_deliveries=True)
        shop.close()


def identifies(shop: LiveShop, at: int, who: str, zone: str = "Europe/Paris", **more: Any) -> None:
    """A user says an address, from a zone, and allows e-mail."""
    consent = {"consent": {"purposes": {"email": True, "personalisation": True}}}
    message = {"traits": {"email": f"{who}@shop.example"}, "context": {"timezone": zone, **consent}}
    shop.hears(at, "identify", userId=who, **(message | more))
    shop.waits_until(at)


def statuses(shop: LiveShop, name: str) -> list[Status]:
    return [each.status for each in shop.deliveries(name)]


def test_mail_of_the_night_comes_in_the_morning(open_shop: Open) -> None:
    """Held on everybody's own clock; whoever ordered, or refused, meanwhile gets none of it."""
    shop = open_shop(trigger(actions=(MAIL,)))
    for who, zone in (("ann", "Europe/Paris"), ("bob", "America/New_York"), ("cyd", "Asia/Kathmandu")):
        identifies(shop, EVENING, who, zone)
    for who in ("ann", "bob", "cyd", "dan", "eve"):
        if who in ("dan", "eve"):
            identifies(shop, EVENING + MINUTE, who)
        shop.sees(EVENING + HOUR, who, "Product Added")
    shop.sees(EVENING + 3 * HOUR, "dan", "Order Completed")
    shop.hears(EVENING + 3 * HOUR, "identify", userId="eve", context=REFUSED)
    shop.waits_until(EVENING + DAY)
    found = {each.person.removeprefix("user_id:"): each for each in shop.deliveries("cart")}
    assert {who: each.status for who, each in found.items()} == {
        "ann": Status.DELIVERED,
        "bob": Status.DELIVERED,
        "cyd": Status.DELIVERED,
        "dan": Status.NO_LONGER,
        "eve": Status.NO_CONSENT,
    }
    assert found["ann"].not_before == moment("2026-03-11T07:00Z")
    assert found["bob"].not_before == EVENING + HOUR + 30 * MINUTE


def test_caps_are_counted_by_the_day_of_each(open_shop: Open) -> None:
    """Two triggers share them, and what is held takes its place when it is released, not before."""
    shop = open_shop(
        trigger("first", on=Happens("Product Viewed"), actions=(PAGE, MAIL)),
        trigger("second", on=Happens("Product Added"), actions=(MAIL, PAGE)),
    )
    identifies(shop, EVENING, "ann")
    for hour in (1, 2, 3, 13, 14, 30):
        shop.sees(EVENING + hour * HOUR, "ann", "Product Viewed")
        shop.sees(EVENING + hour * HOUR + MINUTE, "ann", "Product Added")
    shop.waits_until(EVENING + 3 * DAY)
    assert Status.CAPPED in statuses(shop, "first")
    assert Status.CAPPED in statuses(shop, "second")


def test_who_becomes_somebody_takes_everything_along(open_shop: Open) -> None:
    """Two devices turn out to be one person: the cooldown and the caps of both are theirs."""
    shop = open_shop(trigger(cooldown=2 * DAY), trigger("seen", on=Happens("Product Added"), actions=(PAGE,)))
    for number, device in enumerate(("d1", "d2", "d3"), start=1):
        shop.hears(EVENING + number * MINUTE, anonymousId=device, event="Product Added")
        shop.waits_until(EVENING + number * MINUTE)
    shop.waits_until(EVENING + 40 * MINUTE)
    for number, device in enumerate(("d1", "d2")):
        identifies(shop, EVENING + HOUR + number * MINUTE, "ann", anonymousId=device)
    shop.sees(EVENING + 2 * HOUR, "ann", "Product Added")
    shop.waits_until(EVENING + 3 * HOUR)
    assert [each.outcome for each in shop.firings("cart")] == [Outcome.FIRED] * 3 + [Outcome.COOLING_DOWN]
    assert statuses(shop, "seen")[-1] is Status.CAPPED


def test_leaving_by_a_refusal_or_by_becoming_somebody(open_shop: Open) -> None:
    """A refusal fires nothing; a new name is no leaving, but for audiences, which are held by names."""
    shop = open_shop(
        trigger("leaves", on=Leaves("left_a_cart")),
        trigger("audience", on=Changes("left_a_cart"), actions=(ADS,), purpose=Purpose.PERSONALISATION),
    )
    shop.sees(EVENING, "ann", "Product Added")
    shop.hears(EVENING, anonymousId="d1", event="Product Added")
    shop.sees(EVENING + MINUTE, "bob", "Product Added")
    shop.waits_until(EVENING + HOUR)
    shop.hears(EVENING + HOUR, "identify", userId="ann", context=REFUSED)
    shop.waits_until(EVENING + HOUR)
    identifies(shop, EVENING + 2 * HOUR, "bob", anonymousId="d1")
    shop.sees(EVENING + 3 * HOUR, "bob", "Order Completed")
    found = {(each.profile, each.outcome) for each in shop.firings("leaves")}
    assert found == {("user_id:ann", Outcome.NO_CONSENT), ("user_id:bob", Outcome.FIRED)}
    assert {each.profile for each in shop.firings("audience")} >= {"anonymous_id:d1", "user_id:bob"}


def test_it_says_that_the_trigger_was_on(open_shop: Open) -> None:
    """Who then bought may have done so because of it."""
    shop = open_shop(trigger())
    shop.sees(EVENING, "ann", "Product Added")
    shop.waits_until(EVENING + HOUR)
    shop.live.archive_events()
    note, *_ = look_back(shop.workspace, "cart", EVENING, shop.now).notes
    assert note.startswith("It really fired once in this time")
