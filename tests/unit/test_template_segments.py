"""Every segment of the templates, by somebody who is in it and somebody who just is not."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from tests.engines import ENGINES, Engine, in_order
from tests.spec.cases import event_of_row, moment_of, rows_of

from shoal.definitions import nodes
from shoal.definitions.resolve import Resolved
from shoal.definitions.workspace import load_workspace
from shoal.evaluate.frozen import Frozen, distribution_key
from shoal.evaluate.ranks import ReferenceDistribution
from shoal.evaluate.reference import Reference, ReferenceProfile
from shoal.model.event import Event
from shoal.templates import TEMPLATES, init_workspace

NOW = "2026-03-02T12:00"

VIEWED = """
    at               | name           | product_id | category
    2026-02-28T10:00 | Product Viewed | p1         | shoes
    2026-03-01T10:00 | Product Viewed | p2         | shoes
    2026-03-02T09:00 | Product Viewed | p3         | shoes
"""
ADDED = """
    at               | name           | product_id
    2026-03-02T11:30 | Product Added  | p3
"""
ORDERED = """
    at               | name            | revenue
    2026-03-02T11:40 | Order Completed | 80
"""
CHECKOUT = """
    at               | name                    | step
    2026-03-02T11:00 | Checkout Started        |
    2026-03-02T11:01 | Checkout Step Viewed    | 1
    2026-03-02T11:02 | Checkout Step Completed | 1
    2026-03-02T11:10 | Checkout Step Viewed    | 2
"""
DEEP = """
    at               | name                     | scroll_percent | element
    2026-02-10T10:00 | Video Playback Completed |                |
    2026-02-20T10:00 | Page Engaged             | 70.5           |
    2026-03-01T10:00 | Element Interacted       |                | size_guide
"""
TWO_ARTICLES = """
    at               | name        | content_type
    2026-03-01T10:00 | Page Viewed | article
    2026-03-01T10:10 | Page Viewed | article
    2026-03-01T10:20 | Page Viewed | category
"""
TWO_VIDEOS = """
    at               | name
    2026-03-01T10:00 | Video Playback Started
    2026-03-01T10:10 | Video Playback Started
"""


def pages(*times: str, name: str = "Pricing", **more: str) -> str:
    """Views of a page."""
    header = " | ".join(["at", "name", "properties.name", *more])
    return "\n".join([header, *(" | ".join([at, "Page Viewed", name, *more.values()]) for at in times)])


def orders(*days: str, revenue: int = 100, hour: str = "18:00", zone: str = "UTC") -> str:
    """Orders of a person."""
    rows = [f"{day}T{hour} | Order Completed | {revenue} | {zone}" for day in days]
    return "\n".join(["at | name | revenue | context.timezone", *rows])


def engaged(
    milliseconds: int, *, name: str = "Pricing", device: str = "mobile", at: str = "2026-03-01T10:00"
) -> str:
    """How long a page had attention."""
    return f"""
        at   | name         | properties.name | engaged_ms     | context.device.type
        {at} | Page Engaged | {name}          | {milliseconds} | {device}
    """


MORNINGS = """
    at               | name           | context.timezone
    2026-02-27T14:00 | Product Viewed | America/New_York
    2026-02-28T13:00 | Product Viewed | America/New_York
    2026-03-01T18:00 | Product Viewed | America/New_York
"""
MANY_CATEGORIES = """
    at               | name                | category
    2026-02-28T10:00 | Product List Viewed | shoes
    2026-03-01T10:00 | Product List Viewed | bags
    2026-03-01T10:05 | Product Viewed      | lamps
"""
UNHAPPY = """
    at               | name             | tone | revenue
    2026-01-26T10:00 | Order Completed  |      | 50
    2026-02-01T10:00 | Error Shown      |      |
    2026-02-10T10:00 | Live Chat Message Sent | -0.8 |
    2026-02-10T10:01 | Live Chat Conversation Started |      |
"""
HAPPY = UNHAPPY.replace("-0.8", "0.8")
LONG_AGO = """
    at               | name
    2025-11-01T10:00 | Page Viewed
    2025-11-05T10:00 | Page Viewed
