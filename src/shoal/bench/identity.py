"""`shoal bench identity`: who is who among people with kiosks, null addresses and family devices between them.

The rows are like those of the tests of identity: everybody has one to three rows on two devices. Every statement
believed, the largest profile would hold a tenth of all rows.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shoal.bench.agreement import Disagreement
from shoal.bench.job import measure
from shoal.bench.measured import Measured
from shoal.bench.report import Report, Row, rows_of
from shoal.bench.reporting import Told, begin_report
from shoal.bench.sizes import Sizes
from shoal.bench.stopwatch import Stopwatch
from shoal.identity import owners, resolve
from shoal.model.frame import ENVELOPE, events_of_frame

ROWS_PER_PERSON = 2
JUDGED_PEOPLE = 500
KIOSK_VISITORS, PEOPLE_PER_KIOSK, PEOPLE_PER_NULL, PEOPLE_PER_FAMILY = 300, 10_000, 500, 50

Numbers = NDArray[np.int64]


def run(sizes: Sizes, told: Told) -> Report:
    """So many people as there are profiles, and then two and a half times as many."""
    agreed = [f"{_compare_with_judge():,} rows, all at once and one by one"]
    rows: list[Row] = []
    figures: dict[str, float] = {}
    for people in (sizes.profiles, sizes.profiles * 5 // 2):
        runs = []
        for repeat in range(sizes.repeats):
            told(f"resolving {people:,} people, {repeat + 1} of {sizes.repeats}")
            runs.append(measure("shoal.bench.identity:measure_people", threads=1, people=people, seed=sizes.seed))
        found = rows_of("shoal", 1, runs, unit="rows", count=int(runs[0].figures["rows"]))
        rows += [row.renamed(f"{row.step} {people:,} people") for row in found]
        figures |= {f"{name} of {people:,} people": value for name, value in runs[0].figures.items()}
    size = f"{sizes.profiles:,} people with polluted identifiers, and 2.5 times as many"
    return begin_report("identity", size, agreed=agreed, rows=rows, ratios=[], figures=figures)


def measure_people(people: int, seed: int) -> Measured:
    """From a frame to whose each row is, and how well that found out who is who."""
    rows, watch = draw_rows(people, seed), Stopwatch()
    with watch("resolve"):
        found = resolve(rows).owners().astype(np.int64)
    return watch.measured(rows=float(len(rows)), **_judged(rows["person"].to_numpy(), found))


def draw_rows(people: int, seed: int) -> pl.DataFrame:
    """Statements of people in random order, with the polluting ones among them; `person` is the truth."""
    chance = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), chance.integers(1, 4, people))
    visitors, nulls, families = people // PEOPLE_PER_KIOSK, people // PEOPLE_PER_NULL, people // PEOPLE_PER_FAMILY
    kiosk = pl.format("kiosk-{}", pl.int_range(pl.len()) // KIOSK_VISITORS)
    relatives = pl.format("device-{}", pl.Series(2 * chance.integers(0, people, families), dtype=pl.Int64))
    rows = [
        _statements(person, chance, states=chance.random(len(person)) < 0.8),
        _visits(people, visitors * KIOSK_VISITORS, chance).with_columns(kiosk.alias("anonymous_id")),
        _visits(people, nulls, chance).with_columns(pl.lit("null@example.org").alias("traits.email:text")),
        _visits(people, families, chance).with_columns(relatives.alias("anonymous_id")),
    ]
    return _with_envelope(pl.concat(rows).sample(fraction=1.0, shuffle=True, seed=seed))


def _visits(people: int, count: int, chance: np.random.Generator) -> pl.DataFrame:
    """Rows of anybody, who states an address."""
    return _statements(chance.integers(0, people, count), chance, states=np.ones(count, np.bool_))


def _statements(person: Numbers, chance: np.random.Generator, *, states: NDArray[np.bool_]) -> pl.DataFrame:
    """One row for each person given, on the private or the work device, each with its own address."""
    account = 2 * person + (chance.random(len(person)) < 0.335)
    return pl.DataFrame({"person": person, "account": account, "states": states}).select(
        "person",
        pl.format("device-{}", "account").alias("anonymous_id"),
        pl.when("states").then(pl.format("a{}@example.org", "account")).alias("traits.email:text"),
    )


def _with_envelope(rows: pl.DataFrame) -> pl.DataFrame:
    place = pl.int_range(pl.len(), dtype=pl.Int64)
    stated = {
        "position": place,
        "message_id": pl.format("m{}", place),
        "kind": pl.lit("identify"),
        "name": pl.lit(""),
        "occurred_at": place,
        "received_at": place,
    }
    missing = {name: pl.lit(None, dtype=pl.String) for name in ENVELOPE if name not in (*stated, "anonymous_id")}
    return rows.with_columns(**stated, **missing)


def _judged(person: Numbers, found: Numbers) -> dict[str, float]:
    """Precision and recall over pairs of rows, and the most rows in one profile."""
    sizes_found, sizes_true = (np.unique(each, return_counts=True)[1] for each in (found, person))
    sizes_both = np.unique(np.stack([found, person]), axis=1, return_counts=True)[1]
    together, claimed, true = (
        float((each * (each - 1) // 2).sum()) for each in (sizes_both, sizes_found, sizes_true)
    )
    return {
        "precision": together / claimed if claimed else 1.0,
        "recall": together / true if true else 1.0,
        "largest profile": float(sizes_found.max()),
    }


def _compare_with_judge() -> int:
    """A few people, resolved as a frame and event by event. Raises Disagreement."""
    rows = draw_rows(JUDGED_PEOPLE, seed=7)
    ids = resolve(rows).profile_ids()
    expected = {
        event.message_id: profile
        for profile, events in owners(events_of_frame(rows.drop("person"))).items()
        for event in events
    }
    if dict(zip(rows["message_id"], ids, strict=True)) != expected:
        raise Disagreement("resolving a frame and replaying its events find different people")
    return len(rows)
