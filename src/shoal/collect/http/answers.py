"""What the collector answers: one JSON object, and the headers that browsers and SDKs look for.

SDKs take anything but 200 for a failure: what is answered 4xx they drop, what is answered 429 or 5xx they send
again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

SUCCESS = b'{"success":true}'
PREFLIGHT_SECONDS = 7200


class Refused(Exception):
    """A request that is not kept. `code` is for programs and never changes, the message is for people."""

    def __init__(
        self, status: int, code: str, message: str, *, retry_after: int = 0, closes: bool = False
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.retry_after, self.closes = retry_after, closes

    @property
    def body(self) -> bytes:
        return msgspec.json.encode({"code": self.code, "message": self.message})

    @property
    def headers(self) -> Headers:
        headers: Headers = []
        if self.retry_after:
            headers.append((b"retry-after", b"%d" % self.retry_after))
        if self.closes:
            headers.append((b"connection", b"close"))
        if self.status == 401:
            headers.append((b"www-authenticate", b'Basic realm="write key, empty password"'))
        return headers


def cors_headers(origin: bytes | None) -> Headers:
    """So that a page of this origin may read the answer. The answer is another for another origin."""
    if origin is None:
        return []
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", b"ETag, Retry-After"),
        (b"vary", b"Origin"),
    ]


def preflight_headers(origin: bytes, asked: bytes | None) -> Headers:
    """Leave to send what the browser asks for, by name: `*` would not hold for Authorization."""
    headers = cors_headers(origin)
    headers += [
        (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
        (b"access-control-max-age", b"%d" % PREFLIGHT_SECONDS),
    ]
    if asked:
        headers.append((b"access-control-allow-headers", asked))
    return headers


async def answer(send: Send, status: int, body: bytes, headers: Headers) -> None:
    """Sends one answer."""
    told = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *headers]
    await send({"type": "http.response.start", "status": status, "headers": told})
    await send({"type": "http.response.body", "body": body})
