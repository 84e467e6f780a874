"""`shoal serve` killed between a change and its delivery, again and again: what fired arrives, under one id."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from shoal.model.firing import Delivery, Firing, Outcome, Status
from shoal.runtime.acting import open_outbox
from shoal.runtime.live_loop import wall_clock_ms
from shoal.runtime.places import LIVE_STATE
from shoal.triggers.outbox import Wanted
from tests.functional.collecting import free_port
from tests.functional.test_serve_live import PATIENCE_S, wait_until

ROUNDS = 50 if os.environ.get("SHOAL_FULL") else 10 if os.environ.get("CI") else 3
PEOPLE = 8
CAP = 6
"""Deliveries that a person gets at most in a day, receipts aside."""

EARLIER = 500
"""What happened has its moment so many milliseconds before it is sent, so that none lies after it comes in."""

ALL = 1_000_000

SETTINGS = """
name: shop
sources:
  web: {{write_key: web}}
acting:
  caps: {{webhook: {cap}}}
destinations:
  crm: {{webhook: "http://127.0.0.1:{port}/crm", secrets: [CRM_SECRET], networks: ["127.0.0.0/8"]}}
"""
TRIGGERS = """
trigger: clicked
on: {event: Click}
valid_for: 1 hour
do:
- webhook: crm
---
trigger: receipt
on: {event: Order}
valid_for: 1 hour
transactional: true
do:
- webhook: crm
"""

SERVE = """
import os, signal, sys
from shoal.cli import run
from shoal.deliver import breaker, schedule
from shoal.deliver.webhook import WebhookSender
from shoal.runtime import live_loop
from shoal.runtime.live_state import LiveState
from shoal.triggers.sqlite_outbox import SqliteOutbox

folder, port, steps = sys.argv[1], sys.argv[2], int(sys.argv[3])
live_loop.SECONDS_UNTIL_ARCHIVED = 1.5
live_loop.SECONDS_BETWEEN_LOOKS_AT_ARCHIVE = 0.1
schedule.DELAYS = (0,) + (200,) * 1000
breaker.PAUSES = (200,)

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

sending = WebhookSender.send
async def stepping(*given):
    step()
    sent = await sending(*given)
    step()
    return sent

WebhookSender.send = stepping
dying(LiveState, "commit")
dying(SqliteOutbox, "settle")
sys.exit(run(["serve", "--workspace", folder, "--port", port]))
"""
"""The server. At a step that it is told, before or after it has written or sent something, it kills itself."""


class Sink:
    """A destination: it notes what arrives, and is not always well."""

    def __init__(self) -> None:
        self.arrived: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        """What was taken, by the ids under which it came."""
        self._chance, self._lock = random.Random(5), threading.Lock()
        self.is_well = False

    def take(self, id_: str, body: bytes) -> int:
        with self._lock:
            if not self.is_well and self._chance.random() < 0.15:
                return 503
            self.arrived[id_].append(json.loads(body)["data"])
            is_told = self.is_well or self._chance.random() < 0.9
        return 200 if is_told else 500


@contextmanager
def listening(sink: Sink) -> Iterator[int]:
    """Its port, as long as it listens."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(sink.take(self.headers["webhook-id"], body))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


