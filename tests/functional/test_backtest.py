"""shoal backtest on a very small shop: what it finds can be followed by hand."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.functional.page_reading import (
    assert_every_class_has_a_style,
    assert_page_stands_alone,
    assert_policy_names_the_style,
)
from tests.functional.shop import Shop, event

TRIGGERS = """
    trigger: cart
    name: A cart was filled
    on: {enter: left_cart}
    do:
      - page: {offer: discount, title: Your cart}
        price: 2
      - email: mail
        content: {subject: Your cart, text: It is still there.}
    goal: {event: Order Completed, within: 1 hour}
    ---
    trigger: welcome
    on: {event: Product Viewed}
    do:
      - page: {offer: content, title: Hello}
    ---
    trigger: never
    on: {event: Nothing Of The Kind}
    do:
      - page: {offer: content, title: Hello}
"""
DESTINATIONS = """
    name: A very small shop
    minimum_members: 2
    acting:
      caps: {page: 1}
    destinations:
      mail: {smtp: "smtp://mail.example:587", from: "Shop <hello@shop.example>"}
"""


@pytest.fixture
def acting_shop(shop: Shop) -> Shop:
    """The small shop with triggers: a discount for those who fill a cart, a welcome for those who look."""
    shop.write("triggers/shop.yaml", TRIGGERS)
    shop.write("shoal.yaml", DESTINATIONS)
    return shop


def backtest(shop: Shop, *arguments: str) -> dict[str, Any]:
    ran = shop.shoal("backtest", *arguments, "--json")
    assert ran.code == 0, ran.err
    answer: dict[str, Any] = json.loads(ran.out)
    return answer


def firings(shop: Shop, *arguments: str) -> pl.DataFrame:
    folder = shop.folder / "look-back"
    assert shop.shoal("backtest", *arguments, "--out", str(folder)).code == 0
    return pl.read_parquet(folder / "firings.parquet")


def test_each_firing_with_what_came_of_it(acting_shop: Shop) -> None:
    """Ann was a visitor when it fired and did not order; bob ordered half an hour later."""
    found = firings(acting_shop, "cart")
    assert found.select("profile", "person", "outcome", "goal").rows() == [
        ("anonymous_id:d1", "user_id:ann", "fired", "missed"),
        ("user_id:bob", "user_id:bob", "fired", "reached"),
    ]
    assert found["at"].dt.to_string("%F %T").to_list() == ["2026-03-01 10:05:00", "2026-03-01 12:01:00"]
    assert found["goal_at"].dt.to_string("%F %T").to_list() == [None, "2026-03-01 12:30:00"]
    assert found.select("local_hour", "local_weekday").rows() == [(10, 7), (12, 7)]


def test_who_shares_a_cap_takes_from_it(acting_shop: Shop) -> None:
    """The welcome has used up the one page of the day; by itself the trigger would have shown both."""
    together = backtest(acting_shop, "cart")
    assert together["beside"] == ["welcome", "never"]
    assert together["deliveries"][0]["statuses"] == {"capped": 2}
    assert together["cost"]["whole"] == 0
    alone = backtest(acting_shop, "cart", "--alone")
    assert alone["beside"] == []
    assert alone["deliveries"][0] == {
        "channel": "page", "destination": "page", "statuses": {"delivered": 2}, "cost": 4
    }  # fmt: skip


def test_who_has_no_address_gets_no_mail(acting_shop: Shop) -> None:
    """Neither of them had said an address by then; ann did so a minute later."""
    assert backtest(acting_shop, "cart")["deliveries"][1]["statuses"] == {"unreachable": 2}


def test_what_is_given_away(acting_shop: Shop) -> None:
    """Of two pages at 2 one goes to bob, who orders anyway; a price of one's own stands before the trigger's."""
    assert backtest(acting_shop, "cart", "--alone")["cost"] == {"whole": 4, "decided": 4, "anyway": 2}
    assert backtest(acting_shop, "cart", "--alone", "--price", "5")["cost"]["whole"] == 10
    priced = backtest(acting_shop, "cart", "--alone", "--price", "page=3", "--price", "email=1")
    assert priced["cost"]["whole"] == 6


def test_another_goal(acting_shop: Shop) -> None:
    """Within ten minutes nobody ordered; a name may end in a star."""
    outcome = backtest(acting_shop, "cart", "--within", "10 minutes")["outcomes"][0]
    assert (outcome["decided"], outcome["reached"]) == (2, 0)
    outcome = backtest(acting_shop, "cart", "--goal", "Order*")["outcomes"][0]
    assert (outcome["decided"], outcome["reached"]) == (2, 1)


def test_it_is_too_early_to_say(acting_shop: Shop) -> None:
    """Where the time for the goal is not over at the newest event, nothing is counted, also not who was quick."""
    answer = backtest(acting_shop, "cart", "--within", "30 days")
    assert (answer["outcomes"][0]["decided"], answer["outcomes"][0]["likely"]) == (0, None)
    ran = acting_shop.shoal("backtest", "cart", "--within", "30 days")
    assert "too early to say" in ran.out


def test_only_what_lies_between(acting_shop: Shop) -> None:
    """Switched on after ann, only bob; a date is the beginning of its day in the zone of the workspace."""
    assert backtest(acting_shop, "cart", "--from", "2026-03-01T11:00")["outcomes"][0]["occasions"] == 1
    assert backtest(acting_shop, "cart", "--to", "2026-03-01T12:00")["outcomes"][0]["occasions"] == 1
    assert (
        backtest(acting_shop, "cart", "--from", "2026-03-01", "--to", "2026-03-02")["outcomes"][0]["people"] == 2
    )
    assert backtest(acting_shop, "cart", "--from", "2026-03-02", "--to", "newest")["outcomes"] == []


def test_a_time_without_events_says_so(acting_shop: Shop) -> None:
    """After the newest event only time passes."""
    notes = backtest(acting_shop, "cart", "--to", "2026-03-09")["notes"]
    assert notes == ["The newest event is of 2026-03-02T10:00:00.000Z: after it only time passes."]


def test_a_dry_run_is_looked_at_as_if_it_were_none(acting_shop: Shop) -> None:
    """And it is said."""
    dry = TRIGGERS.replace("name: A cart was filled", "dry_run: true")
    acting_shop.write("triggers/shop.yaml", dry)
    answer = backtest(acting_shop, "cart", "--alone")
    assert answer["outcomes"][0]["name"] == "fired"
    assert answer["notes"] == ["The trigger is in a dry run; it is looked at as if it were not."]
    assert "cart" not in backtest(acting_shop, "welcome")["beside"]


def test_what_people_see(acting_shop: Shop) -> None:
    """The table, the goal, the cost, and that it is no experiment."""
    ran = acting_shop.shoal("backtest", "cart", "--alone")
    assert ran.code == 0
    assert "A cart was filled" in ran.out
    assert re.search(r"fired +2 +100\.0 % +2 +1 of 2 \(50\.0 %\)", ran.out)
    assert "1 person" not in ran.out.partition("It fired for")[0]
    assert "It fired for 2 people once." in ran.out
    assert "2.00 (50.0 %) went to people who reached the goal anyway" in ran.out
    assert "no experiment" in ran.out


def test_no_occasion_is_an_answer(acting_shop: Shop) -> None:
    """On the screen, as JSON, and as a page."""
    assert "Nobody gave it an occasion" in acting_shop.shoal("backtest", "never").out
    assert backtest(acting_shop, "never")["outcomes"] == []
    folder = acting_shop.folder / "page"
    assert acting_shop.shoal("backtest", "never", "--out", str(folder)).code == 0
    html = (folder / "backtest.html").read_text()
    assert "It had no occasion" in html
    assert_page_stands_alone(html)


def test_the_page_stands_alone(acting_shop: Shop, tmp_path: Path) -> None:
    """It asks for nothing, runs nothing, everything has a style, and what people wrote is text."""
    acting_shop.write("triggers/shop.yaml", TRIGGERS.replace("A cart was filled", "<script>alert(1)</script>"))
    assert acting_shop.shoal("backtest", "cart", "--out", str(tmp_path / "out")).code == 0
    html = (tmp_path / "out" / "backtest.html").read_text()
    assert_page_stands_alone(html)
    assert_policy_names_the_style(html)
    assert_every_class_has_a_style(html)
    assert "&lt;script&gt;" in html
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "backtest.html",
        "deliveries.parquet",
        "firings.csv",
        "firings.parquet",
    ]


def test_cells_are_no_formulas(acting_shop: Shop, tmp_path: Path) -> None:
    """A name that a spreadsheet would run is text in CSV."""
    acting_shop.append(
        [event("2026-03-03T10:00:00", "Product Added", user="carl", context__device__type="=cmd|x")]
    )
    assert acting_shop.shoal("backtest", "cart", "--out", str(tmp_path)).code == 0
    assert '"\'=cmd|x"' in (tmp_path / "firings.csv").read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["crat"], "did you mean cart?"),
        (["something_else"], "there are cart, welcome, never"),
        (["cart", "--from", "2026-03-02", "--to", "2026-03-01"], "--from is not before --to"),
        (["cart", "--from", "2026-03-02T10:00:00Z"], "--from is not before --to"),
        (["cart", "--from", "yesterday"], "--from"),
        (["cart", "--to", "tomorrow"], "--to"),
        (["cart", "--price", "free"], "--price"),
        (["cart", "--price", "-1"], "--price"),
        (["cart", "--price", "fax=1"], "names no channel"),
        (["cart", "--within", "soon"], "--within"),
        (["cart", "--within", "0 days"], "--within"),
        (["cart", "--goal", " "], "--goal"),
    ],
)
def test_mistakes_are_told(acting_shop: Shop, arguments: list[str], says: str) -> None:
    """What was wrong and what to do, with the exit code of a wrong input."""
    ran = acting_shop.shoal("backtest", *arguments)
    assert ran.code == 2
    assert says in ran.err


def test_without_events_there_is_nothing_to_look_back_at(empty_shop: Shop) -> None:
    """It says how to bring some."""
    empty_shop.write("triggers/shop.yaml", TRIGGERS)
    empty_shop.write("shoal.yaml", DESTINATIONS)
    ran = empty_shop.shoal("backtest", "cart")
    assert ran.code == 2
    assert "shoal import" in ran.err


def test_without_triggers_it_says_how_to_write_one(shop: Shop) -> None:
    """None is defined yet."""
    ran = shop.shoal("backtest", "cart")
    assert ran.code == 2
    assert "triggers/" in ran.err
