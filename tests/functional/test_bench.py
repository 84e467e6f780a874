"""The benchmarks at their smallest: that they run, and that contenders must agree. Never how long they take."""

from __future__ import annotations

import io

import msgspec
import polars as pl
import pytest
from rich.console import Console

from shoal.bench import Report, Sizes, run_subject
from shoal.bench.agreement import Disagreement, compare_answers
from shoal.bench.questions import FEATURES, SEGMENTS, questions
from shoal.bench.shop import NOW, draw_events
from shoal.errors import InputError, NotFound
from shoal.evaluate.reference import Reference
from shoal.model.frame import STORED_ENVELOPE, events_of_frame

TINY = Sizes(events=3_000, profiles=60, repeats=1)


def test_the_drawn_shop_has_everyone_and_every_event_in_order() -> None:
    """As many events as asked for, everyone has one, and rows stand in the order of their moments."""
    events = draw_events(TINY)
    assert len(events) == 3_000
    assert events["user_id"].n_unique() == 60
    assert events["occurred_at"].is_sorted()
    assert events.columns[: len(STORED_ENVELOPE)] == list(STORED_ENVELOPE)


def test_the_same_seed_draws_the_same_events() -> None:
    """Another seed draws others."""
    assert draw_events(TINY).equals(draw_events(TINY))
    assert not draw_events(TINY).equals(draw_events(Sizes(events=3_000, profiles=60, seed=2)))


def test_polars_answers_as_the_reference_does() -> None:
    """The contenders are compared with each other; this compares one of them with the judge."""
    from shoal.bench.contenders.polars_frames import answer, chosen

    events = draw_events(TINY)
    found = answer(chosen(events.lazy()), is_sorted=False).collect()
    judge, rows = Reference(questions()), []
    for (person,), own in events.filter(pl.col("occurred_at") <= NOW).group_by("user_id"):
        answers = judge.evaluate(events_of_frame(own.sort("occurred_at", "position")), NOW)
        rows.append({"profile": person} | {name: answer for (_, name), answer in answers.items()})
    expected = pl.DataFrame(rows, infer_schema_length=None).select(found.columns)
    assert compare_answers(found, expected, names=("polars", "reference")) == 60 * 30


def test_batch_compares_every_answer_before_it_tells_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two ways of three contenders: every profile, every feature and segment."""
    pytest.importorskip("duckdb")
    monkeypatch.setattr("shoal.bench.batch.core_count", lambda: 1)
    report = run_subject("batch", TINY)
    assert report.agreed[0].startswith(
        f"{60 * (len(FEATURES) + len(SEGMENTS)):,} answers each of shoal (whole, 1 thread), "
    )
    assert {row.who for row in report.rows} >= {"shoal", "polars", "duckdb"}
    assert {ratio.target for ratio in report.ratios} >= {4.0, 20.0, 2.0, 3.0}


@pytest.mark.parametrize(
    ("subject", "agreed"),
    [
        ("backtest", "changes of its segment, by timeline and live engine"),
        ("identity", "rows, all at once and one by one"),
        ("import", "csv: 300 rows, with prices of"),
        ("models", "BG/NBD parameters of 1,000 customers"),
    ],
)
def test_other_subjects_compare_before_they_tell_times(subject: str, agreed: str) -> None:
    """Each says what it found to be the same, and has a rate for every row."""
    if subject == "models":
        pytest.importorskip("lifetimes")
    report = run_subject(subject, TINY)
    assert agreed in report.agreed[0]
    assert all(row.rate for row in report.rows)


def test_simulating_is_measured_with_one_process_and_with_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing to compare it with."""
    monkeypatch.setattr("shoal.bench.simulate.core_count", lambda: 1)
    report = run_subject("simulate", TINY)
    assert [row.step for row in report.rows] == ["simulate to NDJSON"]
    assert report.agreed == []


def test_different_answers_are_refused() -> None:
    """A benchmark whose contenders disagree tells where, and no times."""
    left = pl.DataFrame({"profile": ["ann", "bob"], "views": [1, 2], "member": [True, False]})
    right = pl.DataFrame({"profile": ["bob", "ann"], "views": [2.0, 1.0 + 1e-12], "member": [True, True]})
    with pytest.raises(Disagreement, match="member of bob: one False, other True"):
        compare_answers(left, right, names=("one", "other"))
    assert compare_answers(left.drop("member"), right.drop("member"), names=("one", "other")) == 2


def test_a_report_is_shown_to_people_and_read_back_by_machines() -> None:
    """JSON keeps everything; the screen has the ratio and whether its target was met."""
    report = _some_report()
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report
    screen = Console(file=io.StringIO(), width=110)
    screen.print(report.shown())
    shown = screen.file.getvalue()
    assert "not met" in shown
    assert "Skipped: chdb, not installed" in shown


def test_sizes_that_make_no_sense_are_refused() -> None:
    """More people than events, and subjects that do not exist, are the user's mistakes."""
    with pytest.raises(InputError, match="a benchmark of 5 events of 10 profiles"):
        Sizes(events=5, profiles=10)
    with pytest.raises(NotFound, match='no benchmark "batsh"'):
        run_subject("batsh", TINY)


def _some_report() -> Report:
    from shoal.bench.report import Ratio, Row

    return Report(
        subject="batch",
        size="3 events",
        machine="2 cores",
        measured_at="2026-06-30T12:00:00+00:00",
        load=0.5,
        agreed=["30 answers"],
        rows=[Row(who="shoal", step="evaluate", threads=1, seconds=[2.0, 1.0, 3.0], peak_bytes=10**6)],
        ratios=[Ratio(what="polars / shoal", value=3.9, target=4.0)],
        skipped={"chdb": "not installed"},
    )
