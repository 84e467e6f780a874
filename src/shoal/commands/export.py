"""shoal export"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from shoal.commands import options
from shoal.commands.screen import moment, print_json, screen, working
from shoal.definitions.workspace import load_workspace
from shoal.errors import InputError
from shoal.runtime.export import export_members, safe_csv, write_members
from shoal.runtime.moments import as_of_or_last
from shoal.runtime.written import WrittenFiles


def command(
    *,
    segment: Annotated[str, typer.Argument(metavar="SEGMENT", help="The name of the segment.")],
    workspace: options.Workspace = options.HERE,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="A .csv or .parquet file; otherwise CSV to the screen."),
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="NAME", help="A feature or score to add as a column. May be given often."),
    ] = None,
    as_of: options.AsOf = None,
    json: options.Json = False,
) -> None:
    """Writes who is in a segment: their identifiers, and the features and scores that you ask for.

    Without `--as-of` it is the moment of the last run. Cells of text that a spreadsheet would take for a formula
    begin with an apostrophe.
    """
    read = load_workspace(workspace)
    at = as_of_or_last(as_of, read)
    if out is not None and out.suffix not in (".csv", ".parquet"):
        raise InputError(f"{out.name} is neither .csv nor .parquet")
    with working(quiet=json or out is None) as told:
        members = export_members(read, segment, at, values or [], told=told)
    if out is not None:
        WrittenFiles(workspace).note([out])
        write_members(members, out)
    if json:
        print_json(members.to_dicts() if out is None else {"members": len(members), "out": str(out)})
    elif out is None:
        sys.stdout.write(safe_csv(members))
    else:
        screen().print(
            f"[bold]{len(members):,}[/] members of {segment} as of {moment(at)}, written to {escape(str(out))}"
        )
