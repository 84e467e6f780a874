"""`shoal bench backtest`: looking back at a trigger; and why it follows the past with timelines.

A tenth as many messages as there are events. The changes of the trigger's segment are found twice in the same
events in memory, by a timeline and by the live engine, and compared. The whole backtest is measured in its parts.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median

import polars as pl

from shoal.bench.agreement import Disagreement
from shoal.bench.job import measure
from shoal.bench.machine import core_count
from shoal.bench.measured import Measured
from shoal.bench.report import Ratio, Report, rows_of
from shoal.bench.reporting import Told, begin_report
from shoal.bench.sizes import Sizes
from shoal.bench.stopwatch import Stopwatch
from shoal.collect import import_files, load_mapping
from shoal.definitions.implied import trigger_segment
from shoal.definitions.resolve import Resolved
from shoal.definitions.workspace import Workspace, load_workspace
from shoal.enrich import enricher_of
from shoal.evaluate.past import Past
from shoal.evaluate.plan import Plan, compile_plan
from shoal.identity import read_rules, resolve
from shoal.model.frame import STORED_ENVELOPE
from shoal.model.time import HOUR
from shoal.runtime.backtest import Progress, look_back
from shoal.runtime.batch import archive_of
from shoal.runtime.live import LiveEngine
from shoal.runtime.places import FAILED_EVENTS
from shoal.runtime.population import identity_columns
from shoal.simulation import Simulation, simulate
from shoal.templates import init_workspace

SHARE = 10
TEMPLATE, TRIGGER = "ecommerce", "cart_discount"
SEGMENT = trigger_segment(TRIGGER)
EVENTS_AT_ONCE = 20_000
"""The live engine takes so many at a time: the size at which it is fastest."""

WHOLE, CHANGES = "look back", "changes"


def run(sizes: Sizes, told: Told) -> Report:
    """One trigger of a template, with those that share its caps, over everything that was simulated."""
    messages, threads = max(sizes.events // SHARE, 100), core_count()
    jobs = {"backtest": "measure_backtest", "timeline": "measure_timeline", "live engine": "measure_engine"}
    with tempfile.TemporaryDirectory(prefix="shoal-bench-") as name:
        folder = Path(name, "shop")
        told(f"simulating and importing {messages:,} messages")
        events = fill(folder, messages, sizes.seed)
        runs: dict[str, list[Measured]] = {who: [] for who in jobs}
        for repeat in range(sizes.repeats):
            for who, job in jobs.items():
                told(f"{who}, {repeat + 1} of {sizes.repeats}")
                runs[who].append(measure(f"shoal.bench.backtest:{job}", threads=threads, folder=str(folder)))
    one, other = (runs[who][0].figures for who in ("timeline", "live engine"))
    if one != other:
        raise Disagreement(f"the timeline finds {one}, the live engine {other}")
    engine, timeline = (
        median(each.processor[CHANGES] for each in runs[who]) for who in ("live engine", "timeline")
    )
    return begin_report(
        "backtest",
        f"{events:,} events of a shop, the trigger {TRIGGER}",
        agreed=[f"{int(one['changes']):,} changes of its segment, by timeline and live engine"],
        rows=[
            row for who, done in runs.items() for row in rows_of(who, threads, done, unit="events", count=events)
        ],
        ratios=[Ratio(what="processor seconds for the changes: live engine / timeline", value=engine / timeline)],
        figures=runs["backtest"][0].figures,
    )


def fill(folder: Path, messages: int, seed: int) -> int:
    """A workspace from a template with the events of a simulated shop; how many there are."""
    init_workspace(folder, TEMPLATE)
    file, workspace = folder / "shop.ndjson", load_workspace(folder)
    simulate(Simulation(business=TEMPLATE, events=messages, seed=seed), file)
    import_files(
        [file],
        load_mapping("segment"),
        archive_of(workspace),
        failed=folder / FAILED_EVENTS,
        enrich=enricher_of(workspace).enrich,
    )
    return archive_of(workspace).event_count


def measure_backtest(folder: str) -> Measured:
    """The whole of it, and each of its parts. It is done once before, so that all loops are loaded."""
    workspace, watch = load_workspace(Path(folder)), Stopwatch()
    look_back(workspace, TRIGGER, None, None)
    with watch(WHOLE), ExitStack() as parts:

        def begin(what: str, _share: float) -> None:
            if what not in watch.seconds:
                parts.close()
                watch.seconds[what] = 0.0
                parts.enter_context(watch(what))

        found = look_back(workspace, TRIGGER, None, None, progress=Progress(begin))
    return watch.measured(occasions=float(len(found.occasions)), fired=float(len(found.fired)))


def measure_timeline(folder: str) -> Measured:
    """Only the changes of the trigger's segment, from events in memory: who is who, histories, and every look."""
    workspace, watch = load_workspace(Path(folder)), Stopwatch()
    rules = read_rules(workspace.identity)
    plan = compile_plan(workspace.resolve_acting(), [("segment", SEGMENT)])
    events = _events(workspace, plan)
    since, until = int(events["occurred_at"][0]) - 1, int(events["occurred_at"][-1])

    def changes(until: int) -> int:
        return len(Past(plan, events, resolve(events, rules), since=since, until=until).changes([SEGMENT]))

    changes(since + HOUR)  # so that all loops are loaded
    with watch(CHANGES):
        found = changes(until)
    return watch.measured(changes=float(found))


def measure_engine(folder: str) -> Measured:
    """The same by the live engine in large batches, in which nothing is told or kept."""
    workspace, watch = load_workspace(Path(folder)), Stopwatch()
    resolved = _only(workspace.resolve_acting(), SEGMENT)
    events = _events(workspace, compile_plan(resolved))

    def changes(events: pl.DataFrame) -> int:
        engine, found = LiveEngine(resolved, read_rules(workspace.identity)), 0
        for place in range(0, len(events), EVENTS_AT_ONCE):
            batch = events[place : place + EVENTS_AT_ONCE]
            # Nothing of the last millisecond is late: the next batch may hold more of it.
            latest = max(engine.now, int(batch["occurred_at"][-1]) - 1)
            found += sum(change.segment == SEGMENT for change in engine.process(batch, latest))
        last = engine.process(events.clear(), int(events["occurred_at"][-1]))
        return found + sum(change.segment == SEGMENT for change in last)

    changes(events[:1_000])
    with watch(CHANGES):
        found = changes(events)
    return watch.measured(changes=float(found))


def _events(workspace: Workspace, plan: Plan) -> pl.DataFrame:
    """All events in memory, with what a plan reads of them."""
    archive, rules = archive_of(workspace), read_rules(workspace.identity)
    columns = {*identity_columns(rules), *plan.columns} & archive.columns().keys()
    return pl.concat(archive.read([*STORED_ENVELOPE, *sorted(columns)]))


def _only(resolved: Resolved, segment: str) -> Resolved:
    """One segment and what it refers to: everything else would be kept true for nothing."""
    needed = compile_plan(resolved, [("segment", segment)]).roots
    return replace(
        resolved,
        features=tuple(each for each in resolved.features if ("feature", each.name) in needed),
        scores=tuple(each for each in resolved.scores if ("score", each.name) in needed),
        segments=tuple(each for each in resolved.segments if ("segment", each.name) in needed),
        order=tuple(key for key in resolved.order if key in needed),
    )
