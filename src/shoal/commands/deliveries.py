"""shoal deliveries"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer
from rich.markup import escape

from shoal.commands import options
from shoal.commands.screen import moment, print_json, screen, table
from shoal.definitions.workspace import load_workspace
from shoal.errors import InputError
from shoal.model.firing import Delivery, Status
from shoal.model.time import NEVER, format_moment
from shoal.runtime.acted import find_acted_person, kept_outbox, replay_dead
from shoal.runtime.moments import now_ms
from shoal.triggers.outbox import Wanted
from shoal.triggers.sqlite_outbox import SqliteOutbox

NOTHING = "Nothing has been sent yet. Triggers do while events come in: shoal serve"


def command(
    *,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="With --replay, these; otherwise all chosen.")
    ] = None,
    trigger: Annotated[str, typer.Option(metavar="NAME", help="Only those of this trigger.")] = "",
    person: Annotated[str, typer.Option(metavar="ID", help="Only those to this person: ann, email:a@b.c")] = "",
    destination: Annotated[str, typer.Option(metavar="NAME", help="Only those to this destination.")] = "",
    status: Annotated[
        Status | None, typer.Option(metavar="STATUS", help=f"Only these: {', '.join(Status)}.")
    ] = None,
    dead: Annotated[bool, typer.Option("--dead", help="Only those given up: the same as --status dead.")] = False,
    replay: Annotated[bool, typer.Option("--replay", help="Try the dead ones among them again.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the latest.")] = 20,
    workspace: options.Workspace = options.HERE,
    json: options.Json = False,
) -> None:
    """What is on its way to people, what arrived, and what did not and why; and trying it again."""
    if dead and status not in (None, Status.DEAD):
        raise InputError(f"--dead and --status {status} exclude each other", hint="say one of them")
    if ids and not replay:
        raise InputError("ids are for --replay", hint="choose by --trigger, --person, --destination or --status")
    read, now = load_workspace(workspace), now_ms()
    with kept_outbox(read) as outbox:
        who = find_acted_person(read, outbox, person, now) if person and outbox is not None else ""
        wanted = Wanted(
            trigger=trigger, person=who, destination=destination, status=Status.DEAD if dead else status
        )
        if replay:
            _replay(outbox, ids or [], wanted, now, json=json)
            return
        counts = {} if outbox is None else outbox.counts()
        found = [] if outbox is None else outbox.find(wanted, limit)
    if json:
        print_json({"destinations": _counted(counts), "deliveries": [_told(each) for each in found]})
    else:
        _show(counts, found)


def _replay(outbox: SqliteOutbox | None, ids: list[str], wanted: Wanted, now: int, *, json: bool) -> None:
    count = 0 if outbox is None else replay_dead(outbox, ids, wanted, now)
    if json:
        print_json({"replayed": count})
    elif count:
        screen().print(f"{count:,} deliveries are tried again by the server, the one that runs or the next")
    else:
        screen().print("There are no dead deliveries among them")


def _counted(counts: Mapping[tuple[str, str, Status], int]) -> dict[str, dict[str, int]]:
    by_destination: dict[str, Counter[str]] = {}
    for (_, destination, status), count in sorted(counts.items()):
        by_destination.setdefault(destination, Counter())[status.value] += count
    return {name: dict(counted) for name, counted in by_destination.items()}


def _told(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "firing": delivery.firing,
        "trigger": delivery.trigger,
        "person": delivery.person,
        "channel": delivery.channel.value,
        "destination": delivery.destination,
        "status": delivery.status.value,
        "reason": delivery.reason,
        "attempts": delivery.attempts,
        "created_at": format_moment(delivery.created_at),
        "not_before": format_moment(delivery.not_before),
        "expires_at": None if delivery.expires_at >= NEVER else format_moment(delivery.expires_at),
        "content": dict(delivery.content),
        "facts": dict(delivery.facts),
    }


def _show(counts: Mapping[tuple[str, str, Status], int], found: Iterable[Delivery]) -> None:
    console = screen()
    if not counts:
        console.print(NOTHING)
        return
    by_destination = _counted(counts)
    shown = [status for status in Status if any(status.value in each for each in by_destination.values())]
    words = [_words(each) for each in shown]
    counted = table("destination", *words, numbers=words)
    for name, by_status in by_destination.items():
        counted.add_row(escape(name), *(f"{by_status.get(each.value, 0):,}" for each in shown))
    listed = table("made", "id", "trigger", "person", "to", "where it stands")
    for delivery in found:
        tries = f"after {delivery.attempts} attempts" if delivery.attempts > 1 else ""
        stands = ": ".join(each for each in (_words(delivery.status), delivery.reason, tries) if each)
        listed.add_row(
            moment(delivery.created_at),
            delivery.id,
            delivery.trigger,
            escape(delivery.person),
            escape(delivery.destination),
            escape(stands),
        )
    console.print(counted, listed, sep="\n")


def _words(status: Status) -> str:
    return status.value.replace("_", " ")
