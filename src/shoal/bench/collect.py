"""`shoal bench collect`: events a second over HTTP, answered when they survive a loss of power, and read back."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import polars as pl

from shoal.bench.agreement import Disagreement
from shoal.bench.imports import write_ndjson
from shoal.bench.load import Load, requests_of, send
from shoal.bench.machine import core_count
from shoal.bench.measured import Measured
from shoal.bench.report import Ratio, Report, rows_of
from shoal.bench.reporting import Told, begin_report
from shoal.bench.shop import draw_events
from shoal.bench.sizes import Sizes
from shoal.collect.http import Decoder
from shoal.definitions.settings import Settings
from shoal.definitions.sources import FIRST_WRITE_KEY, Collecting
from shoal.errors import Error
from shoal.journal.sqlite import read_journal
from shoal.runtime.places import JOURNAL_FOLDER

BATCH = 100
SHARE = 20
SHARE_OF_SINGLES = 20
CONNECTIONS, CONNECTIONS_OF_SINGLES = 16, 64
ENTRIES_AT_A_TIME = 1_000
SECONDS_TO_STOP = 60

_P99 = "batches of 100, p99 ms"

TARGET_BATCHES, TARGET_BATCHES_MS, TARGET_SINGLES = 100_000, 50.0, 3_000


class NotServing(Error):
    """The collector of the benchmark did not start."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The load of both kinds of requests, and what the server's processor did meanwhile."""

    batches: Load
    singles: Load
    batches_processor: float
    singles_processor: float


def run(sizes: Sizes, told: Told) -> Report:
    """A twentieth of the events in batches of 100, and a twentieth of these one by one; all are read back."""
    count = max(sizes.events // SHARE // BATCH * BATCH, BATCH)
    singles = max(count // SHARE_OF_SINGLES, 1)
    told(f"making {count:,} messages")
    lines = messages(replace(sizes, events=count, profiles=min(sizes.profiles, count)))
    batched, single, read = list[Measured](), list[Measured](), list[Measured]()
    figures = dict[str, list[float]]()
    for repeat in range(sizes.repeats):
        told(f"sending, {repeat + 1} of {sizes.repeats}")
        with tempfile.TemporaryDirectory(prefix="shoal-bench-") as folder:
            sent = send_all(Path(folder), lines, singles)
            read.append(read_back(Path(folder), expected=count + singles))
        batched.append(_measured("batches of 100", sent.batches, sent.batches_processor))
        single.append(_measured("single events", sent.singles, sent.singles_processor))
        for name, load in (("batches of 100", sent.batches), ("single events", sent.singles)):
            figures.setdefault(f"{name}, p50 ms", []).append(load.percentile_ms(50))
            figures.setdefault(f"{name}, p99 ms", []).append(load.percentile_ms(99))
    medians = {name: median(found) for name, found in figures.items()}
    rates = [
        count / median(each.seconds["batches of 100"] for each in batched),
        singles / median(each.seconds["single events"] for each in single),
    ]
    threads = core_count()
    return begin_report(
        "collect",
        f"{count:,} events in batches of {BATCH}, {singles:,} one by one, over loopback",
        agreed=[f"{count + singles:,} events answered, all read back from the journal, each once"],
        rows=[
            *rows_of("shoal", threads, batched, unit="events", count=count),
            *rows_of("shoal", threads, single, unit="events", count=singles),
            *rows_of("shoal", 1, read, unit="events", count=count + singles),
        ],
        ratios=[
            Ratio(what="events a second in batches of 100", value=rates[0], target=TARGET_BATCHES),
            Ratio(what="p99 ms", value=medians[_P99], target=TARGET_BATCHES_MS, is_floor=False),
            Ratio(what="single events a second", value=rates[1], target=TARGET_SINGLES),
        ],
        figures=medians,
    )


def messages(sizes: Sizes) -> list[bytes]:
    """Track calls of the drawn shop, as a Segment source sends them."""
    with tempfile.TemporaryDirectory(prefix="shoal-bench-") as folder:
        path = Path(folder, "events.ndjson")
        write_ndjson(draw_events(sizes), path)
        return path.read_bytes().splitlines()


def send_all(folder: Path, lines: Sequence[bytes], singles: int) -> Sent:
    """Sends the messages to a collector of a new workspace."""
    key = base64.b64encode(f"{FIRST_WRITE_KEY}:".encode()).decode()
    groups = [lines[start : start + BATCH] for start in range(0, len(lines), BATCH)]
    batches = requests_of([b'{"batch":[%s]}' % b",".join(group) for group in groups], "/v1/batch", key)
    # Under ids of their own: they are other events.
    alone = [line.replace(b'"messageId":"', b'"messageId":"single-', 1) for line in lines[:singles]]
    one_by_one = requests_of(alone, "/v1/track", key)
    with serving(folder) as (host, port, process):
        send(host, port, batches[:20], connections=1)  # so that everything is loaded; the same events once more
        times = [_processor_seconds(process)]
        batched = send(host, port, batches, connections=CONNECTIONS)
        times.append(_processor_seconds(process))
        single = send(host, port, one_by_one, connections=CONNECTIONS_OF_SINGLES)
        times.append(_processor_seconds(process))
    return Sent(batched, single, times[1] - times[0], times[2] - times[1])


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, int, int]]:
    """The collector of a new workspace, in a process of its own: its host, port and process number."""
    (folder / "shoal.yaml").write_text("name: Bench\n")
    command = [sys.executable, "-m", "shoal.bench.collector", str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603  (our own module)
    try:
        assert server.stdout is not None
        host, _, port = server.stdout.readline().strip().removeprefix("http://").partition(":")
        if not port:
            raise NotServing
        yield host, int(port), server.pid
    finally:
        server.terminate()
        try:
            server.communicate(timeout=SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            server.kill()
            server.communicate()


def read_back(folder: Path, expected: int) -> Measured:
    """Decodes the whole journal. Raises Disagreement unless every message is there."""
    decoder, ids = Decoder(Settings(), Collecting()), list[pl.Series]()
    after, began, processor = 0, time.perf_counter(), time.process_time()
    while entries := list(read_journal(folder / JOURNAL_FOLDER, after, ENTRIES_AT_A_TIME)):
        ids.append(decoder.decode(entries).events["message_id"])
        after = entries[-1].position
    seconds, processor = time.perf_counter() - began, time.process_time() - processor
    found = pl.concat(ids).n_unique()
    if found != expected:
        raise Disagreement(f"{expected} events were answered, {found} are in the journal")
    return Measured(seconds={"read back": seconds}, processor={"read back": processor})


def _measured(step: str, load: Load, processor: float) -> Measured:
    return Measured(seconds={step: load.seconds}, processor={step: processor})


def _processor_seconds(process: int) -> float:
    """What processors did for a process so far."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
