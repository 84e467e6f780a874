"""shoal consent"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.text import Text

from shoal.commands import options
from shoal.commands.screen import moment, print_json, screen, table, working
from shoal.definitions.workspace import load_workspace
from shoal.errors import InputError
from shoal.model.consent import Purpose
from shoal.model.time import format_moment
from shoal.runtime.consenting import Holding, Ledger, Statement, Wish, read_ledger, record
from shoal.runtime.moments import as_of_or_now, now_ms

PURPOSES = ", ".join(purpose.value for purpose in Purpose)


def command(
    *,
    identifier: Annotated[str, typer.Argument(metavar="ID", help="ann, or with its kind: email:ann@example.org")],
    refuse: Annotated[
        list[str] | None,
        typer.Option(metavar="PURPOSE", help=f"Record a refusal: {PURPOSES}, or all. May be repeated."),
    ] = None,
    grant: Annotated[
        list[str] | None, typer.Option(metavar="PURPOSE", help="Record that it is allowed. May be repeated.")
    ] = None,
    policy: Annotated[
        str, typer.Option(metavar="VERSION", help="The version of the policy that this is about.")
    ] = "",
    by: Annotated[str, typer.Option(metavar="NAME", help="Who writes it down: a hotline, a ticket.")] = "",
    workspace: options.Workspace = options.HERE,
    as_of: options.AsOf = None,
    json: options.Json = False,
) -> None:
    """Shows what a person allows, since when and by which statement; or records what they want now.

    Everything that came counts, the last minute included. What is recorded holds at once, also with a server.
    """
    read = load_workspace(workspace)
    wish = Wish(granted=_purposes(grant), refused=_purposes(refuse), policy=policy, by=by)
    with working(quiet=json) as told:
        if wish.purposes:
            if as_of is not None:
                raise InputError("--as-of looks at the past, and nothing can be recorded there")
            told("Finding the person")
            now = now_ms()
            record(read, read_ledger(read, identifier, now), wish, now=now)
        elif policy or by:
            raise InputError("there is nothing to record", hint="say --refuse or --grant, and for which purpose")
        ledger = read_ledger(read, identifier, as_of_or_now(as_of, read), told=told)
    if json:
        print_json(_as_json(ledger))
    else:
        _show(ledger)


def _purposes(stated: Iterable[str] | None) -> frozenset[Purpose]:
    words = [word.strip().lower() for each in stated or () for word in each.split(",") if word.strip()]
    known = {purpose.value: purpose for purpose in Purpose}
    for word in words:
        if word not in known and word != "all":
            raise InputError(f'"{word[:40]}" is not a purpose', hint=f"there are {PURPOSES}, and all")
    return frozenset(Purpose) if "all" in words else frozenset(known[word] for word in words)


def _as_json(ledger: Ledger) -> dict[str, Any]:
    return {
        "profile": ledger.person.id,
        "as_of": format_moment(ledger.as_of),
        "identifiers": list(ledger.person.identifiers),
        "purposes": {each.purpose.value: _holding_as_json(each) for each in ledger.holdings},
        "history": [_statement_as_json(each) for each in ledger.statements],
    }


def _holding_as_json(holding: Holding) -> dict[str, Any]:
    return {
        "granted": holding.is_granted,
        "stated": holding.decided_by is not None,
        "since": None if holding.since is None else format_moment(holding.since),
        "decided_by": None if holding.decided_by is None else _statement_as_json(holding.decided_by),
    }


def _statement_as_json(statement: Statement) -> dict[str, Any]:
    return {
        "at": format_moment(statement.at),
        "received_at": format_moment(statement.received_at),
        "purpose": statement.purpose.value,
        "granted": statement.is_granted,
        "source": statement.source,
        "event": statement.event,
        "global_privacy_control": statement.by_signal,
        "policy": statement.version,
        "by": statement.by,
        "message_id": statement.message_id,
    }


def _show(ledger: Ledger) -> None:
    console = screen()
    console.print(Text.assemble((ledger.person.id, "bold"), f"  as of {moment(ledger.as_of)}"))
    others = [each for each in ledger.person.identifiers if each != ledger.person.id]
    if others:
        console.print(f"also known as {escape(', '.join(others))}", style="dim")
    shown = table("purpose", "now", "since", "by")
    for holding in ledger.holdings:
        since = "always" if holding.since is None else moment(holding.since)
        shown.add_row(holding.purpose.value, _word(holding.is_granted), since, _decided(holding))
    console.print(shown)
    if not ledger.statements:
        console.print("Nothing was ever stated: the defaults of the workspace hold.", style="dim")
        return
    history = table("when", "purpose", "", "who", "how", "message")
    for each in ledger.statements:
        history.add_row(
            moment(each.at),
            each.purpose.value,
            _word(each.is_granted),
            escape(each.source),
            escape(_how(each)),
            escape(each.message_id),
        )
    console.print("[bold]Everything that was stated[/]", history, sep="\n")


def _word(is_granted: bool) -> str:
    return "[green]granted[/]" if is_granted else "[red]refused[/]"


def _decided(holding: Holding) -> str:
    if holding.decided_by is None:
        return "[dim]default of the workspace[/]"
    return escape(f"{holding.decided_by.source}, {_how(holding.decided_by)}")


def _how(statement: Statement) -> str:
    words = ["Global Privacy Control" if statement.by_signal else statement.event]
    words += [f"policy {statement.version}"] if statement.version else []
    words += [f"written down by {statement.by}"] if statement.by else []
    return ", ".join(words)
