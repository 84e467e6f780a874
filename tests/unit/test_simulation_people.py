"""Simulated people: each intent does what the segments for it look for, in every business."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from shoal.model.time import DAY, HOUR, MINUTE, parse_moment, to_datetime
from shoal.simulation import BUSINESSES, Intent, Simulation, Truth
from shoal.simulation.chance import Chance
from shoal.simulation.lives import live
from shoal.simulation.person import draw_person

PEOPLE_OF_INTENT = 25
SESSION_GAP = 30 * MINUTE


@dataclass
class Happened:
    at: int
    name: str
    properties: dict[str, Any]
    message: dict[str, Any]


@dataclass
class Story:
    """One person's events in their true order, each once."""

    events: list[Happened]
    truth: Truth
    end: int

    def all(self, *names: str, page: str | None = None) -> list[Happened]:
        return [
            event for event in self.events if event.name in names and page in (None, event.properties.get("name"))
        ]

    def since(self, moment: int) -> Story:
        return Story([event for event in self.events if event.at > moment], self.truth, self.end)

    def sessions(self) -> list[list[Happened]]:
        found: list[list[Happened]] = []
        for event in self.events:
            if event.name in STATEMENTS:
                continue
            if not found or event.at - found[-1][-1].at > SESSION_GAP:
                found.append([])
            found[-1].append(event)
        return found

    def local_hour(self, event: Happened) -> int:
        return to_datetime(event.at, ZoneInfo(self.truth.timezone)).hour


STATEMENTS = ("identify", "group", "Segment Consent Preference Updated")
PAGES = ("page", "screen")


def story_of(simulation: Simulation, number: int) -> Story:
    lived = live(simulation, number)
    by_id = {message["messageId"]: message for message in (msgspec.json.decode(line) for _, line in lived.lines)}
    events = [
        Happened(
            parse_moment(message["timestamp"]),
            message.get("event") or message["type"],
            message.get("properties", {}),
            message,
        )
        for message in by_id.values()
    ]
    return Story(sorted(events, key=lambda event: event.at), lived.truth, simulation.end_ms)


def people_of(intent: Intent, business: str) -> list[Story]:
    simulation = Simulation(business=business, people=1)
    place = list(BUSINESSES).index(business)
    numbers = (
        number
        for number in range(20_000)
        if draw_person(simulation, number, Chance(simulation.seed, place, number)).intent is intent
    )
    return [story_of(simulation, next(numbers)) for _ in range(PEOPLE_OF_INTENT)]


# What the segments look for


def leaves_a_cart_after_comparing(story: Story) -> bool:
    added = story.all("Product Added")[-1]
    viewed = {
        event.properties["product_id"] for event in story.all("Product Viewed") if added.at - event.at < 7 * DAY
    }
    orders = [event for event in story.since(added.at).all("Order Completed") if event.at - added.at < 2 * HOUR]
    return len(viewed) >= 3 and not orders


