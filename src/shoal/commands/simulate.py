"""shoal simulate"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from shoal.commands import options
from shoal.commands.screen import print_json, screen, working
from shoal.errors import InputError
from shoal.simulation import BUSINESSES, Simulation, simulate, stream

DEFAULT_EVENTS = 100_000
BUSINESS_NAMES = ", ".join(BUSINESSES)


def command(
    *,
    to: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Such as events.ndjson or events.ndjson.gz.")
    ] = None,
    business: Annotated[str, typer.Option(help=f"One of {BUSINESS_NAMES}.")] = "ecommerce",
    events: Annotated[
        int | None, typer.Option(help=f"How many messages; {DEFAULT_EVENTS:,} if nothing is said.")
    ] = None,
    people: Annotated[int | None, typer.Option(help="How many people, instead of how many messages.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
    start: Annotated[str, typer.Option(metavar="DATE", help="The first day.")] = "2026-01-01",
    days: Annotated[int, typer.Option(help="How many days.")] = 60,
    processes: Annotated[int, typer.Option(min=1, help="How many processors to use.")] = 1,
    rate: Annotated[
        float | None, typer.Option(help="Print so many messages each second instead of writing a file.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Writes events of people whose true intents are known, as Segment-style NDJSON, and the truth beside them.

    The truth stands in a second file, `….truth.ndjson`, one line for each person.
    """
    if (to is None) == (rate is None):
        raise InputError("say either a file to write or a --rate to print at")
    size = DEFAULT_EVENTS if events is None and people is None else events
    wanted = Simulation(business=business, seed=seed, events=size, people=people, start=start, days=days)
    if rate is not None:
        for line in stream(wanted, rate):
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
        return
    assert to is not None
    with working(quiet=json) as told:
        made = simulate(
            wanted, to, processes=processes, progress=lambda count: told(f"Simulating: {count:,} messages")
        )
    if json:
        print_json(
            {
                "events": str(made.events),
                "truth": str(made.truth),
                "messages": made.messages,
                "people": made.people,
            }
        )
        return
    screen().print(
        f"[bold]{made.messages:,}[/] messages of {made.people:,} people in {escape(str(made.events))}, "
        f"and the truth about them in {escape(str(made.truth))}"
    )
