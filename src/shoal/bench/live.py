"""`shoal bench live`: the engine in micro-batches beside hand-written counters, deadlines, and what it holds.

Rates of the replay are of processor seconds, one thread each, and none is told before the counters at the end of
the stream were found the same.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import msgspec
import polars as pl

from shoal.bench.agreement import Disagreement, compare_answers
from shoal.bench.counters import COUNTERS, HISTORY, REPLAYED
from shoal.bench.job import measure
from shoal.bench.live_replay import REPLAY
from shoal.bench.live_standing import A_MILLION, RESTART
from shoal.bench.measured import Measured
from shoal.bench.report import Ratio, Report, Row, rows_of
from shoal.bench.reporting import Told, begin_report
from shoal.bench.sizes import Sizes

BATCHES = (200, 2_000, 20_000)
SHARE = 10
"""The replay is of a tenth of the profiles."""

SHARE_IN_MEMORY = 2
"""What a restart reads and memory holds is of half of the profiles, and told for a million."""

SECONDS_OF_CLOCK = 5
TARGET_RATE, TARGET_TIMES_BYTEWAX, TARGET_TIMES_DEQUES = 150_000, 10.0, 1.0
TARGET_CHANGE_MS, TARGET_DEADLINE_MS, TARGET_GB, TARGET_RESTART_S = 100.0, 250.0, 4.0, 10.0

_REPLAY, _STANDING, _CLOCK = (f"shoal.bench.{each}" for each in ("live_replay", "live_standing", "live_clock"))


def run(sizes: Sizes, told: Told) -> Report:
    """Replays a stream, waits for deadlines, and begins again from an archive."""
    profiles, standing = max(sizes.profiles // SHARE, 10), max(sizes.profiles // SHARE_IN_MEMORY, 10)
    runs, agreed = _replayed(profiles, sizes, told)
    told(f"following {SECONDS_OF_CLOCK} seconds of the clock")
    clock = measure(f"{_CLOCK}:measure_clock", threads=1, seconds=SECONDS_OF_CLOCK, per_second=1_000)
    told(f"beginning again with {standing:,} profiles")
    archived, restarted = _standing(standing, sizes.seed)
    rows = [row for who, found in runs.items() for row in _rated(who, found)]
    return begin_report(
        "live",
        f"{profiles:,} profiles with {HISTORY} events each, {REPLAYED} more replayed, {len(COUNTERS)} counters",
        agreed=[agreed],
        rows=[
            *rows,
            *rows_of("shoal", 1, [archived], unit="events", count=standing * HISTORY),
            *rows_of("shoal", 1, [restarted], unit="events", count=standing * HISTORY),
        ],
        ratios=[*_replay_ratios(runs), *_clock_ratios(clock), *_standing_ratios(restarted, standing)],
        skipped={} if "bytewax" in runs else {"bytewax": "not installed"},
        figures=_replay_figures(runs) | clock.figures,
    )


def _replayed(profiles: int, sizes: Sizes, told: Told) -> tuple[dict[str, list[Measured]], str]:
    """Every contender in turn, so many times; and that all of them counted the same."""
    ways: dict[str, tuple[str, dict[str, int]]] = {
        f"shoal, batches of {batch:,}": ("measure_engine", {"batch": batch}) for batch in BATCHES
    }
    ways["deques"] = ("measure_deques", {})
    if find_spec("bytewax"):
        ways["bytewax"] = ("measure_bytewax", {})
    runs: dict[str, list[Measured]] = {}
    with tempfile.TemporaryDirectory(prefix="shoal-bench-") as folder:
        for repeat in range(sizes.repeats):
            for who, (function, options) in ways.items():
                told(f"{who}, {repeat + 1} of {sizes.repeats}")
                found = measure(
                    f"{_REPLAY}:{function}",
                    threads=1, profiles=profiles, seed=sizes.seed, answers=str(Path(folder, who)), **options,
                )  # fmt: skip
                runs.setdefault(who, []).append(found)
        answers = {who: pl.read_parquet(Path(folder, who)) for who in ways}
    first, *others = answers
    compared = [compare_answers(answers[first], answers[who], names=(first, who)) for who in others]
    return runs, f"{compared[0]:,} counters each of {', '.join(answers)}"


def _rated(who: str, runs: list[Measured]) -> Iterator[Row]:
    """The steps of a contender. The rate of its replay is of processor seconds."""
    for row in rows_of(who, 1, runs):
        is_replay = row.step == REPLAY
        yield msgspec.structs.replace(row, rate=_rate(runs), unit="events") if is_replay else row


def _rate(runs: list[Measured]) -> float:
    return runs[0].figures["replayed"] / median(run.processor[REPLAY] for run in runs)


def _standing(profiles: int, seed: int) -> tuple[Measured, Measured]:
    """Archives events, and begins with them in a fresh process."""
    with tempfile.TemporaryDirectory(prefix="shoal-bench-") as folder:
        archived = measure(
            f"{_STANDING}:measure_archiving", threads=1, profiles=profiles, seed=seed, folder=folder
        )
        restarted = measure(f"{_STANDING}:measure_restart", threads=1, folder=folder)
    if restarted.figures["events"] != profiles * HISTORY:
        raise Disagreement(
            f"of {profiles * HISTORY:,} archived events {restarted.figures['events']:,.0f} are back"
        )
    return archived, restarted


def _replay_ratios(runs: dict[str, list[Measured]]) -> Iterator[Ratio]:
    best = max((who for who in runs if who.startswith("shoal")), key=lambda who: _rate(runs[who]))
    rate = _rate(runs[best])
    yield Ratio(what=f"events a processor second ({best})", value=rate, target=TARGET_RATE)
    for who, target in (("bytewax", TARGET_TIMES_BYTEWAX), ("deques", TARGET_TIMES_DEQUES)):
        if who in runs:
            yield Ratio(
                what=f"events a processor second: {best} / {who}", value=rate / _rate(runs[who]), target=target
            )


def _replay_figures(runs: dict[str, list[Measured]]) -> dict[str, float]:
    """Of each size of batches: processor milliseconds for one, and how many changes were told."""
    return {
        f"{who}, {name}": median(run.figures[name] for run in found)
        for who, found in runs.items()
        for name in ("p50 ms", "p99 ms", "changes")
        if name in found[0].figures
    }


def _clock_ratios(clock: Measured) -> Iterator[Ratio]:
    for what, target in (("event to change", TARGET_CHANGE_MS), ("deadline to change", TARGET_DEADLINE_MS)):
        name = f"{what}, p99 ms"
        yield Ratio(what=name, value=clock.figures[name], target=target, is_floor=False)


def _standing_ratios(restarted: Measured, profiles: int) -> Iterator[Ratio]:
    """What was measured, for a million profiles: both grow with the events."""
    times = A_MILLION / profiles
    what = f"of 1 million profiles, {times:g} times that of {profiles:,}"
    if "bytes" in restarted.figures:
        held = restarted.figures["bytes"] / 1e9 * times
        yield Ratio(what=f"GB in memory {what}", value=held, target=TARGET_GB, is_floor=False)
    seconds = restarted.processor[RESTART] * times
    yield Ratio(what=f"processor s of a restart {what}", value=seconds, target=TARGET_RESTART_S, is_floor=False)
