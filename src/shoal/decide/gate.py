"""What every question passes before it is answered: limits by address and by key, size, origin, and who asks."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shoal.collect.http.answers import (
    Headers,
    Receive,
    Refused,
    Scope,
    Send,
    answer,
    cors_headers,
    preflight_headers,
)
from shoal.collect.http.bodies import BodyReader
from shoal.collect.http.context import is_of_browser
from shoal.collect.http.limits import Limits
from shoal.collect.http.request import Keys, address_told, client_address
from shoal.decide.access import NOBODYS_KEY, Access, Asker, ServerKeys
from shoal.decide.context import Circumstances
from shoal.decide.refusals import refusals
from shoal.decide.throttle import Throttle, network_of
from shoal.definitions.sources import Collecting
from shoal.model.consent import Purpose

QUESTION_BYTES = 64 * 1024
"""A question holds no more than the context of an event may, twice."""

FAILURES_PER_SECOND, FAILURES_AT_ONCE = 0.2, 10
"""How often one address may come with a key of nobody: twelve times a minute."""

_TOO_MANY_WRONG = "this address came with too many wrong keys"

NEVER_STORED: Headers = [(b"cache-control", b"no-store")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Questions a second, from one address and with one key; 0 is no limit. Twice as many may come at once."""

    per_address: float = 50.0
    per_key: float = 5_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, as far as it says who sends it."""

    headers: dict[bytes, bytes]
    origin: bytes | None
    network: str
    """Who is counted together with whoever sends it."""
    circumstances: Circumstances
    sec_gpc: str
    """The header that says whether the browser refuses ads and sharing."""


class Gate:
    """Lets questions in. `refused` counts those that it did not, by the code of the answer."""

    def __init__(
        self,
        collecting: Collecting,
        server_keys: ServerKeys | None = None,
        *,
        rates: Rates | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        rates = rates or Rates()
        self.refused = Counter[str]()
        self._collecting, self._clock = collecting, clock
        self._keys = Keys(collecting)
        self._access = Access(collecting.sources, self._keys, server_keys or ServerKeys())
        self._by_address, self._by_key = Throttle(rates.per_address), Throttle(rates.per_key)
        self._failures = Throttle(FAILURES_PER_SECOND, burst=FAILURES_AT_ONCE)
        self._bodies = BodyReader(Limits(request_bytes=QUESTION_BYTES))

    def request_of(self, scope: Scope) -> Request:
        """What a request says of itself."""
        headers = dict(scope["headers"])
        peer, forwarded = (
            (scope.get("client") or ("", 0))[0],
            headers.get(b"x-forwarded-for", b"").decode("latin-1"),
        )
        agent = headers.get(b"user-agent", b"").decode("latin-1")
        is_of_person = is_of_browser(b"origin" in headers, agent)
        return Request(
            headers=headers,
            origin=headers.get(b"origin"),
            network=network_of(address_told(peer, forwarded, self._collecting.trusted_proxies)),
            circumstances=Circumstances(
                agent=agent if is_of_person else "",
                address=client_address(peer, forwarded, self._collecting) if is_of_person else "",
            ),
            sec_gpc=headers.get(b"sec-gpc", b"").decode("latin-1"),
        )

    async def body(self, request: Request, receive: Receive) -> bytes:
        """The body of a request. Raises Refused when its address asks too often, and for too large or too slow."""
        self._let_pass(self._by_address, request.network, "this address asks too often")
        stated = request.headers.get(b"content-length", b"")
        try:
            return await self._bodies.read(receive, int(stated) if stated.isdigit() else None)
        except Refused as refused:
            if refused.status != 413:
                raise
            message = f"a question may hold {QUESTION_BYTES // 1024} KB"
            raise Refused(413, "too_large", message, closes=True) from None

    def asker(self, request: Request, key_in_body: object = None) -> Asker:
        """Who asks. Raises Refused for a key of nobody, and when a key, or tries to find a secret, come too often.

        Whoever tried too many waits also with the right secret. Write keys, which are none, go on: of two people
        behind one address, one may be up to something.
        """
        try:
            asker = self._access.asker(request.headers, key_in_body)
        except Refused as refused:
            if refused.code == NOBODYS_KEY:
                self._let_pass(self._failures, request.network, _TOO_MANY_WRONG)
            raise
        if asker.is_server and (wait := self._failures.must_wait(request.network, self._clock())):
            raise _too_often(_TOO_MANY_WRONG, wait)
        self._let_pass(self._by_key, asker.name, "this key asks too often")
        return asker

    def _let_pass(self, throttle: Throttle, name: str, message: str) -> None:
        if wait := throttle.take(name, self._clock()):
            raise _too_often(message, wait)

    def refusals(self, request: Request, context: dict[str, Any]) -> frozenset[Purpose]:
        """What a request refuses by itself, by a header or in the context that it states."""
        return refusals(request.sec_gpc, context, self._collecting.consent_categories)

    async def answer_preflight(self, request: Request, send: Send) -> None:
        """Leave for pages of any origin of a source: a preflight does not say with which key it will come."""
        origin = request.origin
        if origin is None or not self.allows(origin):
            refused = Refused(403, "origin_not_allowed", "no source of this workspace has this origin")
            self.refused[refused.code] += 1
            await answer(send, 403, refused.body, [(b"vary", b"Origin")])
            return
        asked = request.headers.get(b"access-control-request-headers")
        await answer(send, 200, b"{}", preflight_headers(origin, asked))

    def allows(self, origin: bytes) -> bool:
        """Whether pages of this origin may ask with any key."""
        return self._keys.allows_anywhere(origin.decode("latin-1"))


def refusal_headers(refused: Refused, origin: bytes | None) -> Headers:
    """Of an answer that refuses. `Bearer`, because for `Basic` browsers would ask their users for a password."""
    headers = [each for each in refused.headers if each[0] != b"www-authenticate"]
    if refused.status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="shoal"'))
    return [*headers, *NEVER_STORED, *cors_headers(origin)]


def _too_often(message: str, wait: int) -> Refused:
    return Refused(429, "too_many_requests", message, retry_after=wait)
