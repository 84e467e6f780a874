"""shoal identity"""

from __future__ import annotations

from typing import Annotated

import polars as pl
import typer
from rich.markup import escape

from shoal.commands import options
from shoal.commands.screen import moment, print_json, screen, table, working
from shoal.definitions.settings_file import SETTINGS_FILE
from shoal.definitions.workspace import load_workspace
from shoal.evaluate.wording import worded_moment
from shoal.identity import Resolution, read_rules
from shoal.model.time import format_moment
from shoal.runtime.batch import archive_of
from shoal.runtime.moments import as_of_or_last
from shoal.runtime.population import Population, read_population

SECTIONS = {
    "merges": "Merged: an event linked two profiles, which are one since then",
    "refused": "Refused: a link that a rule was against",
    "shared": "Shared devices: their anonymous events belong to no one's profile",
    "blocked": "Blocked: values that name nobody",
}

SHOWN = {
    "merges": ("at", "profile", "into"),
    "refused": ("at", "identifier", "linked", "reason"),
    "shared": ("at", "device", "profile"),
    "blocked": ("kind", "value", "events"),
}
"""The columns that people see; `--json` has all of them, the message that made each link too."""


def command(
    *,
    workspace: options.Workspace = options.HERE,
    as_of: options.AsOf = None,
    limit: Annotated[int, typer.Option(min=1, help="How many rows of each table to show: the latest.")] = 10,
    json: options.Json = False,
) -> None:
    """Shows who was merged, which links were refused, which devices are shared, and which values are blocked."""
    read = load_workspace(workspace)
    at = as_of_or_last(as_of, read)
    with working(quiet=json) as told:
        told("Finding out who is who")
        rules = read_rules(read.identity, SETTINGS_FILE)
        population = read_population(archive_of(read), rules, [], at, with_messages=True)
    tables = _tables(population.resolution)
    if json:
        print_json(
            {
                "as_of": format_moment(at),
                **_counts(population),
                **{name: _readable(rows).to_dicts() for name, rows in tables.items()},
            }
        )
    else:
        _show(population, tables, at, limit)


def _counts(population: Population) -> dict[str, int]:
    return {
        "events": len(population.events),
        "events_of_nobody": population.resolution.unowned,
        "identifiers": len(population.resolution.node_ids),
        "profiles": population.size,
    }


def _tables(resolution: Resolution) -> dict[str, pl.DataFrame]:
    return {
        "merges": resolution.merges.drop("position"),
        "refused": resolution.refused.drop("position"),
        "shared": resolution.shared_devices.drop("position"),
        "blocked": resolution.blocked.sort("events", "kind", "value", descending=[True, False, False]),
    }


def _readable(rows: pl.DataFrame) -> pl.DataFrame:
    if "at" not in rows.columns:
        return rows
    return rows.with_columns(pl.col("at").map_elements(format_moment, return_dtype=pl.String))


def _show(population: Population, tables: dict[str, pl.DataFrame], at: int, limit: int) -> None:
    console, counts = screen(), _counts(population)
    console.print(
        f"[bold]{counts['identifiers']:,}[/] identifiers are [bold]{counts['profiles']:,}[/] profiles, "
        f"as of [bold]{moment(at)}[/]"
    )
    console.print(f"{counts['events_of_nobody']:,} of {counts['events']:,} events name nobody")
    for name, rows in tables.items():
        if rows.is_empty():
            console.print(f"\n[bold]{SECTIONS[name].partition(':')[0]}[/]: none")
            continue
        latest = rows.head(limit) if name == "blocked" else rows.tail(limit)
        what, _, meaning = SECTIONS[name].partition(":")
        console.print(f"\n[bold]{what}[/] ({len(rows):,}):{meaning}")
        columns = SHOWN[name]
        shown = table(*columns, numbers=("events",))
        for row in latest.select(columns).iter_rows(named=True):
            shown.add_row(*(_cell(column, value) for column, value in row.items()))
        console.print(shown)


def _cell(column: str, value: object) -> str:
    if column == "at" and isinstance(value, int):
        return worded_moment(value)
    return f"{value:,}" if isinstance(value, int) else escape("" if value is None else str(value))
