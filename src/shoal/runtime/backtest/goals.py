"""Goals: who did what a trigger hopes for, within the time after it that it allows, by who they are at present."""

from __future__ import annotations

from enum import StrEnum

import polars as pl

from shoal.definitions.trigger import Goal
from shoal.model.event import ACTIVITY_KINDS


class Attained(StrEnum):
    """Whether a person reached the goal after a moment."""

    REACHED = "reached"
    MISSED = "missed"
    OPEN = "open"
    """The time that the goal allows is not over at the newest event: it is too early to tell."""


def goal_events(events: pl.DataFrame, persons: pl.Series, goal: Goal) -> pl.DataFrame:
    """Every event that reaches the goal: `person` and `goal_at`, in order of time.

    `persons` has the present profile of each of `events`, null for nobody's. A name may end in `*`.
    """
    named = (
        pl.col("name").str.starts_with(goal.event[:-1])
        if goal.event.endswith("*")
        else pl.col("name") == goal.event
    )
    is_activity = pl.col("kind").is_in([kind.value for kind in ACTIVITY_KINDS])
    return (
        events.lazy()
        .select("kind", "name", pl.col("occurred_at").alias("goal_at"), persons.alias("person"))
        .filter(named & is_activity & pl.col("person").is_not_null())
        .select("person", "goal_at")
        .sort("goal_at")
        .collect()
    )


def attainment(firings: pl.DataFrame, goals: pl.DataFrame, *, within: int, known_until: int) -> pl.DataFrame:
    """`firings` with two more columns: `goal_at`, the first goal of the person after it, and `goal`, an Attained.

    `firings` has `person` and `at`. A goal counts when it comes strictly after `at` and at most `within`
    milliseconds later. As long as `known_until` lies before the end of that time, nothing is said: those who
    were quick would count and those who are slow would not.
    """
    places = firings.with_row_index("place").sort("at")
    nearest = places.join_asof(
        goals,
        left_on="at",
        right_on="goal_at",
        by="person",
        strategy="forward",
        allow_exact_matches=False,
        coalesce=False,
        check_sortedness=False,
    )
    is_over = pl.col("at") + within <= known_until
    is_reached = pl.col("goal_at") - pl.col("at") <= within
    kept = pl.when(is_over & is_reached).then("goal_at")
    goal = (
        pl.when(~is_over)
        .then(pl.lit(Attained.OPEN.value))
        .when(is_reached)
        .then(pl.lit(Attained.REACHED.value))
        .otherwise(pl.lit(Attained.MISSED.value))
    )
    return nearest.with_columns(kept.alias("goal_at"), goal.alias("goal")).sort("place").drop("place")
