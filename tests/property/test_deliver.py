"""Deliveries in generated worlds, on virtual time: whatever destinations do and whenever the process is killed."""

from __future__ import annotations

import asyncio
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.deliver.destinations import Opened
from shoal.deliver.posting import meaning_of
from shoal.deliver.schedule import DELAYS
from shoal.deliver.sender import Sent
from shoal.deliver.worker import Worker
from shoal.model.firing import Delivery, Status
from shoal.model.time import HOUR, MINUTE
from shoal.runtime.acting import open_outbox
from shoal.triggers.outbox import Wanted
from shoal.triggers.sqlite_outbox import SqliteOutbox
from tests.delivering import NOW, Inline, VirtualLoop, delivery, in_virtual_time, put

DESTINATIONS, PERSONS = ("crm", "ads", "team"), ("ann", "bob", "cyd")
STATUSES = (200, 200, 302, 400, 404, 429, 500, 503)
ALL_ATTEMPTS = int(sum(DELAYS) * 1.1) + 12 * HOUR


@dataclass(frozen=True, slots=True)
class Phase:
    """For so long a destination answers like this, after so many seconds."""

    minutes: int
    status: int
    takes_s: int


@dataclass(frozen=True, slots=True)
class Story:
    """What happens: how destinations behave, what is put into the outbox when, and when the process is killed."""

    phases: dict[str, list[Phase]]
    deliveries: list[tuple[int, str, str]]
    kills: list[int]


PHASES = st.lists(
    st.builds(Phase, st.integers(1, 120), st.sampled_from(STATUSES), st.sampled_from((0, 0, 1, 15))), max_size=4
)
STORIES = st.builds(
    Story,
    st.fixed_dictionaries(dict.fromkeys(DESTINATIONS, PHASES)),
    st.lists(
        st.tuples(st.integers(0, 240), st.sampled_from(DESTINATIONS), st.sampled_from(PERSONS)),
        min_size=1,
        max_size=25,
    ),
    st.lists(st.integers(1, 600), max_size=3),
)


class Destination:
    """Behaves by phases, then well for ever, and keeps what it was asked and took."""

    def __init__(self, loop: VirtualLoop, phases: Sequence[Phase]) -> None:
        self.loop, self.phases = loop, phases
        self.tried, self.taken = list[tuple[int, str]](), list[tuple[int, str]]()

    async def send(self, one: Delivery) -> Sent:
        self.tried.append((self.loop.now, one.id))
        phase = self._phase()
        if phase.takes_s:
            await asyncio.sleep(phase.takes_s)
        sent = meaning_of(phase.status, "90", self.loop.now)
        if sent.result == "delivered":
            self.taken.append((self.loop.now, one.id))
        return sent

    def _phase(self) -> Phase:
        ends = NOW
        for phase in self.phases:
            ends += phase.minutes * MINUTE
            if self.loop.now < ends:
                return phase
        return Phase(0, 200, 0)

    async def close(self) -> None:
        """Nothing is kept open."""


async def tell(story: Story, folder: Path, loop: VirtualLoop) -> dict[str, Destination]:
    """Lets the story happen, until everything has an end."""
    destinations = {name: Destination(loop, phases) for name, phases in story.phases.items()}
    happenings = [(minute * 60, 0, number) for number, (minute, _, _) in enumerate(story.deliveries)]
    happenings += [(seconds * 30 + 0.02, 1, 0) for seconds in story.kills]
    opened = {name: Opened(sender=each, at_once=4) for name, each in destinations.items()}

    outboxes = list[SqliteOutbox]()

    def begun() -> Worker:
        outboxes.append(open_outbox(folder))
        return Worker(
            lambda: outboxes[-1],
            opened,
            clock=lambda: loop.now,
            why_not=lambda _: "",
            executor=Inline(),
            look_ms=2 * HOUR,
        )

    worker = begun()
    running = asyncio.create_task(worker.run())
    for at_s, is_kill, number in sorted(happenings):
        await asyncio.sleep(max(at_s - loop.time(), 0))
        if is_kill:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            outboxes[-1].close()
            worker = begun()
            running = asyncio.create_task(worker.run())
        else:
            _, destination, person = story.deliveries[number]
            put(folder, delivery(f"d{number:02}", f"user_id:{person}", destination=destination))
            worker.wake([destination])
            await asyncio.sleep(0)
    await asyncio.sleep(ALL_ATTEMPTS / 1000)
    worker.stop()
    await running
    return destinations


@settings(max_examples=settings.default.max_examples // 5)  # each is five days of virtual time
@given(STORIES)
def test_everything_has_an_end_in_order_and_on_schedule(story: Story) -> None:
    """Delivered, or dead after all attempts; for a person at a destination in the order in which it came to be.

    No attempt is sooner than the schedule allows, save the one that was on its way when the process was killed.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        destinations = in_virtual_time(lambda loop: tell(story, folder, loop))
        outbox = open_outbox(folder)
        ends = {each.id: each for each in outbox.find(Wanted(), 1000)}
        outbox.close()
    assert {each.status for each in ends.values()} <= {Status.DELIVERED, Status.DEAD}
    for each in ends.values():
        place = destinations[each.destination]
        taken = [at for at, id_ in place.taken if id_ == each.id]
        assert (each.status is Status.DELIVERED) == bool(taken)
        assert len(taken) <= 1 + len(story.kills)
        tried = [at for at, id_ in place.tried if id_ == each.id]
        assert len(tried) - len(story.kills) <= each.attempts <= len(DELAYS)
        early = sum(after - before < DELAYS[1] for before, after in pairwise(tried))
        assert early <= len(story.kills)
    _assert_in_order(story, destinations)


def _assert_in_order(story: Story, destinations: dict[str, Destination]) -> None:
    """What came later for a person is tried only after what came before has been taken, or is given up."""
    lines = defaultdict[tuple[str, str], list[str]](list)
    came = sorted(enumerate(story.deliveries), key=lambda each: each[1][0])
    for number, (_, destination, person) in came:
        lines[destination, person].append(f"d{number:02}")
    for (destination, _), line in lines.items():
        tried = destinations[destination].tried
        firsts = [min(at for at, id_ in tried if id_ == each) for each in line]
        lasts = [max(at for at, id_ in tried if id_ == each) for each in line]
        for last, first in zip(lasts, firsts[1:], strict=False):
            assert last <= first
