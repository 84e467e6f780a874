"""POST requests to one destination over guarded connections, and what the answers mean."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from shoal import __version__
from shoal.deliver.addresses import Blocked, Guard, url_of
from shoal.deliver.sender import Sent
from shoal.model.time import SECOND

TIMEOUT_S = 20.0
"""For all of an attempt: looking the name up, connecting, sending, and reading the answer."""

CONNECTIONS = 32
"""At most so many requests are under way to one destination."""

MOST_READ = 64 * 1024
"""An answer is read so far, so that its connection can be used again. What it says is not looked at."""

THROTTLED = frozenset((429, 502, 503, 504))
"""Answers whose Retry-After is honoured."""

OF_THIS_ONE = frozenset((400, 409, 413, 414, 415, 422))
"""Answers that speak against one delivery and not against the destination."""


class Poster:
    """Sends bodies to one URL. Redirects are not followed, proxies and cookies are not used."""

    def __init__(self, url: str, guard: Guard, *, clock: Callable[[], int], timeout_s: float = TIMEOUT_S) -> None:
        """Raises Blocked for a URL that nothing may be sent to."""
        self.url, self.guard, self.clock = url_of(url), guard, clock
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def post(self, body: bytes, headers: Mapping[str, str]) -> tuple[Sent, bytes]:
        """How it went, and the beginning of the answer."""
        try:
            async with self._opened().post(
                self.url, data=body, headers=headers, allow_redirects=False, timeout=self._timeout
            ) as response:
                answer = await _beginning(response)
                return meaning_of(response.status, response.headers.get("retry-after"), self.clock()), answer
        except Blocked as blocked:
            return Sent.again(f"blocked: {blocked.message}"), b""
        except TimeoutError:
            return Sent.again(f"no answer within {self._timeout.total:g} s"), b""
        except aiohttp.ClientSSLError:
            return Sent.again("its certificate is not valid"), b""
        except aiohttp.ClientConnectorDNSError:
            return Sent.again("its name cannot be looked up"), b""
        except aiohttp.ClientConnectorError as error:
            number = error.os_error.errno
            return Sent.again(f"no connection: {os.strerror(number) if number else 'it failed'}"), b""
        except aiohttp.ClientError as error:
            return Sent.again(f"the connection broke ({type(error).__name__})"), b""

    async def close(self) -> None:
        """Ends all connections."""
        if self._session is not None:
            await self._session.close()
            await asyncio.sleep(0)  # transports close on the loop's next turn

    def _opened(self) -> aiohttp.ClientSession:
        """The session, begun on the loop that uses it."""
        if self._session is None:
            connector = aiohttp.TCPConnector(
                resolver=_Resolver(self.guard),
                use_dns_cache=False,  # each new connection looks the name up, and checks what it gets
                socket_factory=self.guard.make_socket,
                limit=CONNECTIONS,
                ssl=ssl.create_default_context(),
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,  # what is not looked at need not be unpacked
                trust_env=False,  # a proxy would connect where the guard does not see it
                headers={"user-agent": f"Shoal/{__version__}"},
            )
        return self._session


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    """An answer up to MOST_READ. The connection of a longer one is not used again."""
    answer = b""
    while len(answer) < MOST_READ and (read := await response.content.read(MOST_READ - len(answer))):
        answer += read
    return answer


class _Resolver(AbstractResolver):
    """Gives aiohttp the addresses that a guard has checked, and only these."""

    def __init__(self, guard: Guard) -> None:
        self.guard = guard

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in await self.guard.addresses(host, port)
        ]

    async def close(self) -> None:
        pass


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
