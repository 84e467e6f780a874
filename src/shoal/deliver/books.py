"""The outbox as the worker uses it: off its loop, one call at a time, and results of all destinations together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from shoal.errors import StoreError
from shoal.model.firing import Delivery
from shoal.triggers.outbox import Outbox, Settlement

SECONDS_TOGETHER = 0.05
"""Results that come within so long are one transaction. What was sent so shortly before a crash is sent again."""

SECONDS_UNTIL_TRIED_AGAIN = 1.0

_LOG = logging.getLogger(__name__)

_T = TypeVar("_T")


class Books:
    """Reads and writes an outbox in a thread of its own, so that no disk keeps a destination waiting.

    `trouble` says why it cannot be used at present, for people; it is empty when it can.
    """

    def __init__(self, outbox: Outbox, *, executor: Executor | None = None) -> None:
        self.outbox, self.trouble = outbox, ""
        self._executor = executor or ThreadPoolExecutor(1, thread_name_prefix="outbox")
        self._results = list[tuple[Settlement, Callable[[], None]]]()
        self._has_results = asyncio.Event()
        self._is_ending = False

    async def due(self, destination: str, now: int, limit: int, leave_out: Collection[str]) -> list[Delivery]:
        """As the outbox says. Raises StoreError."""
        return await self._call(partial(self.outbox.due, destination, now, limit, leave_out=leave_out))

    async def due_for(self, destination: str, persons: Collection[str], now: int) -> list[Delivery]:
        """As the outbox says. Raises StoreError."""
        return await self._call(partial(self.outbox.due_for, destination, persons, now))

    async def next_due(self, destination: str) -> int:
        """As the outbox says. Raises StoreError."""
        return await self._call(partial(self.outbox.next_due, destination))

    async def destinations(self) -> list[str]:
        """As the outbox says. Raises StoreError."""
        return await self._call(self.outbox.destinations)

    async def expire(self, now: int) -> int:
        """As the outbox says. Raises StoreError."""
        return await self._call(partial(self.outbox.expire, now))

    def settle(self, result: Settlement, then: Callable[[], None]) -> None:
        """Writes a result soon, and calls `then` when it is certain."""
        self._results.append((result, then))
        self._has_results.set()

    async def run(self) -> None:
        """Writes results until `end` is called and all are written."""
        while not self._is_ending or self._results:
            if not self._results:
                self._has_results.clear()
                await self._has_results.wait()
            if not self._is_ending:
                await asyncio.sleep(SECONDS_TOGETHER)
            if not await self._write() and self._is_ending:
                return  # they stay READY and are sent again, under the same ids
            if self.trouble:
                await asyncio.sleep(SECONDS_UNTIL_TRIED_AGAIN)

    async def end(self) -> None:
        """Lets `run` write what is left, and return."""
        self._is_ending = True
        self._has_results.set()

    async def close(self) -> None:
        """Ends the use of the outbox."""
        await self._call(self.outbox.close)
        if isinstance(self._executor, ThreadPoolExecutor):
            self._executor.shutdown()

    async def _write(self) -> bool:
        """Whether the results so far are written. Those that are not are kept."""
        results, self._results = self._results, []
        try:
            await self._call(partial(self.outbox.settle, [result for result, _ in results]))
        except StoreError as error:
            self._results = results + self._results
            _LOG.warning("%d results of deliveries are not written yet: %s", len(results), error.message)
            return False
        for _, then in results:
            then()
        return True

    async def _call(self, work: Callable[[], _T]) -> _T:
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._executor, work)
        except StoreError as error:
            self.trouble = error.message
            raise
        self.trouble = ""
        return found
