"""What a benchmark found: rows of medians, ratios against targets, what agreed, what was left out and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from statistics import median

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from shoal.bench.measured import Measured


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One step of one contender, measured some times. `peak_bytes` is of the process that ran the step."""

    who: str
    step: str
    threads: int
    seconds: list[float]
    processor: list[float] = []
    peak_bytes: int | None = None
    rate: float | None = None
    unit: str = ""

    @property
    def median(self) -> float:
        return median(self.seconds)

    def renamed(self, step: str) -> Row:
        """The same row under another name of its step."""
        return msgspec.structs.replace(self, step=step)


class Ratio(msgspec.Struct, frozen=True, kw_only=True):
    """One comparison: its value, the target, and whether more is better."""

    what: str
    value: float
    target: float | None = None
    is_floor: bool = True

    @property
    def is_met(self) -> bool | None:
        """None when there is no target."""
        if self.target is None:
            return None
        return self.value >= self.target if self.is_floor else self.value <= self.target


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one subject of `shoal bench` found."""

    subject: str
    size: str
    machine: str
    measured_at: str
    load: float | None
    agreed: list[str]
    rows: list[Row]
    ratios: list[Ratio]
    skipped: dict[str, str] = {}
    figures: dict[str, float] = {}

    def shown(self) -> RenderableType:
        """The report as people read it."""
        parts: list[RenderableType] = [Text(f"{self.subject}: {self.size}", style="bold"), Text(self.machine)]
        if self.load is not None:
            parts.append(Text(f"load when it began: {self.load:.1f}"))
        parts += [Text(f"Same answers: {each}") for each in self.agreed]
        parts += [Text(f"Skipped: {name}, {reason}") for name, reason in self.skipped.items()]
        parts.append(self._times())
        if self.ratios:
            parts.append(self._comparisons())
        parts += [Text(f"{name}: {value:,.4g}") for name, value in self.figures.items()]
        return Group(*parts)

    def _times(self) -> Table:
        table = Table("who", "step", title="Median seconds", title_justify="left")
        for heading in ("threads", "seconds", "fastest", "processor", "peak memory", "rate"):
            table.add_column(heading, justify="right")
        for row in self.rows:
            memory = "" if row.peak_bytes is None else f"{row.peak_bytes / 1e6:,.0f} MB"
            rate = "" if row.rate is None else f"{row.rate:,.0f} {row.unit}/s"
            seconds, fastest = f"{row.median:.3f}", f"{min(row.seconds):.3f}"
            processor = f"{median(row.processor):.3f}" if row.processor else ""
            table.add_row(row.who, row.step, str(row.threads), seconds, fastest, processor, memory, rate)
        return table

    def _comparisons(self) -> Table:
        table = Table("comparison", title="Ratios", title_justify="left")
        for heading in ("ratio", "target", ""):
            table.add_column(heading, justify="right")
        for ratio in self.ratios:
            table.add_row(ratio.what, f"{ratio.value:.2f}", *_judged(ratio))
        return table


def _judged(ratio: Ratio) -> tuple[str, str]:
    if ratio.target is None:
        return "", ""
    sign = "at least" if ratio.is_floor else "at most"
    return f"{sign} {ratio.target:g}", "met" if ratio.is_met else "not met"


def rows_of(who: str, threads: int, runs: Iterable[Measured], *, unit: str = "", count: int = 0) -> Iterator[Row]:
    """One row for each step of several runs. With a `count` of units, each row says how many a second."""
    measured = list(runs)
    peaks = [run.peak_bytes for run in measured if run.peak_bytes is not None]
    for step in measured[0].seconds:
        seconds = [run.seconds[step] for run in measured]
        yield Row(
            who=who,
            step=step,
            threads=threads,
            seconds=seconds,
            processor=[run.processor[step] for run in measured if step in run.processor],
            peak_bytes=int(median(peaks)) if peaks else None,
            rate=count / median(seconds) if count else None,
            unit=unit,
        )
