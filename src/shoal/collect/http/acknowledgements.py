"""Waiting for the journal's thread: all requests of one commit are woken at once."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Future
from contextlib import suppress


class Acknowledgements:
    """What the requests of one event loop wait for."""

    def __init__(self) -> None:
        self._settled = deque[tuple[asyncio.Future[int], Future[int]]]()
        self._is_woken = False

    async def wait_for(self, kept: Future[int]) -> int:
        """The position once it is certain to last. Raises what the journal raises."""
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[int] = loop.create_future()
        kept.add_done_callback(lambda done: self._settle(loop, waiting, done))
        return await waiting

    def _settle(self, loop: asyncio.AbstractEventLoop, waiting: asyncio.Future[int], done: Future[int]) -> None:
        """In the journal's thread. Waking the loop costs more than all else, so it is done once for many."""
        self._settled.append((waiting, done))
        if not self._is_woken:
            self._is_woken = True
            with suppress(RuntimeError):  # the server has stopped, and nobody waits any more
                loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        # What is settled from here on wakes the loop again; what is there already is dealt with now.
        self._is_woken = False
        while self._settled:
            waiting, done = self._settled.popleft()
            if waiting.done():  # its sender has gone
                continue
            error = done.exception()
            if error is None:
                waiting.set_result(done.result())
            else:
                waiting.set_exception(error)
