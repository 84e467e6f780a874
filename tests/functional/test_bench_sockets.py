"""The benchmark of idle and slow connections at its smallest. Never how long it takes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from shoal.bench.load import NotAnswered
from shoal.bench.sockets import measure_sockets
from tests.functional.collecting import serving


def measure(url: str, **named: object) -> dict[str, float]:
    host, port = url.removeprefix("http://").split(":")
    found = asyncio.run(measure_sockets(host, int(port), seconds=1, **named))  # type: ignore[arg-type]
    return found.figures


def test_good_requests_are_answered_beside_the_others(tmp_path: Path) -> None:
    """All of them, while some connections send nothing and others a byte now and then."""
    with serving(tmp_path / "shop", settings="name: Shop\n") as served:
        figures = measure(served.url, sockets=20, waits_for_deadline=False)
        assert len(set(served.message_ids())) == 100
    assert {"p50 ms", "p99 ms", "most ms", "closed by the server"} <= set(figures)


def test_a_refused_request_ends_it(tmp_path: Path) -> None:
    """Refusals are quick, and worth nothing."""
    settings = "name: Shop\nsources:\n  web: {write_key: web}\n"
    with serving(tmp_path / "shop", settings=settings) as served, pytest.raises(NotAnswered, match="401"):
        measure(served.url, sockets=0)
