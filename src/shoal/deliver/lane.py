"""The lane of one destination: what is due for it, in order, no more at once than it takes, and when it is well.

Lanes share nothing but the outbox. One that is slow, broken or full holds up no other.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from shoal.deliver.books import Books
from shoal.deliver.breaker import Breaker, Condition
from shoal.deliver.destinations import Opened
from shoal.deliver.figures import DeliveryFigures
from shoal.deliver.sender import Result, Sent
from shoal.deliver.settling import settle_attempt, settle_unsent
from shoal.errors import StoreError
from shoal.model.firing import Delivery, Status
from shoal.model.time import NEVER, SECOND
from shoal.triggers.outbox import Settlement

MOST_KNOWN = 1000
"""So many deliveries of a destination are in memory at most: waiting, on their way, or not written down yet."""

LOOK_MS = SECOND
"""A lane looks so often by itself: another process may have put something into the outbox."""

UNTIL_ASKED_AGAIN = SECOND
"""Where consent is not known at present, it is asked for again after so long."""

FEW_PERSONS = 100

ATTEMPT_S = 60.0
"""The end of any attempt, whatever its sender thinks."""

WhyNot = Callable[[Delivery], str]
"""Why a delivery must not be sent any more: the person does not consent now. Empty when it may be.

Raises StoreError when that cannot be known at present.
"""

Persons = Callable[[], Collection[str]]
"""Who can be reached at the moment."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What all lanes of a worker use."""

    books: Books
    clock: Callable[[], int]
    why_not: WhyNot
    figures: DeliveryFigures = field(default_factory=DeliveryFigures)
    look_ms: int = LOOK_MS


