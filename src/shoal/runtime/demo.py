"""The demo: a simulated shop in a workspace of its own, evaluated, with a report and a trend to look at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import polars as pl

from shoal.collect import Imported, import_files, load_mapping
from shoal.definitions.settings_file import SETTINGS_FILE
from shoal.definitions.workspace import Workspace, load_workspace
from shoal.enrich import enricher_of
from shoal.errors import InputError
from shoal.evaluate.explain import Explanation
from shoal.model.time import DAY, HOUR, format_moment
from shoal.runtime.batch import (
    Prepared,
    Results,
    Told,
    archive_of,
    evaluate_prepared,
    log_run,
    prepare,
    write_results,
)
from shoal.runtime.doors import door_of
from shoal.runtime.explaining import explain_membership
from shoal.runtime.files import text, write_files
from shoal.runtime.moments import newest_event, now_ms
from shoal.runtime.places import DEMO_MARK, FAILED_EVENTS, OUT_FOLDER, SHOAL_FOLDER
from shoal.runtime.population import Population
from shoal.runtime.report import gather_facts, render_page
from shoal.runtime.written import WrittenFiles
from shoal.simulation import Simulation, Truth, simulate, truth_beside
from shoal.templates import init_workspace
from shoal.web.demo_pages import shop_triggers

EVENTS = 40_000
TEMPLATE = "ecommerce"
SHOWN_SEGMENT, SHOWN_SCORE = "high_intent_price_sensitive", "engagement"
EVENTS_FILE, REPORT_FILE = "simulated/shop.ndjson", "report.html"
MARK = DEMO_MARK
"""Says that a workspace was made by the demo, so that it may be used for it again."""

START = "2026-01-01"
"""When the simulated days begin, unless it is said otherwise."""

SHOP_TRIGGERS = "triggers/demo_shop.yaml"

SETTINGS = (
    (r"(?m)^name:.*$", "name: A simulated shop"),
    (
        r"(?m)^minimum_members:.*$",
        "minimum_members: 100      # only because the demo is small; decide nothing real below 500",
    ),
    (
        r"(?m)^  ads: refused$",
        "  ads: granted            # until refused, as in the United States: what Global Privacy Control is for",
    ),
    (r"caps: \{page: 3,", "caps: {page: 100,"),
    (
        r"(?m)^collect:$",
        "enrich:\n  bots: include           # a browser that is driven by a test is a visitor, too\n\ncollect:",
    ),
)
"""What the demo has otherwise than a new workspace: patterns, and what stands in their place."""

WEEKS_BEFORE = (6, 4, 2, 1)
"""The past moments that are evaluated too, so that there is a trend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """What the demo made. `example` is the id of a member of the segment that is explained."""

    workspace: Workspace
    messages: int
    people: int
    imported: Imported
    results: Results
    report: Path
    example: str | None
    segment: str
    simulation: Simulation

    @property
    def commands(self) -> tuple[tuple[str, str], ...]:
        return tuple(commands_for(self.workspace.folder, self.example))


def make_demo(
    folder: Path, *, events: int = EVENTS, seed: int = 1, start: str = START, told: Told = lambda _: None
) -> Demo:
    """Fills a folder with the demo. Doing it again with the same numbers changes nothing but the report.

    Definitions that were edited in between stay as they are, and the days begin as they did the first time, so
    that people are not simulated anew. Raises InputError for a folder that holds something else.
    """
    workspace = _workspace(folder, start)
    path = folder / EVENTS_FILE
    path.parent.mkdir(exist_ok=True)
    WrittenFiles(folder).note([path, truth_beside(path), folder / REPORT_FILE])
    told("Simulating people")
    simulation = Simulation(business=TEMPLATE, events=events, seed=seed, start=_begun(folder))
    simulated = simulate(simulation, path, progress=lambda count: told(f"Simulating people: {count:,} messages"))
    told("Importing their events")
    imported = import_files(
        [path],
        load_mapping("segment"),
        archive_of(workspace),
        failed=folder / FAILED_EVENTS,
        enrich=enricher_of(workspace).enrich,
        door=door_of(workspace),
    )
    as_of = newest_event(archive_of(workspace))
    assert as_of is not None
    prepared, results = _evaluated(workspace, as_of, refresh=True, told=told)
    for weeks in WEEKS_BEFORE:
        told(f"Looking back {weeks} weeks" if weeks > 1 else "Looking back one week")
        log_run(workspace, _evaluated(workspace, as_of - weeks * 7 * DAY)[1], now_ms())
    write_results(results, folder / OUT_FOLDER)
    log_run(workspace, results, now_ms())
    told("Drawing the report")
    segment = _shown_segment(results)
    example = _example(workspace, results, segment)
    write_files(folder, {REPORT_FILE: text(_report(prepared, results, workspace, segment, example))})
    return Demo(
        workspace=workspace,
        messages=simulated.messages,
        people=simulated.people,
        imported=imported,
        results=results,
        report=folder / REPORT_FILE,
        example=None if example is None else example[0],
        segment=segment,
        simulation=simulation,
    )


