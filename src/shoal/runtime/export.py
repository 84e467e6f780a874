"""Export: the members of a segment with their identifiers, for other programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from shoal.definitions.kinds import Kind
from shoal.definitions.resolve import Key, Resolved
from shoal.definitions.workspace import Workspace
from shoal.errors import NotFound
from shoal.evaluate.kernel import evaluate
from shoal.runtime.batch import Prepared, Told, column_in_units, prepare
from shoal.runtime.files import parquet, text, write_files

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What makes a spreadsheet read a cell as a formula (OWASP, CSV injection)."""


def export_members(
    workspace: Workspace, segment: str, as_of: int, values: Sequence[str] = (), *, told: Told = lambda _: None
) -> pl.DataFrame:
    """Who is in a segment: profile, a column of every kind of identifier, and the values asked for.

    A profile with several identifiers of one kind has them all, parted by spaces. Raises NotFound for a name
    that is not defined.
    """
    resolved = workspace.resolve()
    keys = [_segment_key(resolved, segment), *(_value_key(resolved, name) for name in values)]
    prepared = prepare(workspace, as_of, keys=keys, told=told)
    told("Evaluating definitions")
    evaluation = evaluate(prepared.plan, prepared.history, as_of, frozen=prepared.frozen)
    inside = np.flatnonzero(evaluation.values[keys[0]].holds)
    members = pl.DataFrame([prepared.population.ids.gather(inside)])
    members = members.join(_identifiers(prepared), on="profile", how="left", maintain_order="left")
    kinds = {("feature", each.name): each.kind for each in resolved.features}
    columns = [
        column_in_units(
            evaluation.values[key].to_series(key[1], prepared.history.dictionary), kinds.get(key, Kind.NUMBER)
        ).gather(inside)
        for key in keys[1:]
    ]
    return members.with_columns(columns)


def _segment_key(resolved: Resolved, name: str) -> Key:
    names = [segment.name for segment in resolved.segments]
    if name not in names:
        raise NotFound(f"there is no segment named {name[:80]}", hint=_known(names))
    return "segment", name


def _value_key(resolved: Resolved, name: str) -> Key:
    for key in resolved.order:
        if key in (("feature", name), ("score", name)):
            return key
    names = [each for kind, each in resolved.order if kind != "segment"]
    raise NotFound(f"there is no feature or score named {name[:80]}", hint=_known(names))


def _known(names: Sequence[str]) -> str:
    return f"there are {', '.join(names)}" if names else "none is defined yet"


def _identifiers(prepared: Prepared) -> pl.DataFrame:
    """Every profile with a column of each kind of identifier."""
    population = prepared.population
    resolution = population.resolution
    known = pl.DataFrame(
        {"profile": resolution.node_ids.gather(population.roots), "node": resolution.node_ids}
    ).with_columns(
        pl.col("node").str.split_exact(":", 1).struct.rename_fields(["kind", "_"]).struct.field("kind"),
        pl.col("node").str.replace(r"^[^:]*:", "").alias("value"),
    )
    columns = [
        pl.col("value").filter(pl.col("kind") == kind.name).str.join(" ").replace("", None).alias(kind.name)
        for kind in resolution.rules.kinds
    ]
    return known.group_by("profile", maintain_order=True).agg(columns)


def safe_csv(members: pl.DataFrame) -> str:
    """As CSV in which no cell of text is a formula: those that would be begin with an apostrophe."""
    texts = [name for name, kind in members.schema.items() if kind == pl.String]
    return members.with_columns(_defused(name) for name in texts).write_csv(quote_style="non_numeric")


def _defused(name: str) -> pl.Expr:
    is_formula = pl.any_horizontal(pl.col(name).str.starts_with(start) for start in FORMULA_STARTS)
    return pl.when(is_formula).then(pl.concat_str(pl.lit("'"), pl.col(name))).otherwise(pl.col(name)).alias(name)


def write_members(members: pl.DataFrame, path: Path) -> None:
    """Writes CSV or Parquet, as the name of the file ends."""
    write_files(
        path.parent, {path.name: parquet(members) if path.suffix == ".parquet" else text(safe_csv(members))}
    )
