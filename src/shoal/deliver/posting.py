"""POST requests to one destination over guarded connections, and what the answers mean."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from shoal import __version__
from shoal.deliver.addresses import Blocked, Guard, url_of
from shoal.deliver.connection import Answer, Broken, Connection
from shoal.deliver.sender import Sent
from shoal.model.time import SECOND

TIMEOUT_S = 20.0
"""For all of an attempt: looking the name up, connecting, sending, and reading the answer."""

CONNECTIONS = 32
"""At most so many requests are under way to one destination."""

LONGEST_IDLE_S = 15.0
"""A connection that was not used for so long is not used again: servers close them."""

THROTTLED = frozenset((429, 502, 503, 504))
"""Answers whose Retry-After is honoured."""

OF_THIS_ONE = frozenset((400, 409, 413, 414, 415, 422))
"""Answers that speak against one delivery and not against the destination."""


class Poster:
    """Sends bodies to one URL. Redirects are not followed; there are no proxies and no cookies."""

    def __init__(self, url: str, guard: Guard, *, clock: Callable[[], int], timeout_s: float = TIMEOUT_S) -> None:
        """Raises Blocked for a URL that nothing may be sent to."""
        self.url, self.guard, self.clock = url_of(url), guard, clock
        self._timeout_s = timeout_s
        self._head = (
            f"POST {self.url.target} HTTP/1.1\r\nhost: {self.url.authority}\r\nuser-agent: Shoal/{__version__}\r\n"
            "accept: */*\r\n"
        )
        self._tls = ssl.create_default_context() if self.url.scheme == "https" else None
        self._idle = list[tuple[float, Connection]]()

    async def post(self, body: bytes, headers: Mapping[str, str]) -> tuple[Sent, bytes]:
        """How it went, and the beginning of the answer. `headers` hold no line breaks."""
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._answer(self._request(body, headers))
        except Exception as error:
            return Sent.again(self._reason(error)), b""
        return meaning_of(answer.status, answer.retry_after, self.clock()), answer.body

    async def close(self) -> None:
        """Ends all connections."""
        for _, connection in self._idle:
            connection.close()
        self._idle.clear()
        await asyncio.sleep(0)  # transports close on the loop's next turn

    def _request(self, body: bytes, headers: Mapping[str, str]) -> bytes:
        said = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        assert said.count("\n") == len(headers), "a header holds a line break"
        return f"{self._head}{said}content-length: {len(body)}\r\n\r\n".encode("latin-1") + body

    async def _answer(self, request: bytes) -> Answer:
        """Of a connection that is idle, or a new one. One that was closed while it was idle counts for nothing."""
        now = asyncio.get_running_loop().time()
        while self._idle:
            since, connection = self._idle.pop()
            if now - since > LONGEST_IDLE_S:
                connection.close()
                continue
            try:
                return await self._posted(connection, request)
            except Broken as broken:
                if not broken.is_silent:
                    raise
        return await self._posted(await self._connected(), request)

    async def _posted(self, connection: Connection, request: bytes) -> Answer:
        answer = await connection.post(request)
        if connection.is_reusable:
            self._idle.append((asyncio.get_running_loop().time(), connection))
        return answer

    async def _connected(self) -> Connection:
        """A connection to an address that the guard has checked. A certificate has to be of the URL's host."""
        connected = await self.guard.connect(self.url.host, self.url.port)
        name = None if self._tls is None else self.url.host.rstrip(".")
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                Connection, sock=connected, ssl=self._tls, server_hostname=name
            )
        except BaseException:
            connected.close()
            raise
        return connection

    def _reason(self, error: Exception) -> str:
        """Why there is no answer. Raises what nobody foresaw. No address and no part of the URL is repeated."""
        match error:
            case Blocked():
                return f"blocked: {error.message}"
            case TimeoutError():
                return f"no answer within {self._timeout_s:g} s"
            case Broken():
                return f"the connection broke: {error.reason}"
            case ssl.SSLCertVerificationError():
                return "its certificate is not valid"
            case ssl.SSLError():
                return "it does not speak TLS as it should"
            case socket.gaierror():
                return "its name cannot be looked up"
            case OSError():
                return f"no connection: {os.strerror(error.errno) if error.errno else 'it failed'}"
        raise error


def meaning_of(status: int, retry_after: str | None, now: int) -> Sent:
    """What an answer says of a delivery: only 2xx is success, and 410 is the end of the destination."""
    if 200 <= status < 300:
        return Sent.delivered()
    if status == 410:
        return Sent.gone("it answered 410: it wants nothing any more")
    if 300 <= status < 400:
        return Sent.again(f"it answered {status}: redirects are not followed")
    asked_ms = read_retry_after(retry_after, now) if status in THROTTLED else None
    return Sent.again(f"it answered {status}", after_ms=asked_ms, is_destinations_fault=status not in OF_THIS_ONE)


def read_retry_after(stated: str | None, now: int) -> int | None:
    """Milliseconds that a Retry-After asks for, as seconds or a date (RFC 9110, 10.2.3); None when it is none."""
    if stated is None:
        return None
    stated = stated.strip()
    if stated.isascii() and stated.isdigit():
        return int(stated[:9]) * SECOND
    try:
        moment = parsedate_to_datetime(stated)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(int(moment.timestamp() * 1000) - now, 0)
