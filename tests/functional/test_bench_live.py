"""The benchmark of the live engine at its smallest: what it compares, never how long it takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from shoal.bench import Sizes, run_subject
from shoal.bench.agreement import compare_answers
from shoal.bench.counters import COUNTERS, HISTORY, REPLAYED
from shoal.bench.live_clock import measure_clock
from shoal.bench.live_replay import measure_bytewax, measure_deques, measure_engine
from shoal.bench.live_standing import measure_archiving, measure_restart
from shoal.bench.measured import Measured

PROFILES = 20


def counted(measure: Callable[..., Measured], folder: Path, **options: int) -> pl.DataFrame:
    """The counters at the end of a replay."""
    path = folder / "answers.parquet"
    measured = measure(profiles=PROFILES, seed=3, answers=str(path), **options)
    assert measured.figures["replayed"] >= PROFILES * REPLAYED
    return pl.read_parquet(path)


@pytest.mark.parametrize("batch", [7, 1_000])
def test_the_engine_counts_as_deques_do(tmp_path: Path, batch: int) -> None:
    """Everyone's counters at the end are the same, in batches of any size."""
    ours, theirs = counted(measure_engine, tmp_path, batch=batch), counted(measure_deques, tmp_path)
    assert compare_answers(ours, theirs, names=("shoal", "deques")) == PROFILES * len(COUNTERS)


def test_bytewax_counts_as_deques_do(tmp_path: Path) -> None:
    """The dataflow is given the past and the rest, and has the same counters at the end."""
    pytest.importorskip("bytewax")
    ours, theirs = counted(measure_bytewax, tmp_path), counted(measure_deques, tmp_path)
    assert compare_answers(ours, theirs, names=("bytewax", "deques")) == PROFILES * len(COUNTERS)


def test_everyone_who_comes_enters_and_leaves_at_their_moments() -> None:
    """One in ten events is somebody new, told when they come and again when they stay away."""
    figures = measure_clock(seconds=1, per_second=100).figures
    assert figures["changes told of events"] == figures["changes told of moments"] == 10
    assert figures["event to change, p50 ms"] >= 0
    assert figures["deadline to change, p50 ms"] >= 0


def test_a_restart_has_every_archived_event(tmp_path: Path) -> None:
    """What was archived is in memory again."""
    archived = measure_archiving(profiles=PROFILES, seed=3, folder=str(tmp_path))
    assert (
        measure_restart(folder=str(tmp_path)).figures["events"] == archived.figures["events"] == PROFILES * HISTORY
    )


def test_the_report_compares_before_it_tells_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every size of batches and the deques counted the same, and every target has its ratio."""
    monkeypatch.setattr("shoal.bench.live.SECONDS_OF_CLOCK", 1)
    report = run_subject("live", Sizes(events=300, profiles=100, repeats=1))
    assert report.agreed[0].startswith("80 counters each of shoal, batches of 200, ")
    assert {ratio.target for ratio in report.ratios} >= {150_000, 1.0, 100.0, 250.0, 4.0, 10.0}
