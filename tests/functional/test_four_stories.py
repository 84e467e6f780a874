"""The four stories, end to end with a clock of ours: from what a browser sends to the offer that is on its way.

The triggers are those of the templates, as `shoal init` writes them. After each story a backtest of every trigger
has to find what fired.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from shoal.definitions.workspace import load_workspace
from shoal.model.firing import Channel, Delivery, Outcome, Status
from shoal.model.time import DAY, HOUR, MINUTE, SECOND
from shoal.runtime.acting import open_outbox
from shoal.templates import init_workspace
from tests.functional.live_shop import LiveShop, moment
from tests.functional.looking_back import assert_backtest_finds_what_fired

BEGIN = moment("2026-03-10T12:00Z")
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.4 Mobile/15E148 Safari/604.1"
)
DESKTOP = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36"
)


class Visitor:
    """Somebody with a browser on a site whose workspace is made from a template."""

    def __init__(self, folder: Path, template: str, *, user_agent: str = DESKTOP) -> None:
        init_workspace(folder / template, template)
        self.shop = LiveShop(load_workspace(folder / template), BEGIN)
        self.context = {"userAgent": user_agent, "timezone": "Europe/Berlin"}

    def sends(self, at: int, type_: str, **message: Any) -> None:
        """A message of a browser that has no name yet, `at` milliseconds after the beginning."""
        self.shop.hears(BEGIN + at, type_, anonymousId="device-1", context=self.context, **message)
        self.shop.waits_until(BEGIN + at)

    def does(self, at: int, event: str, **properties: Any) -> None:
        self.sends(at, "track", event=event, properties=properties)

    def opens(self, at: int, page: str) -> None:
        self.sends(at, "page", name=page, properties={"name": page})

    def pays_attention(self, at: int, page: str, milliseconds: int) -> None:
        """As the tracker tells it: in parts, while the page is looked at."""
        self.does(at, "Page Engaged", name=page, engaged_ms=milliseconds)

    def waits_until(self, at: int) -> None:
        self.shop.waits_until(BEGIN + at)

    def offers(self, trigger: str) -> list[tuple[int, str]]:
        """(milliseconds after the beginning, which offer) of everything that is on its way by a trigger."""
        found = self.shop.deliveries(trigger)
        assert all(each.status is Status.READY and each.channel is Channel.PAGE for each in found)
        return [(self.moment_of(each), str(each.content["offer"])) for each in found]

    def moment_of(self, delivery: Delivery) -> int:
        [firing] = [each for each in self.shop.firings() if each.id == delivery.firing]
        assert firing.outcome is Outcome.FIRED
        assert delivery.created_at == firing.seen_at == firing.effective_at
        return firing.effective_at - BEGIN

    def looks_at_three_products(self, at: int) -> None:
        for number in range(3):
            self.opens(at + number * MINUTE, "Product")
            self.does(at + number * MINUTE + SECOND, "Product Viewed", product_id=f"p{number}", price=20)


Visit = Any


@pytest.fixture
def visit(tmp_path: Path) -> Iterator[Visit]:
    made: list[Visitor] = []

    def begin(template: str, **other: Any) -> Visitor:
        made.append(Visitor(tmp_path, template, **other))
        return made[-1]

    yield begin
    for each in made:
        assert_backtest_finds_what_fired(each.shop, BEGIN)
        each.shop.close()


def test_a_cart_left_after_three_products_leads_to_a_discount(visit: Visit) -> None:
    """Half an hour after something was put into the cart, at that very moment, once in two weeks."""
    visitor = visit("ecommerce")
    visitor.sends(0, "identify", traits={"firstName": "Ann"})
    visitor.looks_at_three_products(0)
    visitor.does(4 * MINUTE, "Product Added", product_id="p2", price=20)
    visitor.waits_until(34 * MINUTE - 1)
    assert visitor.offers("cart_discount") == []
    visitor.waits_until(HOUR)
    assert visitor.offers("cart_discount") == [(34 * MINUTE, "discount")]
    [delivery] = visitor.shop.deliveries("cart_discount")
    assert delivery.content["code"] == "TODAY10"
    assert delivery.content["title"] == "Still thinking about it, Ann?"
    visitor.does(HOUR, "Product Added", product_id="p1", price=20)
    visitor.waits_until(DAY)
    assert visitor.offers("cart_discount") == [(34 * MINUTE, "discount")]
    assert [each.outcome for each in visitor.shop.firings("cart_discount")] == [
        Outcome.FIRED,
        Outcome.COOLING_DOWN,
    ]


def test_who_buys_in_time_is_offered_nothing(visit: Visit) -> None:
    """A second before the offer: it would have cost money for nothing."""
    visitor = visit("ecommerce")
    visitor.looks_at_three_products(0)
    visitor.does(4 * MINUTE, "Product Added", product_id="p2", price=20)
    visitor.does(34 * MINUTE - SECOND, "Order Completed", order_id="o1", revenue=20)
    visitor.waits_until(DAY)
    assert visitor.shop.firings() == []


def test_a_short_look_at_prices_on_a_phone_leads_to_a_demo(visit: Visit) -> None:
    """Under 30 seconds, on the pricing page, on a phone; whoever stays, or sits at a desk, is shown none."""
    visitor = visit("saas", user_agent=PHONE)
    visitor.opens(0, "Pricing")
    visitor.pays_attention(10 * SECOND, "Pricing", 10_000)
    visitor.pays_attention(18 * SECOND, "Pricing", 8_000)
    visitor.opens(20 * SECOND, "Home")
    visitor.waits_until(10 * MINUTE)
    assert visitor.offers("demo_after_a_short_look") == [(48 * SECOND, "demo")]


@pytest.mark.parametrize("user_agent", [PHONE, DESKTOP])
def test_a_long_look_at_prices_leads_to_nothing(visit: Visit, user_agent: str) -> None:
    """Half a minute and more is no short look, wherever."""
    visitor = visit("saas", user_agent=user_agent)
    visitor.opens(0, "Pricing")
    for number in range(1, 5):
        visitor.pays_attention(number * 10 * SECOND, "Pricing", 10_000)
    visitor.waits_until(HOUR)
    assert visitor.shop.firings() == []


def test_minutes_at_the_booking_and_then_nothing_lead_to_15_percent_off(visit: Visit) -> None:
    """More than four minutes of attention on the booking pages, and gone for half an hour."""
    visitor = visit("travel")
    visitor.does(0, "Checkout Started")
    for number in range(1, 26):
        visitor.pays_attention(number * 10 * SECOND, "Booking", 10_000)
    visitor.waits_until(DAY)
    left = 250 * SECOND + 30 * MINUTE
    assert visitor.offers("slow_booking_discount") == [(left, "discount")]
    [delivery] = visitor.shop.deliveries("slow_booking_discount")
    assert delivery.content["code"] == "GO15"
    assert "15 %" in str(delivery.content["text"])


def test_a_valuable_cart_left_after_a_long_visit_opens_the_chat(visit: Visit) -> None:
    """The intent score rises at that moment and not before, and goes along to whoever answers."""
    visitor = visit("ecommerce")
    visitor.looks_at_three_products(0)
    visitor.opens(7 * MINUTE, "Product")
    visitor.does(8 * MINUTE, "Product Added", product_id="p2", price=150)
    engine = visitor.shop.live.engine
    person = engine.node_of("anonymous_id:device-1")
    before, at = (
        float(engine.evaluate([person], BEGIN + moment_).values["score", "intent"].amounts[0])
        for moment_ in (13 * MINUTE - 1, 13 * MINUTE)
    )
    assert at >= before + 20
    visitor.waits_until(HOUR)
    assert visitor.offers("chat_about_a_valuable_cart") == [(13 * MINUTE, "chat")]
    [delivery] = visitor.shop.deliveries("chat_about_a_valuable_cart")
    assert delivery.facts == {"cart_value": 150.0, "intent": pytest.approx(at)}


def test_refusing_personalisation_means_no_offers(visit: Visit) -> None:
    """Whatever one does: nobody looks."""
    visitor = visit("ecommerce")
    visitor.context |= {"consent": {"purposes": {"personalisation": False}}}
    visitor.looks_at_three_products(0)
    visitor.opens(7 * MINUTE, "Product")
    visitor.does(8 * MINUTE, "Product Added", product_id="p2", price=150)
    visitor.waits_until(DAY)
    assert visitor.shop.firings() == []


def test_no_more_offers_a_day_than_the_template_says(visit: Visit) -> None:
    """Three pages a day on the visitor's clock: the fourth is kept with the reason. Unseen ones do not count."""
    visitor = visit("ecommerce")
    (visitor.shop.workspace.folder / "triggers" / "many.yaml").write_text(
        "trigger: many\non: {event: Product Viewed}\ndo:\n- page: {offer: content, title: Look}\n"
    )
    visitor.shop.workspace = load_workspace(visitor.shop.workspace.folder)
    visitor.shop.starts_again()
    visitor.looks_at_three_products(0)
    visitor.does(5 * MINUTE, "Product Viewed", product_id="p9")
    with closing(open_outbox(visitor.shop.workspace.folder)) as outbox:
        assert outbox.expire(BEGIN + HOUR) == 3
    visitor.does(10 * HOUR, "Product Viewed", product_id="p8")
    visitor.does(11 * HOUR, "Product Viewed", product_id="p9")
    found = [(each.status, each.reason) for each in visitor.shop.deliveries("many")]
    assert [status for status, _ in found] == [Status.EXPIRED] * 3 + [Status.CAPPED, Status.READY, Status.READY]
    assert found[3][1] == "3 of at most 3 on page on 2026-03-10 (Europe/Berlin)"
