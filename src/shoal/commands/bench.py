"""shoal bench"""

from __future__ import annotations

from typing import Annotated

import typer

from shoal.bench import SUBJECTS, Sizes, run_subject
from shoal.commands import options
from shoal.commands.screen import print_json, screen, working

FULL = Sizes()
NAMES = ", ".join(SUBJECTS)


def command(
    *,
    subject: Annotated[str, typer.Argument(metavar="[SUBJECT]", help=f"One of {NAMES}.")] = next(iter(SUBJECTS)),
    events: Annotated[int, typer.Option(help="How many events.")] = FULL.events,
    profiles: Annotated[int, typer.Option(help="How many profiles they are of.")] = FULL.profiles,
    repeats: Annotated[int, typer.Option(help="How often everything is measured.")] = FULL.repeats,
    seed: Annotated[int, typer.Option(help="Of what is drawn.")] = FULL.seed,
    quick: Annotated[bool, typer.Option("--quick", help="A tenth of it: to try, not to judge by.")] = False,
    json: options.Json = False,
) -> None:
    """Measures Shoal side by side with what people use today, as far as it is installed.

    All of them get the same data and answer the same questions; the answers are compared before times are.
    """
    sizes = Sizes(events=events, profiles=profiles, repeats=repeats, seed=seed)
    with working(quiet=json) as told:
        report = run_subject(subject, sizes.quick() if quick else sizes, told)
    if json:
        print_json(report)
    else:
        screen().print(report.shown())
