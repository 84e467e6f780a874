"""`GET /v1/stream`: the server-sent events that the tracker listens to as long as somebody looks at a page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from shoal.collect.http.answers import Refused, cors_headers, preflight_headers
from shoal.collect.http.request import Keys, address_told
from shoal.decide.access import Asker, refuse_about
from shoal.decide.throttle import network_of
from shoal.definitions.sources import Collecting
from shoal.model.identifier import Identifier
from shoal.web.offers import OfferHub, Stream, TooManyStreams

STREAM_PATH = "/v1/stream"

_HEADERS = [
    (b"cache-control", b"no-store, no-transform"),
    (b"x-accel-buffering", b"no"),  # servers before this one pass each message on at once
    (b"x-content-type-options", b"nosniff"),
]
_RETRY_MS = 2000
_RETRY_AFTER_S = 30


class Streams:
    """Answers pages that ask for their offers."""

    def __init__(self, hub: OfferHub, collecting: Collecting) -> None:
        self.hub, self.collecting = hub, collecting
        self._keys = Keys(collecting)

    @property
    def route(self) -> Route:
        return Route(STREAM_PATH, self.answer, methods=["GET", "OPTIONS"])

    async def answer(self, request: Request) -> Response:
        """A stream, or why there is none."""
        if request.method == "OPTIONS":
            return self._preflight(request)
        headers = cors_headers(request.headers.get("origin", "").encode("latin-1") or None)
        try:
            stream = self._opened(request)
        except Refused as refused:
            # Without the challenge of a 401, for which some browsers would ask the visitor for a password.
            told = [(name, value) for name, value in refused.headers if name != b"www-authenticate"]
            response = Response(refused.body, refused.status, media_type="application/json")
            response.raw_headers.extend([*told, *headers])
            return response
        answer = _Streaming(self.hub, stream)
        answer.raw_headers.extend([*_HEADERS, *headers])
        return answer

    def _preflight(self, request: Request) -> Response:
        """For browsers that ask first, as they do when a page listens in another way than by EventSource."""
        origin = request.headers.get("origin", "")
        response = Response(status_code=200 if self._keys.allows_anywhere(origin) else 403)
        if response.status_code == 200:
            asked = request.headers.get("access-control-request-headers", "").encode("latin-1")
            response.raw_headers.extend(preflight_headers(origin.encode("latin-1"), asked))
        return response

    def _opened(self, request: Request) -> Stream:
        """Raises Refused for a key, an origin or an id that gets none, and when there are too many."""
        source = self._keys.of_request(dict(request.scope["headers"]), request.scope["query_string"], None)
        anonymous_id = request.query_params.get("anonymousId", "")
        if not anonymous_id:
            raise Refused(400, "missing_id", "say whose offers: anonymousId")
        refuse_about(Asker(name=source.name, is_server=False), Identifier("anonymous_id", anonymous_id))
        peer = request.client.host if request.client is not None else ""
        forwarded = request.headers.get("x-forwarded-for", "")
        stream = Stream(
            anonymous_id=anonymous_id,
            source=source.name,
            network=network_of(address_told(peer, forwarded, self.collecting.trusted_proxies)),
            has_gpc=request.headers.get("sec-gpc", "").strip() == "1",
            has=request.headers.get("last-event-id", "")[:200],
        )
        try:
            self.hub.add(stream)
        except TooManyStreams as error:
            message = f"there are too many streams: {error}"
            raise Refused(429, "too_many_streams", message, retry_after=_RETRY_AFTER_S) from None
        return stream


class _Streaming(StreamingResponse):
    """What a page receives until it is closed. However that ends, the stream is given back."""

    def __init__(self, hub: OfferHub, stream: Stream) -> None:
        super().__init__(_messages(hub, stream), media_type="text/event-stream")
        self._hub, self._stream = hub, stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._hub.remove(self._stream)


async def _messages(hub: OfferHub, stream: Stream) -> AsyncIterator[bytes]:
    yield b"retry: %d\n\n" % _RETRY_MS
    while True:
        try:
            async with asyncio.timeout(hub.limits.heartbeat_s):
                message = await stream.messages.get()
        except TimeoutError:
            message = b": still here\n\n"
        if message is None:
            return
        yield message
