"""What tests of deliveries share: deliveries, a loop whose time is virtual, resolvers, destinations."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web

from shoal.deliver.addresses import Guard
from shoal.deliver.sender import Sent
from shoal.model.consent import Purpose
from shoal.model.firing import Channel, Delivery, Status
from shoal.runtime.live_state import open_live_state
from shoal.runtime.places import LIVE_STATE
from shoal.triggers import tables

NOW = 1_772_000_000_000
LOOPBACK = ("127.0.0.0/8", "::1/128")

_T = TypeVar("_T")


def delivery(id_: str = "fir_1-0", person: str = "user_id:ann", **other: Any) -> Delivery:
    """A delivery that is due."""
    stated: dict[str, Any] = {
        "id": id_,
        "firing": "fir_1",
        "trigger": "cart_abandoned",
        "purpose": Purpose.PERSONALISATION,
        "person": person,
        "channel": Channel.WEBHOOK,
        "destination": "crm",
        "status": Status.READY,
        "created_at": NOW,
        "not_before": NOW,
        "content": {"title": "Hello Ann"},
        "facts": {"first_name": "Ann"},
    }
    return Delivery(**(stated | other))


def put(folder: Path, *deliveries: Delivery) -> None:
    """Puts deliveries into the outbox of a workspace, as the engine does."""
    connection = open_live_state(folder / LIVE_STATE)
    connection.execute("BEGIN IMMEDIATE")
    for each in deliveries:
        tables.add_delivery(connection, each, is_capped=False)
    connection.execute("COMMIT")
    connection.close()


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop on which waiting takes no time: when nobody has anything to do, it is the next moment."""

    def __init__(self) -> None:
        super().__init__()
        self._virtual_s = 0.0
        wait_really = self._selector.select

        def select(timeout: float | None = None) -> Any:
            assert timeout is not None, "everybody waits for something that will not happen"
            happened = wait_really(0)
            if not happened:
                self._virtual_s += timeout
            return happened

        self._selector.select = select

    def time(self) -> float:
        return self._virtual_s

    @property
    def now(self) -> int:
        """The moment in milliseconds."""
        return NOW + int(round(self._virtual_s * 1000, 3))


def in_virtual_time(story: Callable[[VirtualLoop], Awaitable[_T]]) -> _T:
    """Runs a story on a loop of its own."""
    loop = VirtualLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(story(loop))


class Inline(Executor):
    """Does at once, on the same thread, what it is given."""

    def submit(self, work: Callable[..., _T], /, *arguments: Any, **named: Any) -> Future[_T]:
        done = Future[_T]()
        try:
            done.set_result(work(*arguments, **named))
        except Exception as error:
            done.set_exception(error)
        return done


@dataclass(slots=True)
class Names:
    """A resolver that knows a few names, and notes what is asked. Several answers come one after the other."""

    known: Mapping[str, list[list[str]]]
    asked: list[str] = field(default_factory=list)

    async def __call__(self, host: str, _port: int) -> list[str]:
        answers = self.known[host]
        times = self.asked.count(host)
        self.asked.append(host)
        return answers[min(times, len(answers) - 1)]


def guard(known: Mapping[str, list[list[str]]] | None = None, allowed: Collection[str] = LOOPBACK) -> Guard:
    """A guard that asks nobody else for names."""
    return Guard(allowed, resolve=Names(known or {"sink.example": [["127.0.0.1"]]}))


@dataclass(slots=True)
class Received:
    """One request as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes


Answer = Callable[[Received], Awaitable[web.StreamResponse] | web.StreamResponse]


class Sink:
    """A real server on this machine that keeps what it gets. `port` is known once it has begun."""

    def __init__(self, answer: Answer = lambda _: web.Response(), *, host: str = "127.0.0.1") -> None:
        self.got = list[Received]()
        self.host, self.port = host, 0
        self._answer = answer
        self._runner: web.ServerRunner | None = None

    async def __aenter__(self) -> Sink:
        return await self.begin()

    async def begin(self, port: int = 0, ssl_context: Any = None) -> Sink:
        """Listens, at a port that is free or at this one."""
        self._runner = web.ServerRunner(web.Server(self._take))
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, port, ssl_context=ssl_context)
        await site.start()
        assert site._server is not None
        self.port = site._server.sockets[0].getsockname()[1]
        return self

    async def end(self) -> None:
        """Listens no more."""
        assert self._runner is not None
        await self._runner.cleanup()

    async def __aexit__(self, *_: object) -> None:
        await self.end()

    async def _take(self, request: web.BaseRequest) -> web.StreamResponse:
        received = Received(request.path_qs, dict(request.headers), await request.read())
        self.got.append(received)
        answer = self._answer(received)
        return answer if isinstance(answer, web.StreamResponse) else await answer


@dataclass(slots=True)
class Acted:
    """A sender whose destination is played by a function of the moment and the delivery."""

    clock: Callable[[], int]
    play: Callable[[int, Delivery], Sent]
    takes_s: float = 0.0
    tried: list[tuple[int, str]] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    is_closed: bool = False
    at_once: int = 0
    most_at_once: int = 0

    async def send(self, delivery: Delivery) -> Sent:
        self.tried.append((self.clock(), delivery.id))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.takes_s:
                await asyncio.sleep(self.takes_s)
            sent = self.play(self.clock(), delivery)
        finally:
            self.at_once -= 1
        if sent.result == "delivered":
            self.taken.append(delivery.id)
        return sent

    async def close(self) -> None:
        self.is_closed = True
