"""The benchmark of decisions at its smallest: that it runs and checks what is shown. Never how long it takes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from shoal.bench import Sizes, decide, decide_load, run_subject
from shoal.bench.agreement import Disagreement
from shoal.bench.decide_load import CHECKED, Crowd, measure_questions, question
from shoal.bench.load import NotAnswered


def test_answers_are_compared_with_what_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the load everybody is shown what they did earns, and the report says how many were compared."""
    monkeypatch.setattr(decide, "EVENTS_PER_SECOND", 1_000)
    monkeypatch.setattr(decide, "QUESTIONS_PER_SECOND", 50)
    report = run_subject("decide", Sizes(events=1_000, profiles=10, repeats=1))
    assert report.agreed == [f"{CHECKED} answers after the load, with what was sent"]
    assert [row.step for row in report.rows] == ["questions alone", "questions under load"]
    assert {ratio.what for ratio in report.ratios} == {"under load, p99 ms", "alone, p99 ms"}


def test_a_wrong_answer_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that forgot what somebody did would be fast and worth nothing."""
    counted = Crowd.batches

    def forgetful(self: Crowd, events: int) -> list[bytes]:
        requests = counted(self, events)
        self.views = Counter(dict.fromkeys(self.ids, 1_000))
        return requests

    monkeypatch.setattr(Crowd, "batches", forgetful)
    with decide.serving(tmp_path) as url, pytest.raises(Disagreement, match="was shown often: False"):
        measure_questions(url, seconds=1, events_per_second=200, questions_per_second=5, seed=1)


def test_a_refusal_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers that refuse are no answers."""
    monkeypatch.setattr(decide_load, "question", lambda _who, slots: question("guessable", slots))
    with decide.serving(tmp_path) as url, pytest.raises(NotAnswered, match="403"):
        measure_questions(url, seconds=1, events_per_second=0, questions_per_second=5, seed=1)
