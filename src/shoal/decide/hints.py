"""Hints: a stream of server-sent events that tells an OpenFeature client when to evaluate its flags again.

OFREP 0.3.0, `eventStreams` (github.com/open-feature/protocol, ADR 8). A hint says that something changed for the
person, not what: the client then asks as it did before, and proves again who it is.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator

from shoal.collect.http.answers import Receive, Refused, Scope, Send, answer, cors_headers
from shoal.decide.decider import Decider
from shoal.decide.gate import Gate, Request, refusal_headers
from shoal.model.identifier import Identifier

HINTS_PATH = "/ofrep/v1/hints"

SECONDS_BETWEEN_LOOKS = 0.5
HEARTBEAT_S = 15.0
"""So often something is sent, or somebody between would take the stream for dead."""

MOST_STREAMS, MOST_OF_NETWORK = 10_000, 100
MOST_HANDLES = 100_000
"""Handles that are remembered. Whoever has one that was forgotten gets another with the next evaluation."""

RETRY_AFTER_S = 30
REFETCH = b'data: {"type":"refetchEvaluation"}\n\n'
INACTIVITY_S = 120
"""After so long in the background a page closes its stream, and comes back when it is looked at."""


class Hints:
    """Streams by handles: an address that holds no identifier, given only to who may ask about the person."""

    def __init__(self, decider: Decider, gate: Gate) -> None:
        self._decider, self._gate = decider, gate
        self._secret = secrets.token_bytes(32)
        self._identifiers = OrderedDict[str, Identifier]()
        self._open = Counter[str]()
        self._is_over = False

    def stream_of(self, identifier: Identifier) -> dict[str, object]:
        """How a client finds the stream of an identifier: the same as long as this process lives."""
        handle = hmac.new(self._secret, str(identifier).encode(), hashlib.sha256).hexdigest()[:32]
        self._identifiers[handle] = identifier
        self._identifiers.move_to_end(handle)
        if len(self._identifiers) > MOST_HANDLES:
            self._identifiers.popitem(last=False)
        endpoint = {"requestUri": f"{HINTS_PATH}/{handle}"}
        return {"type": "sse", "endpoint": endpoint, "inactivityDelaySec": INACTIVITY_S}

    def end(self) -> None:
        """The server stops: clients are let go, and come back to whoever serves next."""
        self._is_over = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = self._gate.request_of(scope)
        if scope["method"] == "OPTIONS":
            await self._gate.answer_preflight(request, send)
            return
        try:
            identifier = self._admitted(request, scope)
        except Refused as refused:
            self._gate.refused[refused.code] += 1
            headers = refusal_headers(refused, request.origin)
            await answer(send, refused.status, refused.body, headers)
            return
        self._open[request.network] += 1
        try:
            await self._stream(identifier, request, receive, send)
        finally:
            self._open[request.network] -= 1
            if not self._open[request.network]:
                del self._open[request.network]

    def _admitted(self, request: Request, scope: Scope) -> Identifier:
        if scope["method"] != "GET":
            raise Refused(405, "get_only", "a stream is opened by GET", closes=True)
        if request.origin is not None and not self._gate.allows(request.origin):
            raise Refused(403, "origin_not_allowed", "no source of this workspace has this origin")
        identifier = self._identifiers.get(scope["path"].removeprefix(f"{HINTS_PATH}/"))
        if identifier is None:
            raise Refused(404, "unknown_stream", "there is no such stream any more: evaluate the flags again")
        if self._open.total() >= MOST_STREAMS or self._open[request.network] >= MOST_OF_NETWORK:
            raise Refused(429, "too_many_streams", "there are too many streams", retry_after=RETRY_AFTER_S)
        return identifier

    async def _stream(self, identifier: Identifier, request: Request, receive: Receive, send: Send) -> None:
        headers = [
            (b"content-type", b"text/event-stream"),
            (b"cache-control", b"no-store, no-transform"),
            (b"x-accel-buffering", b"no"),  # servers before this one pass each message on at once
            *cors_headers(request.origin),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        gone = asyncio.create_task(_gone(receive))
        try:
            async for message in self._messages(identifier, gone):
                await send({"type": "http.response.body", "body": message, "more_body": True})
            if not gone.done():
                await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()

    async def _messages(self, identifier: Identifier, gone: asyncio.Task[None]) -> AsyncIterator[bytes]:
        """Until the client is gone or the server stops. What is looked at is published: a look costs nothing."""
        yield b"retry: 2000\n\n"
        seen, quiet_s = self._decider.state_of(identifier), 0.0
        while not self._is_over:
            await asyncio.wait([gone], timeout=SECONDS_BETWEEN_LOOKS)
            if gone.done():
                return
            now, quiet_s = self._decider.state_of(identifier), quiet_s + SECONDS_BETWEEN_LOOKS
            if now != seen:
                seen, quiet_s = now, 0.0
                yield REFETCH
            elif quiet_s >= HEARTBEAT_S:
                quiet_s = 0.0
                yield b": still here\n\n"


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
