"""Crowds: people by ranges of their numbers, one range after the other or several at a time.

In: a simulation. Out: `Range`s in the order of the numbers, cut where the simulation is full. Next: sorting.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import defaultdict, deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import count, islice

from shoal.errors import InputError, StoreError
from shoal.simulation.config import Simulation
from shoal.simulation.lives import live
from shoal.simulation.messages import encode

PEOPLE_PER_RANGE = 250
EVENTS_PER_PERSON = 20
"""About: to know beforehand how much there will be to sort."""

Bounds = tuple[int, int]
"""The first number of a range, and the first after it."""


@dataclass(frozen=True, slots=True)
class Range:
    """What some people left: their lines by slice of time, the number of lines of each person, and the truth."""

    blocks: dict[int, bytes]
    counts: list[int]
    truths: bytes

    @property
    def lines(self) -> int:
        return sum(self.counts)


def range_of(simulation: Simulation, first: int, after: int, slices: int) -> Range:
    """What the people from number `first` to before `after` leave, the stretch of days cut into slices."""
    start, length = simulation.start_ms, simulation.end_ms - simulation.start_ms
    waiting: defaultdict[int, list[bytes]] = defaultdict(list)
    counts: list[int] = []
    truths: list[bytes] = []
    for number in range(first, after):
        lived = live(simulation, number)
        for received_at, line in lived.lines:
            waiting[(received_at - start) * slices // length].append(line)
        counts.append(len(lived.lines))
        truths.append(encode(lived.truth))
    blocks = {place: b"\n".join(lines) + b"\n" for place, lines in waiting.items()}
    return Range(blocks, counts, b"\n".join(truths) + b"\n")


def ranges(simulation: Simulation, slices: int, processes: int) -> Iterator[Range]:
    """All people, as many as the simulation asks for. The number of processes changes nothing but the time."""
    if isinstance(processes, bool) or not isinstance(processes, int) or not 1 <= processes <= 256:
        raise InputError(f"processes: {processes!r} is not a whole number from 1 to 256")
    left = simulation.events
    for (first, _), found in _in_order(simulation, slices, processes):
        if left is None or found.lines < left:
            left = None if left is None else left - found.lines
            yield found
        else:
            yield range_of(simulation, first, first + _people_for(found.counts, left), slices)
            return


def _people_for(counts: list[int], events: int) -> int:
    """How many people it takes to have this many events."""
    people = 0
    while events > 0:
        events -= counts[people]
        people += 1
    return people


def _in_order(simulation: Simulation, slices: int, processes: int) -> Iterator[tuple[Bounds, Range]]:
    bounds = _bounds(simulation.people)
    if processes == 1:
        yield from ((each, range_of(simulation, *each, slices)) for each in bounds)
        return
    # Forking a process in which threads are running can lock up, so the others begin afresh.
    # They leave it to this one to be interrupted from the keyboard.
    executor = ProcessPoolExecutor(
        processes,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=signal.signal,
        initargs=(signal.SIGINT, signal.SIG_IGN),
    )

    def begun(each: Bounds) -> tuple[Bounds, Future[Range]]:
        return each, executor.submit(range_of, simulation, *each, slices)

    try:
        waiting = deque(begun(each) for each in islice(bounds, 2 * processes))
        while waiting:
            each, future = waiting.popleft()
            yield each, future.result()
            waiting.extend(begun(each) for each in islice(bounds, 1))
    except BrokenProcessPool:
        hint = "run it again with fewer processes; the result will be the same"
        raise StoreError("a process of the simulation was ended from outside", hint=hint) from None
    finally:
        executor.shutdown(cancel_futures=True)


def _bounds(people: int | None) -> Iterator[Bounds]:
    for first in count(0, PEOPLE_PER_RANGE) if people is None else range(0, people, PEOPLE_PER_RANGE):
        yield first, first + PEOPLE_PER_RANGE if people is None else min(people, first + PEOPLE_PER_RANGE)
