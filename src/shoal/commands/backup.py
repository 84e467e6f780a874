"""shoal backup"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shoal.commands import options
from shoal.commands.screen import print_json, screen
from shoal.definitions.workspace import load_workspace
from shoal.runtime.backup import back_up
from shoal.runtime.live_loop import wall_clock_ms


def command(
    to: Annotated[Path, typer.Argument(metavar="TO", help="A folder that is empty or not there yet.")],
    *,
    workspace: options.Workspace = options.HERE,
    json: options.Json = False,
) -> None:
    """A whole copy of the workspace, also while it is served: what came, what it means and what was told."""
    made = back_up(load_workspace(workspace), to, made_at=wall_clock_ms())
    if json:
        print_json({"files": len(made.files), "bytes": made.size, "made_at": made.made_at})
    else:
        screen().print(f"{len(made.files):,} files, {made.size:,} bytes, are in {to}", markup=False)
