"""The screen: tables, trees and numbers as people read them. Colours and moving things only on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

from shoal.evaluate.wording import worded_moment
from shoal.model.time import to_datetime

WIDTH_WITHOUT_TERMINAL = 110
_BARS = "▁▂▃▄▅▆▇█"


def screen() -> Console:
    """Where answers go."""
    return _console(sys.stdout.isatty(), stderr=False)


def _console(is_terminal: bool, *, stderr: bool) -> Console:
    width = None if is_terminal else WIDTH_WITHOUT_TERMINAL
    return Console(stderr=stderr, width=width, highlight=False, soft_wrap=False, emoji=False)


def print_json(answer: Any) -> None:
    """One JSON document, with its keys in the order in which they were written."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode() + "\n")


@contextmanager
def working(*, quiet: bool = False) -> Iterator[Callable[[str], None]]:
    """Shows what is being done, and for how long, while it is done. Hears it by the function it gives."""
    console = _console(sys.stderr.isatty(), stderr=True)
    if quiet or not console.is_terminal:
        yield lambda _: None
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    shown = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*shown, console=console, transient=True) as progress:
        task = progress.add_task("Starting")
        yield lambda what: progress.update(task, description=what)


@contextmanager
def progressing(*, quiet: bool = False) -> Iterator[Callable[[str, float], None]]:
    """A bar for work of which it is known how much is done. Hears what is being done, and which share is."""
    console = _console(sys.stderr.isatty(), stderr=True)
    if quiet or not console.is_terminal:
        yield lambda _what, _share: None
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    shown = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*shown, console=console, transient=True) as progress:
        task = progress.add_task("Starting", total=1.0)
        yield lambda what, share: progress.update(task, description=what, completed=share)


def table(*columns: str, numbers: Sequence[str] = ()) -> Table:
    """An empty table with a thin line under its head; the columns of `numbers` stand to the right."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        made.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    return made


def moment(at: int) -> str:
    """A moment in UTC, said so."""
    return f"{worded_moment(at)} UTC"


def day(at: int) -> str:
    return to_datetime(at).date().isoformat()


def share(part: int, whole: int) -> str:
    """A part in percent; a dash of nothing."""
    if whole == 0:
        return "–"
    percent = 100 * part / whole
    return f"{percent:.1f} %" if percent >= 0.05 or part == 0 else "< 0.1 %"


def signed(number: int) -> str:
    return f"{number:+,}".replace("-", "−") if number else "±0"


def sparkline(values: Sequence[float]) -> str:
    """The course of some numbers as small bars, the lowest and the highest as far apart as they can be."""
    if not values:
        return ""
    low, high = min(values), max(values)
    if low == high:
        return _BARS[3] * len(values)
    return "".join(_BARS[round((value - low) / (high - low) * (len(_BARS) - 1))] for value in values)


def bar(value: float, of: float, width: int = 16) -> str:
    """A bar as long as a value's part of a whole, to an eighth of a character."""
    eighths = round(width * 8 * value / of) if of else 0
    whole, rest = divmod(max(eighths, 1 if value > 0 else 0), 8)
    return "█" * whole + (" ▏▎▍▌▋▊▉"[rest] if rest else "")
