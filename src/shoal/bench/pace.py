"""Requests at an even pace over a few connections, each timed from the moment at which it was due.

A request that has to wait for a connection is late already: its time in the queue counts, too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from shoal.bench.load import Load, NotAnswered


@dataclass(slots=True)
class Paced:
    """What was answered: how long each took, and each body."""

    load: Load = field(default_factory=Load)
    bodies: list[bytes] = field(default_factory=list)


async def send_at_pace(
    host: str,
    port: int,
    requests: Iterable[bytes],
    *,
    per_second: float,
    connections: int,
    keeps: Callable[[bytes], bool] = lambda _: False,
) -> Paced:
    """Sends each request when it is due. Raises NotAnswered for an answer that is not 200."""
    paced, due = Paced(), asyncio.Queue[tuple[float, bytes] | None]()
    began = time.perf_counter()
    workers = [asyncio.create_task(_answer_all(host, port, due, paced, keeps)) for _ in range(connections)]
    try:
        for number, request in enumerate(requests):
            at = began + number / per_second
            if (pause := at - time.perf_counter()) > 0:
                await asyncio.sleep(pause)
            due.put_nowait((at, request))
            for worker in workers:
                if worker.done():
                    worker.result()
        for _ in workers:
            due.put_nowait(None)
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
    paced.load.seconds = time.perf_counter() - began
    return paced


async def _answer_all(
    host: str,
    port: int,
    due: asyncio.Queue[tuple[float, bytes] | None],
    paced: Paced,
    keeps: Callable[[bytes], bool],
) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        while (waiting := await due.get()) is not None:
            at, request = waiting
            writer.write(request)
            body = await _read_answer(reader)
            paced.load.latencies.append(time.perf_counter() - at)
            if keeps(body):
                paced.bodies.append(body)
    finally:
        writer.close()


async def _read_answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise NotAnswered(f"a request of the benchmark was answered {head.splitlines()[0].decode('latin-1')}")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return await reader.readexactly(int(lengths[0].partition(b":")[2]))
