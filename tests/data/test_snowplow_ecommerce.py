"""A tracker's own shop events next to the 63 sessions, and the carts left in them, that its models find.

What differs falls under a rule; the rules are told in `docs/explanation/real-data.md`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from shoal.journal import Archive
from shoal.model.time import MINUTE, parse_moment
from shoal.runtime.places import ARCHIVE_FOLDER
from tests.data.workspaces import RealWorkspace, members

FEATURES = """
    feature: visits
    value: sessions()
    ---
    feature: last_events
    value: session("events", of="last")
    ---
    feature: last_duration
    value: session("duration", of="last")
    ---
    feature: silent
    value: time_since_any()
"""
EVERYTHING = parse_moment("2023-01-01")

NAMED = "unstruct_event_com_snowplowanalytics_snowplow_ecommerce_snowplow_ecommerce_action_1_0_0"
CARTS = "contexts_com_snowplowanalytics_snowplow_ecommerce_cart_1_0_0"
PRODUCTS = "contexts_com_snowplowanalytics_snowplow_ecommerce_product_1_0_0"
MOBILE = "contexts_com_snowplowanalytics_snowplow_client_session_1_0_1"

Data = Callable[[str], Path]


def moment(column: str) -> pl.Expr:
    clock = pl.col(column).str.replace(r"(\+00:00| UTC)$", "")
    return clock.str.to_datetime("%Y-%m-%d %H:%M:%S%.f").dt.epoch("ms")


@dataclass
class Shop:
    """The raw rows, the expected sessions, the workspace."""

    rows: pl.DataFrame
    sessions: pl.DataFrame
    workspace: RealWorkspace


@pytest.fixture(scope="module")
def shop(shared_data: Data, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = shared_data("snowplow_ecommerce")
    file = folder / "source/snowplow_ecommerce_events.csv"
    workspace = RealWorkspace(tmp_path_factory.mktemp("shop") / "shop", template="ecommerce", features=FEATURES)
    workspace.load("snowplow", file)
    mobile = pl.col(MOBILE)
    sessions = pl.read_csv(
        folder / "expected/default/snowplow_ecommerce_sessions_expected.csv", infer_schema=False
    )
    return Shop(
        rows=pl.read_csv(file, infer_schema=False).select(
            "app_id",
            session=pl.coalesce("domain_sessionid", mobile.str.extract('"sessionId": ?"([^"]+)"')),
            device=pl.coalesce("domain_userid", mobile.str.extract('"userId": ?"([^"]+)"'), "network_userid"),
            happened=moment("derived_tstamp"),
            collected=moment("collector_tstamp"),
            action=pl.col(NAMED).str.json_path_match("$.type"),
            cart=CARTS,
            products=PRODUCTS,
        ),
        sessions=sessions.select(
            session="domain_sessionid",
            device="domain_userid",
            start=moment("start_tstamp"),
            end=moment("end_tstamp"),
            left=pl.col("session_cart_abandoned")
            .str.to_lowercase()
            .replace_strict({"true": True, "false": False}),
        ),
        workspace=workspace,
    )


def begins_cart(row: dict[str, str]) -> bool:
    """Whether theirs takes an action as the beginning of a cart: the cart is worth what was just added."""
    if row["action"] != "add_to_cart":
        return False
    total = sum(float(cart["total_value"]) for cart in json.loads(row["cart"]))
    products = json.loads(row["products"])
    return total == sum(float(each["price"]) * float(each.get("quantity") or 1) for each in products)


def cart_by_their_rules(rows: pl.DataFrame) -> bool | None:
    """Whether more carts were begun in a session than orders made; None without any of either."""
    rows = rows.filter(pl.col("action").is_in(["add_to_cart", "remove_from_cart", "transaction"]))
    if rows.is_empty():
        return None
    return sum(map(begins_cart, rows.iter_rows(named=True))) > (rows["action"] == "transaction").sum()


def test_people_and_sessions(shop):
    """Each session id is one session by the gap of 30 minutes, and each device is a profile."""
    features = shop.workspace.at(EVERYTHING).features
    devices = {f"anonymous_id:{device}" for device in shop.rows["device"]}
    frames = Archive(shop.workspace.folder / ARCHIVE_FOLDER).read(["context.session_id:text"])

    assert set(features["profile"]) == devices
    assert features["visits"].sum() == shop.rows["session"].n_unique() == 64
    assert set(pl.concat(frames)["context.session_id:text"]) == set(shop.rows["session"])
    assert len(devices) == 60
    left_out = shop.rows.join(shop.sessions, on="session", how="anti")
    assert left_out["app_id"].to_list() == ["skip-me"]


def test_sessions(shop):
    """All 63 published sessions are ours, with as many events; ours begin and end when it happened."""
    prepared = shop.workspace.prepared(EVERYTHING)
    for expected in shop.sessions.iter_rows(named=True):
        rows = shop.rows.filter(session=expected["session"])
        features = shop.workspace.looked_at(prepared, expected["end"]).features
        found = features.filter(profile=f"anonymous_id:{expected['device']}").row(0, named=True)
        end = expected["end"] - found["silent"].total_seconds() * 1000

        assert found["last_events"] == len(rows)
        assert (expected["start"], expected["end"]) == (rows["collected"].min(), rows["collected"].max())
        assert end == pytest.approx(rows["happened"].max(), abs=0.5)
        start = end - found["last_duration"].total_seconds() * 1000
        assert start == pytest.approx(rows["happened"].min(), abs=0.5)
    assert len(shop.sessions) == 63


def test_their_rule_of_carts(shop):
    """All published flags follow from their rule, so what differs from ours differs by rule."""
    for session, left in shop.sessions.select("session", "left").iter_rows():
        assert cart_by_their_rules(shop.rows.filter(session=session)) == left


def test_carts_left_behind(shop):
    """Half an hour after a session, cart_abandoners are the people of their flag, but for three explained ones."""
    compared: Counter[str] = Counter()
    prepared = shop.workspace.prepared(EVERYTHING)
    for expected in shop.sessions.iter_rows(named=True):
        later = shop.workspace.looked_at(prepared, expected["end"] + 30 * MINUTE)
        is_in = f"anonymous_id:{expected['device']}" in members(later, "cart_abandoners")
        if is_in == bool(expected["left"]):
            compared["no cart" if expected["left"] is None else "the same"] += 1
            continue
        rows = shop.rows.filter(session=expected["session"]).sort("happened")
        carts = rows.filter(pl.col("action").is_in(["add_to_cart", "transaction"]))
        if carts["action"][-1] == "transaction" and not is_in:
            compared["an order settles all carts before it"] += 1
        elif is_in and not any(map(begins_cart, carts.iter_rows(named=True))):
            compared["an addition counts, whatever the cart is worth"] += 1
        else:
            compared["unexplained"] += 1

    assert compared == {
        "no cart": 47,
        "the same": 13,
        "an order settles all carts before it": 2,
        "an addition counts, whatever the cart is worth": 1,
    }
