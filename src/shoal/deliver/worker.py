"""The worker: a thread with a loop of its own that brings deliveries to their destinations, a lane for each.

In: an outbox and senders. Out: settlements in the outbox. Each delivery arrives at least once, under one id.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor

import uvloop

from shoal.deliver.books import Books
from shoal.deliver.breaker import Condition
from shoal.deliver.destinations import Opened
from shoal.deliver.figures import DeliveryFigures
from shoal.deliver.lane import LOOK_MS, Lane, Shared, WhyNot
from shoal.deliver.sender import PageHub
from shoal.errors import StoreError
from shoal.triggers.outbox import Outbox

PAGE = "page"
"""The destination of what goes to the pages that a person looks at."""

PAGES_AT_ONCE = 500
"""An offer is on its way until its page says that it was shown. That costs nothing but patience."""

SECONDS_TO_ARRIVE = 5.0
"""How long what is on its way may take after the worker was told to stop."""

LOOKS_UNTIL_ROUND = 5
"""After so many looks of a lane what expired is settled, and destinations that nobody knows are looked for."""

SECONDS_UNTIL_BEGUN_AGAIN = 1.0

_LOG = logging.getLogger(__name__)


class Worker:
    """Sends what is due until it is stopped.

    `troubles` are the destinations that cannot be sent to, each with the reason for people; what waits for them
    waits on. `why_not` is asked just before each delivery, on the worker's thread, and has to be quick.
    """

    def __init__(
        self,
        open_outbox: Callable[[], Outbox],
        opened: Mapping[str, Opened],
        *,
        clock: Callable[[], int],
        why_not: WhyNot,
        pages: PageHub | None = None,
        troubles: Mapping[str, str] | None = None,
        figures: DeliveryFigures | None = None,
        executor: Executor | None = None,
        look_ms: int = LOOK_MS,
    ) -> None:
        self.clock, self.figures = clock, figures or DeliveryFigures()
        self._open_outbox, self._trouble = open_outbox, ""
        self._opened, self._why_not, self._pages = dict(opened), why_not, pages
        self._stated_troubles, self._unknown = dict(troubles or {}), dict[str, str]()
        self._executor, self._look_ms = executor, look_ms
        self._lanes = dict[str, Lane]()
        self._books: Books | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped: asyncio.Event | None = None
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="deliveries", daemon=True)

    # From other threads

    def start(self) -> None:
        """Begins, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Lets what is on its way arrive, as far as SECONDS_TO_ARRIVE allows, and ends. The rest stays READY."""
        self._is_stopping.set()
        self._on_loop(self._told_to_stop)
        if self._thread.ident is not None:
            self._thread.join()

    def wake(self, destinations: Iterable[str] | None = None) -> None:
        """There is something new: for these destinations, or nobody knows for which."""
        names = None if destinations is None else frozenset(destinations)
        self._on_loop(lambda: self._wake(names))

    @property
    def troubles(self) -> dict[str, str]:
        """Why destinations get nothing at present, by their names."""
        found = self._stated_troubles | self._unknown
        now = self.clock()
        for name, lane in self._lanes.copy().items():
            if lane.gone:
                found[name] = lane.gone
            elif lane.breaker.condition(now) is not Condition.CLOSED:
                found[name] = f"it is left alone for a while: {lane.failing}"
        return found

    @property
    def trouble(self) -> str:
        """Why nothing can be delivered at all; empty when it can."""
        return self._books.trouble if self._books is not None else self._trouble

    def _on_loop(self, work: Callable[[], None]) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            try:
                loop.call_soon_threadsafe(work)
            except RuntimeError:  # it was closed just now
                return

    # On the loop

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self.run())
        except Exception:
            _LOG.exception("deliveries ended in a way that nobody foresaw")

    async def run(self) -> None:
        """Sends until it is stopped."""
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        outbox = await self._outbox()
        if outbox is None:
            return
        books = self._books = Books(outbox, executor=self._executor)
        shared = Shared(
            books=books, clock=self.clock, why_not=self._why_not, figures=self.figures, look_ms=self._look_ms
        )
        self._lanes = {name: Lane(name, each, shared) for name, each in self._opened.items()}
        if self._pages is not None:
            pages = Opened(sender=_Pages(self._pages), at_once=PAGES_AT_ONCE)
            self._lanes[PAGE] = Lane(PAGE, pages, shared, persons=self._pages.persons)
        writing = asyncio.create_task(books.run())
        others = [asyncio.create_task(self._keep_running(lane)) for lane in self._lanes.values()]
        others.append(asyncio.create_task(self._look_around(books)))
        await self._stopped.wait()
        await self._end(books, writing, others)

    async def _outbox(self) -> Outbox | None:
        """The outbox, as soon as the disk gives it. None when the worker is stopped before."""
        while not self._is_stopping.is_set():
            try:
                return self._open_outbox()
            except StoreError as error:
                self._trouble = error.message
                _LOG.warning("deliveries wait for their outbox: %s", error.message)
                await asyncio.sleep(SECONDS_UNTIL_BEGUN_AGAIN)
        return None

    async def _end(self, books: Books, writing: asyncio.Task[None], others: list[asyncio.Task[None]]) -> None:
        others[-1].cancel()
        await asyncio.gather(*(lane.stop(SECONDS_TO_ARRIVE) for lane in self._lanes.values()))
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.gather(*(lane.opened.sender.close() for lane in self._lanes.values()))
        await books.end()
        await writing
        await books.close()

    async def _keep_running(self, lane: Lane) -> None:
        """A lane that fails by a mistake of ours begins again, and no other hears of it."""
        while True:
            try:
                return await lane.run()
            except Exception:
                _LOG.exception("the deliveries to %s ended in a way that nobody foresaw", lane.name)
                await asyncio.sleep(SECONDS_UNTIL_BEGUN_AGAIN)

    async def _look_around(self, books: Books) -> None:
        while True:
            try:
                await books.expire(self.clock())
                known = (*self._lanes, *self._stated_troubles, PAGE)
                unknown = [name for name in await books.destinations() if name not in known]
                self._unknown = dict.fromkeys(unknown, "deliveries wait for it, and shoal.yaml does not name it")
            except StoreError as error:
                _LOG.warning("the outbox cannot be read: %s", error.message)
            await asyncio.sleep(LOOKS_UNTIL_ROUND * self._look_ms / 1000)

    def _told_to_stop(self) -> None:
        if self._stopped is not None:
            self._stopped.set()

    def _wake(self, names: frozenset[str] | None) -> None:
        for name, lane in self._lanes.items():
            if names is None or name in names:
                lane.wake()


class _Pages:
    """The hub of pages as a sender. It belongs to the web server, which ends it."""

    def __init__(self, hub: PageHub) -> None:
        self.send = hub.send

    async def close(self) -> None:
        """Its pages stay: another worker may go on."""
