"""shoal import"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from shoal.collect import PRESETS, Imported, Progress, import_files, load_mapping
from shoal.commands import options
from shoal.commands.screen import print_json, screen, table
from shoal.definitions.workspace import load_workspace
from shoal.enrich import enricher_of
from shoal.runtime.batch import archive_of
from shoal.runtime.doors import door_of
from shoal.runtime.places import FAILED_EVENTS

PRESET_NAMES = ", ".join(PRESETS)


def command(
    *,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILES", help="CSV, NDJSON or Parquet; also .gz, .bz2 and .zst.")
    ],
    mapping: Annotated[
        str, typer.Option("--map", metavar="MAPPING", help=f"A mapping file, or one of {PRESET_NAMES}.")
    ],
    workspace: options.Workspace = options.HERE,
    json: options.Json = False,
) -> None:
    """Imports events, by a mapping that says which column is whom, when and what.

    Importing again changes nothing, and an import that was interrupted goes on where it was. Rows that cannot be
    read are kept with their reason in `.shoal/failed-events.ndjson`.
    """
    read = load_workspace(workspace)
    failed = workspace / FAILED_EVENTS
    with _progress(quiet=json) as report:
        imported = import_files(
            files,
            load_mapping(mapping),
            archive_of(read),
            failed=failed,
            progress=report,
            enrich=enricher_of(read).enrich,
            door=door_of(read),
        )
    if json:
        print_json(_as_json(imported, failed))
    else:
        show_imported(imported, failed)


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[Progress], None] | None]:
    """A bar for each file, on a terminal."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # noqa: PLC0415  (only for a terminal)
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn  # noqa: PLC0415
    from rich.progress import Progress as Bars  # noqa: PLC0415

    shown = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[rows]:,} rows"))
    with Bars(*shown, TransferSpeedColumn(), TimeRemainingColumn(), console=Console(stderr=True)) as bars:
        tasks: dict[Path, int] = {}

        def report(progress: Progress) -> None:
            if progress.path not in tasks:
                tasks[progress.path] = bars.add_task(progress.path.name, total=progress.bytes_total, rows=0)
            bars.update(tasks[progress.path], completed=progress.bytes_done, rows=progress.rows)  # type: ignore[arg-type]

        yield report


def _as_json(imported: Imported, failed: Path) -> dict[str, object]:
    return {
        "files": [
            {
                "path": str(file.path),
                "rows": file.rows,
                "rows_before": file.rows_before,
                "events_added": file.added,
                "duplicates": file.duplicates,
                "skipped": dict(file.skipped),
                "failed": dict(file.failed),
                "was_imported_before": file.was_done,
            }
            for file in imported.files
        ],
        "rows": imported.rows,
        "events_added": imported.added,
        "duplicates": imported.duplicates,
        "skipped": dict(imported.skipped),
        "failed": dict(imported.failed),
        "failed_events": str(failed) if imported.failed else None,
        "seconds": round(imported.seconds, 3),
    }


def show_imported(imported: Imported, failed: Path) -> None:
    """What became of every row, in words."""
    console = screen()
    speed = f", {imported.rows / imported.seconds:,.0f} rows a second" if imported.seconds > 1 else ""
    console.print(
        f"[bold]{imported.added:,}[/] events from {imported.rows:,} rows in {imported.seconds:.1f} s{speed}"
    )
    for file in imported.files:
        if file.was_done:
            console.print(f"{escape(str(file.path))} was imported before; nothing was added", style="dim")
    if imported.duplicates:
        console.print(f"{imported.duplicates:,} events had come before and were left out")
    _show_reasons("Left out on purpose", imported.skipped)
    if imported.failed:
        _show_reasons("[yellow]Could not be read[/]", imported.failed)
        console.print(f"These rows are kept, each with its line and reason, in {escape(str(failed))}")


def _show_reasons(title: str, reasons: Counter[str]) -> None:
    if not reasons:
        return
    shown = table("reason", "rows", numbers=("rows",))
    for reason, count in reasons.most_common():
        shown.add_row(escape(reason), f"{count:,}")
    screen().print(f"\n[bold]{title}[/]", shown, sep="\n")
