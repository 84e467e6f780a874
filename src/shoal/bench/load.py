"""Load on a collector: requests made beforehand, over a few connections, each sent when the last is answered."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import uvloop

from shoal.errors import Error

ANSWERED = b'{"success":true}'


class NotAnswered(Error):
    """The collector did not answer a request of the benchmark with 200."""


@dataclass(slots=True)
class Load:
    """Seconds from the first request to the last answer, and of each request."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    def percentile_ms(self, percent: float) -> float:
        """Milliseconds within which so many percent of the requests were answered."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)]


def requests_of(bodies: Sequence[bytes], path: str, authorization: str) -> list[bytes]:
    """Whole requests, as they go over the wire."""
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Basic {authorization}\r\ncontent-length: "
    return [b"%s%d\r\n\r\n%s" % (head.encode(), len(body), body) for body in bodies]


def send(host: str, port: int, requests: Sequence[bytes], *, connections: int) -> Load:
    """Sends all requests. Raises NotAnswered as soon as one is not answered with 200."""
    return uvloop.run(_send(host, port, deque(requests), connections))


async def _send(host: str, port: int, waiting: deque[bytes], connections: int) -> Load:
    load, loop = Load(), asyncio.get_running_loop()

    async def connect() -> _Connection:
        return (await loop.create_connection(lambda: _Connection(waiting, load), host, port))[1]

    opened = [await connect() for _ in range(connections)]
    began = time.perf_counter()
    try:
        for connection in opened:
            connection.send_next()
        await asyncio.gather(*(connection.done for connection in opened))
        load.seconds = time.perf_counter() - began
    finally:
        for connection in opened:
            connection.close()
        await asyncio.sleep(0.01)  # the loop closes them on its next turn
    return load


class _Connection(asyncio.Protocol):
    """One connection that takes the next request when its last one is answered."""

    def __init__(self, waiting: deque[bytes], load: Load) -> None:
        self.waiting, self.load = waiting, load
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sent_at, self.received = 0.0, b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport

    def send_next(self) -> None:
        if not self.waiting:
            self.transport.close()
            self.done.set_result(None)
            return
        self.sent_at = time.perf_counter()
        self.transport.write(self.waiting.popleft())

    def close(self) -> None:
        self.done.cancel()
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        self.received += data
        if self.received.endswith(ANSWERED):
            self.load.latencies.append(time.perf_counter() - self.sent_at)
            self.received = b""
            self.send_next()
        elif not b"HTTP/1.1 200".startswith(self.received[:12]):
            self._fail(self.received.decode("latin-1").splitlines()[0])

    def connection_lost(self, _error: Exception | None) -> None:
        self._fail("the connection was closed")

    def _fail(self, reason: str) -> None:
        if not self.done.done():
            self.done.set_exception(NotAnswered(f"a request of the benchmark was not answered with 200: {reason}"))
