"""The benchmark of deliveries at its smallest: what it compares, never how long it takes."""

from __future__ import annotations

import pytest

from shoal.bench import Sizes, run_subject
from shoal.bench import act as bench
from shoal.bench.agreement import Disagreement
from shoal.bench.measured import Measured

SMALL = Sizes(events=4_000, profiles=1, repeats=1)


def test_every_delivery_comes_once_and_is_written_down() -> None:
    """Alone and beside a destination that is down, which is asked a few times only."""
    report = run_subject("act", SMALL)
    assert report.agreed == ["40 deliveries sent, each id taken once, in every run"]
    assert [row.step for row in report.rows] == [bench.ALONE, bench.BESIDE]
    assert report.figures["written down"] == 40
    assert 0 < report.figures["attempts at the one that is down"] <= 4


def test_no_rate_is_told_of_deliveries_that_did_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that only says that it has sent is found out by the sink."""
    monkeypatch.setattr(bench, "measure", lambda *_, **__: Measured(seconds={bench.ALONE: 1.0}))
    with pytest.raises(Disagreement, match="of 40 deliveries 0 came"):
        run_subject("act", SMALL)
