"""Streams that tell OpenFeature clients when to evaluate again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from shoal.decide import Rates, hints
from tests.functional.collecting import KEY, wait_until
from tests.functional.deciding import ANN, BOB, DecidingShop, deciding_shop, track

FAST = Rates(per_address=0, per_key=0)


def stream_of(shop: DecidingShop, who: str = ANN) -> str:
    """Where the stream of somebody is."""
    question = {"context": {"targetingKey": who}}
    url = f"{shop.url}/ofrep/v1/evaluate/flags"
    [stream] = httpx.post(url, json=question, headers={"x-api-key": KEY}).json()["eventStreams"]
    assert stream["type"] == "sse"
    return f"{shop.url}{stream['endpoint']['requestUri']}"


@contextmanager
def listening(url: str) -> Iterator[list[str]]:
    """Everything that comes on a stream while it is open; None of it is the end."""
    heard: list[str] = []
    opened = threading.Event()

    def listen() -> None:
        with httpx.stream("GET", url, timeout=60) as response:
            opened.set()
            for line in response.iter_lines():
                heard.append(line)
        heard.append("end")

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    assert opened.wait(20)
    yield heard


def test_a_change_is_hinted_at(tmp_path: Path) -> None:
    """To whom it concerns, and not what it is; events that change nothing are no hint."""
    with deciding_shop(tmp_path / "shop", rates=FAST) as shop:
        shop.view(ANN, times=1)
        with listening(stream_of(shop)) as ann, listening(stream_of(shop, BOB)) as bob:
            wait_until(lambda: "retry: 2000" in ann)
            shop.send(track("Product Viewed", ANN, "second"))
            wait_until(lambda: 'data: {"type":"refetchEvaluation"}' in ann)
            shop.send(track("Product Viewed", ANN, "third"))
            shop.send(track("Product Viewed", BOB, "first"))
            wait_until(lambda: 'data: {"type":"refetchEvaluation"}' in bob)
        assert sum(line.startswith("data") for line in ann) == 1


def test_streams_end_when_the_server_stops(tmp_path: Path) -> None:
    """Nothing keeps it waiting."""
    with deciding_shop(tmp_path / "shop", rates=FAST) as shop:
        stream = listening(stream_of(shop))
        heard = stream.__enter__()
    wait_until(lambda: "end" in heard)


def test_one_address_has_so_many_streams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one is refused with Retry-After; one that was closed makes room."""
    monkeypatch.setattr(hints, "MOST_OF_NETWORK", 2)
    with deciding_shop(tmp_path / "shop", rates=FAST) as shop, httpx.Client(timeout=20) as client:
        url = stream_of(shop)
        with client.stream("GET", url), client.stream("GET", url):
            refused = httpx.get(url)
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "30")

        def is_admitted() -> bool:
            with client.stream("GET", url) as answered:
                return answered.status_code == 200

        wait_until(is_admitted)


def test_the_address_is_the_same_until_the_server_ends(tmp_path: Path) -> None:
    """So that what is evaluated again is the same, too, and is answered 304."""
    with deciding_shop(tmp_path / "shop", rates=FAST) as shop:
        first = stream_of(shop)
        assert stream_of(shop) == first
        assert stream_of(shop, BOB) != first
    with deciding_shop(tmp_path / "shop", rates=FAST) as shop:
        assert stream_of(shop).rpartition("/")[2] != first.rpartition("/")[2]
        assert httpx.get(f"{shop.url}/ofrep/v1/hints/{first.rpartition('/')[2]}").status_code == 404
