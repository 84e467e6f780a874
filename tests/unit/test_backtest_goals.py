"""Whether people reached a goal after a moment: strictly after it, in its time, and not before that is over."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from shoal.definitions.trigger import Goal
from shoal.runtime.backtest.goals import Attained, attainment, goal_events

MOMENTS = st.integers(0, 30)
PEOPLE = st.sampled_from("abc")


def _attained(person: str, at: int, goals: list[tuple[str, int]], within: int, known_until: int):
    """The same, as plainly as possible."""
    if at + within > known_until:
        return None, Attained.OPEN
    after = [moment for who, moment in goals if who == person and at < moment <= at + within]
    return (min(after), Attained.REACHED) if after else (None, Attained.MISSED)


@given(
    st.lists(st.tuples(PEOPLE, MOMENTS)),
    st.lists(st.tuples(PEOPLE, MOMENTS)),
    st.integers(0, 12),
    st.integers(0, 40),
)
def test_the_first_goal_after_each_moment_counts(firings, goals, within, known_until) -> None:
    """Not at the moment itself, at the last millisecond of the time still, and nothing is said too early."""
    asked = pl.DataFrame(firings, schema={"person": pl.String, "at": pl.Int64}, orient="row")
    known = pl.DataFrame(goals, schema={"person": pl.String, "goal_at": pl.Int64}, orient="row").sort("goal_at")
    found = attainment(asked, known, within=within, known_until=known_until)
    expected = [_attained(person, at, goals, within, known_until) for person, at in firings]
    assert found.select("person", "at").rows() == firings
    assert list(found.select("goal_at", "goal").iter_rows()) == [(at, goal.value) for at, goal in expected]


def test_goals_are_what_people_did() -> None:
    """A statement is none, whatever it is called; a name that ends in * stands for all that begin so."""
    events = pl.DataFrame(
        [
            ("track", "Order Completed", 3),
            ("track", "Order Cancelled", 2),
            ("identify", "Order Completed", 1),
            ("track", "Order Completed", 4),
        ],
        schema={"kind": pl.String, "name": pl.String, "occurred_at": pl.Int64},
        orient="row",
    )
    persons = pl.Series("person", ["ann", "ann", "ann", None])
    assert goal_events(events, persons, Goal(event="Order Completed")).rows() == [("ann", 3)]
    assert goal_events(events, persons, Goal(event="Order*")).rows() == [("ann", 2), ("ann", 3)]
