"""shoal init"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from shoal.commands import options
from shoal.commands.screen import print_json, screen
from shoal.definitions.workspace import load_workspace
from shoal.templates import TEMPLATES, init_workspace

NAMES = ", ".join(TEMPLATES)


def command(
    *,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    template: Annotated[
        str, typer.Option("--template", "-t", metavar="NAME", help=f"One of {NAMES}.")
    ] = TEMPLATES[0],
    json: options.Json = False,
) -> None:
    """Makes a folder into a workspace, with features, scores and segments to start from."""
    init_workspace(folder, template)
    definitions = load_workspace(folder).definitions
    counts = {
        "features": len(definitions.features),
        "scores": len(definitions.scores),
        "segments": len(definitions.segments),
    }
    if json:
        print_json({"workspace": str(folder), "template": template, **counts})
        return
    told = ", ".join(f"{count} {what}" for what, count in counts.items())
    console = screen()
    console.print(f"[bold]{escape(str(folder))}[/] is a workspace now, with {told}.")
    console.print(
        f"\nBring events:  [cyan]shoal import FILES --map MAPPING -w {escape(str(folder))}[/]", soft_wrap=True
    )
    console.print(f"Then evaluate: [cyan]shoal run -w {escape(str(folder))}[/]", soft_wrap=True)
