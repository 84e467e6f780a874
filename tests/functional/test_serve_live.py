"""`shoal serve` keeps segments true: by what is sent over HTTP, and by the passing of time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shoal.runtime.live_state import LiveState
from shoal.runtime.places import LIVE_STATE

SEGMENTS = """
segment: left_a_cart
when: happened("Product Added") and time_since("Product Added") >= "2 seconds" and not happened("Order Completed")
---
segment: buyers
when: happened("Order Completed")
"""

PATIENCE_S = 120
"""On a busy machine a server that compiles its loops for the first time needs a while."""


def workspace_in(folder: Path) -> Path:
    (folder / "segments").mkdir(parents=True)
    (folder / "shoal.yaml").write_text("name: shop\nsources:\n  web: {write_key: key}\n")
    (folder / "segments" / "carts.yaml").write_text(SEGMENTS)
    return folder


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A server of a workspace, ready; its address."""
    command = [sys.executable, "-m", "shoal.cli", "serve", "--workspace", str(folder), "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "NO_COLOR": "1"})
    assert server.stdout is not None
    try:
        url = next(line.split()[-1] for line in server.stdout if line.startswith("Listening at"))
        wait_until(lambda: status_of(f"{url}/readyz") == 200)
        yield url, server
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


def status_of(request: str | urllib.request.Request) -> int:
    with urllib.request.urlopen(request) as answer:
        return answer.status


def wait_until(holds) -> None:
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            if holds():
                return
        except OSError:
            pass
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)


def send(url: str, *events: tuple[str, str], key: str = "key") -> None:
    """Sends (who, what) now."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    batch = [
        {"type": "track", "userId": who, "event": event, "messageId": f"{who}-{event}", "timestamp": now}
        for who, event in events
    ]
    request = urllib.request.Request(f"{url}/v1/batch", json.dumps({"batch": batch, "sentAt": now}).encode())
    request.add_header("Authorization", f"Basic {b64encode(f'{key}:'.encode()).decode()}")
    assert status_of(request) == 200


def members(folder: Path) -> set[tuple[str, str]]:
    path = folder / LIVE_STATE
    if not path.exists():
        return set()
    state = LiveState(path)
    try:
        return set(state.members())
    finally:
        state.close()


def test_segments_stay_true_over_http_and_a_kill(tmp_path: Path) -> None:
    """A purchase is told at once, a cart left alone is told when its time has come, and a kill loses neither."""
    folder = workspace_in(tmp_path / "shop")
    with serving(folder) as (url, server):
        send(url, ("ann", "Product Added"), ("bob", "Order Completed"))
        wait_until(lambda: ("user_id:bob", "buyers") in members(folder))
        wait_until(lambda: ("user_id:ann", "left_a_cart") in members(folder))
        send(url, ("cyd", "Order Completed"))
        server.send_signal(signal.SIGKILL)
        server.wait()
    with serving(folder) as (url, server):
        wait_until(lambda: ("user_id:cyd", "buyers") in members(folder))
        send(url, ("ann", "Order Completed"), ("cyd", "Order Completed"))
        wait_until(lambda: ("user_id:ann", "left_a_cart") not in members(folder))
        server.send_signal(signal.SIGTERM)
        assert server.wait(PATIENCE_S) == 0
    state = LiveState(folder / LIVE_STATE)
    told = [(each.profile, each.segment, each.direction.value) for each in state.changes()]
    state.close()
    assert sorted(told) == [
        ("user_id:ann", "buyers", "entered"),
        ("user_id:ann", "left_a_cart", "entered"),
        ("user_id:ann", "left_a_cart", "left"),
        ("user_id:bob", "buyers", "entered"),
        ("user_id:cyd", "buyers", "entered"),
    ]
