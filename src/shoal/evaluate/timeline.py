"""Timelines: every change of membership in a stretch of time, at its exact moment, by the kernel."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from shoal.evaluate.frozen import Frozen
from shoal.evaluate.past import CHANGES, Past
from shoal.evaluate.plan import Plan, compile_plan
from shoal.identity import Resolution


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
        return pl.DataFrame(schema=CHANGES)
    plan = compile_plan(plan.resolved, [("segment", name) for name in names])
    return Past(plan, frame, resolution, since=since, until=until, frozen=frozen).changes(names)
