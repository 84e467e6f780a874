"""How long each step took, on the clock and of the processors."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from shoal.bench.measured import Measured


class Stopwatch:
    """`with watch("reading"):` adds the seconds of a step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.processor: dict[str, float] = {}

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        start, processor_start = time.perf_counter(), time.process_time()
        yield
        self.seconds[step] = self.seconds.get(step, 0.0) + time.perf_counter() - start
        self.processor[step] = self.processor.get(step, 0.0) + time.process_time() - processor_start

    def measured(self, **figures: float) -> Measured:
        """What a job answers."""
        return Measured(seconds=self.seconds, processor=self.processor, figures=figures)
