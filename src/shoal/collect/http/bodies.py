"""Bodies of requests: received and unpacked, never more of them than a request may hold."""

from __future__ import annotations

import asyncio
import zlib
from contextlib import suppress

from shoal.collect.http.answers import Receive, Refused
from shoal.collect.http.limits import Limits

GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_CHUNK = 1024
"""Damage costs what comes after it, and at most so much of what comes before."""


class ClientGone(Exception):
    """The sender closed the connection before its request was whole."""


class BodyReader:
    """Receives bodies. Counts the bytes of all that are being received at present."""

    def __init__(self, limits: Limits) -> None:
        self.limits, self.bytes_held = limits, 0

    async def read(self, receive: Receive, stated_length: int | None) -> bytes:
        """The whole body. Raises Refused when it is too large or too slow, ClientGone when it breaks off."""
        limits = self.limits
        if stated_length is not None and stated_length > limits.request_bytes + limits.drained_bytes:
            raise too_large(limits)
        try:
            async with asyncio.timeout(limits.body_seconds):
                return await self._read(receive)
        except TimeoutError:
            message = f"the request was not whole after {limits.body_seconds:g} seconds"
            raise Refused(408, "too_slow", message, closes=True) from None

    async def _read(self, receive: Receive) -> bytes:
        limits, chunks, size = self.limits, list[bytes](), 0
        try:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                chunk: bytes = message.get("body", b"")
                self._hold(len(chunk))
                size += len(chunk)
                if size > limits.request_bytes:
                    await self._drain(receive, message.get("more_body", False))
                    raise too_large(limits)
                chunks.append(chunk)
                if not message.get("more_body", False):
                    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
        finally:
            self.bytes_held -= size

    def _hold(self, size: int) -> None:
        self.bytes_held += size
        if self.bytes_held > self.limits.bodies_bytes:
            self.bytes_held -= size
            raise under_pressure(self.limits)

    async def _drain(self, receive: Receive, has_more: bool) -> None:
        """Throws away what is left, up to a point: a sender that is cut off in the middle does not hear why."""
        drained = 0
        while has_more and drained <= self.limits.drained_bytes:
            message = await receive()
            drained += len(message.get("body", b""))
            has_more = message["type"] == "http.request" and message.get("more_body", False)


def unpack(body: bytes, encoding: str, limits: Limits) -> bytes:
    """The body as it was before it was compressed: some senders compress without saying so, others only say so.

    Raises Refused for what is no gzip, breaks off, or is larger than a request may be.
    """
    if not body.startswith(GZIP_MAGIC):
        if encoding in ("", "identity") or body[:1] in (b"{", b"[", b" ", b"\n"):
            return body
        if encoding != "deflate":
            raise Refused(
                400, "bad_compression", f'the body is not compressed by "{encoding[:40]}", or it is no gzip'
            )
    window = zlib.MAX_WBITS if encoding == "deflate" and not body.startswith(GZIP_MAGIC) else _GZIP_WINDOW
    unpacker = zlib.decompressobj(window)
    try:
        unpacked = unpacker.decompress(body, limits.request_bytes + 1)
    except zlib.error as error:
        raise Refused(400, "bad_compression", f"the body is no gzip that can be read: {error}") from None
    if len(unpacked) > limits.request_bytes:
        raise too_large(limits)
    if not unpacker.eof:
        raise Refused(400, "bad_compression", "the compressed body breaks off")
    return unpacked


def unpacked_so_far(body: bytes, limits: Limits) -> bytes:
    """As much of a body as can be unpacked, however damaged the rest is; itself when it is not compressed."""
    for window in (_GZIP_WINDOW, zlib.MAX_WBITS):
        unpacked, unpacker = bytearray(), zlib.decompressobj(window)
        with suppress(zlib.error):
            for start in range(0, len(body), _CHUNK):
                room = limits.request_bytes - len(unpacked)
                unpacked += unpacker.decompress(body[start : start + _CHUNK], room) if room > 0 else b""
        if unpacked:
            return bytes(unpacked)
    return body


def too_large(limits: Limits) -> Refused:
    message = f"a request may hold {limits.request_bytes // 1024} KB, unpacked; send fewer events at a time"
    return Refused(413, "too_large", message, closes=True)


def under_pressure(limits: Limits) -> Refused:
    message = "more is coming in than can be kept at present; send it again a little later"
    return Refused(429, "under_pressure", message, retry_after=limits.retry_after_seconds)