class Site(threading.Thread):
    """A site with a few people: what each does has a moment of its own, and is sent until it is answered."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.url, self.chance = url, random.Random(11)
        self.answered: set[tuple[str, int, str]] = set()
        """(who, moment, what) of everything that is certain to last."""
        self.is_over = threading.Event()
        self._number, self._latest = 0, 0

    def run(self) -> None:
        with httpx.Client(auth=("web", ""), timeout=5) as client:
            while not self.is_over.is_set():
                self.send(client, [self.event() for _ in range(self.chance.randrange(1, 4))])
                self.is_over.wait(self.chance.uniform(0.02, 0.15))

    def event(self) -> dict[str, Any]:
        self._number += 1
        self._latest = max(wall_clock_ms() - EARLIER, self._latest + 3)
        return {
            "type": "track",
            "event": self.chance.choice(("Click", "Click", "Order")),
            "userId": f"u{self.chance.randrange(PEOPLE)}",
            "messageId": f"m{self._number}",
            "timestamp": self._latest,
        }

    def send(self, client: httpx.Client, batch: list[dict[str, Any]]) -> None:
        while True:
            with suppress(httpx.TransportError):
                if client.post(f"{self.url}/v1/batch", json={"batch": batch}).status_code == 200:
                    self.answered |= {(each["userId"], each["timestamp"], each["event"]) for each in batch}
                    return
            time.sleep(0.02)


class Server:
    """`shoal serve` in a process of its own."""

    def __init__(self, folder: Path, port: int, *, dies_at_step: int = 0) -> None:
        command = [sys.executable, "-c", SERVE, str(folder), str(port), str(dies_at_step)]
        environment = {**os.environ, "CRM_SECRET": "whsec_" + "c2hvYWwgc2hvYWwgc2hvYWwgc2hvYWwh"}
        self.url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
        )

    def is_ready(self) -> bool:
        with suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        return False

    def lives_a_while(self, seconds: float) -> None:
        """Until it is ready, and then so long, or until it has killed itself."""
        wait_until(lambda: self.process.poll() is not None or self.is_ready())
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.process.poll() is None:
            time.sleep(0.01)
        self.kill()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)


def test_what_fired_arrives_under_one_id_and_nobody_gets_too_much(tmp_path: Path) -> None:
    """Over deaths at random moments and at every kind of step, with a destination that is not always well."""
    sink, chance = Sink(), random.Random(3)
    with listening(sink) as sink_port:
        folder, port = _shop(tmp_path / "shop", sink_port), free_port()
        Server(folder, port).lives_a_while(2 * EARLIER / 1000)  # triggers are on before anything happens
        site = Site(f"http://127.0.0.1:{port}")
        site.start()
        for number in range(ROUNDS):
            server = Server(folder, port, dies_at_step=chance.randrange(2, 60) if number % 3 else 0)
            server.lives_a_while(chance.uniform(0.2, 2))
        site.is_over.set()
        server = Server(folder, port)
        try:
            site.join(PATIENCE_S)
            sink.is_well = True
            wait_until(server.is_ready)
            wait_until(lambda: len(_firings(folder)) == len(site.answered))
            wait_until(lambda: not [each for each in _deliveries(folder) if each.status is Status.READY])
            assert server.stop() == 0
        finally:
            server.kill()
    _compare(site, sink, _firings(folder), _deliveries(folder))


def _shop(folder: Path, sink_port: int) -> Path:
    (folder / "triggers").mkdir(parents=True)
    (folder / "shoal.yaml").write_text(SETTINGS.format(port=sink_port, cap=CAP))
    (folder / "triggers" / "all.yaml").write_text(TRIGGERS)
    return folder


def _firings(folder: Path) -> list[Firing]:
    if not (folder / LIVE_STATE).exists():
        return []
    with closing(open_outbox(folder)) as outbox:
        return outbox.find_firings(Wanted(), ALL)


def _deliveries(folder: Path) -> list[Delivery]:
    with closing(open_outbox(folder)) as outbox:
        return outbox.find(Wanted(), ALL)


def _compare(site: Site, sink: Sink, firings: list[Firing], deliveries: list[Delivery]) -> None:
    assert {each.outcome for each in firings} == {Outcome.FIRED}
    fired = Counter((each.profile, each.effective_at, each.trigger) for each in firings)
    trigger_of = {"Click": "clicked", "Order": "receipt"}
    assert fired == Counter((f"user_id:{who}", at, trigger_of[what]) for who, at, what in site.answered)
    by_status = {status: {each.id for each in deliveries if each.status is status} for status in Status}
    assert sum(map(len, by_status.values())) == len(deliveries) == len(firings)
    assert {status for status, ids in by_status.items() if ids} == {Status.DELIVERED, Status.CAPPED}
    assert set(sink.arrived) == by_status[Status.DELIVERED]
    for id_, bodies in sink.arrived.items():
        assert all(body == bodies[0] for body in bodies), id_
        assert id_.startswith(bodies[0]["firing"])
    assert len({bodies[0]["firing"] for bodies in sink.arrived.values()}) == len(sink.arrived)
    got = Counter(bodies[0]["person"] for bodies in sink.arrived.values() if bodies[0]["trigger"] == "clicked")
    clicks = Counter(f"user_id:{who}" for who, _, what in site.answered if what == "Click")
    assert got == Counter({who: min(count, CAP) for who, count in clicks.items()})
    assert max(clicks.values()) > CAP
