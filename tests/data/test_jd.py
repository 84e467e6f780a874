"""The action log of a real shop, 5,034 people in ten weeks: every member and every change, computed twice."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import polars as pl
import pytest

from shoal.model.time import DAY, HOUR, MINUTE, parse_moment
from shoal.runtime.batch import Results
from tests.data.workspaces import RealWorkspace, members

SEGMENTS = """
    segment: left_in_cart
    when: |
      happened("Product Added", within="7 days")
      and time_since("Product Added") >= "30 minutes"
      and not happened("Order Completed", after=time_of_last("Product Added"))
    ---
    segment: looks_again
    when: |
      count("Product Viewed", within="7 days")
      - distinct("product_id", of="Product Viewed", within="7 days") >= 2
    ---
    segment: comes_back
    when: active_days("Product Viewed", within="14 days") >= 3
    ---
    segment: long_visit
    when: sessions(where=events >= 5 and duration > "5 minutes", within="7 days") >= 1
    ---
    segment: means_it
    when: |
      sequence("Product Added", absent("Product Removed", "Order Completed"), span="30 minutes", within="7 days")
"""
FEATURES = """
    feature: visits
    value: sessions()
    ---
    feature: actions
    value: count()
"""
OF_THE_TEMPLATE = ("cart_abandoners", "high_intent_price_sensitive", "morning_inspiration", "new_explorers")
STRETCHES = ("long_visit", "means_it")
FOLLOWED = ("left_in_cart", "looks_again", "comes_back", *STRETCHES, *OF_THE_TEMPLATE)

MOMENTS = {
    "in the morning": parse_moment("2016-02-20T09:00Z"),
    "in the middle": parse_moment("2016-03-15T12:30Z"),
    "at the last action": 1_460_302_696_000,
}
WEEK = parse_moment("2016-03-14"), parse_moment("2016-03-21")

Data = Callable[[str], Path]


def by_hand(log: pl.DataFrame, looks: pl.DataFrame) -> pl.DataFrame:
    """For each user and moment in `looks`, the segments by their plain meaning, as columns of truths.

    Every look is paired with every action of that user that it can see; windows are comparisons of moments.
    """
    at, time, action = pl.col("at"), pl.col("time"), pl.col("type")
    view, add, order = (action == kind for kind in ("1", "2", "4"))

    def last(days: int) -> pl.Expr:
        return time > at - days * DAY

    hour = time % DAY // HOUR
    seen = looks.join(log, on="user").filter(time <= at)
    found = seen.group_by("user", "at").agg(
        first=time.min(),
        added=time.filter(add).max(),
        ordered=time.filter(order).max(),
        views=(view & last(7)).sum(),
        products=pl.col("product").filter(view & last(7)).n_unique(),
        categories=pl.col("cate").filter(view & last(7)).n_unique(),
        days=(time // DAY).filter(view & last(14)).n_unique(),
        views_in_14_days=(view & last(14)).sum(),
        morning=(view & last(30) & hour.is_between(6, 10)).sum(),
        views_in_30_days=(view & last(30)).sum(),
    )
    added, ordered = pl.col("added"), pl.col("ordered").fill_null(0)
    left = (added > at - 7 * DAY) & (ordered <= added) & (at - added >= 30 * MINUTE)
    morning = pl.col("morning") / pl.col("views_in_30_days") > 0.5
    truths = {
        "left_in_cart": left,
        "looks_again": pl.col("views").cast(pl.Int64) - pl.col("products") >= 2,
        "comes_back": pl.col("days") >= 3,
        "cart_abandoners": left,
        "high_intent_price_sensitive": left & (pl.col("products") >= 3),
        "morning_inspiration": (pl.col("views_in_14_days") >= 3) & morning,
        "new_explorers": (at - pl.col("first") <= 7 * DAY) & (pl.col("categories") >= 3) & (ordered == 0),
    }
    states = found.select("user", "at", **{name: truth.fill_null(False) for name, truth in truths.items()})
    inside = looks.join(stretches_by_hand(log), on="user").filter((at >= pl.col("begin")) & (at < pl.col("end")))
    for name in STRETCHES:
        those = inside.filter(segment=name).select("user", "at").unique().with_columns(pl.lit(True).alias(name))
        states = states.join(those, on=["user", "at"], how="left").with_columns(pl.col(name).fill_null(False))
    return states


def stretches_by_hand(log: pl.DataFrame) -> pl.DataFrame:
    """From when to when single sessions and carts make somebody a member, the end not included."""
    time = pl.col("time")
    running = sessions_of_actions(log).with_columns(
        began=time.min().over("user", "session"), number=pl.int_range(pl.len()).over("user", "session") + 1
    )
    long = running.filter((pl.col("number") >= 5) & (time - pl.col("began") > 5 * MINUTE))
    adds = log.filter(type="2").select("user", added="time")
    undone = log.filter(pl.col("type").is_in(["3", "4"])).select("user", undone="time")
    soon = (pl.col("undone") > pl.col("added")) & (pl.col("undone") <= pl.col("added") + 30 * MINUTE)
    meant = adds.join(adds.join(undone, on="user").filter(soon), on=["user", "added"], how="anti")
    return pl.concat(
        [
            long.select("user", segment=pl.lit("long_visit"), begin="time", end=pl.col("began") + 7 * DAY),
            meant.select(
                "user",
                segment=pl.lit("means_it"),
                begin=pl.col("added") + 30 * MINUTE,
                end=pl.col("added") + 7 * DAY,
            ),
        ]
    )


def sessions_of_actions(log: pl.DataFrame) -> pl.DataFrame:
    """Every action with the number of its session: a pause of more than 30 minutes begins another one."""
    begins = pl.col("time").diff().over("user").fill_null(DAY) > 30 * MINUTE
    return log.sort("user", "time").with_columns(session=begins.cum_sum().over("user"))


def changes_by_hand(log: pl.DataFrame, since: int, until: int) -> pl.DataFrame:
    """Every change of membership: everybody is looked at whenever a comparison above can come out differently.

    That is at an action, and when an action is exactly as old, or a millisecond older, than a length of time.
    """
    ages = [0, 30 * MINUTE, *(days * DAY for days in (7, 14, 30))]
    moments = [log.select("user", at=pl.col("time") + age + late) for age in ages for late in (0, 1)]
    start = log.select("user", at=pl.lit(since, pl.Int64))
    looks = pl.concat([start, *moments]).unique().filter(pl.col("at").is_between(since, until))
    states = looks.join(by_hand(log, looks), on=["user", "at"], how="left").sort("user", "at")
    long = states.unpivot(FOLLOWED, index=["user", "at"], variable_name="segment", value_name="is_in")
    long = long.with_columns(pl.col("is_in").fill_null(False)).sort("segment", "user", "at")
    was_in = pl.col("is_in").shift(1).over("segment", "user")
    return (
        long.filter(was_in.is_not_null() & (pl.col("is_in") != was_in))
        .select(
            effective_at="at",
            profile="user",
            segment="segment",
            direction=pl.when("is_in").then(pl.lit("entered")).otherwise(pl.lit("left")),
        )
        .sort("effective_at", "profile", "segment")
    )


@dataclass
class Jd:
    """The log as it lies there, with users named as profiles are, and the workspace that it was imported into."""

    file: Path
    workspace: RealWorkspace
    results: dict[str, Results] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, file: Path, *parts: Path) -> Jd:
        jd = cls(file, RealWorkspace(folder, template="ecommerce", segments=SEGMENTS, features=FEATURES))
        for part in parts or (file,):
            jd.workspace.load("jd", part)
        jd.results = {moment: jd.workspace.at(now) for moment, now in MOMENTS.items()}
        return jd

    @property
    def log(self) -> pl.DataFrame:
        rows = pl.read_csv(self.file, infer_schema=False)
        pair = pl.col("pair_id").str.split_exact("_", 1).struct
        user, time = pl.format("user_id:{}", pair[0]), pl.col("time").cast(pl.Int64)
        return rows.select("type", "cate", user=user, product=pair[1], time=time)

    @property
    def followed(self) -> pl.DataFrame:
        changes = self.workspace.changes(*WEEK)
        return changes.filter(pl.col("segment").is_in(FOLLOWED)).sort("effective_at", "profile", "segment")


@pytest.fixture(scope="module")
def jd(shared_data: Data, tmp_path_factory: pytest.TempPathFactory) -> Jd:
    return Jd.of(tmp_path_factory.mktemp("jd") / "shop", shared_data("jd") / "actions.csv.gz")


@pytest.mark.parametrize("moment", MOMENTS)
def test_people_and_visits(jd, moment):
    """Everybody has as many actions and sessions as a query over the raw file finds."""
    seen = sessions_of_actions(jd.log.filter(pl.col("time") <= MOMENTS[moment]))
    expected = seen.group_by("user").agg(pl.col("session").max(), pl.len()).sort("user")

    found = jd.results[moment].features.select("profile", "visits", "actions").sort("profile")
    assert found.rows() == expected.rows()


@pytest.mark.parametrize("moment", MOMENTS)
def test_members(jd, moment):
    """Segments of carts left behind, products looked at again and early hours hold exactly the same people."""
    now, results = MOMENTS[moment], jd.results[moment]
    states = by_hand(jd.log, jd.log.select("user", at=pl.lit(now, pl.Int64)).unique())

    expected = {name: set(states.filter(name)["user"]) for name in FOLLOWED}
    assert {name: members(results, name) for name in expected} == expected


def test_table_in_the_documents(jd):
    """The sizes in the page on real data are those of the three moments."""
    stated = {
        "in the morning": (1018, 1570, 69, 98, 44, 49, 64, 32),
        "in the middle": (3196, 5383, 87, 217, 113, 143, 79, 77),
        "at the last action": (5034, 9368, 88, 154, 78, 94, 75, 67),
    }
    names = ("cart_abandoners", "looks_again", "comes_back", "long_visit", "means_it", "morning_inspiration")

    for moment, expected in stated.items():
        results = jd.results[moment]
        sizes = [len(members(results, name)) for name in names]
        assert (results.profiles, int(results.features["visits"].sum()), *sizes) == expected
    assert jd.log.select((pl.len().over("user", "time") > 1).mean()).item() == pytest.approx(0.757, abs=0.001)


def test_every_change_of_a_week(jd):
    """Who entered and left what in a week, to the millisecond, also where a window ran out with no action."""
    expected = changes_by_hand(jd.log, *WEEK)

    assert jd.followed.rows() == expected.rows()
    actions = set(jd.log.select("user", "time").rows())
    silent = [row for row in expected.select("profile", "effective_at").rows() if row not in actions]
    assert (len(expected), len(silent)) == (1399, 913)


@pytest.fixture(scope="module")
def lines(shared_data: Data) -> list[bytes]:
    return gzip.decompress((shared_data("jd") / "actions.csv.gz").read_bytes()).splitlines(keepends=True)


def shuffled(folder: Path, lines: list[bytes]) -> list[Path]:
    """All lines in an order of chance."""
    rows = lines[1:]
    Random(7).shuffle(rows)
    (folder / "shuffled.csv").write_bytes(lines[0] + b"".join(rows))
    return [folder / "shuffled.csv"]


def in_halves(folder: Path, lines: list[bytes]) -> list[Path]:
    """The later half first, then the earlier one, with a part that is in both."""
    rows = sorted(lines[1:], key=lambda row: row.split(b",")[2])
    parts = {"later.csv": rows[25_000:], "earlier.csv": rows[:27_000]}
    for name, part in parts.items():
        (folder / name).write_bytes(lines[0] + b"".join(part))
    return [folder / name for name in parts]


@pytest.mark.parametrize("rearranged", [shuffled, in_halves])
def test_order_of_arrival_changes_nothing(jd, lines, tmp_path, rearranged):
    """A log that comes shuffled, or its later part first, ends in the same memberships and the same changes."""
    other = Jd.of(tmp_path / "shop", jd.file, *rearranged(tmp_path, lines))

    for moment, results in jd.results.items():
        assert results.memberships.equals(other.results[moment].memberships)
        assert results.events == other.results[moment].events
    assert jd.workspace.changes(*WEEK).equals(other.workspace.changes(*WEEK))
