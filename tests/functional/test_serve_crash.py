"""`shoal serve` killed under load, again and again: each answered event counts once, each change is told once."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import httpx
import polars as pl

from shoal.definitions.workspace import load_workspace
from shoal.journal import Archive
from shoal.runtime.batch import evaluate_workspace
from shoal.runtime.changes import changes_between
from shoal.runtime.live_loop import wall_clock_ms
from shoal.runtime.live_state import LiveState
from shoal.runtime.places import ARCHIVE_FOLDER, LIVE_STATE
from tests.functional.collecting import free_port
from tests.functional.test_serve_live import PATIENCE_S, members, wait_until

ROUNDS = 50 if os.environ.get("SHOAL_FULL") else 10 if os.environ.get("CI") else 3
SENDERS = 4
FEWEST_STEPS = 5
"""So many steps are done in a round before the server is killed; the first waits for loops to be compiled."""

RECENT = 12
"""Among so many of the last events some are sent once more with each batch."""

SETTINGS = "name: shop\nsources:\n  web: {write_key: web}\n"
DEFINITIONS = """
segment: clicked
when: count("Click") >= 1
---
segment: clicked_5
when: count("Click") >= 5
---
segment: clicked_8
when: count("Click") >= 8
---
segment: clicked_12
when: count("Click") >= 12
---
segment: spent_20
when: sum("amount", of="Click") >= 20
---
segment: spent_50
when: sum("amount", of="Click") >= 50
---
segment: left_a_cart
when: happened("Cart") and time_since("Cart") >= "1 second" and not happened("Order")
"""

SERVE = """
import os, signal, sys
from shoal.cli import run
from shoal.journal import Archive
from shoal.journal.sqlite import SqliteJournal
from shoal.runtime import live_loop
from shoal.runtime.live_state import LiveState

folder, port, steps = sys.argv[1], sys.argv[2], int(sys.argv[3])
live_loop.SECONDS_UNTIL_ARCHIVED = 1.5
live_loop.SECONDS_BETWEEN_LOOKS_AT_ARCHIVE = 0.1

def step():
    global steps
    steps -= 1
    if steps == 0:
        os.kill(os.getpid(), signal.SIGKILL)

def dying(owner, name):
    whole = getattr(owner, name)
    def stepping(*given, **named):
        step()
        result = whole(*given, **named)
        step()
        return result
    setattr(owner, name, stepping)

dying(LiveState, "commit")
dying(LiveState, "forget_before")
dying(Archive, "append")
dying(SqliteJournal, "forget")
sys.exit(run(["serve", "--workspace", folder, "--port", port]))
"""
"""The server, archiving often. At a step that it is told, before or after a write, it kills itself."""


class Sender(threading.Thread):
    """A site: a few people's events in order, each batch again until it is answered, and some once more."""

    def __init__(self, url: str, label: str) -> None:
        super().__init__(daemon=True)
        self.url, self.label, self.chance = url, label, random.Random(label)
        self.sent: dict[str, dict[str, object]] = {}
        self.answered: set[str] = set()
        self.is_over = threading.Event()

    def run(self) -> None:
        with httpx.Client(auth=("web", ""), timeout=5) as client:
            self.send(client, [self.event({"userId": f"{self.label}-{number}"}, "Cart") for number in range(2)])
            while not self.is_over.is_set():
                self.send(client, [self.click() for _ in range(self.chance.randrange(1, 8))])
                if self.chance.random() < 0.2:
                    self.send(client, [self.event({"userId": f"{self.label}-{len(self.sent)}"}, "Cart")])
                self.is_over.wait(self.chance.uniform(0, 0.05))

    def click(self) -> dict[str, object]:
        kind = self.chance.choice(("userId", "anonymousId"))
        who = f"{self.label}-{kind}-{self.chance.randrange(2)}"
        return self.event({kind: who}, "Click", {"amount": self.chance.randrange(10)})

    def event(
        self, who: dict[str, str], name: str, properties: dict[str, object] | None = None
    ) -> dict[str, object]:
        message_id = f"{self.label}-{len(self.sent)}"
        said = {"type": "track", "event": name, "messageId": message_id, "timestamp": wall_clock_ms()}
        self.sent[message_id] = {**said, **who, "properties": properties or {}}
        return self.sent[message_id]

    def send(self, client: httpx.Client, batch: list[dict[str, object]]) -> None:
        """Until it is answered, which may be after several deaths of the server."""
        recent = list(self.sent.values())[-RECENT:]
        again = self.chance.sample(recent, min(len(recent), self.chance.randrange(5)))
        while True:
            with suppress(httpx.TransportError):
                if client.post(f"{self.url}/v1/batch", json={"batch": batch + again}).status_code == 200:
                    self.answered |= {str(each["messageId"]) for each in batch}
                    return
            time.sleep(0.02)

    def settle(self) -> None:
        """When all is quiet: half of the carts are bought, and half of the visitors say who they are."""
        carts = [each["userId"] for each in self.sent.values() if each["event"] == "Cart"]
        visitors = sorted({str(each["anonymousId"]) for each in self.sent.values() if "anonymousId" in each})
        batch = [self.event({"userId": str(who)}, "Order") for who in carts[::2]]
        for who in visitors[::2]:
            known = who.replace("anonymousId", "userId")
            batch.append(self.event({"userId": known, "anonymousId": who}, "Sign In"))
        with httpx.Client(auth=("web", ""), timeout=20) as client:
            self.send(client, batch)


