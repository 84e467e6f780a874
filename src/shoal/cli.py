"""The command line: finds the command, runs it, and tells every error in one place.

Nothing heavy is loaded before a command is known, so that `shoal --help` is there at once.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from shoal import __version__
from shoal.errors import DefinitionError, Error, InputError, StoreError

SUMMARIES = {
    "demo": "A simulated shop, evaluated, with a report to look at. Start here.",
    "init": "A new workspace from a template.",
    "import": "Events from CSV, NDJSON or Parquet files.",
    "serve": "Collects events and keeps every segment true, in one command.",
    "backup": "A whole copy of the workspace, also while it is served.",
    "restore": "A workspace brought back from a backup.",
    "firings": "Each occasion that a trigger had, and what became of it.",
    "deliveries": "What is on its way to people, what did not arrive and why.",
    "failed": "What came in and is no event, why, and trying it again.",
    "check": "Every problem of the definitions at once.",
    "run": "Features, scores and segments for everyone, at any moment.",
    "segments": "How large each segment is, and how that has changed.",
    "profile": "Everything about one person.",
    "explain": "Why a person is in a segment, or not, condition by condition.",
    "export": "The members of a segment as CSV or Parquet.",
    "backtest": "What a trigger would have done, before it does anything.",
    "consent": "What a person allows, and every statement about it; or a new one.",
    "erase": "Removes a person from everything, for good.",
    "identity": "Who was merged, what was refused, which devices are shared.",
    "simulate": "Events of people whose true intents are known.",
    "bench": "The benchmarks, side by side with the alternatives.",
}
"""Every command with what it is for, in the order of `shoal --help`."""

MODULES = {"import": "import_"}
"""Where the file of a command cannot have its name."""

UNEXPECTED, INTERRUPTED = 1, 130

NOWHERE_TO_COMPILE = (
    "neither the installation nor ~/.cache can be written; set NUMBA_CACHE_DIR to a folder that can"
)


class CommandGroup(TyperGroup):
    """Lists commands by SUMMARIES, and loads the file of one when it is asked for."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {name: TyperCommand(name, help=summary) for name, summary in SUMMARIES.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, listed, rest = super().resolve_command(ctx, args)
        return name, listed and load_command(str(name)), rest


def load_command(name: str) -> Any:
    """The command of a name, from its file."""
    module = importlib.import_module(f"shoal.commands.{MODULES.get(name, name)}")
    app = typer.Typer(add_completion=False, rich_markup_mode="markdown")
    app.command(name, help=module.command.__doc__)(module.command)
    return typer.main.get_command(app)


app = typer.Typer(
    cls=CommandGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"shoal {__version__}")
        raise typer.Exit


@app.callback()
def shoal(
    _version: bool = typer.Option(
        False, "--version", callback=_tell_version, is_eager=True, help="The version, and nothing else."
    ),
) -> None:
    """Small groups of people who behave alike right now: one definition, one meaning, live and in batch."""


def main() -> None:
    """Runs the command of this process and ends it with its exit code."""
    # Our fits are tiny: threads for their algebra cost ten times what they save where other work keeps cores busy.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Runs one command; its exit code. Every error is told in words, here and nowhere else."""
    try:
        code = int(app(arguments, prog_name="shoal", standalone_mode=False) or 0)
    except Error as error:
        _tell(error)
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if "no locator available" in str(error):  # Numba's words for it
            _tell(StoreError("there is nowhere to keep compiled loops", hint=NOWHERE_TO_COMPILE))
            return StoreError.exit_code
        return _tell_unexpected(error)
    if code == INTERRUPTED:
        _say("Stopped.")
    return code


def _tell(error: Error) -> None:
    if isinstance(error, DefinitionError):
        for problem in error.problems:
            _say(str(problem))
        count = len(error.problems)
        _say(f"{count} problem{'' if count == 1 else 's'}; nothing was evaluated. See shoal check")
        return
    _say(f"Error: {error.message}")
    if error.hint:
        _say(f"       {error.hint}")


def _tell_unexpected(error: Exception) -> int:
    usage = getattr(error, "format_message", None)
    if usage is not None:  # what was typed is no command: Typer says how it is written
        context = getattr(error, "ctx", None)
        path = context.command_path if context is not None else "shoal"
        if usage():
            _say(f"Error: {usage()}\n       {path} --help")
        return int(getattr(error, "exit_code", InputError.exit_code))
    try:
        with tempfile.NamedTemporaryFile("w", prefix="shoal-", suffix=".log", delete=False) as log:
            log.write("".join(traceback.format_exception(error)))
        where = f"The details are in {Path(log.name)}"
    except OSError:
        where = "The details could not be written: there is no room for temporary files"
    _say(f"Error: something went wrong inside Shoal ({type(error).__name__}). {where}")
    return UNEXPECTED


def _say(line: str) -> None:
    typer.echo(line, err=True)


if __name__ == "__main__":
    main()
