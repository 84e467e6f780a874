"""Polars: filters first, one group-by for each kind of event, sessions by comparing neighbouring rows."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from shoal.bench.contenders.contender import ANSWERS, COLUMNS
from shoal.bench.shop import NOW
from shoal.bench.stopwatch import Stopwatch
from shoal.model.time import DAY, HOUR, MINUTE

AT, NAME, PERSON, PRICE = pl.col("moment"), pl.col("name"), pl.col("person"), pl.col("price")
GAP = 30 * MINUTE
TEXTS = ("person", "name", "product", "device")


def _within(days: int) -> pl.Expr:
    return NOW - days * DAY < AT


class PolarsFrames:
    """Threads are limited by the environment of the process, as Polars wants it."""

    def __init__(self, _threads: int) -> None:
        self._events = pl.DataFrame()
        self._answers = pl.DataFrame()

    def whole(self, path: Path) -> pl.DataFrame:
        """Only the rows about sessions and checkouts are sorted; the file is in the order of moments."""
        return _collected(answer(scanned(path).collect(engine="streaming").lazy(), is_sorted=False))

    def prepare(self, path: Path, watch: Stopwatch) -> None:
        with watch("read and sort"):
            self._events = read_and_sorted(path)

    def evaluate(self) -> None:
        self._answers = _collected(answer(self._events.lazy(), is_sorted=True))

    def answers(self) -> pl.DataFrame:
        return self._answers.with_columns(pl.col("profile").cast(pl.String))


def scanned(path: Path) -> pl.LazyFrame:
    """The columns of the questions, texts as categories."""
    return chosen(pl.scan_parquet(path))


def chosen(events: pl.LazyFrame) -> pl.LazyFrame:
    """The visible rows of stored events, and the columns of the questions."""
    columns = [pl.col(stored).alias(name) for stored, name in COLUMNS.items()]
    visible = events.filter(pl.col("occurred_at") <= NOW).select(columns)
    return visible.with_columns(pl.col(TEXTS).cast(pl.Categorical))


def read_and_sorted(path: Path) -> pl.DataFrame:
    """All rows by person and moment: a stable sort by the number of a category, the fastest way found."""
    return scanned(path).sort(PERSON.to_physical(), maintain_order=True).collect(engine="streaming")


def _collected(answers: pl.LazyFrame) -> pl.DataFrame:
    return answers.collect(engine="streaming").with_columns(pl.col("profile").cast(pl.String))


def answer(events: pl.LazyFrame, *, is_sorted: bool) -> pl.LazyFrame:
    """The answers of everyone in `events`; sorted ones stand in runs of one person each."""
    counts = ["views_1d", "views_7d", "views_30d", "carts_7d", "orders_90d", "revenue_30d", "revenue_90d"]
    counts += ["products_7d", "products_30d", "costly_views_30d", "active_days_30d", "sessions_30d"]
    found = events.group_by(PERSON).agg(last_event=AT.last())
    for part in (_views(events), _carts(events), _orders(events), _active_days(events)):
        found = found.join(part, on="person", how="left")
    for part in (_sessions(events, is_sorted=is_sorted), _checkouts(events, is_sorted=is_sorted)):
        found = found.join(part, on="person", how="left")
    return _with_segments(found.with_columns(pl.col(counts).fill_null(0))).select(
        PERSON.alias("profile"), *ANSWERS[1:]
    )


def _views(events: pl.LazyFrame) -> pl.LazyFrame:
    price, product = PRICE, pl.col("product")
    return (
        events.filter(NAME == "Product Viewed", _within(30))
        .group_by(PERSON)
        .agg(
            views_1d=_within(1).sum(),
            views_7d=_within(7).sum(),
            views_30d=pl.len(),
            average_price_7d=pl.when(_within(7)).then(price).mean(),
            highest_price_30d=price.max(),
            products_7d=pl.when(_within(7)).then(product).drop_nulls().n_unique(),
            products_30d=product.drop_nulls().n_unique(),
            costly_views_30d=(price > 100).sum(),
            mobile_share_30d=(pl.col("device") == "mobile").sum() / pl.len(),
            last_product_30d=product.last(),
        )
    )


def _carts(events: pl.LazyFrame) -> pl.LazyFrame:
    return (
        events.filter(NAME == "Product Added")
        .group_by(PERSON)
        .agg(
            carts_7d=_within(7).sum(),
            since_cart=NOW - AT.last(),
            last_cart=AT.last(),
            last_cart_position=pl.col("position").last(),
        )
    )


def _orders(events: pl.LazyFrame) -> pl.LazyFrame:
    return (
        events.filter(NAME == "Order Completed")
        .group_by(PERSON)
        .agg(
            orders_90d=_within(90).sum(),
            revenue_30d=pl.when(_within(30)).then(PRICE).sum(),
            revenue_90d=pl.when(_within(90)).then(PRICE).sum(),
            since_order_90d=NOW - pl.when(_within(90)).then(AT).max(),
            last_order=AT.last(),
            last_order_position=pl.col("position").last(),
        )
    )


def _active_days(events: pl.LazyFrame) -> pl.LazyFrame:
    return events.filter(_within(30)).group_by(PERSON).agg(active_days_30d=(AT // DAY).n_unique())


def _sessions(events: pl.LazyFrame, *, is_sorted: bool) -> pl.LazyFrame:
    """Events from one gap before the window on are enough to know which sessions began inside it."""
    recent = events.filter(AT > NOW - 30 * DAY - GAP)
    if not is_sorted:
        recent = recent.sort(PERSON.to_physical(), maintain_order=True)
    begins = ((AT - AT.shift(1) > GAP) | (PERSON.shift(1) != PERSON)).fill_null(True)
    duration, pages = pl.col("end") - pl.col("start"), pl.col("pages")
    return (
        recent.with_columns(session=begins.cum_sum())
        .group_by("session")
        .agg(PERSON.first(), start=AT.first(), end=AT.last(), pages=(NAME == "Page Viewed").sum())
        .filter(pl.col("start") > NOW - 30 * DAY)
        .group_by(PERSON)
        .agg(
            sessions_30d=pl.len(),
            pages_per_session_30d=pages.mean(),
            longest_session_30d=duration.max(),
            deep_engagers=((pages >= 3) & (duration > 5 * MINUTE)).any(),
        )
    )


def _checkouts(events: pl.LazyFrame, *, is_sorted: bool) -> pl.LazyFrame:
    """Whether some checkout of the last 7 days was not followed by an order for an hour."""
    recent = events.filter(NAME.is_in(["Checkout Started", "Order Completed"]), _within(7))
    if not is_sorted:
        recent = recent.sort(PERSON.to_physical(), maintain_order=True)
    next_order = pl.when(NAME == "Order Completed").then(AT).backward_fill().over(PERSON)
    return (
        recent.with_columns(next_order=next_order)
        .filter(NAME == "Checkout Started", AT + HOUR <= NOW)
        .group_by(PERSON)
        .agg(checkout_abandoners=(pl.col("next_order") - AT > HOUR).fill_null(True).any())
    )


def _with_segments(found: pl.LazyFrame) -> pl.LazyFrame:
    since_cart, last_order, last_cart = pl.col("since_cart"), pl.col("last_order"), pl.col("last_cart")
    is_tie = (last_order == last_cart) & (pl.col("last_order_position") > pl.col("last_cart_position"))
    left_cart = (since_cart >= 30 * MINUTE) & ~((last_order > last_cart) | is_tie).fill_null(False)
    segments = {
        "high_intent_price_sensitive": (pl.col("products_7d") >= 3) & (pl.col("carts_7d") >= 1) & left_cart,
        "big_spenders": pl.col("revenue_90d") >= 500,
        "window_shoppers": (pl.col("views_30d") >= 20) & (pl.col("orders_90d") == 0),
        "cart_abandoners": (since_cart < 7 * DAY) & left_cart,
        "mobile_browsers": (pl.col("views_30d") >= 5) & (pl.col("mobile_share_30d") >= 0.8),
        "loyal": (pl.col("active_days_30d") >= 4) & (pl.col("orders_90d") >= 2),
        "deep_engagers": pl.col("deep_engagers"),
        "dormant": pl.col("last_event") <= NOW - 30 * DAY,
        "premium": (pl.col("average_price_7d") > 80) | (pl.col("highest_price_30d") > 500),
        "checkout_abandoners": pl.col("checkout_abandoners"),
    }
    return found.with_columns(holds.fill_null(False).alias(name) for name, holds in segments.items())
