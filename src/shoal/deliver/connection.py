"""One connection on which bodies are posted: HTTP/1.1 (RFC 9112), one request at a time, as little as that needs.

In: a request as bytes, over a socket that a guard has made. Out: the status of its answer, and how it begins.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import httptools

MOST_READ = 64 * 1024
"""An answer is read so far, head and all: nobody needs more than its status. A longer one ends the connection."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `body` is its beginning."""

    status: int
    retry_after: str | None = None
    body: bytes = b""


class Broken(Exception):
    """The connection ended, or what came was no answer. `is_silent`: not one byte of an answer came."""

    def __init__(self, reason: str, *, is_silent: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.is_silent = reason, is_silent


class Connection(asyncio.Protocol):
    """Posts one request after the other. `is_reusable` says whether another one may follow."""

    def __init__(self) -> None:
        self.is_reusable = False
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Answer] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._received = self._status = 0
        self._retry_after: str | None = None
        self._body = b""

    async def post(self, request: bytes) -> Answer:
        """Sends a request, head and body, and waits for its answer. Raises Broken."""
        if self._transport is None or self._transport.is_closing():
            raise Broken("it was closed", is_silent=True)
        self._received = self._status = 0
        self._retry_after, self._body, self.is_reusable = None, b"", False
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            return await self._waiting
        finally:
            self._waiting = None
            if not self.is_reusable:
                self.close()

    def close(self) -> None:
        """Ends it at once: nobody waits until the other side agrees to that."""
        self.is_reusable = False
        if self._transport is not None:
            self._transport.abort()

    @property
    def _is_asked(self) -> bool:
        return self._waiting is not None and not self._waiting.done()

    # What the loop tells

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if not self._is_asked:  # it says more than it should, and is not to be trusted with another request
            self.close()
            return
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fail("what came is no answer of HTTP")
            return
        if self._received >= MOST_READ:
            self._end()

    def connection_lost(self, _error: Exception | None) -> None:
        self._end()
        self.is_reusable = False

    # What the parser tells

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"retry-after":
            self._retry_after = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._status = self._parser.get_status_code()

    def on_body(self, data: bytes) -> None:
        self._body += data

    def on_message_complete(self) -> None:
        if self._status < 200:  # 100 and the like come before the answer
            self._status, self._retry_after = 0, None
            return
        self.is_reusable = self._is_asked and self._parser.should_keep_alive()
        self._end()

    def _end(self) -> None:
        """No more comes: what came is the answer, if its head is among it."""
        if self._status < 200:
            self._fail("it was closed before an answer came")
        elif self._waiting is not None and self._is_asked:
            self._waiting.set_result(Answer(self._status, self._retry_after, self._body[:MOST_READ]))

    def _fail(self, reason: str) -> None:
        if self._waiting is not None and self._is_asked:
            self._waiting.set_exception(Broken(reason, is_silent=not self._received))
