"""`shoal bench simulate`: how fast a simulated shop is written, a tenth as many messages as there are events."""

from __future__ import annotations

import tempfile
from pathlib import Path

from shoal.bench.job import measure
from shoal.bench.machine import core_count
from shoal.bench.measured import Measured
from shoal.bench.report import Report, Row, rows_of
from shoal.bench.reporting import Told, begin_report
from shoal.bench.sizes import Sizes
from shoal.bench.stopwatch import Stopwatch
from shoal.simulation import Simulation, simulate

SHARE = 10


def run(sizes: Sizes, told: Told) -> Report:
    """With one process and with as many as there are processors."""
    messages = max(sizes.events // SHARE, 100)
    rows: list[Row] = []
    for processes in sorted({1, core_count()}):
        runs = []
        for repeat in range(sizes.repeats):
            told(f"simulating with {processes} processes, {repeat + 1} of {sizes.repeats}")
            function = "shoal.bench.simulate:measure_simulation"
            runs.append(measure(function, threads=1, messages=messages, seed=sizes.seed, processes=processes))
        rows += rows_of("shoal", processes, runs, unit="messages", count=messages)
    return begin_report("simulate", f"{messages:,} messages of a shop", agreed=[], rows=rows, ratios=[])


def measure_simulation(messages: int, seed: int, processes: int) -> Measured:
    """From nothing to a sorted file of messages and their truth."""
    watch = Stopwatch()
    with tempfile.TemporaryDirectory(prefix="shoal-bench-") as folder, watch("simulate to NDJSON"):
        simulate(Simulation(events=messages, seed=seed), Path(folder, "events.ndjson"), processes=processes)
    return watch.measured()
