"""The benchmark of collecting at its smallest: that it runs and reads everything back. Never how long it takes."""

from __future__ import annotations

import pytest

from shoal.bench import Sizes, run_subject
from shoal.bench.load import NotAnswered, requests_of, send
from tests.functional.collecting import serving


def test_everything_that_was_answered_is_read_back() -> None:
    """Batches and single events, over HTTP, from a server in a process of its own."""
    report = run_subject("collect", Sizes(events=6_000, profiles=60, repeats=1))
    assert report.agreed == ["315 events answered, all read back from the journal, each once"]
    assert [row.step for row in report.rows] == ["batches of 100", "single events", "read back"]


def test_a_refused_request_ends_it(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """A benchmark of refusals would be fast and worth nothing."""
    with serving(tmp_path / "shop") as served:
        host, port = served.url.removeprefix("http://").split(":")
        with pytest.raises(NotAnswered, match="401"):
            send(host, int(port), requests_of([b"{}"], "/v1/track", "bm9ib2R5Og=="), connections=1)
