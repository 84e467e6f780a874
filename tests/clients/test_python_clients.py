"""The two Python SDKs, unmodified, against a collector that listens; each also through one that refuses first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.journey import CALLS, check_journey
from tests.clients.refusing import refusing_first
from tests.functional.collecting import KEY, serving

segment = pytest.importorskip("segment.analytics", reason="segment-analytics-python is not installed")
rudder = pytest.importorskip("rudderstack.analytics", reason="rudder-sdk-python is not installed")


def send_with_segment(url: str, *, gzip: bool = False) -> list[str]:
    """Makes the five calls; the message ids that the client says it sent."""
    failures: list[object] = []
    client = segment.Client(
        KEY, host=url, gzip=gzip, on_error=lambda *told: failures.append(told), upload_interval=0.1
    )
    sent = [
        client.identify("ann", {"plan": "pro"}),
        client.track("ann", "Order Completed", {"revenue": 39.9}),
        client.page("ann", "Docs", "Home"),
        client.group("ann", "acme", {"size": 5}),
        client.alias("anonymous-1", "ann"),
    ]
    client.shutdown()
    assert failures == []
    return [message["messageId"] for _, message in sent]


def send_with_rudder(url: str, *, gzip: bool = True) -> list[str]:
    """As above, by the RudderStack client."""
    failures: list[object] = []
    client = rudder.Client(
        KEY, host=url, gzip=gzip, on_error=lambda *told: failures.append(told), upload_interval=0.1
    )
    sent = [
        client.identify("ann", {"plan": "pro"}),
        client.track("ann", "Order Completed", {"revenue": 39.9}),
        client.page("ann", "Docs", "Home"),
        client.group("ann", "acme", {"size": 5}),
        client.alias("anonymous-1", "ann"),
    ]
    client.flush()
    client.join()
    assert failures == []
    return [message["messageId"] for _, message in sent]


CLIENTS = pytest.mark.parametrize("send", [send_with_segment, send_with_rudder])


@CLIENTS
@pytest.mark.parametrize("gzip", [False, True])
def test_every_call_arrives_once(tmp_path: Path, send: Callable[..., list[str]], gzip: bool) -> None:
    """As many as were sent, by the same message ids, each with what was said in it."""
    with serving(tmp_path / "shop") as served:
        sent = send(served.url, gzip=gzip)
        events = check_journey(served)
    assert len(sent) == CALLS
    assert sorted(events["message_id"].to_list()) == sorted(sent)


@CLIENTS
def test_what_was_refused_is_sent_again(tmp_path: Path, send: Callable[..., list[str]]) -> None:
    """After 503 and 429 the client comes back with the same message ids, and nothing is lost."""
    with serving(tmp_path / "shop") as served, refusing_first(served, (503, 429)) as between:
        sent = send(between.url)
        events = check_journey(served)
    assert between.refused == 2
    assert sorted(events["message_id"].to_list()) == sorted(sent)
