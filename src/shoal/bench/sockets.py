"""`shoal bench sockets`: good requests beside a thousand connections that are idle or slow on purpose.

Half of them send nothing, a quarter a head that never ends, a quarter a body that never comes. Each good request
is an event over a connection of its own, as of a browser that has just come.
"""

from __future__ import annotations

import asyncio
import base64
import json
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from shoal.bench.collect import serving
from shoal.bench.load import Load, NotAnswered, requests_of
from shoal.bench.measured import Measured
from shoal.bench.report import Ratio, Report, rows_of
from shoal.bench.reporting import Told, begin_report
from shoal.bench.sizes import Sizes
from shoal.collect.http.limits import Limits
from shoal.definitions.sources import FIRST_WRITE_KEY

SOCKETS = 1_000
REQUESTS_PER_SECOND = 100
SECONDS = 8
"""Good requests come for so long, while none of the others has reached its deadline."""

SECONDS_BETWEEN_BYTES = 1.0
SECONDS_AFTER_DEADLINE = 5.0
TARGET_MS = 100.0

HEAD = b"POST /v1/track HTTP/1.1\r\nhost: localhost\r\n"
BODY = HEAD + b"content-length: 1000\r\n\r\n{"
KINDS = {"idle": b"", "slow head": HEAD + b"x-slow: ", "slow body": BODY}


@dataclass(slots=True)
class Crowd:
    """Connections that keep a server busy with nothing, and when each of them was closed."""

    began: float = field(default_factory=time.perf_counter)
    closed: list[float] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def open(self, host: str, port: int, count: int) -> None:
        """Opens so many, of each kind its share."""
        kinds = ("idle", "slow head", "idle", "slow body")
        for number in range(count):
            reader, writer = await asyncio.open_connection(host, port)
            start = KINDS[kinds[number % len(kinds)]]
            self.tasks.append(asyncio.create_task(self._linger(reader, writer, start)))

    async def _linger(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, start: bytes) -> None:
        """One byte after the other, until the server has had enough."""
        try:
            writer.write(start)
            closing = asyncio.ensure_future(reader.read())
            while not closing.done():
                if start:
                    writer.write(b"x")
                await asyncio.wait([closing], timeout=SECONDS_BETWEEN_BYTES)
            closing.exception()
        except OSError:  # it was closed in the middle
            pass
        finally:
            self.closed.append(time.perf_counter() - self.began)
            writer.close()


def run(sizes: Sizes, told: Told) -> Report:
    """Measures good requests alone, then beside the others, so many times."""
    alone, beside = [], []
    for repeat in range(sizes.repeats):
        told(f"good requests beside {SOCKETS:,} others, {repeat + 1} of {sizes.repeats}")
        with (
            tempfile.TemporaryDirectory(prefix="shoal-bench-") as folder,
            serving(Path(folder)) as (host, port, _),
        ):
            uvloop.run(measure_sockets(host, port, sockets=0, seconds=1))  # so that everything is loaded
            alone.append(uvloop.run(measure_sockets(host, port, sockets=0, seconds=SECONDS)))
            beside.append(uvloop.run(measure_sockets(host, port, sockets=SOCKETS, seconds=SECONDS)))
    worst = max(run.figures["p99 ms"] for run in beside)
    figures = {f"alone, {name}": value for name, value in alone[0].figures.items()}
    figures |= {f"beside, {name}": value for name, value in beside[0].figures.items()}
    return begin_report(
        "sockets",
        f"{REQUESTS_PER_SECOND} good requests a second beside {SOCKETS:,} idle and slow connections",
        agreed=["every good request was answered 200"],
        rows=[*rows_of("shoal", 1, alone), *rows_of("shoal", 1, beside)],
        ratios=[Ratio(what="beside them, p99 ms (worst run)", value=worst, target=TARGET_MS, is_floor=False)],
        figures=figures,
    )


async def measure_sockets(
    host: str, port: int, *, sockets: int, seconds: int, waits_for_deadline: bool = True
) -> Measured:
    """Good requests for so long; then until the deadline of the slowest kind, to see that all were closed."""
    crowd = Crowd()
    await crowd.open(host, port, sockets)
    began = time.perf_counter()
    load = await _good_requests(host, port, seconds * REQUESTS_PER_SECOND)
    spent = time.perf_counter() - began
    figures = {f"p{each:g} ms": load.percentile_ms(each) for each in (50, 99)} | {
        "most ms": load.percentile_ms(100)
    }
    if sockets:
        if waits_for_deadline:
            left = crowd.began + Limits().body_seconds + SECONDS_AFTER_DEADLINE - time.perf_counter()
            await asyncio.wait(crowd.tasks, timeout=max(left, 0.0))
        figures |= {
            "closed by the server": float(len(crowd.closed)),
            "s until the last": max(crowd.closed, default=0),
        }
    for task in crowd.tasks:
        task.cancel()
    await asyncio.gather(*crowd.tasks, return_exceptions=True)
    step = "beside the others" if sockets else "alone"
    return Measured(seconds={step: spent}, figures=figures)


async def _good_requests(host: str, port: int, count: int) -> Load:
    """At an even pace, each over a new connection and timed from the moment at which it was due."""
    load, began = Load(), time.perf_counter()
    key = base64.b64encode(f"{FIRST_WRITE_KEY}:".encode()).decode()
    bodies = [
        json.dumps({"event": "Came", "anonymousId": f"a{number}", "messageId": f"{began}-{number}"}).encode()
        for number in range(count)
    ]
    running = []
    for number, request in enumerate(requests_of(bodies, "/v1/track", key)):
        due = began + number / REQUESTS_PER_SECOND
        if (pause := due - time.perf_counter()) > 0:
            await asyncio.sleep(pause)
        running.append(asyncio.create_task(_good_request(host, port, request, due, load)))
    await asyncio.gather(*running)
    return load


async def _good_request(host: str, port: int, request: bytes, due: float, load: Load) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise NotAnswered(f"a good request was answered {head.splitlines()[0].decode('latin-1')}")
        load.latencies.append(time.perf_counter() - due)
    finally:
        writer.close()