class Server:
    """`shoal serve` in a process of its own."""

    def __init__(self, folder: Path, port: int, *, dies_at_step: int = 0) -> None:
        self.folder, self.url = folder, f"http://127.0.0.1:{port}"
        command = [sys.executable, "-c", SERVE, str(folder), str(port), str(dies_at_step)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def is_ready(self) -> bool:
        with suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        return False

    def has_died(self) -> bool:
        return self.process.poll() is not None

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)


def test_every_event_counts_once_and_every_change_is_told_once(tmp_path: Path) -> None:
    """Over deaths at random moments and at every kind of step: what was told is what batch finds afterwards."""
    folder, port, chance = tmp_path / "shop", free_port(), random.Random(7)
    (folder / "segments").mkdir(parents=True)
    (folder / "shoal.yaml").write_text(SETTINGS)
    (folder / "segments" / "all.yaml").write_text(DEFINITIONS)
    since = wall_clock_ms() - 1
    senders = [Sender(f"http://127.0.0.1:{port}", f"s{number}") for number in range(SENDERS)]
    for sender in senders:
        sender.start()
    for number in range(ROUNDS):
        step = chance.randrange(10, 100) if number % 2 else 0
        _one_life(Server(folder, port, dies_at_step=step), senders, chance, is_starting=number % 4 == 3)
    server = Server(folder, port)
    for sender in senders:
        sender.is_over.set()
        sender.join(PATIENCE_S)
    wait_until(server.is_ready)
    carts = {str(each["userId"]) for sender in senders for each in sender.sent.values() if each["event"] == "Cart"}
    wait_until(lambda: carts == {who[8:] for who, segment in members(folder) if segment == "left_a_cart"})
    for sender in senders:
        sender.settle()
    assert server.stop() == 0
    _compare(folder, senders, since)


def _one_life(server: Server, senders: list[Sender], chance: random.Random, *, is_starting: bool) -> None:
    """A server is killed while it starts, while it works, or at a step of its own."""
    try:
        if is_starting:
            time.sleep(chance.uniform(0, 3))
            return
        wait_until(lambda: server.has_died() or server.is_ready())
        enough = _steps(server.folder) + FEWEST_STEPS
        wait_until(lambda: server.has_died() or _steps(server.folder) >= enough)
        until = time.monotonic() + chance.uniform(0, 2)
        while time.monotonic() < until and not server.has_died():
            time.sleep(0.01)
    finally:
        server.kill()


def _steps(folder: Path) -> int:
    state = LiveState(folder / LIVE_STATE)
    try:
        return max((tick.number for tick in state.ticks()), default=0)
    finally:
        state.close()


def _compare(folder: Path, senders: list[Sender], since: int) -> None:
    answered = {message_id for sender in senders for message_id in sender.answered}
    kept = Counter(pl.concat(Archive(folder / ARCHIVE_FOLDER).read(["message_id"]))["message_id"])
    assert answered
    assert kept == Counter(answered)
    state = LiveState(folder / LIVE_STATE)
    told = [(each.effective_at, each.profile, each.segment, each.direction.value) for each in state.changes()]
    state.close()
    workspace, now = load_workspace(folder), wall_clock_ms()
    assert sorted(told) == sorted(changes_between(workspace, since, now).rows())
    found = set(evaluate_workspace(workspace, now).memberships.rows())
    assert members(folder) == found
    assert {segment for _, segment in found} == set(re.findall("segment: (.*)", DEFINITIONS))
    assert {direction for *_, direction in told} == {"entered", "left"}
