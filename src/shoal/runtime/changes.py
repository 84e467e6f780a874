"""Changes: who entered and left which segment in a stretch of time, and at which moment exactly."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from shoal.definitions.workspace import Workspace
from shoal.evaluate.timeline import timeline
from shoal.runtime.batch import CHANGES, Told, prepare
from shoal.runtime.files import parquet, write_files


def changes_between(workspace: Workspace, since: int, until: int, *, told: Told = lambda _: None) -> pl.DataFrame:
    """Every change of membership after `since` and up to `until`: effective_at, profile, segment, direction."""
    prepared = prepare(workspace, until, told=told)
    told("Following memberships through time")
    population = prepared.population
    return timeline(
        prepared.plan,
        population.events,
        population.resolution,
        since=since,
        until=until,
        frozen=prepared.frozen,
    )


def write_changes(
    workspace: Workspace, since: int, until: int, folder: Path, *, told: Told = lambda _: None
) -> int:
    """Writes the changes as Parquet, and says how many there are."""
    changes = changes_between(workspace, since, until, told=told)
    changes = changes.with_columns(pl.col("effective_at").cast(pl.Datetime("ms", "UTC")))
    write_files(folder, {CHANGES: parquet(changes)})
    return len(changes)
