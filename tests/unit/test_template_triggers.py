"""The stories that the templates tell: what somebody does, and the moment at which a trigger sees it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.spec.cases import moment_of
from tests.unit.test_template_segments import MANY_CATEGORIES, frozen_for, history, pages

from shoal.definitions.channel_contents import fill_contents
from shoal.definitions.implied import choice_segment, trigger_segment
from shoal.definitions.trigger import TriggerDefinition
from shoal.definitions.workspace import Workspace, load_workspace
from shoal.evaluate.reference import Reference
from shoal.model.change import Direction
from shoal.model.event import Event
from shoal.model.firing import Channel
from shoal.model.frame import frame_of_events
from shoal.model.time import format_moment
from shoal.runtime.live import LiveEngine
from shoal.templates import TEMPLATES, init_workspace

BEGIN = moment_of("2026-03-02T08:00")
END = moment_of("2026-03-02T20:00")

CART = """
    at                  | name           | product_id | price
    2026-03-02T09:00    | Product Viewed | p1         |
    2026-03-02T09:02    | Product Viewed | p2         |
    2026-03-02T09:04    | Product Viewed | p3         |
    2026-03-02T09:05    | Product Added  | p3         | 20
"""
ORDER = """
    at                  | name            | revenue
    2026-03-02T09:34    | Order Completed | 20
"""
PRICES = """
    at                  | name         | properties.name | engaged_ms | context.device.type
    2026-03-02T09:00    | Page Viewed  | Pricing         |            | mobile
    2026-03-02T09:00:10 | Page Engaged | Pricing         | 10000      | mobile
    2026-03-02T09:00:18 | Page Engaged | Pricing         | 8000       | mobile
    2026-03-02T09:00:20 | Page Viewed  | Home            |            | mobile
"""
"""As the tracker tells it: after 10 seconds of attention, and when the page is left."""

STAYED = """
    at                  | name         | properties.name | engaged_ms | context.device.type
    2026-03-02T09:00:30 | Page Engaged | Pricing         | 12000      | mobile
"""


def slow(page: str, seconds: int) -> str:
    """A checkout that takes its time."""
    return f"""
    at                  | name                 | properties.name | engaged_ms      | step
    2026-03-02T09:00    | Checkout Started     |                 |                 |
    2026-03-02T09:00:01 | Checkout Step Viewed |                 |                 | 1
    2026-03-02T09:03    | Page Engaged         | {page}          | 120000          |
    2026-03-02T09:05    | Page Engaged         | {page}          | {seconds}000    |
"""


VALUABLE = """
    at                  | name           | product_id | price
    2026-03-02T09:00    | Product Viewed | p1         |
    2026-03-02T09:05:01 | Product Added  | p1         | 900
    2026-03-02T09:06    | Cart Viewed    |            |
"""

STORIES = {
    "cart": ([CART], "cart_discount", "2026-03-02T09:35:00.000Z", "discount"),
    "prices": ([PRICES], "demo_after_a_short_look", "2026-03-02T09:00:48.000Z", "demo"),
    "checkout": ([slow("Checkout", 121)], "slow_checkout_discount", "2026-03-02T09:35:00.000Z", "discount"),
    "booking": ([slow("Booking", 121)], "slow_booking_discount", "2026-03-02T09:35:00.000Z", "discount"),
    "valuable": ([VALUABLE], "chat_about_a_valuable_cart", "2026-03-02T09:11:00.000Z", "chat"),
}
"""What happens, which trigger sees it, the moment at which it does, and what it offers."""

OTHERWISE = {
    "cart": [CART, ORDER],
    "prices": [PRICES, STAYED],
    "checkout": [slow("Checkout", 120)],
    "booking": [slow("Booking", 120)],
    "valuable": [VALUABLE.replace("09:05:01", "09:05:30").replace("09:00 ", "09:01 ")],
}
"""Nearly the same, which no trigger is for: ordered in time, stayed, was quicker, came for a short while."""


@cache
def workspace(template: str) -> Workspace:
    """A new workspace."""
    with TemporaryDirectory() as folder:
        init_workspace(Path(folder) / template, template)
        return load_workspace(Path(folder) / template)


def trigger_of(template: str, name: str) -> TriggerDefinition | None:
    return {each.name: each for each in workspace(template).triggers}.get(name)


def told(template: str, events: list[Event]) -> list[tuple[str, str]]:
    """The occasions of all triggers, live: events come as they happen, and time goes on after them."""
    read = workspace(template)
    engine = LiveEngine(read.resolve_acting(), frozen=frozen_for(template), now=BEGIN)
    changes = [
        change
        for event in events
        for change in engine.process(frame_of_events([event]), max(engine.now, event.occurred_at))
    ]
    changes += engine.process(frame_of_events([]), END)
    names = {trigger_segment(each.name): each.name for each in read.triggers}
    return [
        (names[each.segment], format_moment(each.effective_at))
        for each in changes
        if each.segment in names and each.direction is Direction.ENTERED
    ]


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("story", STORIES)
def test_a_story_comes_to_its_trigger(template: str, story: str) -> None:
    """At the very moment; and what it offers can be shown."""
    events, name, moment, offer = STORIES[story]
    trigger = trigger_of(template, name)
    if trigger is None:
        assert name in ("slow_booking_discount", "slow_checkout_discount")
        return
    assert (name, moment) in told(template, history(events))
    content = fill_contents(Channel.PAGE, trigger.actions[0].content, {"first_name": "Ann"})
    assert content["offer"] == offer
    assert content["title"]
    assert "{" not in "".join(content.values())


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("story", OTHERWISE)
def test_nearly_the_same_story_does_not(template: str, story: str) -> None:
    """The rule means what its description says."""
    name = STORIES[story][1]
    assert [each for each, _ in told(template, history(OTHERWISE[story])) if each == name] == []


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_valuable_cart_that_is_left_raises_the_intent_at_once(template: str) -> None:
    """By the weight of its part, in the same millisecond in which the chat is opened."""
    events, _, moment, _ = STORIES["valuable"]
    reference = Reference(workspace(template).resolve_acting(), frozen_for(template))
    at = moment_of(moment.removesuffix("Z"))
    before, after = (reference.evaluate(history(events), now)[("score", "intent")] for now in (at - 1, at))
    assert isinstance(before, float)
    assert isinstance(after, float)
    assert after - before == pytest.approx(25)


EXPLORER = [MANY_CATEGORIES]
"""On two days, in three categories."""


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize(
    ("events", "choices"),
    [
        ([CART], {("home_hero", "limited_discount"), ("helpful", "why_this_price")}),
        (
            EXPLORER,
            {("home_hero", "live_demo"), ("home_hero", "recommendations"), ("helpful", "guide_to_read")},
        ),
        ([pages("2026-03-02T09:00")], set()),
    ],
    ids=["price sensitive", "explorer", "anybody"],
)
def test_what_slots_have_for_whom(template: str, events: list[str], choices: set[tuple[str, str]]) -> None:
    """A discount for who hesitates over the price; a demo, recommendations and guides for who is new."""
    read = workspace(template)
    reference = Reference(read.resolve_acting(), frozen_for(template))
    members = reference.memberships(history(events), moment_of("2026-03-02T12:00"))
    fitting = {
        (slot.name, choice.name)
        for slot in read.slots
        for choice in slot.choices
        if choice_segment(slot.name, choice.name) in members
    }
    assert fitting == choices