"""
SHORT_VISIT = pages("2026-03-01T10:00", "2026-03-01T10:02", "2026-03-01T10:05:00")
LONG_VISIT = pages("2026-03-01T10:00", "2026-03-01T10:02", "2026-03-01T10:05:00.001")
BUYERS = [orders(f"2026-0{1 + day // 28}-{1 + day % 28:02d}", revenue=10 + day) for day in range(8)]
"""People that others are ranked among."""

QUIZ = """
    at               | name               | element
    2026-03-01T10:00 | Element Interacted | skin_quiz
"""
TRIAL = """
    at               | name
    2026-02-26T10:00 | Trial Started
"""
REFUSED = """
    at               | name
    2026-02-26T10:00 | Coupon Denied
"""
OTHER_CATEGORY = """
    at               | name           | product_id | category
    2026-03-02T09:00 | Product Viewed | p4         | bags
"""

PRICES_ON_A_PHONE = pages("2026-03-01T10:00", **{"context.device.type": "mobile"})
PRECIOUS = """
    at               | name          | product_id | price
    2026-03-02T11:54 | Product Added | p8         | 500
    2026-03-02T11:55 | Product Added | p9         | 300
"""

CASES: dict[str, tuple[list[str], list[str]]] = {
    "high_intent_price_sensitive": ([VIEWED, ADDED], [VIEWED, ADDED, ORDERED]),
    "cart_abandoners": ([ADDED], [ADDED.replace("11:30", "11:31")]),
    "repeat_visitors": (
        [pages("2026-02-20", "2026-02-25", "2026-03-01")],
        [pages("2026-02-20", "2026-03-01T10:00", "2026-03-01T20:00")],
    ),
    "deep_engagers": ([DEEP], [DEEP.replace("70.5", "70")]),
    "prime_converters": ([LONG_VISIT], [SHORT_VISIT]),
    "checkout_abandoners": ([CHECKOUT], [CHECKOUT, ORDERED]),
    "left_before_shipping": (["\n".join(CHECKOUT.splitlines()[:3])], [CHECKOUT]),
    "left_at_shipping": (["\n".join(CHECKOUT.splitlines()[:5])], [CHECKOUT]),
    "left_at_payment": ([CHECKOUT], [CHECKOUT.replace("| 2", "| 3")]),
    "left_at_review": ([CHECKOUT.replace("| 2", "| 3")], [CHECKOUT]),
    "mobile_price_bouncers": (
        [engaged(90_000, at="2026-03-01T09:00"), PRICES_ON_A_PHONE, engaged(29_999, at="2026-03-01T10:00:30")],
        [PRICES_ON_A_PHONE, engaged(10_000, at="2026-03-01T10:00:10"), engaged(20_000, at="2026-03-01T10:00:30")],
    ),
    "slow_checkout_abandoners": (
        [CHECKOUT, *(engaged(120_001, name=page, at="2026-03-02T11:03") for page in ("Checkout", "Booking"))] * 2,
        [CHECKOUT, *(engaged(240_000, name=page, at="2026-03-02T11:03") for page in ("Checkout", "Booking"))],
    ),
    "new_explorers": ([MANY_CATEGORIES], [MANY_CATEGORIES, LONG_AGO]),
    "dormant": ([LONG_AGO], [LONG_AGO, pages("2026-03-01")]),
    "high_value": ([orders("2026-01-05", "2026-02-05", "2026-03-01", revenue=300)], [orders("2026-01-01")]),
    "high_risk": ([UNHAPPY], [HAPPY]),
    "morning_inspiration": ([MORNINGS], [MORNINGS.replace("14:00", "17:00")]),
    "evening_conversion": (
        [MORNINGS, orders("2026-03-01", hour="22:00", zone="America/New_York")],
        [MORNINGS, orders("2026-03-01", hour="21:59", zone="America/New_York")],
    ),
    "video_affine": ([TWO_VIDEOS], [TWO_VIDEOS, TWO_ARTICLES]),
    "article_affine": ([TWO_ARTICLES], [TWO_VIDEOS, TWO_ARTICLES]),
    "coupon_seekers": ([REFUSED], [REFUSED, ORDERED]),
    "trials_running": ([TRIAL], [TRIAL, ORDERED]),
    "trials_gone_quiet": ([TRIAL], [TRIAL, pages("2026-02-28")]),
    "destination_deciders": ([VIEWED], [VIEWED, OTHER_CATEGORY]),
    "ready_to_refill": ([orders("2026-01-20")], [orders("2026-01-20", "2026-02-20")]),
    "quiz_takers": ([QUIZ], [QUIZ, ORDERED]),
    "valuable_carts": ([LONG_VISIT, PRECIOUS], [SHORT_VISIT, PRECIOUS]),
}
"""For each segment the events of somebody who is in it, and of somebody who is not."""


def history(tables: Iterable[str], who: str = "ann") -> list[Event]:
    """The events of several tables, in order."""
    rows = [row for table in tables for row in rows_of(table)]
    return in_order(event_of_row({"who": who, **row}, position) for position, row in enumerate(rows, start=1))


@cache
def definitions(template: str) -> Resolved:
    """The definitions of a new workspace."""
    with TemporaryDirectory() as folder:
        init_workspace(Path(folder) / template, template)
        return load_workspace(Path(folder) / template).resolve()


def frozen(resolved: Resolved, people: list[list[Event]], now: int) -> Frozen:
    """What ranks are read against: the same values of a few people."""
    profiles = [ReferenceProfile(Reference(resolved), events, now) for events in people]
    ranks = [node for _, root in resolved.roots() for node in root.walk() if isinstance(node, nodes.Rank)]
    numbers = {
        distribution_key(rank): [
            float("nan") if (n := each.number(rank.operand)) is None else n for each in profiles
        ]
        for rank in ranks
    }
    return Frozen({key: ReferenceDistribution.of(np.array(values)) for key, values in numbers.items()})


@cache
def frozen_for(template: str) -> Frozen:
    """What the ranks of a template are read against."""
    others = [history([table], f"buyer_{index}") for index, table in enumerate(BUYERS)]
    return frozen(definitions(template), others, moment_of(NOW))


def memberships(engine: Engine, template: str, **people: list[str]) -> dict[str, set[str]]:
    """The segments that each of some people with these events is in."""
    profiles = {who: history(tables, who) for who, tables in people.items()}
    answers = engine.answers(definitions(template), profiles, moment_of(NOW), frozen_for(template))
    return {
        who: {name for (kind, name), answer in found.items() if kind == "segment" and answer is True}
        for who, found in answers.items()
    }


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
@pytest.mark.parametrize(
    ("template", "segment"),
    [(each, segment.name) for each in TEMPLATES for segment in definitions(each).segments],
)
def test_who_is_in_and_who_is_not(template: str, segment: str, engine: Engine) -> None:
    """The two differ in one thing only, so the rule means what its description says."""
    member, other = CASES[segment]
    found = memberships(engine, template, member=member, other=other)
    assert segment in found["member"]
    assert segment not in found["other"]


def test_colleagues_are_of_no_high_value(tmp_path: Path) -> None:
    """Who stands in the list of staff is left out."""
    init_workspace(tmp_path / "shop", "ecommerce")
    (tmp_path / "shop" / "lists" / "staff.csv").write_text("user_id,email\nann,\n")
    resolved, now = load_workspace(tmp_path / "shop").resolve(), moment_of(NOW)
    others = [history([table], f"buyer_{index}") for index, table in enumerate(BUYERS)]
    reference = Reference(resolved, frozen(resolved, others, now))
    table = orders("2026-01-05", "2026-02-05", "2026-03-01", revenue=300)
    rows = [{"who": "ann", "user": who, **row} for who in ("ann", "eve") for row in rows_of(table)]
    ann, eve = (
        in_order(event_of_row(row, place) for place, row in enumerate(rows, 1) if row["user"] == who)
        for who in ("ann", "eve")
    )
    assert "high_value" not in reference.memberships(ann, now)
    assert "high_value" in reference.memberships(eve, now)


def test_the_engagement_score_is_the_one_that_is_described() -> None:
    """Somebody who has just come, read half a page and said nothing: 40 of 40, depth, no tone, a step of four."""
    table = """
        at               | name           | kind  | scroll_percent
        2026-03-02T11:58 | Page Viewed    | track |
        2026-03-02T11:59 | Product Viewed | track |
        2026-03-02T12:00 | Page Engaged   | track | 50
    """
    answers = Reference(definitions("ecommerce")).evaluate(history([table]), moment_of(NOW))
    assert answers["score", "engagement"] == pytest.approx((40 * 1 + 30 * 0.25 + 10 * 0.25) / 80 * 100)
