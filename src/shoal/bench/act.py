"""`shoal bench act`: deliveries a second to a webhook on this machine, alone and while another one is down.

Every delivery is signed, sent over HTTP, answered, and written down in the outbox. A rate is told once the sink
has said that each id came, and came once.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from shoal.bench.agreement import Disagreement
from shoal.bench.job import measure
from shoal.bench.measured import Measured
from shoal.bench.report import Ratio, Report, rows_of
from shoal.bench.reporting import Told, begin_report
from shoal.bench.sizes import Sizes

SHARE = 100
"""A hundredth of the events become deliveries: 100 thousand in full."""

SHARE_DOWN = 10
"""So many times fewer wait for the destination that is down."""

TARGET_RATE, TARGET_UNDELAYED = 3_000, 0.9

ALONE, BESIDE = "one destination", "another one down"

_JOB = "shoal.bench.act_deliveries:measure_deliveries"


def run(sizes: Sizes, told: Told) -> Report:
    """The same deliveries to the same sink, with nothing else to do and with a destination that is down."""
    count = max(sizes.events // SHARE, SHARE_DOWN)
    runs: dict[str, list[Measured]] = {ALONE: [], BESIDE: []}
    for repeat in range(sizes.repeats):
        for step, down in ((ALONE, 0), (BESIDE, count // SHARE_DOWN)):
            told(f"delivering with {step}, {repeat + 1} of {sizes.repeats}")
            with sink() as port:
                runs[step].append(measure(_JOB, threads=1, step=step, count=count, down=down, port=port.number))
            if port.came != (count, count):
                raise Disagreement(f"of {count:,} deliveries {port.came[1]:,} came, {port.came[0]:,} times in all")
    seconds = {step: median(run.seconds[step] for run in found) for step, found in runs.items()}
    processor = {step: median(run.processor[step] for run in found) for step, found in runs.items()}
    return begin_report(
        "act",
        f"{count:,} deliveries to a webhook, {count // SHARE_DOWN:,} more to one that is down",
        agreed=[f"{count:,} deliveries sent, each id taken once, in every run"],
        rows=[
            row
            for step, found in runs.items()
            for row in rows_of("shoal", 1, found, unit="deliveries", count=count)
            if row.step == step
        ],
        ratios=[
            Ratio(what="deliveries a second", value=count / seconds[ALONE], target=TARGET_RATE),
            Ratio(what="deliveries a processor second", value=count / processor[ALONE]),
            Ratio(
                what="the same while another is down, by processor time",
                value=processor[ALONE] / processor[BESIDE],
                target=TARGET_UNDELAYED,
            ),
        ],
        figures={name: median(run.figures[name] for run in runs[BESIDE]) for name in runs[BESIDE][0].figures},
    )


class Port:
    """Where a sink listens, and afterwards what came: requests, and different ids."""

    def __init__(self, number: int) -> None:
        self.number, self.came = number, (0, 0)


@contextmanager
def sink() -> Iterator[Port]:
    """A destination in a process of its own."""
    command = [sys.executable, "-m", "shoal.bench.act_sink"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603
    assert process.stdout is not None
    try:
        port = Port(int(process.stdout.readline()))
        yield port
        told, _ = process.communicate("")
        requests, ids = told.split()
        port.came = int(requests), int(ids)
    finally:
        process.kill()
        process.wait()
