"""`shoal bench decide`: how soon a page hears what it shows, alone and while 20 thousand events a second come in.

Collector, journal on the disk, live engine and decisions are one server process, as in `shoal serve`; events and
questions come from another, over loopback. A question is timed from the moment at which it was due.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from shoal.bench.decide_load import SEEN_OFTEN
from shoal.bench.job import measure
from shoal.bench.measured import Measured
from shoal.bench.report import Ratio, Report, rows_of
from shoal.bench.reporting import Told, begin_report
from shoal.bench.sizes import Sizes
from shoal.errors import Error

EVENTS_PER_SECOND = 20_000
QUESTIONS_PER_SECOND = 200
LONGEST_S, EVENTS_PER_SECOND_OF_IT = 30, 200_000
SECONDS_TO_STOP = 60
TARGET_MS = 10.0

SETTINGS = "name: Bench\n"
SLOTS = f"""
slot: hero
choices:
  - choice: loyal
    when: count("Order Completed", within="30 days") >= 2
    content: {{title: Welcome back}}
  - choice: cart
    when: |
      happened("Product Added", within="1 day")
      and not happened("Order Completed", after=time_of_last("Product Added"))
    content: {{title: Your cart waits}}
  - choice: looking
    when: distinct("product_id", of="Product Viewed", within="7 days") >= 3
    content: {{title: Found something}}
default: {{title: Welcome}}
---
slot: banner
choices:
  - choice: leaving
    when: time_since_any() >= "10 seconds" and count(within="1 hour") >= 5
    content: {{text: Still there}}
  - choice: dear
    when: average("price", of="Product Viewed", within="1 hour") >= 60
    content: {{text: The fine things}}
  - choice: phone
    context: {{device: mobile, local_hour: 0-23}}
    content: {{text: Get the app}}
default: {{text: Hello}}
---
slot: checked
choices:
  - choice: often
    when: count("Product Viewed", within="1 day") >= {SEEN_OFTEN}
    content: {{often: true}}
default: {{often: false}}
"""
"""Six audiences by counts, sequences, averages and pauses; the last slot is what answers are checked by."""


class NotServing(Error):
    """The server of the benchmark did not start."""


def run(sizes: Sizes, told: Told) -> Report:
    """Asks alone, then under load, so many times."""
    seconds = max(min(sizes.events // EVENTS_PER_SECOND_OF_IT, LONGEST_S), 1)
    alone, loaded = [], []
    for repeat in range(sizes.repeats):
        told(f"asking for {seconds} s alone and {seconds} s under load, {repeat + 1} of {sizes.repeats}")
        with tempfile.TemporaryDirectory(prefix="shoal-bench-") as folder, serving(Path(folder)) as url:
            alone.append(asked(url, seconds, 0, sizes.seed))
            loaded.append(asked(url, seconds, EVENTS_PER_SECOND, sizes.seed + 1))
    figures = {f"alone, {name}": median(run.figures[name] for run in alone) for name in alone[0].figures}
    figures |= {f"under load, {name}": median(run.figures[name] for run in loaded) for name in loaded[0].figures}
    checked = sum(int(run.figures["answers checked"]) for run in loaded)
    return begin_report(
        "decide",
        f"{QUESTIONS_PER_SECOND} questions a second, {EVENTS_PER_SECOND:,} events a second, {seconds} s",
        agreed=[f"{checked:,} answers after the load, with what was sent"],
        rows=[*rows_of("shoal", 1, alone, unit="questions"), *rows_of("shoal", 1, loaded, unit="questions")],
        ratios=[
            Ratio(
                what="under load, p99 ms", value=figures["under load, p99 ms"], target=TARGET_MS, is_floor=False
            ),
            Ratio(what="alone, p99 ms", value=figures["alone, p99 ms"], target=TARGET_MS, is_floor=False),
        ],
        figures=figures,
    )


def asked(url: str, seconds: int, events_per_second: int, seed: int) -> Measured:
    """Asks for so long, waits until all events count, and compares what is then shown with what was sent."""
    return measure(
        "shoal.bench.decide_load:measure_questions",
        threads=1,
        url=url,
        seconds=seconds,
        events_per_second=events_per_second,
        questions_per_second=QUESTIONS_PER_SECOND,
        seed=seed,
    )


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The whole server of a new workspace with slots, in a process of its own: where it listens."""
    (folder / "slots").mkdir()
    (folder / "shoal.yaml").write_text(SETTINGS)
    (folder / "slots" / "page.yaml").write_text(SLOTS)
    command = [sys.executable, "-m", "shoal.bench.served", str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603  (our own module)
    try:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        if not url:
            raise NotServing
        yield url
    finally:
        server.terminate()
        try:
            server.communicate(timeout=SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            server.kill()
            server.communicate()
