"""Options that many commands share, so that each is written and explained once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Workspace = Annotated[
    Path,
    typer.Option("--workspace", "-w", help="The folder of the workspace.", show_default="here", metavar="DIR"),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="MOMENT",
        help='Look at this moment: "2026-01-31", "2026-01-31T08:30:00Z", "now", or "newest" for the newest event.',
    ),
]
HERE = Path()
