"""shoal erase"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.markup import escape

from shoal.commands import options
from shoal.commands.screen import moment, print_json, screen, table, working
from shoal.definitions.workspace import Workspace, load_workspace
from shoal.errors import InputError
from shoal.model.time import format_moment
from shoal.runtime.erasing import commanded
from shoal.runtime.erasing.commanded import Asked
from shoal.runtime.erasing.record import Record
from shoal.runtime.erasing.search import Found
from shoal.runtime.moments import now_ms
from shoal.runtime.places import PLACES

STILL_THERE = 1
"""The exit code when anything of the person was found after all."""

SHOWN = 20
"""So many places are shown of what was found."""


def command(
    *,
    identifier: Annotated[str, typer.Argument(metavar="ID", help="ann, or with its kind: email:ann@example.org")],
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Then search every byte of the workspace, and fail if anything is left."),
    ] = False,
    lists: Annotated[
        bool, typer.Option("--lists", help="Also take the person out of the files in lists/.")
    ] = False,
    let_in: Annotated[
        bool, typer.Option("--let-in", help="Only let an identifier in again that was erased before.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    workspace: options.Workspace = options.HERE,
    json: options.Json = False,
) -> None:
    """Removes a person for good: every identifier that belongs to them, and everything under any of them.

    What comes in later under one of these stays outside. While a server runs, it does it. Backups that were made
    before still hold the person.
    """
    read = load_workspace(workspace)
    if let_in:
        _let_in(read, identifier, json=json)
        return
    asked = commanded.look_up(read, identifier)
    if not yes:
        _confirm(asked, json=json)
    with working(quiet=json) as told:
        record = commanded.erase(read, asked, changes_lists=lists, clock=now_ms, told=told)
        found = commanded.verify(read, asked.person, told=told) if verify else None
    if json:
        print_json(_as_json(record, found))
    else:
        _show(record)
        if found is not None:
            _show_found(found)
    if found:
        raise typer.Exit(STILL_THERE)


def _confirm(asked: Asked, *, json: bool) -> None:
    if json:
        raise InputError("with --json nobody can be asked", hint="say --yes")
    person, console = asked.person, screen()
    if not person.positions and asked.is_suppressed:
        console.print("This person was erased before. What may have come back is looked for again.")
    else:
        console.print(f"{len(person.positions):,} events, under these identifiers:")
    for each in person.identifiers:
        console.print(f"  {each}", markup=False)
    for each in person.shared:
        console.print(f"  {each}: others use this device as well, in whose events it stays", markup=False)
    typer.confirm("Erase them for good?", abort=True)


def _let_in(workspace: Workspace, identifier: str, *, json: bool) -> None:
    count = commanded.let_in(workspace, identifier)
    if json:
        print_json({"let_in": count})
    else:
        told = "It may come in again" if count else "Nobody with this identifier was erased; nothing was changed"
        screen().print(told)


def _as_json(record: Record, found: Sequence[Found] | None) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "erasure": record.number,
        "identifiers": record.identifiers,
        "shared_devices": record.shared_devices,
        "events": record.events,
        "places": record.places,
        "removed_files": record.removed,
        "left_in_files": record.left,
        "done_at": None if record.done_at is None else format_moment(record.done_at),
    }
    if found is not None:
        answer["found"] = [{"path": each.path, "where": each.where} for each in found]
    return answer


def _show(record: Record) -> None:
    console = screen()
    done = "" if record.done_at is None else f" at {moment(record.done_at)}"
    console.print(
        f"Erased: {record.identifiers:,} identifiers, {record.events:,} events{done} (erasure {record.number})"
    )
    shown = table("place", "what it holds", "changed", numbers=("changed",))
    for place in PLACES:
        if record.places.get(place.path):
            shown.add_row(place.path, escape(place.holds), f"{record.places[place.path]:,}")
    if any(record.places.values()):
        console.print(shown)
    for path in record.removed:
        console.print(f"{escape(path)} showed the person and was removed: make it anew")
    for path in record.left:
        console.print(f"[yellow]{escape(path)} names the person and was not changed:[/] people wrote it")
    if record.left:
        console.print("Take the person out of these files yourself; --lists does it in lists/.", style="dim")
    console.print(
        "Backups that were made before still hold the person. Remove them, or erase again after restoring one."
    )


def _show_found(found: Sequence[Found]) -> None:
    console = screen()
    if not found:
        console.print("[green]Verified:[/] no byte of these identifiers is left in the workspace")
        return
    shown = table("file", "where")
    for each in found[:SHOWN]:
        shown.add_row(escape(each.path), escape(each.where))
    console.print(f"[red]Not verified:[/] the person stands in {len(found):,} places", shown, sep="\n")