def start_until(now: int) -> str:
    """When simulated days have to begin to end at the hour before a moment."""
    hour = now - now % HOUR
    return format_moment(hour - Simulation(business=TEMPLATE, people=1).days * DAY)


def _workspace(folder: Path, start: str) -> Workspace:
    """The demo's workspace, made from its template the first time."""
    if not (folder / MARK).is_file():
        init_workspace(folder, TEMPLATE)
        settings = folder / SETTINGS_FILE
        written = settings.read_text()
        for pattern, instead in SETTINGS:
            written, count = re.subn(pattern, instead, written)
            assert count == 1, f"the template has no {pattern}"
        settings.write_text(written)
        triggers = folder / SHOP_TRIGGERS
        triggers.parent.mkdir(exist_ok=True)
        triggers.write_text(shop_triggers())
        (folder / SHOAL_FOLDER).mkdir(exist_ok=True)
        (folder / MARK).write_text(f"This workspace was made by shoal demo.\nstart: {start}\n")
    return load_workspace(folder)


def _begun(folder: Path) -> str:
    """When the simulated days of a demo begin."""
    stated = re.search(r"(?m)^start: (.+)$", (folder / MARK).read_text())
    return START if stated is None else stated[1]


def _evaluated(
    workspace: Workspace, as_of: int, *, refresh: bool | None = None, told: Told = lambda _: None
) -> tuple[Prepared, Results]:
    prepared = prepare(workspace, as_of, refresh=refresh, told=told)
    return prepared, evaluate_prepared(workspace, prepared, as_of)


def _shown_segment(results: Results) -> str:
    """The segment that the report follows: its own one, or after edits the largest."""
    sizes = results.sizes()
    if not sizes:
        raise InputError(
            "the demo needs at least one segment", hint="put one into segments/, or begin in a new folder"
        )
    return SHOWN_SEGMENT if SHOWN_SEGMENT in sizes else max(sizes, key=lambda name: sizes[name])


def _example(workspace: Workspace, results: Results, segment: str) -> tuple[str, Explanation] | None:
    """A member of the segment with an account if there is one, and why they are in it."""
    members = results.memberships.filter(pl.col("segment") == segment)["profile"]
    known = members.filter(members.str.starts_with("user_id:"))
    chosen = next(iter(known if len(known) else members), None)
    if chosen is None:
        return None
    return str(chosen), explain_membership(workspace, str(chosen), segment, results.as_of)[1]


def _report(
    prepared: Prepared,
    results: Results,
    workspace: Workspace,
    segment: str,
    example: tuple[str, Explanation] | None,
) -> str:
    scores = [score.name for score in results.resolved.scores]
    return render_page(
        gather_facts(
            workspace,
            prepared,
            results,
            trend_of=segment,
            score=SHOWN_SCORE if SHOWN_SCORE in scores else next(iter(scores), None),
            intents=true_intents(truth_beside(workspace.folder / EVENTS_FILE), prepared.population),
            example=example,
            commands=list(commands_for(workspace.folder, None if example is None else example[0])),
        )
    )


def true_intents(truth: Path, population: Population) -> pl.DataFrame:
    """The hidden intent of each profile: columns `profile` and `intent`, one row for each person and profile."""
    with truth.open("rb") as lines:
        people = [msgspec.json.decode(line, type=Truth) for line in lines]
    stated = pl.DataFrame(
        [(identifier, person.intent) for person in people for identifier in _identifiers(person)],
        schema={"identifier": pl.String, "intent": pl.String},
        orient="row",
    )
    node_ids = population.resolution.node_ids
    owners = pl.DataFrame({"identifier": node_ids, "profile": node_ids.gather(population.roots)})
    return stated.join(owners, on="identifier").select("profile", "intent").unique(maintain_order=True)


def _identifiers(person: Truth) -> Iterator[str]:
    if person.user_id is not None:
        yield f"user_id:{person.user_id}"
    if person.shared is None:  # what others did under the same device says nothing about this person
        yield from (f"anonymous_id:{each}" for each in person.anonymous_ids)


def commands_for(folder: Path, example: str | None) -> Iterator[tuple[str, str]]:
    """Ready commands to look further, each with what it shows."""
    here = f"-w {folder}"
    yield f"shoal segments {here}", "How large each segment is, and how that has changed"
    if example is not None:
        yield f"shoal profile {example} {here}", "Everything about one person"
        yield f"shoal explain {example} {SHOWN_SEGMENT} {here}", "Why this person is in that segment"
    yield f"shoal export {SHOWN_SEGMENT} --with engagement {here}", "The members with a score, for another program"
    yield f"shoal identity {here}", "Who was merged, what was refused, which devices are shared"
    yield f"shoal check {folder}", "Edit a file in segments/, then see what Shoal says about it"
    yield f"shoal run --as-of newest {here}", "Evaluate everything again after an edit"
