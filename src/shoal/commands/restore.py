"""shoal restore"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shoal.commands import options
from shoal.commands.screen import print_json, screen
from shoal.runtime.backup import restore


def command(
    backup: Annotated[Path, typer.Argument(metavar="FROM", help="The folder that shoal backup wrote.")],
    to: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that is empty or not there yet.")],
    *,
    json: options.Json = False,
) -> None:
    """A workspace brought back from a backup. Every file is compared with what was copied."""
    made = restore(backup, to)
    if json:
        print_json({"files": len(made.files), "bytes": made.size, "made_at": made.made_at})
    else:
        screen().print(f"The workspace is in {to}. Go on with shoal serve --workspace {to}", markup=False)
