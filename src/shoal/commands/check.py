"""shoal check"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from shoal.commands import options
from shoal.commands.screen import print_json, screen
from shoal.definitions.workspace import load_workspace
from shoal.errors import DefinitionError, Problem, Severity
from shoal.runtime.checking import problems_of


def command(
    *,
    folder: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="The folder of the workspace.")] = None,
    workspace: options.Workspace = options.HERE,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors, for a build.")] = False,
    json: options.Json = False,
) -> None:
    """Finds every problem of the definitions at once: what has no meaning, and what has a surprising one.

    Names are compared with the events that came, and sizes are those of the last run. Ends with 3 on errors.
    """
    problems = problems_of(load_workspace(folder or workspace))
    if json:
        print_json([_as_json(problem) for problem in problems])
    else:
        _show(problems)
    if strict or any(problem.severity is Severity.ERROR for problem in problems):
        raise typer.Exit(DefinitionError.exit_code if problems else 0)


def _as_json(problem: Problem) -> dict[str, Any]:
    return {
        "code": problem.code,
        "severity": problem.severity,
        "message": problem.message,
        "hint": problem.hint,
        "path": problem.path,
        "line": problem.line,
        "column": problem.column,
    }


def _show(problems: Sequence[Problem]) -> None:
    console = screen()
    for problem in problems:
        colour = "red" if problem.severity is Severity.ERROR else "yellow"
        what = f"[{colour}]{problem.severity} {problem.code}[/] {escape(problem.message)}"
        console.print(f"[bold]{escape(problem.place)}[/]: {what}", soft_wrap=True)
        if problem.hint:
            console.print(f"    {escape(problem.hint)}", style="dim", soft_wrap=True)
    errors = sum(problem.severity is Severity.ERROR for problem in problems)
    warnings = len(problems) - errors
    if problems:
        console.print(f"{_counted(errors, 'error')}, {_counted(warnings, 'warning')}")
    else:
        console.print("No problems.")


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