class Lane:
    """Sends what is due for one destination until it is told to stop.

    `gone` says why the destination takes nothing any more, `failing` why it is left alone; mostly both are empty.
    """

    def __init__(self, name: str, opened: Opened, shared: Shared, *, persons: Persons | None = None) -> None:
        self.name, self.opened, self.shared = name, opened, shared
        self.breaker, self.gone, self.failing = Breaker(), "", ""
        self._persons = persons
        self._waiting = deque[Delivery]()
        self._known = set[str]()
        self._tasks = set[asyncio.Task[None]]()
        self._changed = asyncio.Event()
        self._may_be_more = True
        self._next_due, self._next_begin = NEVER, 0
        self._is_stopping = False

    def wake(self) -> None:
        """There may be something new. Called on the lane's loop."""
        self._may_be_more = True
        self._changed.set()

    async def run(self) -> None:
        """Until `stop`."""
        while not self._is_stopping:
            self._changed.clear()
            try:
                await self._fetch()
            except StoreError:
                self._may_be_more = True  # the books tell of it
            self._begin_tasks()
            await self._until_something_changes()

    async def stop(self, within_s: float) -> None:
        """Begins nothing more, and gives what is on its way so long to arrive. The rest stays READY."""
        self._is_stopping = True
        self._waiting.clear()
        self._changed.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=within_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    # What is due

    async def _fetch(self) -> None:
        now = self.shared.clock()
        if not self.breaker.lets_through(now):
            self._put_back()
            return
        room = MOST_KNOWN - len(self._known)
        if now >= self._next_due:
            self._may_be_more = True
        if not self._may_be_more or room <= 0 or len(self._waiting) >= self.opened.at_once:
            return
        if self.breaker.condition(now) is Condition.HALF_OPEN:
            room = 1
        self._may_be_more = False
        found = await self._due(now, room)
        if self._is_stopping:
            return
        self._known.update(each.id for each in found)
        self._waiting.extend(found)
        self._may_be_more |= len(found) >= room
        self._next_due = NEVER if self._may_be_more else await self._later()

    async def _due(self, now: int, room: int) -> list[Delivery]:
        books = self.shared.books
        if self._persons is None:
            return await books.due(self.name, now, room, frozenset(self._known))
        found = await self._due_for_present(self._persons(), now)
        return [each for each in found if each.id not in self._known][:room]

    async def _due_for_present(self, persons: Collection[str], now: int) -> list[Delivery]:
        """Asks for each of a few people, or else looks through what is due for anybody, if that is little."""
        if len(persons) > FEW_PERSONS:
            heads = await self.shared.books.due(self.name, now, MOST_KNOWN, ())
            if len(heads) < MOST_KNOWN:
                return [each for each in heads if each.person in persons]
        return await self.shared.books.due_for(self.name, persons, now)

    async def _later(self) -> int:
        """When something is due that is not due now."""
        moment = await self.shared.books.next_due(self.name)
        return moment if moment > self.shared.clock() else NEVER

    def _put_back(self) -> None:
        """What is not sent soon may have changed until then. It is read again."""
        self._known.difference_update(each.id for each in self._waiting)
        self._waiting.clear()
        self._may_be_more = True

    async def _until_something_changes(self) -> None:
        now = self.shared.clock()
        moments = [now + self.shared.look_ms, self._next_due]
        moments += [each for each in (self.breaker.until, self._next_begin) if each > now]
        try:
            async with asyncio.timeout(max(min(moments) - now, 0) / 1000):
                await self._changed.wait()
        except TimeoutError:
            self._may_be_more = True

    # Sending

    def _begin_tasks(self) -> None:
        while len(self._tasks) < self.opened.at_once and (delivery := self._next()) is not None:
            task = asyncio.create_task(self._send_on(delivery))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _next(self) -> Delivery | None:
        """The next that may begin now. It counts as begun."""
        now = self.shared.clock()
        if not self._waiting or now < self._next_begin or not self.breaker.lets_through(now):
            return None
        self.breaker.begin()
        self._next_begin = now + self.opened.spacing_ms
        return self._waiting.popleft()

    async def _send_on(self, delivery: Delivery | None) -> None:
        """One delivery after the other, as long as there are any."""
        while delivery is not None:
            try:
                self._settle(delivery, await self._settled(delivery))
            except BaseException:
                self.breaker.know_nothing()
                self._known.discard(delivery.id)
                raise
            delivery = self._next()
        self._changed.set()

    def _settle(self, delivery: Delivery, result: Settlement | None) -> None:
        if result is None:
            self._known.discard(delivery.id)
            return

        def written() -> None:
            self._known.discard(delivery.id)
            self.wake()

        self.shared.books.settle(result, written)

    async def _settled(self, delivery: Delivery) -> Settlement | None:
        """What becomes of a delivery: sent, or why not. None when that cannot be known at present."""
        now = self.shared.clock()
        if (result := self._unsent(delivery, now)) is not None:
            self.breaker.know_nothing()
            return result
        why_not = self._why_not(delivery)
        if why_not is None:
            self.breaker.know_nothing()
            self._next_begin = now + UNTIL_ASKED_AGAIN
            return None
        if why_not:
            self.breaker.know_nothing()
            return settle_unsent(delivery, Status.NO_CONSENT, why_not, now)
        return await self._attempt(delivery)

    def _why_not(self, delivery: Delivery) -> str | None:
        """Why it must not be sent. None when that cannot be known, and so it is not sent."""
        try:
            return self.shared.why_not(delivery)
        except StoreError as error:
            _LOG.debug("what waits for %s waits on, because consent is not known: %s", self.name, error.message)
        except Exception:
            _LOG.exception("consent could not be asked for, in a way that nobody foresaw")
        return None

    def _unsent(self, delivery: Delivery, now: int) -> Settlement | None:
        if delivery.expires_at <= now:
            return settle_unsent(delivery, Status.EXPIRED, "it could not be sent in time", now)
        if self.gone:
            return settle_unsent(delivery, Status.DEAD, self.gone, now)
        return None

    async def _attempt(self, delivery: Delivery) -> Settlement:
        began = self.shared.clock()
        sent = await self._sent(delivery)
        now = self.shared.clock()
        self.shared.figures.attempted(self.name, sent.result, (now - began) / 1000)
        self._learn(sent, now)
        return settle_attempt(delivery, sent, now)

    async def _sent(self, delivery: Delivery) -> Sent:
        try:
            async with asyncio.timeout(ATTEMPT_S):
                return await self.opened.sender.send(delivery)
        except TimeoutError:
            return Sent.again(f"no answer within {ATTEMPT_S:g} s")
        except Exception:
            _LOG.exception("a delivery to %s failed in a way that nobody foresaw", self.name)
            return Sent.again("a mistake of Shoal's own; the log says where")

    def _learn(self, sent: Sent, now: int) -> None:
        """What a result says of the destination."""
        before = self.breaker.condition(now)
        match sent.result:
            case Result.AGAIN if sent.is_destinations_fault:
                self.breaker.fail(now)
                if sent.retry_after_ms:
                    self.breaker.rest(now + sent.retry_after_ms)
            case Result.AWAY:
                self.breaker.know_nothing()
            case Result.GONE:
                self.gone = sent.reason
                _LOG.warning("%s takes nothing any more; what waits for it is dead: %s", self.name, sent.reason)
            case _:
                self.breaker.succeed()
        after = self.breaker.condition(now)
        self.failing = "" if after is Condition.CLOSED else self.failing
        if after is Condition.OPEN and before is not Condition.OPEN:
            self.failing = sent.reason
            if before is Condition.CLOSED:
                _LOG.warning("%s is left alone for a while: %s", self.name, sent.reason)
        elif after is Condition.CLOSED and before is not Condition.CLOSED:
            _LOG.info("%s works again", self.name)
