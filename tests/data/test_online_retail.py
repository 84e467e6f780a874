"""The invoices of a real wholesaler: recency, frequency, monetary value, and what was taken back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from shoal.model.time import parse_moment
from shoal.runtime.batch import Results
from tests.data.workspaces import RealWorkspace, feature, members

FEATURES = """
    feature: lines
    value: count("Order Completed")
    ---
    feature: orders
    value: distinct("order_id", of="Order Completed")
    ---
    feature: spent
    value: sum("revenue", of="Order Completed")
    ---
    feature: refunds
    value: count("Order Refunded")
    ---
    feature: refunded
    value: sum("revenue", of="Order Refunded")
    ---
    feature: gifts
    value: count("Free Product Received")
    ---
    feature: away
    value: time_since("Order Completed")
    ---
    feature: recency_group
    value: rank(time_since("Order Completed"), into=5, descending=true)
    ---
    feature: frequency_group
    value: rank(orders * orders / orders, into=5)
    ---
    feature: monetary_group
    value: rank(spent * orders / orders, into=5)
"""
SEGMENTS = """
    segment: took_everything_back
    when: spent > 0 and refunded >= spent
    ---
    segment: only_refunds
    when: orders == 0 and refunds >= 1
    ---
    segment: best_customers
    when: recency_group == 5 and frequency_group == 5 and monetary_group == 5
"""
SUMMER, END = parse_moment("2011-06-01"), parse_moment("2011-12-10")

Data = Callable[[str], Path]


def by_hand(lines: pl.DataFrame, now: int) -> pl.DataFrame:
    """Each customer's line of the table, from the raw rows."""
    quantity, price, worth = pl.col("Quantity"), pl.col("UnitPrice"), pl.col("Quantity") * pl.col("UnitPrice")
    is_order, is_refund = (quantity > 0) & (price > 0), quantity < 0
    return (
        lines.filter(pl.col("time") < now)
        .group_by(profile=pl.format("user_id:{}", pl.col("CustomerID").str.strip_suffix(".0")))
        .agg(
            lines=is_order.sum().cast(pl.Float64),
            orders=pl.col("InvoiceNo").filter(is_order).n_unique().cast(pl.Float64),
            spent=worth.filter(is_order).sum(),
            refunds=is_refund.sum().cast(pl.Float64),
            refunded=-worth.filter(is_refund).sum(),
            gifts=((quantity > 0) & (price == 0)).sum().cast(pl.Float64),
            away=pl.duration(milliseconds=now - pl.col("time").filter(is_order).max(), time_unit="ms"),
        )
        .sort("profile")
    )


def quintile(value: pl.Expr, *, descending: bool = False) -> pl.Expr:
    """The fifth of everybody with a value in which a value is, equals counted half, in whole numbers."""
    doubled = (2 * value.rank("average", descending=descending) - 1).cast(pl.Int64)
    return (doubled * 5 // (2 * value.count()) + 1).clip(1, 5).cast(pl.Float64)


class Retail:
    """The invoices as they lie there, and the workspace that they were imported into."""

    def __init__(self, folder: Path, file: Path) -> None:
        self.workspace = RealWorkspace(folder, features=FEATURES, segments=SEGMENTS)
        self.imported = self.workspace.load("online_retail", file)
        clock = pl.col("InvoiceDate").str.to_datetime("%Y-%m-%d %H:%M:%S").dt.replace_time_zone("Europe/London")
        self.lines = (
            pl.read_csv(file, infer_schema=False)
            .filter(pl.col("CustomerID").is_not_null())
            .with_columns(pl.col("Quantity", "UnitPrice").cast(pl.Float64), time=clock.dt.epoch("ms"))
        )
        self.results = {now: self.workspace.at(now) for now in (END, SUMMER)}

    @property
    def end(self) -> Results:
        return self.results[END]


@pytest.fixture(scope="module")
def retail(shared_data: Data, tmp_path_factory: pytest.TempPathFactory) -> Retail:
    file = shared_data("online_retail") / "online_retail.csv.gz"
    return Retail(tmp_path_factory.mktemp("retail") / "shop", file)


@pytest.mark.parametrize("now", [SUMMER, END])
def test_every_customer(retail, now):
    """What every customer bought, gave back and was given is what a query says, now and earlier."""
    expected = by_hand(retail.lines, now)
    found = feature(retail.results[now], *expected.columns[1:]).sort("profile")

    exact = ["profile", "lines", "orders", "refunds", "gifts", "away"]
    assert found.select(exact).equals(expected.select(exact))
    for name in ("spent", "refunded"):
        assert (found[name] - expected[name]).abs().max() < 1e-6


def test_sums_are_the_published_ones(retail):
    """Over all profiles the valid lines are 397,884, worth 8,911,407.90; with refunds deducted 8,300,065.81."""
    features = retail.end.features

    assert features["lines"].sum() == 397_884
    assert round(features["spent"].sum(), 2) == 8_911_407.90
    assert (features["refunds"].sum(), features["gifts"].sum()) == (8_905, 40)
    assert round(features["spent"].sum() - features["refunded"].sum(), 2) == 8_300_065.81
    assert round(retail.lines.select(pl.col("Quantity") * pl.col("UnitPrice")).sum().item(), 2) == 8_300_065.81
    assert len(features) == 4_372


def test_quintiles(retail):
    """The groups of recency, frequency and monetary value of every customer are those of a query."""
    table = by_hand(retail.lines, END).filter(pl.col("orders") > 0)
    spent = pl.col("spent").round(6)
    expected = table.select(
        "profile",
        recency_group=quintile(pl.col("away"), descending=True),
        frequency_group=quintile(pl.col("orders")),
        monetary_group=quintile(spent),
    )
    found = feature(retail.end, *expected.columns[1:]).sort("profile")

    assert found.drop_nulls().equals(expected)
    assert len(found) - len(expected) == found["recency_group"].null_count() == 34
    best = expected.filter(pl.all_horizontal(pl.exclude("profile") == 5))
    assert members(retail.end, "best_customers") == set(best["profile"])


def test_refunds(retail):
    """Who took back all that they bought, and who only took back, are the customers that a query finds."""
    table = by_hand(retail.lines, END)
    everything = table.filter((pl.col("spent") > 0) & (pl.col("refunded") >= pl.col("spent")))
    only = table.filter((pl.col("orders") == 0) & (pl.col("refunds") >= 1))

    assert members(retail.end, "took_everything_back") == set(everything["profile"])
    assert members(retail.end, "only_refunds") == set(only["profile"])
    cancelled = pl.col("InvoiceNo").str.starts_with("C")
    assert retail.lines.filter(cancelled != (pl.col("Quantity") < 0)).is_empty()


def test_table_in_the_documents(retail):
    """The sizes in the page on real data."""
    assert retail.end.sizes() == {"took_everything_back": 19, "only_refunds": 33, "best_customers": 348}
    groups = retail.end.features["frequency_group"].drop_nulls().value_counts().sort("frequency_group")
    assert groups.rows() == [(1, 1493), (3, 1343), (4, 630), (5, 872)]
