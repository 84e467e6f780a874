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
from shoal.runtime.demo import EVENTS, Demo, make_demo, start_until
from shoal.runtime.demo_serving import refuse_taken, serve_demo
from shoal.runtime.logs import write_logs
from shoal.runtime.moments import now_ms
from shoal.runtime.serve import Address
from shoal.runtime.serve_settings import Serving, read_serving


def command(
    *,
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="A new folder for it.")] = Path("demo"),
    events: Annotated[int, typer.Option(min=1_000, help="How many events to simulate.")] = EVENTS,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same people.")] = 1,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="End when it is filled.")] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where the shop is; 0 for any port that is free.")
    ] = 8000,
    json: options.Json = False,
) -> None:
    """Simulates a shop, finds its segments, draws a report; then serves it, with a few pages to click around in.

    The people are invented, and why each of them came is known: the report compares that with the segments. On the
    pages, fill a cart and wait: an offer comes. With --json or --no-serve it ends when everything is filled.
    """
    serving = None if no_serve or json else _serving(folder, port)
    is_first = not _is_compiled()
    if not json and is_first:
        screen().print(
            "This is the first time: Shoal compiles itself for this machine, which takes about a minute.\n"
        )
    began = time.monotonic()
    with working(quiet=json) as told:
        demo = make_demo(folder, events=events, seed=seed, start=start_until(now_ms()), told=told)
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
    if serving is not None:
        serve_demo(demo, serving, environment=os.environ, on_listening=_tell_shop)


def _serving(folder: Path, port: int) -> Serving:
    """How it will be served. Raises InputError before anything is filled when nothing can listen there."""
    serving = read_serving(folder, options={"port": port}, environment=os.environ)
    refuse_taken(Address(host=serving["host"], port=serving["port"]))
    write_logs(style=serving["log_format"], level=serving["log_level"])
    return serving


def _tell_shop(url: str) -> None:
    console = screen()
    console.print(f"\n[bold]Open the shop[/]    {escape(url)}")
    console.print(
        "Fill a cart and wait 15 seconds: an offer comes. Simulated shoppers come meanwhile.", style="dim"
    )
    console.print("Ctrl-C ends it.", style="dim")


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
