"""shoal demo"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from shoal.commands import options
from shoal.commands.run import show_results
from shoal.commands.screen import print_json, screen, working
from shoal.evaluate import kernels
from shoal.runtime.demo import EVENTS, Demo, make_demo


def command(
    *,
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="A new folder for it.")] = Path("demo"),
    events: Annotated[int, typer.Option(min=1_000, help="How many events to simulate.")] = EVENTS,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same people.")] = 1,
    json: options.Json = False,
) -> None:
    """Simulates a shop, imports its events, evaluates the segments of the e-commerce template, and draws a report.

    The people are invented, and why each of them came is known: the report compares that with the segments.
    """
    is_first = not _is_compiled()
    if not json and is_first:
        screen().print(
            "This is the first time: Shoal compiles itself for this machine, which takes about a minute.\n"
        )
    began = time.monotonic()
    with working(quiet=json) as told:
        demo = make_demo(folder, events=events, seed=seed, told=told)
    seconds = time.monotonic() - began
    if json:
        print_json(
            demo.results.as_json()
            | {
                "workspace": str(folder),
                "report": str(demo.report),
                "people": demo.people,
                "seconds": round(seconds, 2),
            }
        )
    else:
        _show(demo, seconds, is_first=is_first)


def _is_compiled() -> bool:
    """Whether compiled kernels of an earlier evaluation are kept where Numba looks for them."""
    kept = os.environ.get("NUMBA_CACHE_DIR")
    folder = Path(kept) if kept else Path(kernels.__file__).parent
    return any(folder.rglob("*.nbi"))


def _show(demo: Demo, seconds: float, *, is_first: bool) -> None:
    console = screen()
    console.print(
        f"Simulated [bold]{demo.people:,}[/] people, who are seen as {demo.results.profiles:,} profiles, imported "
        f"{demo.imported.added:,} events, evaluated everything at five moments: {seconds:.1f} s"
        f"{', most of it to compile' if is_first else ''}\n"
    )
    show_results(demo.results, demo.workspace.settings.minimum_members)
    console.print(f"\n[bold]Open the report[/]  {escape(str(demo.report))}")
    console.print("\n[bold]Look further[/]")
    for line, what in demo.commands:
        console.print(f"  [cyan]{escape(line)}[/]", soft_wrap=True)
        console.print(f"      {what}", style="dim")
