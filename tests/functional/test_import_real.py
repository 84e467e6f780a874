"""Real logs, imported by their presets: how many rows become what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from shoal.collect import Imported, import_files, load_mapping
from shoal.journal import Archive

Data = Callable[[str], Path]


class Real:
    """One log in an archive of its own."""

    def __init__(self, folder: Path, preset: str, file: Path) -> None:
        self.file, self.preset, self.failed = file, preset, folder / "failed.ndjson"
        self.archive = Archive(folder / "archive")
        self.done = self.load()

    def load(self) -> Imported:
        return import_files([self.file], load_mapping(self.preset), self.archive, failed=self.failed)

    def counts(self) -> dict[str, int]:
        return {name: seen.count for name, seen in self.archive.catalog().events.items()}

    def frame(self, *columns: str) -> pl.DataFrame:
        return pl.concat(self.archive.read(columns))


@pytest.fixture(scope="module")
def real(shared_data: Data, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Real]:
    made: dict[str, Real] = {}

    def load(preset: str, file: str) -> Real:
        if file not in made:
            folder, _, name = file.partition("/")
            made[file] = Real(tmp_path_factory.mktemp(preset), preset, shared_data(folder) / name)
        return made[file]

    return load


def test_jd_actions(real: Callable[[str, str], Real]) -> None:
    """Every action is an event of its user, with its product."""
    jd = real("jd", "jd/actions.csv.gz")

    assert (jd.done.rows, jd.done.added, jd.done.duplicates) == (52_234, 52_234, 0)
    assert jd.counts() == {
        "Product Viewed": 14_027,
        "Product Added": 827,
        "Product Removed": 355,
        "Order Completed": 60,
        "Product Followed": 151,
        "Product Clicked": 36_814,
    }
    raw = pl.read_csv(jd.file, infer_schema=False)
    pairs = jd.frame("user_id", "properties.product_id:text", "occurred_at")
    mine = pairs.select(pl.concat_str("user_id", "properties.product_id:text", separator="_"), "occurred_at")
    theirs = raw.select("pair_id", pl.col("time").cast(pl.Int64))
    assert sorted(mine.rows()) == sorted(theirs.rows())
    assert pairs["user_id"].n_unique() == 5_034


def test_online_retail(real: Callable[[str, str], Real]) -> None:
    """The valid lines add up to the published figures; refunds are told apart; lines of nobody are failed rows."""
    retail = real("online_retail", "online_retail/online_retail.csv.gz")
    lines = retail.frame("name", "properties.revenue:number", "user_id")
    orders = lines.filter(name="Order Completed")

    assert len(orders) == 397_884
    assert orders["properties.revenue:number"].sum() == pytest.approx(8_911_407.90, abs=0.005)
    assert retail.counts() == {"Order Completed": 397_884, "Order Refunded": 8_905, "Free Product Received": 40}
    assert lines.filter(name="Order Refunded")["properties.revenue:number"].min() >= 0
    assert lines["user_id"].n_unique() == 4_372
    assert sum(retail.done.failed.values()) == 135_080 == len(retail.failed.read_bytes().splitlines())
    assert retail.done.rows == 541_909 == retail.done.added + 135_080


def test_reviews(real: Callable[[str, str], Real]) -> None:
    """The aggregates for each reviewer are the published ones."""
    reviews = real("reviews", "reviews/anonreviews.csv.bz2")
    each = (
        reviews.frame("user_id", "properties.vendor_id:text")
        .group_by("user_id")
        .agg(pl.len(), pl.col("properties.vendor_id:text").n_unique())
    )

    assert (reviews.done.added, len(each)) == (578_805, 400_141)
    assert round(each["len"].mean(), 6) == 1.446503
    assert round(each["len"].std(), 6) == 1.541802
    assert each["len"].max() == 168
    assert round(each["properties.vendor_id:text"].mean(), 6) == 1.357017
    assert each["properties.vendor_id:text"].max() == 32


def test_snowplow_web(real: Callable[[str, str], Real]) -> None:
    """Pages, pings and consent of the web tracker; an event id that comes twice counts once."""
    web = real("snowplow", "snowplow_web/source/snowplow_web_events.csv")

    assert (web.done.rows, web.done.added, web.done.duplicates) == (160, 157, 3)
    assert (web.counts()["Page Viewed"], web.counts()["Page Engaged"]) == (49, 8)
    events = web.frame("kind", "consent.ads:truth", "consent.analytics:truth", "properties.scroll_percent:number")
    consent = events.filter(kind="consent")
    assert len(consent) == 32
    assert consent["consent.analytics:truth"].sum() > consent["consent.ads:truth"].sum() > 0
    assert events["properties.scroll_percent:number"].drop_nulls().is_between(0, 100).sum() == 8


def test_snowplow_scroll_is_the_published_one(real: Callable[[str, str], Real], shared_data: Data) -> None:
    """The furthest scroll of a page view with pings agrees with the tracker's own models, to a per cent."""
    web = real("snowplow", "snowplow_web/source/snowplow_web_events.csv")
    expected = pl.read_csv(
        shared_data("snowplow_web") / "expected/snowplow_web_page_views_expected.csv", infer_schema=False
    )
    theirs = dict(
        expected.select("page_view_id", pl.col("vertical_percentage_scrolled").cast(pl.Float64)).iter_rows()
    )
    mine = (
        web.frame("properties.page_view_id:text", "properties.scroll_percent:number")
        .drop_nulls()
        .group_by("properties.page_view_id:text")
        .max()
    )

    found = [(scroll, theirs[page]) for page, scroll in mine.iter_rows() if page in theirs]
    assert found
    assert all(abs(one - other) <= 1 for one, other in found)


def test_snowplow_ecommerce(real: Callable[[str, str], Real], shared_data: Data) -> None:
    """Actions of the shop have the names that shops use, and as many as the tracker's own models count."""
    shop = real("snowplow", "snowplow_ecommerce/source/snowplow_ecommerce_events.csv")
    expected = pl.read_csv(
        shared_data("snowplow_ecommerce") / "expected/default/snowplow_ecommerce_sessions_expected.csv",
        infer_schema=False,
    )
    counts = shop.counts()

    def total(column: str) -> float:
        return float(expected[column].cast(pl.Float64).sum())

    assert (shop.done.added, sum(shop.done.failed.values())) == (833, 0)
    assert counts["Order Completed"] == total("total_number_transactions") == 14
    assert counts["Product Added"] == total("number_add_to_carts") == 38
    assert counts["Checkout Started"] + counts["Checkout Step Viewed"] == 39
    revenue = shop.frame("name", "properties.revenue:number").filter(name="Order Completed")
    assert revenue["properties.revenue:number"].sum() == pytest.approx(total("total_transaction_revenue"))


@pytest.mark.parametrize(
    ("preset", "file"),
    [
        ("jd", "jd/actions.csv.gz"),
        ("online_retail", "online_retail/online_retail.csv.gz"),
        ("snowplow", "snowplow_web/source/snowplow_web_events.csv"),
    ],
)
def test_real_logs_again_change_nothing(real: Callable[[str, str], Real], preset: str, file: str) -> None:
    """A second import adds nothing and tells no failed row again."""
    log = real(preset, file)
    before, failed = log.archive.fingerprint(), log.failed.stat().st_size if log.failed.exists() else 0

    again = log.load()

    assert (again.rows, again.added) == (0, 0)
    assert log.archive.fingerprint() == before
    assert (log.failed.stat().st_size if log.failed.exists() else 0) == failed
