"""A destination for benchmarks: `python -m shoal.bench.act_sink` takes whatever is posted and counts its ids.

It tells its port on the first line. When its input ends it tells how many requests came, and how many ids.
"""

from __future__ import annotations

import asyncio
import re
import sys

import uvloop

_ID = re.compile(rb"\r\nwebhook-id: ?([^\r]+)", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length: ?(\d+)", re.IGNORECASE)
_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


class Taken(asyncio.Protocol):
    """One connection. Requests follow each other on it."""

    def __init__(self, ids: list[bytes]) -> None:
        self._ids, self._received = ids, b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (ends := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:ends]
            stated, told = _LENGTH.search(head), _ID.search(head)
            whole = ends + 4 + (int(stated[1]) if stated else 0)
            if len(self._received) < whole:
                return
            self._received = self._received[whole:]
            self._ids.append(told[1] if told else b"")
            self._transport.write(_ANSWER)


async def serve() -> list[bytes]:
    """The ids of everything that came until the input ended."""
    loop, ids = asyncio.get_running_loop(), list[bytes]()
    server = await loop.create_server(lambda: Taken(ids), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()
    return ids


if __name__ == "__main__":
    came = uvloop.run(serve())
    sys.stdout.write(f"{len(came)} {len(set(came))}\n")
