"""Simulating: a whole simulation as a file with its truth beside it, or as a stream at a stated rate."""

from __future__ import annotations

import gzip
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from shoal.errors import InputError, StoreError
from shoal.simulation.config import Simulation
from shoal.simulation.crowd import EVENTS_PER_PERSON, ranges
from shoal.simulation.sorting import Sorter, slices_for

_COMPRESSION = 3
"""Most of what higher levels would save, in a third of their time."""

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """What was written: `messages` lines of events, duplicates included, and `people` lines of truth."""

    events: Path
    truth: Path
    messages: int
    people: int


def simulate(
    simulation: Simulation, to: Path, *, progress: Progress | None = None, processes: int = 1
) -> Simulated:
    """Writes the messages to `to`, in order of arrival, and the truth beside it.

    One JSON object on a line, as Segment writes them; compressed when the name ends in `.gz`. The same simulation
    gives the same bytes, with any number of processes; a script that asks for several needs the usual
    `if __name__ == "__main__":`. A file has its name only once it is whole. `progress` is told the number of
    messages so far.
    """
    truth = truth_beside(to)
    if to.is_dir():
        raise InputError(f"{to} is a folder", hint="name the file to write, for example events.ndjson.gz")
    if not to.parent.is_dir():
        raise InputError(f"there is no folder {to.parent} to write {to.name} in")
    with _failures_told(to), TemporaryDirectory(prefix=f".{to.name}.", dir=to.parent) as folder:
        unfinished, unfinished_truth = Path(folder, "events"), Path(folder, "truth")
        sorter = Sorter(Path(folder), _slices(simulation))
        with unfinished_truth.open("wb") as file:
            messages, people = _gather(simulation, sorter, file, progress, processes)
        with unfinished.open("wb") as file:
            _write_sorted(sorter, file, compressed=to.suffix == ".gz")
        unfinished_truth.replace(truth)
        unfinished.replace(to)
    return Simulated(events=to, truth=truth, messages=messages, people=people)


def truth_beside(to: Path) -> Path:
    """Where the truth of a file of events is: `demo.ndjson.gz` has `demo.truth.ndjson`."""
    name = to.name.removesuffix(".gz")
    for ending in (".ndjson", ".jsonl", ".json"):
        name = name.removesuffix(ending)
    return to.with_name(f"{name}.truth.ndjson")


def stream(
    simulation: Simulation,
    rate: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[bytes]:
    """The lines that `simulate` would write, with their line ends, `rate` of them each second.

    Everything is simulated before the first line comes. When whoever takes the lines is slower than the rate,
    the lines that are due come without a pause.
    """
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 < rate < math.inf:
        raise InputError(f"rate: {rate!r} is not a number of lines per second above 0")
    return _paced(simulation, rate, clock, sleep)


def _paced(
    simulation: Simulation, rate: float, clock: Callable[[], float], sleep: Callable[[float], None]
) -> Iterator[bytes]:
    with TemporaryDirectory(prefix="shoal-") as folder:
        sorter = Sorter(Path(folder), _slices(simulation))
        for found in ranges(simulation, len(sorter), 1):
            sorter.add(found.blocks)
        began, given = clock(), 0
        for lines in sorter.slices():
            for line in lines:
                early = began + given / rate - clock()
                if early > 0:
                    sleep(early)
                yield line + b"\n"
                given += 1


def _slices(simulation: Simulation) -> int:
    people = simulation.people or 0
    return slices_for(simulation.events or people * EVENTS_PER_PERSON)


def _gather(
    simulation: Simulation, sorter: Sorter, truths: IO[bytes], progress: Progress | None, processes: int
) -> tuple[int, int]:
    """Simulates everybody. How many messages and how many people there are."""
    messages = people = 0
    for found in ranges(simulation, len(sorter), processes):
        sorter.add(found.blocks)
        truths.write(found.truths)
        messages += found.lines
        people += len(found.counts)
        if progress is not None:
            progress(messages)
    return messages, people


def _write_sorted(sorter: Sorter, file: IO[bytes], *, compressed: bool) -> None:
    # Neither a name nor a time goes into the compressed file, so that the same lines give the same bytes.
    out = gzip.GzipFile("", "wb", _COMPRESSION, file, mtime=0) if compressed else file
    for lines in sorter.slices():
        if lines:
            out.write(b"\n".join(lines) + b"\n")
    if out is not file:
        out.close()


@contextmanager
def _failures_told(to: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"simulating failed in {to.parent}: {error.strerror or error}. Nothing is half-written.",
            hint="make room, or check who may write there, and run it again",
        ) from error
