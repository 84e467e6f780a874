"""shoal segments"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.markup import escape

from shoal.commands import options
from shoal.commands.screen import bar, moment, print_json, screen, share, signed, sparkline, table
from shoal.definitions.resolve import Segment
from shoal.definitions.workspace import load_workspace
from shoal.errors import NotFound
from shoal.model.time import format_moment
from shoal.runtime.meaning import meanings
from shoal.runtime.places import RUNS_FOLDER
from shoal.runtime.run_log import RunLog, RunRecord, trend

MOMENTS_SHOWN = 16


def command(*, workspace: options.Workspace = options.HERE, json: options.Json = False) -> None:
    """Shows how large each segment was in the last run, and how that has changed from run to run.

    The change is that since the moment looked at before. A segment with fewer members than `minimum_members`
    (500 unless `shoal.yaml` says otherwise) is marked small: its numbers are mostly chance.
    """
    read = load_workspace(workspace)
    resolved = read.resolve()
    records = RunLog(workspace / RUNS_FOLDER).records()
    if not records:
        raise NotFound("nothing has been evaluated in this workspace yet", hint="shoal run")
    last, meaning = records[-1], meanings(resolved)
    rows = [
        _row(segment, last, records, meaning[("segment", segment.name)], read.settings.minimum_members)
        for segment in resolved.segments
    ]
    rows.sort(key=lambda row: (-(row["members"] or 0), row["segment"]))
    if json:
        print_json({"as_of": format_moment(last.as_of), "profiles": last.profiles, "segments": rows})
    else:
        _show(last, rows)


def _row(
    segment: Segment, last: RunRecord, records: Sequence[RunRecord], meaning: str, minimum: int
) -> dict[str, Any]:
    """What is known of one segment. A size that was found under another definition is none."""
    size = last.segments.get(segment.name)
    members = size.members if size is not None and size.meaning == meaning else None
    course = (
        [] if members is None else [(at, count) for at, count in trend(records, segment.name) if at <= last.as_of]
    )
    return {
        "segment": segment.name,
        "title": segment.title,
        "purpose": segment.purpose,
        "members": members,
        "share": None if members is None or last.profiles == 0 else members / last.profiles,
        "change": course[-1][1] - course[-2][1] if len(course) > 1 else None,
        "trend": [{"as_of": format_moment(at), "members": count} for at, count in course[-MOMENTS_SHOWN:]],
        "health": "not evaluated" if members is None else "small" if members < minimum else "ok",
    }


def _show(last: RunRecord, rows: Sequence[dict[str, Any]]) -> None:
    console = screen()
    console.print(f"[bold]{last.profiles:,}[/] profiles, as of [bold]{moment(last.as_of)}[/]")
    shown = table(
        "segment", "members", "share", "", "change", "trend", "health", numbers=("members", "share", "change")
    )
    largest = max((row["members"] or 0 for row in rows), default=0)
    for row in rows:
        if row["members"] is None:
            shown.add_row(escape(row["segment"]), "–", "–", "", "", "", "[yellow]new or changed: shoal run[/]")
            continue
        course = [each["members"] for each in row["trend"]]
        shown.add_row(
            escape(row["segment"]),
            f"{row['members']:,}",
            share(row["members"], last.profiles),
            f"[cyan]{bar(row['members'], largest)}[/]",
            "" if row["change"] is None else signed(row["change"]),
            sparkline(course) if len(course) > 1 else "",
            "[yellow]small[/]" if row["health"] == "small" else "[green]ok[/]",
        )
    console.print(shown)
