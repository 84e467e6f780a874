"""The deliveries of `shoal bench act`: an outbox that is full, and a worker until all of it is written down."""

from __future__ import annotations

import base64
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from shoal.bench.measured import Measured
from shoal.bench.stopwatch import Stopwatch
from shoal.definitions.acting import Destination
from shoal.deliver.destinations import Surroundings, open_all
from shoal.deliver.sender import Result
from shoal.deliver.worker import Worker
from shoal.model.consent import Purpose
from shoal.model.firing import Channel, Delivery, Status
from shoal.runtime.acting import open_outbox
from shoal.runtime.live_loop import wall_clock_ms
from shoal.runtime.live_state import open_live_state
from shoal.runtime.places import LIVE_STATE
from shoal.triggers import tables

SINK, DOWN = "sink", "down"
NOBODY_LISTENS = 1
"""A port at which connections are refused."""

SECONDS_BETWEEN_LOOKS = 0.02

_SECRET = f"whsec_{base64.b64encode(bytes(32)).decode()}"


def measure_deliveries(*, step: str, count: int, down: int, port: int) -> Measured:
    """Sends so many deliveries, of as many people, while so many wait for a destination that is down."""
    watch = Stopwatch()
    with tempfile.TemporaryDirectory(prefix="shoal-bench-") as name:
        folder = Path(name)
        _fill(folder, [*_deliveries(SINK, count), *_deliveries(DOWN, down)])
        opened, _ = open_all(
            {SINK: _destination(SINK, port), DOWN: _destination(DOWN, NOBODY_LISTENS)},
            Surroundings(environment={"SECRET": _SECRET}, clock=wall_clock_ms),
        )
        worker = Worker(lambda: open_outbox(folder), opened, clock=wall_clock_ms, why_not=lambda _: "")
        with watch(step):
            worker.start()
            while worker.figures.attempts[SINK, Result.DELIVERED.value] < count:
                time.sleep(SECONDS_BETWEEN_LOOKS)
        worker.stop()
        with closing(open_outbox(folder)) as outbox:
            written = outbox.counts().get(("bench", SINK, Status.DELIVERED), 0)
    attempts = sum(number for (name, _), number in worker.figures.attempts.items() if name == DOWN)
    return watch.measured(**{"written down": written, "attempts at the one that is down": attempts})


def _deliveries(destination: str, count: int) -> Iterator[Delivery]:
    now = wall_clock_ms()
    for number in range(count):
        firing = f"fir_{destination}{number:020}"
        yield Delivery(
            id=f"{firing}_1",
            firing=firing,
            trigger="bench",
            purpose=Purpose.PERSONALISATION,
            person=f"user_id:{number}",
            channel=Channel.WEBHOOK,
            destination=destination,
            status=Status.READY,
            created_at=now,
            not_before=now,
            content={"direction": "entered", "effective_at": "2026-01-01T00:00:00.000Z"},
            facts={
                "first_name": f"Ann {number}",
                "cart_value": number / 7,
                "product": "A warm coat",
                "city": None,
            },
        )


def _fill(folder: Path, deliveries: list[Delivery]) -> None:
    with closing(open_live_state(folder / LIVE_STATE)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        for each in deliveries:
            tables.add_delivery(connection, each, is_capped=False)
        connection.execute("COMMIT")


def _destination(name: str, port: int) -> Destination:
    return Destination(
        name=name,
        channel=Channel.WEBHOOK,
        address=f"http://127.0.0.1:{port}/hook",
        secret_variables=("SECRET",),
        allowed_networks=("127.0.0.0/8",),
    )
