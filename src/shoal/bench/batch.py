"""`shoal bench batch`: 20 windowed features and 10 segments of everyone, beside Polars and SQL engines.

Nothing is told before all answers were found the same. Each measurement runs in a fresh process, the contenders in
turn, so that a slow minute of the machine falls on all of them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median

import polars as pl

from shoal.bench.agreement import compare_answers
from shoal.bench.contenders import CONTENDERS, ONE_EACH, is_installed, make_contender
from shoal.bench.job import measure
from shoal.bench.machine import core_count
from shoal.bench.measured import Measured
from shoal.bench.report import Ratio, Report, Row, rows_of
from shoal.bench.reporting import Told, begin_report
from shoal.bench.shop import write_events
from shoal.bench.sizes import Sizes
from shoal.bench.stopwatch import Stopwatch

EVALUATIONS = 3
"""How often each process evaluates; the first time is told apart, because much is only loaded then."""

FROM_FILE, FIRST, AGAIN = "file to answers", "evaluate, first time", "evaluate"
Run = tuple[str, int]
"""A contender and its threads."""


@dataclass(frozen=True, slots=True)
class Runs:
    """What was measured of each run: the whole way, and its steps."""

    whole: dict[Run, list[Measured]] = field(default_factory=dict)
    steps: dict[Run, list[Measured]] = field(default_factory=dict)


def run(sizes: Sizes, told: Told) -> Report:
    """Draws the events, compares the answers, then measures."""
    with tempfile.TemporaryDirectory(prefix="shoal-bench-") as folder:
        path = Path(folder, "events.parquet")
        told(f"drawing {sizes.events:,} events")
        write_events(sizes, path)
        present = [name for name in CONTENDERS if is_installed(name)]
        runs = _measure(path, present, sizes.repeats, told)
        agreed = _compare(path.parent, runs)
    return begin_report(
        "batch",
        f"{sizes.events:,} events of {sizes.profiles:,} profiles, 20 features, 10 segments",
        agreed=[agreed],
        rows=list(_rows(runs)),
        ratios=list(_ratios(runs)),
        skipped={name: "not installed" for name in CONTENDERS if name not in present},
        figures={"MB of the columns read": _column_bytes(runs) / 1e6},
    )


def measure_whole(contender: str, path: str, limit: int, answers: str = "") -> Measured:
    """From the file to the answers, which are kept when a place for them is given."""
    made, watch = make_contender(contender, limit), Stopwatch()
    with watch(FROM_FILE):
        found = made.whole(Path(path))
    if answers:
        found.write_parquet(answers)
    return watch.measured()


def measure_steps(contender: str, path: str, limit: int, answers: str = "") -> Measured:
    """The steps apart, with the evaluation repeated in warm memory."""
    made, watch = make_contender(contender, limit), Stopwatch()
    made.prepare(Path(path), watch)
    with watch(FIRST):
        made.evaluate()
    again = []
    for _ in range(EVALUATIONS):
        once = Stopwatch()
        with once(AGAIN):
            made.evaluate()
        again.append(once)
    with watch("answers as a table"):
        found = made.answers()
    if answers:
        found.write_parquet(answers)
    watch.seconds[AGAIN] = median(once.seconds[AGAIN] for once in again)
    watch.processor[AGAIN] = median(once.processor[AGAIN] for once in again)
    return watch.measured(column_bytes=float(getattr(made, "column_bytes", 0)))


def _measure(path: Path, present: list[str], repeats: int, told: Told) -> Runs:
    """The runs in turn, so many times. The answers of the first time are kept beside the events."""
    runs = Runs()
    for repeat in range(repeats):
        for name in present:
            if name in ONE_EACH and repeat:
                continue
            for threads in _thread_counts(name):
                told(f"{name} with {_threads(threads)}, {repeat + 1} of {repeats}")
                for way, kept in (("whole", runs.whole), ("steps", runs.steps)):
                    answers = "" if repeat else str(_answers_of(path.parent, way, (name, threads)))
                    one = measure(
                        f"shoal.bench.batch:measure_{way}",
                        threads=threads, contender=name, path=str(path), limit=threads, answers=answers,
                    )  # fmt: skip
                    kept.setdefault((name, threads), []).append(one)
    return runs


def _answers_of(folder: Path, way: str, run: Run) -> Path:
    return folder / f"{run[0]}-{run[1]}-{way}.parquet"


def _compare(folder: Path, runs: Runs) -> str:
    """Both ways of everyone, with each number of threads, must give the same answers. Raises Disagreement."""
    found = {
        f"{name} ({way}, {_threads(threads)})": pl.read_parquet(_answers_of(folder, way, (name, threads)))
        for name, threads in runs.whole
        for way in ("whole", "steps")
    }
    compared = [compare_answers(found[left], found[right], names=(left, right)) for left, right in pairwise(found)]
    return f"{compared[0]:,} answers each of {', '.join(found)}"


def _thread_counts(name: str) -> list[int]:
    return [core_count()] if name in ONE_EACH else sorted({1, core_count()})


def _rows(runs: Runs) -> Iterator[Row]:
    for (name, threads), measured in runs.whole.items():
        yield from rows_of(name, threads, measured)
        yield from rows_of(name, threads, runs.steps[name, threads])


def _ratios(runs: Runs) -> Iterator[Ratio]:
    """The targets first, then what is only told."""
    everything = core_count()
    for threads in sorted({1, everything}):
        for other, target in (("polars", 4.0), ("duckdb", 20.0)):
            if (other, threads) in runs.steps:
                theirs, ours = (_median(runs.steps, (who, threads), AGAIN) for who in (other, "shoal"))
                what = f"evaluate, {_threads(threads)}: {other} / shoal"
                yield Ratio(what=what, value=theirs / ours, target=target)
                theirs, ours = (_processor(runs.steps, (who, threads), AGAIN) for who in (other, "shoal"))
                yield Ratio(what=f"{what}, of processor time", value=theirs / ours)
    whole = _median(runs.whole, ("shoal", everything), FROM_FILE)
    if ("polars", everything) in runs.steps:
        yardstick = _median(runs.steps, ("polars", everything), "read and sort")
        yield Ratio(
            what="file to answers: shoal / reading and sorting with polars",
            value=whole / yardstick,
            target=2.0,
            is_floor=False,
        )
    peaks = [run.peak_bytes for run in runs.whole["shoal", everything] if run.peak_bytes is not None]
    if peaks:
        yield Ratio(
            what="file to answers: peak memory / columns read",
            value=median(peaks) / _column_bytes(runs),
            target=3.0,
            is_floor=False,
        )
    for run in runs.whole:
        if run[0] != "shoal" and run[1] == everything:
            value = _median(runs.whole, run, FROM_FILE) / whole
            yield Ratio(what=f"file to answers, {_threads(everything)}: {run[0]} / shoal", value=value)


def _threads(count: int) -> str:
    return f"{count} thread{'s' * (count > 1)}"


def _median(runs: Mapping[Run, list[Measured]], run: Run, step: str) -> float:
    return median(each.seconds[step] for each in runs[run])


def _processor(runs: Mapping[Run, list[Measured]], run: Run, step: str) -> float:
    return median(each.processor[step] for each in runs[run])


def _column_bytes(runs: Runs) -> float:
    """How much memory the columns take that Shoal reads."""
    return next(each.figures["column_bytes"] for (name, _), (each, *_) in runs.steps.items() if name == "shoal")
