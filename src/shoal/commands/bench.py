"""shoal bench"""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from shoal.bench import SUBJECTS, Sizes, run_subject
from shoal.commands import options
from shoal.commands.screen import print_json, screen, working

_SIZES = Sizes()
_SUBJECTS = ", ".join(SUBJECTS)


def command(
    *,
    subject: Annotated[str, typer.Argument(help=f"What to measure: {_SUBJECTS}.")] = "batch",
    events: Annotated[int, typer.Option(help="How many events.")] = _SIZES.events,
    profiles: Annotated[int, typer.Option(help="Of how many people.")] = _SIZES.profiles,
    repeats: Annotated[int, typer.Option(help="How often everything is measured.")] = _SIZES.repeats,
    seed: Annotated[int, typer.Option(help="Another seed draws other events.")] = _SIZES.seed,
    quick: Annotated[bool, typer.Option("--quick", help="A tenth of it, once: to try, not to judge by.")] = False,
    json: options.Json = False,
) -> None:
    """Measures Shoal beside the alternatives that are installed.

    Answers are compared before times are. Each measurement runs in a process of its own; the table has the median.
    Ratios say more than seconds: they hold on other machines too.
    """
    sizes = Sizes(events=events, profiles=profiles, repeats=repeats, seed=seed)
    with working(quiet=json) as told:
        report = run_subject(subject, sizes.quick() if quick else sizes, told)
    if json:
        print_json(msgspec.to_builtins(report))
    else:
        screen().print(report.shown())
