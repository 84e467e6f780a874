"""Simulated shoppers who come while the demo is served, in real time: people it began with, and new ones."""

from __future__ import annotations

import heapq
import logging
import random
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import msgspec

from shoal.errors import StoreError
from shoal.journal.journal import Arrival, Journal, JournalFull
from shoal.model.time import SECOND, format_moment
from shoal.simulation import Simulation
from shoal.simulation.shoppers import liveliest_visit

SECONDS_BETWEEN_VISITS = 2.0
SECONDS_BETWEEN_LOOKS = 0.25
MOST_AT_ONCE = 20
"""So many messages are sent at each look, whatever is due: the demo stays a small shop."""

NEW_PEOPLE_BEGIN = 10_000_000
"""The number of the first person who was not simulated before."""

SHARE_OF_NEW = 0.4

_LOG = logging.getLogger(__name__)


class Shoppers:
    """Begins a visit every other second and plays each as long as it takes. What happens goes into the journal."""

    def __init__(
        self,
        journal: Journal,
        simulation: Simulation,
        *,
        people: int,
        write_key: str,
        clock: Callable[[], int],
    ) -> None:
        """`people` is how many people of the simulation have been here before."""
        self.journal, self.simulation, self.people = journal, simulation, people
        self.write_key, self.clock = write_key, clock
        self.sent = 0
        self._chance = random.Random(simulation.seed)
        self._due: list[tuple[int, int, dict[str, Any]]] = []
        self._number = self._new = 0
        self._next_visit = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shoppers", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Sends everybody home."""
        self._stopping.set()
        if self._thread.ident is not None:  # they had come
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(SECONDS_BETWEEN_LOOKS):
            try:
                self.look(self.clock())
            except (StoreError, JournalFull) as error:
                _LOG.warning("shoppers wait: %s", error)

    def look(self, now: int) -> Future[int] | None:
        """Begins a visit when it is time for one, and sends what is due; its place in the journal, later."""
        if now >= self._next_visit:
            self._next_visit = now + int(SECONDS_BETWEEN_VISITS * SECOND)
            self._begin_visit(now)
        batch: list[dict[str, Any]] = []
        while self._due and self._due[0][0] <= now and len(batch) < MOST_AT_ONCE:
            at, _, message = heapq.heappop(self._due)
            batch.append({**message, "messageId": str(uuid.uuid4()), "timestamp": format_moment(at)})
        if not batch:
            return None
        self.sent += len(batch)
        body = msgspec.json.encode({"batch": batch})
        arrival = Arrival(received_at=now, write_key=self.write_key, path="/v1/batch", body=body, headers={})
        return self.journal.append(arrival)

    def _begin_visit(self, now: int) -> None:
        if self._chance.random() < SHARE_OF_NEW:
            person = NEW_PEOPLE_BEGIN + self._new
            self._new += 1
        else:
            person = self._chance.randrange(self.people)
        for after, message in liveliest_visit(self.simulation, person):
            self._number += 1
            heapq.heappush(self._due, (now + after, self._number, message))
