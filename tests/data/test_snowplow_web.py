"""A tracker's own test events, most of them odd on purpose, next to the sessions and users that its models find.

Three computations stand side by side: ours, theirs as published, and both sets of rules applied to the raw rows by
plain queries. What differs must fall under a rule; the rules are told in `docs/explanation/real-data.md`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from shoal.model.time import DAY, MINUTE, SECOND, parse_moment
from tests.data.workspaces import RealWorkspace

FEATURES = """
    feature: visits
    value: sessions()
    ---
    feature: pages
    value: count("Page Viewed")
    ---
    feature: engaged
    value: sum("engaged_ms", of="Page Engaged")
    ---
    feature: last_pages
    value: session("pages", of="last")
    ---
    feature: last_engaged
    value: session("engaged_time", of="last")
    ---
    feature: last_duration
    value: session("duration", of="last")
    ---
    feature: silent
    value: time_since_any()
"""
EVERYTHING = parse_moment("2021-06-01")
STATEMENTS = ("consent_preferences",)
GAP, THREE_DAYS = 30 * MINUTE, 3 * DAY
FIRST_PING, HEARTBEAT = 5, 10

EXPLAINS_SESSION = {
    "a pause of more than 30 minutes ends a session": {"start", "pages", "engaged"},
    "session ids do not count: what is close together is one session": {"start", "pages"},
    "another user on the device is another profile": {"start", "end", "pages"},
    "every page view is a page, also under an id that was there before": {"pages"},
    "a ping is no page, and moves no beginning back": {"start", "pages"},
    "every ping stands for a whole heartbeat, also the first one of a page": {"engaged"},
}
EXPLAINS_USER = {
    "a pause of more than 30 minutes ends a session": {"sessions"},
    "session ids do not count: what is close together is one session": {"sessions"},
    "another user on the device is another profile": {"sessions", "pages"},
    "every page view is a page, also under an id that was there before": {"pages"},
    "a ping is no page, and moves no beginning back": {"pages"},
    "every ping stands for a whole heartbeat, also the first one of a page": {"engaged"},
    "events count however long the session id has lasted": {"sessions", "pages"},
}
"""What each rule of ours, where it is not theirs, can make different."""

Data = Callable[[str], Path]
Values = dict[str, float | None]


def moment(column: str) -> pl.Expr:
    return pl.col(column).str.to_datetime("%Y-%m-%d %H:%M:%S%.f").dt.epoch("ms")


@dataclass
class Web:
    """The raw rows, an event id once; the expected tables; the workspace."""

    rows: pl.DataFrame
    sessions: pl.DataFrame
    users: pl.DataFrame
    workspace: RealWorkspace

    def ours_at(self, now: int, user: str) -> Values:
        """What we say of a user, and of the last session, at a moment."""
        features = self.workspace.at(now).features.filter(profile=f"user_id:{user}")
        if features.is_empty():
            return {}
        found = features.with_columns(pl.selectors.duration().dt.total_milliseconds()).row(0, named=True)
        end = now - found["silent"]
        return {
            "sessions": found["visits"],
            "start": end - found["last_duration"],
            "end": end,
            "pages": found["last_pages"],
            "engaged": found["last_engaged"],
        }

    def of_session(self, session: str) -> pl.DataFrame:
        return self.rows.filter(session=session).sort("time")


@pytest.fixture(scope="module")
def web(shared_data: Data, tmp_path_factory: pytest.TempPathFactory) -> Web:
    folder = shared_data("snowplow_web")
    file = folder / "source/snowplow_web_events.csv"
    workspace = RealWorkspace(tmp_path_factory.mktemp("web") / "site", features=FEATURES)
    workspace.load("snowplow", file)
    rows = pl.read_csv(file, infer_schema=False).unique("event_id", keep="first", maintain_order=True)
    page = pl.col("contexts_com_snowplowanalytics_snowplow_web_page_1_0_0")
    return Web(
        rows=rows.select(
            *("event_id", "event_name", "user_id"),
            device="domain_userid",
            session="domain_sessionid",
            time=moment("derived_tstamp"),
            created=moment("dvce_created_tstamp"),
            sent=moment("dvce_sent_tstamp"),
            page=page.str.extract('"id": ?"([^"]+)"'),
        ),
        sessions=pl.read_csv(
            folder / "expected/default/snowplow_web_sessions_expected.csv", infer_schema=False
        ).select(
            *("user_id", pl.col("page_views").cast(pl.Float64).alias("pages")),
            session="domain_sessionid",
            start=moment("start_tstamp"),
            end=moment("end_tstamp"),
            engaged=pl.col("engaged_time_in_s").cast(pl.Float64) * SECOND,
        ),
        users=pl.read_csv(folder / "expected/snowplow_web_users_expected.csv", infer_schema=False).select(
            *("user_id", pl.col("page_views").cast(pl.Float64).alias("pages")),
            device="domain_userid",
            sessions=pl.col("sessions").cast(pl.Float64),
            engaged=pl.col("engaged_time_in_s").cast(pl.Float64) * SECOND,
        ),
        workspace=workspace,
    )


def by_our_rules(rows: pl.DataFrame) -> pl.DataFrame:
    """Sessions, pages and attention of every user, by a query that knows nothing of session ids."""
    seen = rows.filter(~pl.col("event_name").is_in(STATEMENTS)).sort("user_id", "time")
    begins = pl.col("time").diff().over("user_id").fill_null(DAY) > GAP
    name = pl.col("event_name")
    return (
        seen.with_columns(begins=begins)
        .group_by("user_id")
        .agg(
            visits=pl.col("begins").sum().cast(pl.Float64),
            pages=(name == "page_view").sum().cast(pl.Float64),
            engaged=(name == "page_ping").sum() * HEARTBEAT * 1000.0,
        )
        .sort("user_id")
    )


def by_their_rules(rows: pl.DataFrame) -> Values:
    """A session of theirs: rows of one id, three days long at most, pages by their ids, pings from their first."""
    rows = rows.filter(pl.col("time") <= rows["time"].min() + THREE_DAYS)
    views, pings = rows.filter(event_name="page_view"), rows.filter(event_name="page_ping")
    stray = pings.join(views, on="page", how="anti")
    pings_of_pages = pings.group_by("page").len()["len"]
    engaged = sum(FIRST_PING + HEARTBEAT * (count - 1) for count in pings_of_pages)
    start = rows["time"].min() - (FIRST_PING * SECOND if views.is_empty() else 0)
    return {
        "start": start,
        "end": rows["time"].max(),
        "pages": views["page"].n_unique() + stray["page"].n_unique(),
        "engaged": engaged * SECOND,
    }


def rules_of_session(web: Web, session: str) -> set[str]:
    """Which of our rules, where they are not theirs, the rows of a session come under."""
    rows = web.of_session(session)
    of_user = web.rows.filter(pl.col("user_id").is_in(rows["user_id"].unique().implode()))
    others = of_user.filter(pl.col("session") != session)["time"]
    start, end = rows["time"].min() - GAP, rows["time"].max() + GAP
    views = rows.filter(event_name="page_view")
    checks = {
        "a pause of more than 30 minutes ends a session": (rows["time"].diff() > GAP).any(),
        "session ids do not count: what is close together is one session": others.is_between(start, end).any(),
        "another user on the device is another profile": rows["user_id"].n_unique() > 1,
        "every page view is a page, also under an id that was there before": views["page"].is_duplicated().any(),
        "a ping is no page, and moves no beginning back": views.is_empty(),
        "every ping stands for a whole heartbeat, also the first one of a page": "page_ping" in rows["event_name"],
        "events count however long the session id has lasted": end - GAP - (start + GAP) > THREE_DAYS,
    }
    return {rule for rule, holds in checks.items() if holds}


def test_our_rules_on_the_raw_rows(web):
    """Sessions, pages and attention of all 25 users are those of a query over the raw rows."""
    features = web.workspace.at(EVERYTHING).features
    found = features.select(
        pl.col("profile").str.strip_prefix("user_id:").alias("user_id"), "visits", "pages", "engaged"
    )

    assert found.sort("user_id").equals(by_our_rules(web.rows))
    assert (len(found), found["visits"].sum()) == (25, 42)


def test_their_rules_on_the_raw_rows(web):
    """All 18 published sessions follow from their rules, so what differs from ours differs by rule."""
    for expected in web.sessions.iter_rows(named=True):
        assert by_their_rules(web.of_session(expected["session"])) == {
            name: expected[name] for name in ("start", "end", "pages", "engaged")
        }
    assert len(web.sessions) == 18


def test_sessions(web):
    """Every session that is not the same in all four numbers differs only in what a rule of ours explains."""
    differing: Counter[str] = Counter()
    explained: Counter[str] = Counter()
    for expected in web.sessions.iter_rows(named=True):
        ours = web.ours_at(expected["end"], expected["user_id"])
        wrong = {name for name in ("start", "end", "pages", "engaged") if ours[name] != expected[name]}
        differing.update(wrong or {"none"})
        rules = rules_of_session(web, expected["session"]) & EXPLAINS_SESSION.keys()
        for field in wrong:
            assert any(field in EXPLAINS_SESSION[rule] for rule in rules), (expected["session"], field)
        explained.update(rule for rule in rules if EXPLAINS_SESSION[rule] & wrong)

    assert differing == {"none": 5, "start": 6, "end": 2, "pages": 11, "engaged": 4}
    assert explained == dict(zip(EXPLAINS_SESSION, [2, 4, 2, 1, 3, 4], strict=True))


def sessions_they_leave_out(web: Web) -> Iterator[tuple[str | None, str]]:
    """The session ids of the raw rows that are in no table of theirs, with the rule of theirs."""
    kept = set(web.sessions["session"])
    for (session,), rows in web.rows.group_by("session", maintain_order=True):
        if session is None:
            yield session, "they need a session id"
        elif session not in kept:
            pages = rows.filter(pl.col("event_name").is_in(["page_view", "page_ping"]))
            if pages.is_empty():
                yield session, "they count sessions with a page or a ping"
            elif pages["page"].null_count():
                yield session, "they need an id for a page view"
            elif (rows["sent"] - rows["created"] > THREE_DAYS).any():
                yield session, "they leave out what was sent three days late"
            else:
                yield session, "unexplained"


def test_sessions_they_leave_out(web):
    """Sessions that are not in their tables are left out by a rule of theirs; ours are all there."""
    found = Counter(rule for _, rule in sessions_they_leave_out(web))

    assert found == {
        "they count sessions with a page or a ping": 26,
        "they need a session id": 1,
        "they need an id for a page view": 1,
        "they leave out what was sent three days late": 1,
    }


def test_users(web):
    """Every user who is not the same in all three numbers differs only in what a rule of ours explains."""
    features = web.workspace.at(EVERYTHING).features
    differing: Counter[str] = Counter()
    for expected in web.users.iter_rows(named=True):
        found = features.row(by_predicate=pl.col("profile") == f"user_id:{expected['user_id']}", named=True)
        ours = {"sessions": found["visits"], "pages": found["pages"], "engaged": found["engaged"]}
        wrong = {name for name in ours if ours[name] != expected[name]}
        differing.update(wrong or {"none"})
        ids = web.rows.filter(device=expected["device"])["session"].unique()
        rules = set().union(*(rules_of_session(web, session) for session in ids))
        for field in wrong:
            assert any(field in EXPLAINS_USER[rule] for rule in rules), (expected["user_id"], field)

    assert len(web.users) == 11
    assert differing == {"none": 2, "sessions": 6, "pages": 6, "engaged": 2}


def test_users_they_leave_out(web):
    """The 14 profiles that are no users of theirs are so by a rule."""
    known = set(web.users["user_id"])
    left_out = {session for session, _ in sessions_they_leave_out(web)}
    found: Counter[str] = Counter()
    for (user,), rows in web.rows.group_by("user_id", maintain_order=True):
        if user in known:
            continue
        of_device = web.rows.filter(pl.col("device").is_in(rows["device"].drop_nulls().unique().implode()))
        if rows["device"].null_count():
            found["they need a device id"] += 1
        elif all(session in left_out for session in rows["session"]):
            found["all of their sessions are left out"] += 1
        elif of_device["user_id"].n_unique() > 1:
            found["another user on the device is another profile"] += 1
        else:
            found["unexplained"] += 1

    assert found == {
        "another user on the device is another profile": 9,
        "all of their sessions are left out": 4,
        "they need a device id": 1,
    }
