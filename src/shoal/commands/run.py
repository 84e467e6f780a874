"""shoal run"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from shoal.commands import options
from shoal.commands.screen import moment, print_json, screen, share, table, working
from shoal.definitions.workspace import load_workspace
from shoal.errors import InputError
from shoal.evaluate.wording import worded_duration
from shoal.model.time import DAY
from shoal.model.zone import load_zone
from shoal.runtime.batch import RESULT_FILES, Results, archive_of, evaluate_workspace, log_run, write_results
from shoal.runtime.moments import as_of_moment, newest_event, now_ms, read_moment
from shoal.runtime.places import OUT_FOLDER
from shoal.runtime.written import WrittenFiles

STALE = 30 * DAY
"""When the newest event is further back than this, most windows are empty; the person is told."""

Limit = Annotated[str | None, typer.Option(metavar="MOMENT", help="Only with the other of the two; see above.")]


def command(
    *,
    workspace: options.Workspace = options.HERE,
    as_of: options.AsOf = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help=f"Where to write the tables; otherwise {OUT_FOLDER}.")
    ] = None,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Make reference distributions and purchase models anew.")
    ] = False,
    since: Annotated[
        str | None,
        typer.Option("--from", metavar="MOMENT", help="Also write every change of membership after this."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--to", metavar="MOMENT", help="The last moment of those changes; otherwise --as-of."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Evaluates every feature, score and segment for everyone.

    Writes `features.parquet`, `scores.parquet`, `memberships.parquet` and `run.json`, all of them or none. Without
    `--as-of` it looks at the present. With `--from`, `membership_changes.parquet` has who entered and left which
    segment, and at which moment exactly.
    """
    if until is not None and since is None:
        raise InputError("--to needs --from", hint="say from when on to look for changes")
    read = load_workspace(workspace)
    archive, zone = archive_of(read), load_zone(read.settings.time_zone)
    at = as_of_moment(as_of, archive, zone)
    folder = workspace / OUT_FOLDER if out is None else out
    span = None
    if since is not None:
        span = (
            read_moment(since, zone, option="--from"),
            at if until is None else read_moment(until, zone, option="--to"),
        )
        if span[0] >= span[1]:
            raise InputError("--from is not before --to")
    with working(quiet=json) as told:
        results = evaluate_workspace(read, at, refresh=refresh, told=told)
        told("Writing results")
        WrittenFiles(workspace).note(folder / name for name in RESULT_FILES)
        write_results(results, folder)
        log_run(read, results, now_ms())
        changes = None
        if span is not None:
            from shoal.runtime.changes import write_changes  # noqa: PLC0415  (only when it is asked for)

            changes = write_changes(read, *span, folder, told=told)
    if json:
        summary = results.as_json() | ({} if changes is None else {"changes": changes})
        print_json(summary | {"out": str(folder)})
        return
    show_results(results, read.settings.minimum_members)
    _tell_staleness(as_of, at, newest_event(archive))
    screen().print(
        f"Written to {escape(str(folder))}"
        + ("" if changes is None else f", with {changes:,} changes of membership")
    )


def show_results(results: Results, minimum: int) -> None:
    """How large each segment is, the largest first."""
    console = screen()
    profiles = "profile" if results.profiles == 1 else "profiles"
    events = "event" if results.events == 1 else "events"
    counts = f"[bold]{results.profiles:,}[/] {profiles} and {results.events:,} {events}"
    console.print(f"{counts}, as of [bold]{moment(results.as_of)}[/]")
    if results.nobodys:
        console.print(
            f"{results.nobodys:,} events name nobody and are in no profile: shoal identity", style="yellow"
        )
    shown = table("segment", "purpose", "members", "share", "", numbers=("members", "share"))
    sizes = results.sizes()
    for segment in sorted(results.resolved.segments, key=lambda each: (-sizes[each.name], each.name)):
        size = sizes[segment.name]
        mark = "[yellow]small[/]" if size < minimum else ""
        shown.add_row(segment.name, segment.purpose, f"{size:,}", share(size, results.profiles), mark)
    for what, why in sorted(results.frozen.reasons.items()):
        console.print(f"No value of {escape(what)}: {escape(why)}", style="yellow")
    if results.resolved.segments:
        console.print(shown)
    else:
        console.print("No segments are defined yet. Write one: segments/my_segment.yaml")


def _tell_staleness(as_of: str | None, at: int, newest: int | None) -> None:
    if newest is None:
        screen().print("There are no events yet. Bring some: shoal import FILES --map MAPPING", style="yellow")
    elif as_of is None and at - newest > STALE:
        ago = worded_duration(at - newest)
        screen().print(
            f"The newest event is {ago} old. To look at its moment: shoal run --as-of newest", style="yellow"
        )
