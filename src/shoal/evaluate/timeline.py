"""Timelines: every change of membership in a stretch of time, at its exact moment, by the kernel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shoal.evaluate.build import build_history
from shoal.evaluate.frozen import Frozen
from shoal.evaluate.lives import Lives, lives_between
from shoal.evaluate.looks import Looks, look
from shoal.evaluate.plan import Plan, compile_plan
from shoal.identity import Resolution
from shoal.model.change import Direction

SCHEMA = {"effective_at": pl.Int64, "profile": pl.String, "segment": pl.String, "direction": pl.String}


def timeline(
    plan: Plan,
    frame: pl.DataFrame,
    resolution: Resolution,
    *,
    since: int,
    until: int,
    frozen: Frozen | None = None,
    segments: Sequence[str] | None = None,
) -> pl.DataFrame:
    """Every change of membership after `since` and up to `until`, by moment, profile and segment.

    `frame` holds the events that `resolution` was made of, in the same order. A profile that is merged into
    another leaves its segments at that moment. `effective_at` is in milliseconds.
    """
    names = sorted(each.name for each in plan.resolved.segments) if segments is None else sorted(segments)
    if not names or not len(frame):
        return pl.DataFrame(schema=SCHEMA)
    plan = compile_plan(plan.resolved, [("segment", name) for name in names])
    lives = lives_between(resolution, frame["occurred_at"].to_numpy(), since, until)
    looks = look(
        plan,
        build_history(plan, frame[lives.rows], lives.life_of_row, len(lives)),
        segments=names,
        profiles=np.arange(len(lives)),
        start=lives.start,
        stop=lives.stop - 1,
        frozen=frozen,
    )
    return _changes(looks, lives, names, resolution)


def _changes(looks: Looks, lives: Lives, names: Sequence[str], resolution: Resolution) -> pl.DataFrame:
    """Where the memberships of a profile differ from those at the look before, also when a new life began.

    Every profile is first looked at when the stretch begins: what is so then is no change. Who is merged into
    another is last looked at then, and is in nothing any more.
    """
    profile = np.concatenate([lives.profile[looks.stretch], lives.ended])
    moment = np.concatenate([looks.moment, lives.ended_at])
    members = np.concatenate([looks.members, np.zeros((len(lives.ended), len(names)), np.bool_)])
    order = np.lexsort((moment, profile))
    profile, moment, members = profile[order], moment[order], members[order]
    differs = members[1:] != members[:-1]
    differs[profile[1:] != profile[:-1]] = False
    rows, columns = np.nonzero(differs)
    rows += 1
    return pl.DataFrame(
        {
            "effective_at": moment[rows],
            "profile": resolution.node_ids.gather(profile[rows]),
            "segment": pl.Series(names, dtype=pl.String).gather(columns),
            "direction": _directions(members[rows, columns]),
        },
        schema=SCHEMA,
    ).sort("effective_at", "profile", "segment")


def _directions(entered: NDArray[np.bool_]) -> pl.Series:
    return pl.Series(np.where(entered, Direction.ENTERED.value, Direction.LEFT.value))
