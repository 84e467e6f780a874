"""The collector: an ASGI application that keeps what SDKs send, and answers once it is certain to last."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable

from shoal.collect.http.acknowledgements import Acknowledgements
from shoal.collect.http.answers import (
    SUCCESS,
    Headers,
    Receive,
    Refused,
    Scope,
    Send,
    answer,
    cors_headers,
    preflight_headers,
)
from shoal.collect.http.bodies import BodyReader, ClientGone, under_pressure, unpack
from shoal.collect.http.limits import Limits
from shoal.collect.http.request import Keys, kept_headers, shape_of
from shoal.collect.http.routes import METRICS_PATH, kind_of
from shoal.collect.http.sdk_settings import SdkSettings
from shoal.definitions.sources import Collecting
from shoal.errors import StoreError
from shoal.journal.journal import Arrival, Journal, JournalFull

_LOG = logging.getLogger(__name__)


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


class Collector:
    """Answers the paths of the tracking protocols; everything else is for `others`.

    `answered` counts requests by status, `requests` those that were kept and `events` the events in them, before
    any is read; `refused` counts the others by the code of the answer.
    """

    def __init__(
        self,
        journal: Journal,
        collecting: Collecting,
        *,
        others: Callable[[Scope, Receive, Send], object] | None = None,
        limits: Limits | None = None,
        clock: Callable[[], int] = wall_clock_ms,
    ) -> None:
        self.journal, self.collecting, self.others, self.clock = journal, collecting, others, clock
        self.limits = limits or Limits()
        self.keys = Keys(collecting)
        self.answered = Counter[int]()
        self.requests = self.events = 0
        self.refused = Counter[str]()
        self._kept = Acknowledgements()
        self._bodies = BodyReader(self.limits)
        self._settings = SdkSettings(self.keys, collecting)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            kind = kind_of(scope["path"])
            if kind is not None:
                await self._answer_sender(scope, receive, send, kind)
                return
            if scope["path"] == METRICS_PATH:
                await self._answer_metrics(scope, receive, send)
                return
            if self._settings.answers(scope["path"]):
                await self._settings(scope, receive, send)
                return
        if self.others is None:
            await _not_found(scope, receive, send)
        else:
            await self.others(scope, receive, send)  # type: ignore[misc]

    async def _answer_sender(self, scope: Scope, receive: Receive, send: Send, kind: str) -> None:
        headers = dict(scope["headers"])
        origin = headers.get(b"origin")
        if scope["method"] == "OPTIONS":
            await self._answer_preflight(origin, headers.get(b"access-control-request-headers"), send)
            return
        try:
            _refuse_other_methods(scope["method"])
            await self._keep(scope, headers, receive, kind)
        except ClientGone:
            return
        except Refused as refused:
            await self._refuse(send, refused, origin)
            return
        except Exception:
            # A mistake of ours. The sender keeps what it has and sends it again; the log says where, not what.
            _LOG.exception("a request to %s failed", kind)
            failure = Refused(500, "internal", "something went wrong inside Shoal; send it again later")
            await self._refuse(send, failure, origin)
            return
        await self._tell(send, 200, SUCCESS, [], origin)

    async def _keep(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, kind: str) -> None:
        """Returns when the request is certain to last. Raises Refused when it is not kept."""
        raw = await self._bodies.read(receive, _length(headers))
        body = unpack(raw, headers.get(b"content-encoding", b"").decode("latin-1").strip().lower(), self.limits)
        shape = shape_of(body, kind, self.limits)
        source = self.keys.of_request(headers, scope["query_string"], shape.writeKey)
        arrival = Arrival(
            received_at=self.clock(),
            write_key=source.write_key,
            path=scope["path"],
            body=raw,
            headers=kept_headers(headers, (scope.get("client") or ("", 0))[0], self.collecting),
        )
        await self._append(arrival)
        self.requests += 1
        self.events += len(shape.batch) if isinstance(shape.batch, list) else 1

    async def _append(self, arrival: Arrival) -> None:
        try:
            await self._kept.wait_for(self.journal.append(arrival))
        except JournalFull:
            raise under_pressure(self.limits) from None
        except StoreError:
            message = "nothing can be kept at present; send it again later"
            raise Refused(503, "cannot_store", message, retry_after=self.limits.retry_after_seconds) from None

    async def _answer_preflight(self, origin: bytes | None, asked: bytes | None, send: Send) -> None:
        if origin is None or not self.keys.allows_anywhere(origin.decode("latin-1")):
            refused = Refused(
                403, "origin_not_allowed", "no source of this workspace takes events from this origin"
            )
            self.refused[refused.code] += 1
            await self._tell(send, 403, refused.body, [(b"vary", b"Origin")], None)
            return
        await self._tell(send, 200, b"{}", preflight_headers(origin, asked), None)

    async def _answer_metrics(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        origin = headers.get(b"origin")
        if scope["method"] == "OPTIONS":
            await self._answer_preflight(origin, headers.get(b"access-control-request-headers"), send)
            return
        try:
            await self._bodies.read(receive, _length(headers))
        except ClientGone:
            return
        except Refused as refused:
            await self._refuse(send, refused, origin)
            return
        await self._tell(send, 200, SUCCESS, [], origin)

    async def _refuse(self, send: Send, refused: Refused, origin: bytes | None) -> None:
        self.refused[refused.code] += 1
        await self._tell(send, refused.status, refused.body, refused.headers, origin)

    async def _tell(self, send: Send, status: int, body: bytes, headers: Headers, origin: bytes | None) -> None:
        self.answered[status] += 1
        await answer(send, status, body, [*headers, *cors_headers(origin)])


def _refuse_other_methods(method: str) -> None:
    if method != "POST":
        raise Refused(405, "post_only", "events are sent by POST", closes=True)


def _length(headers: dict[bytes, bytes]) -> int | None:
    stated = headers.get(b"content-length", b"")
    return int(stated) if stated.isdigit() else None


async def _not_found(scope: Scope, _receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await answer(send, 404, Refused(404, "not_found", "there is nothing at this path").body, [])
