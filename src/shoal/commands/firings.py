"""shoal firings"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer
from rich.markup import escape

from shoal.commands import options
from shoal.commands.screen import moment, print_json, screen, table
from shoal.definitions.workspace import load_workspace
from shoal.model.firing import Firing, Outcome
from shoal.model.time import format_moment
from shoal.runtime.acted import find_acted_person, kept_outbox
from shoal.runtime.moments import now_ms
from shoal.triggers.outbox import Wanted

NOTHING = "No trigger has had an occasion yet. They have while events come in: shoal serve"


def command(
    *,
    trigger: Annotated[str, typer.Option(metavar="NAME", help="Only those of this trigger.")] = "",
    person: Annotated[str, typer.Option(metavar="ID", help="Only those of this person: ann, email:a@b.c")] = "",
    outcome: Annotated[
        Outcome | None, typer.Option(metavar="OUTCOME", help=f"Only these: {', '.join(Outcome)}.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the latest.")] = 20,
    workspace: options.Workspace = options.HERE,
    json: options.Json = False,
) -> None:
    """Each occasion that a trigger had, and what became of it: fired, or why not."""
    read = load_workspace(workspace)
    counts: Mapping[tuple[str, Outcome], int] = {}
    found: list[Firing] = []
    with kept_outbox(read) as outbox:
        if outbox is not None:
            who = find_acted_person(read, outbox, person, now_ms()) if person else ""
            counts = outbox.count_firings()
            found = outbox.find_firings(Wanted(trigger=trigger, person=who, outcome=outcome), limit)
    if json:
        print_json({"triggers": _counted(counts), "firings": [_told(each) for each in found]})
    else:
        _show(counts, found)


def _counted(counts: Mapping[tuple[str, Outcome], int]) -> dict[str, dict[str, int]]:
    by_trigger: dict[str, dict[str, int]] = {}
    for (trigger, outcome), count in sorted(counts.items()):
        by_trigger.setdefault(trigger, {})[outcome.value] = count
    return by_trigger


def _told(firing: Firing) -> dict[str, Any]:
    return {
        "id": firing.id,
        "trigger": firing.trigger,
        "profile": firing.profile,
        "direction": firing.direction.value,
        "effective_at": format_moment(firing.effective_at),
        "seen_at": format_moment(firing.seen_at),
        "outcome": firing.outcome.value,
        "reason": firing.reason,
        "facts": dict(firing.facts),
    }


def _show(counts: Mapping[tuple[str, Outcome], int], found: Iterable[Firing]) -> None:
    console = screen()
    if not counts:
        console.print(NOTHING)
        return
    shown = [outcome for outcome in Outcome if any(key[1] is outcome for key in counts)]
    words = [_words(each) for each in shown]
    counted = table("trigger", *words, numbers=words)
    for trigger in sorted({trigger for trigger, _ in counts}):
        by_outcome = Counter({outcome: counts.get((trigger, outcome), 0) for outcome in shown})
        counted.add_row(trigger, *(f"{by_outcome[outcome]:,}" for outcome in shown))
    listed = table("moment", "trigger", "profile", "what became of it")
    for firing in found:
        became = ": ".join(each for each in (_words(firing.outcome), firing.reason) if each)
        listed.add_row(moment(firing.effective_at), firing.trigger, escape(firing.profile), escape(became))
    console.print(counted, listed, sep="\n")


def _words(outcome: Outcome) -> str:
    return outcome.value.replace("_", " ")