def comes_back_to_one_page(story: Story) -> bool:
    pages = [event.properties["path"] for event in story.all(*PAGES)]
    often = max(set(pages), key=pages.count)
    days = {event.at // DAY for event in story.all(*PAGES) if event.properties["path"] == often}
    is_right = often == "/pricing" or often.startswith("/products/")
    return is_right and len(days) >= 3 and not story.all("Order Completed")


def engages_deeply(story: Story) -> bool:
    watched = [
        event.properties["position"] == event.properties["total_length"] > 0
        for event in story.all("Video Playback Completed")
    ]
    scrolled = max(event.properties["scroll_percent"] for event in story.all("Page Engaged"))
    return bool(watched) and all(watched) and scrolled > 70 and bool(story.all("Element Interacted"))


def converts_after_a_long_visit(story: Story) -> bool:
    last = story.sessions()[-1]
    pages = sum(event.name in PAGES for event in last)
    orders = [event for event in last if event.name == "Order Completed"]
    return orders[0].at - last[0].at > 5 * MINUTE and pages >= 3


def leaves_the_checkout(story: Story) -> bool:
    started = story.all("Checkout Started")[0]
    after = story.since(started.at)
    first_visit = [event for event in after.events if event.at - started.at < 2 * HOUR]
    steps = [event.properties["step"] for event in first_visit if event.name == "Checkout Step Viewed"]
    done = [event.properties["step"] for event in first_visit if event.name == "Checkout Step Completed"]
    ordered = [event for event in first_visit if event.name == "Order Completed"]
    return steps == list(range(1, len(steps) + 1)) and done == steps[:-1] and not ordered


def bounces_off_the_prices(story: Story) -> bool:
    engaged = [event.properties["engaged_ms"] for event in story.all("Page Engaged", page="Pricing")]
    phones = {event.message["context"]["device"]["type"] for event in story.events}
    seconds = [session[-1].at - session[0].at for session in story.sessions()]
    return max(engaged) < 30_000 and phones == {"mobile"} and min(seconds) < 30_000


def is_new_and_curious(story: Story) -> bool:
    categories = {event.properties["category"] for event in story.all("Product List Viewed", "Product Viewed")}
    return story.end - story.events[0].at < 7 * DAY and len(categories) >= 3 and not story.truth.bought


def has_gone(story: Story) -> bool:
    return story.end - story.events[-1].at > 35 * DAY and len(story.all(*PAGES)) >= 2


def buys_much_and_often(story: Story) -> bool:
    return story.truth.orders >= 3 and story.truth.revenue / story.truth.orders > 30


def is_unhappy_and_slows_down(story: Story) -> bool:
    tones = [event.properties["tone"] for event in story.all("Live Chat Message Sent", "Product Reviewed")]
    starts = [session[0].at for session in story.sessions()]
    gaps = [two - one for one, two in pairwise(starts)]
    is_silent = 8 * DAY < story.end - story.events[-1].at < 20 * DAY
    return max(tones) < -0.25 and gaps[-1] > gaps[0] and is_silent and story.truth.orders >= 1


def looks_in_the_morning_and_buys_in_the_evening(story: Story) -> bool:
    orders = [story.local_hour(event) for event in story.all("Order Completed")]
    looks = [6 <= story.local_hour(event) < 11 for event in story.all("Product Viewed")]
    return min(orders) >= 17 and sum(looks) > len(looks) / 2


def prefers_one_kind_of_content(story: Story) -> bool:
    videos = len(story.all("Video Playback Started"))
    articles = sum(event.properties.get("content_type") == "article" for event in story.all(*PAGES))
    return max(videos, articles) >= 2 and min(videos, articles) == 0


BEHAVIOUR: dict[Intent, tuple[Callable[[Story], bool], float]] = {
    Intent.PRICE_SENSITIVE: (leaves_a_cart_after_comparing, 1.0),
    Intent.REPEAT_VISITOR: (comes_back_to_one_page, 0.95),
    Intent.DEEP_ENGAGER: (engages_deeply, 1.0),
    Intent.PRIME_CONVERTER: (converts_after_a_long_visit, 1.0),
    Intent.CHECKOUT_ABANDONER: (leaves_the_checkout, 1.0),
    Intent.BOUNCING_MOBILE: (bounces_off_the_prices, 0.95),
    Intent.NEW_EXPLORER: (is_new_and_curious, 1.0),
    Intent.DORMANT: (has_gone, 1.0),
    Intent.HIGH_VALUE: (buys_much_and_often, 0.9),
    Intent.HIGH_RISK: (is_unhappy_and_slows_down, 0.95),
    Intent.MORNING_INSPIRED: (looks_in_the_morning_and_buys_in_the_evening, 0.9),
    Intent.CONTENT_AFFINE: (prefers_one_kind_of_content, 1.0),
}
"""For each intent: what its segment looks for, and the least share of its people that do it."""


@pytest.mark.parametrize("business", BUSINESSES)
@pytest.mark.parametrize("intent", Intent)
def test_intent_shows_in_behaviour(intent: Intent, business: str) -> None:
    """People of an intent do what the segment that is meant for them looks for."""
    does, least = BEHAVIOUR[intent]
    stories = people_of(intent, business)

    assert sum(does(story) for story in stories) >= least * len(stories)


def test_bookings_take_more_than_four_minutes() -> None:
    """On a travel site everybody who sees a step of the booking gives it more than four minutes, and leaves."""
    for story in people_of(Intent.CHECKOUT_ABANDONER, "travel"):
        started = story.all("Checkout Started")[0]
        attention = [
            event.properties["engaged_ms"] for event in story.since(started.at).all("Page Engaged", page="Booking")
        ]
        assert sum(attention) > 4 * MINUTE or not story.all("Checkout Step Viewed")


def test_abandoners_leave_at_every_step() -> None:
    """Some leave before the first step of the checkout, and some at each of the three."""
    last = {
        max((event.properties["step"] for event in story.all("Checkout Step Viewed")), default=0)
        for story in people_of(Intent.CHECKOUT_ABANDONER, "ecommerce")
        if not story.truth.bought
    }

    assert last == {0, 1, 2, 3}


def test_people_become_known_on_their_device() -> None:
    """Events before the first sign-in have only the anonymous id, later ones on that device have both."""
    simulation = Simulation(people=1, family=0, kiosk=0)
    stories = [story_of(simulation, number) for number in range(200)]
    changes = 0
    for story in stories:
        signed_in: set[str] = set()
        for event in story.events:
            device = event.message["anonymousId"]
            if event.name == "identify":
                signed_in.add(device)
            assert ("userId" in event.message) == (device in signed_in)
        changes += bool(signed_in) and "userId" not in story.events[0].message

    assert changes > 60


def test_some_people_have_several_devices() -> None:
    """A quarter has a second device, and uses it for some of the visits."""
    simulation = Simulation(people=1, family=0, kiosk=0)
    several = sum(len(live(simulation, number).truth.anonymous_ids) > 1 for number in range(400))

    assert 20 < several < 120


def test_families_share_a_device() -> None:
    """Two people of a family leave events under one anonymous id, each with a user id of their own."""
    simulation = Simulation(people=1, family=1)
    pairs = [(live(simulation, number).truth, live(simulation, number + 1).truth) for number in range(0, 200, 2)]
    shared = [one.anonymous_ids for one, two in pairs if set(one.anonymous_ids) & set(two.anonymous_ids)]

    assert {one.shared for one, _ in pairs} == {"family"}
    assert len(shared) > 20
    assert all(one.user_id != two.user_id or one.user_id is None for one, two in pairs)


def test_strangers_share_a_kiosk() -> None:
    """Many people leave events under the anonymous id of a kiosk."""
    simulation = Simulation(people=1, family=0, kiosk=1)
    truths = [live(simulation, number).truth for number in range(100)]

    assert sum("kiosk-0000" in truth.anonymous_ids for truth in truths) > 30


def test_families_and_kiosks_can_be_left_out() -> None:
    """With shares of nothing nobody shares a device."""
    simulation = Simulation(people=1, family=0, kiosk=0)

    assert {live(simulation, number).truth.shared for number in range(300)} == {None}


def test_clocks_follow_daylight_saving() -> None:
    """Mornings are mornings by the local clock, before and after it is changed."""
    simulation = Simulation(people=1, start="2026-03-10", days=40)  # European clocks change on the 29th
    business = list(BUSINESSES).index("ecommerce")
    numbers = [
        number
        for number in range(3000)
        if draw_person(simulation, number, Chance(1, business, number)).intent is Intent.MORNING_INSPIRED
    ]
    for number in numbers[:60]:
        story = story_of(simulation, number)
        hours = {story.local_hour(event) for event in story.events}
        assert hours <= {6, 7, 8, 9, 18, 19, 20, 21, 22}
