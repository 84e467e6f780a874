"""One round of an import: its new events written as parts, index and catalog, ready to be named by a manifest."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from shoal.journal.catalog import Catalog, load_catalog, seen_in
from shoal.journal.durable import sync_folder, write_whole
from shoal.journal.manifest import Manifest, Part
from shoal.journal.message_ids import MessageIds, write_runs
from shoal.journal.parts import by_day, schema_of, write_part
from shoal.model.frame import ENVELOPE, STORED_ENVELOPE
from shoal.model.time import utc_date

WRITERS = 4
"""Days written at a time: packing uses the processors, and confirming waits for the disk."""


def stored(events: pl.DataFrame, chosen: NDArray[np.bool_], position: int) -> pl.DataFrame:
    """The chosen rows of incoming events with their positions, sorted by occurred_at and position."""
    schema = schema_of(column for column in [*ENVELOPE, *events.columns] if column != "position")
    kept = events if chosen.all() else events.filter(pl.Series(chosen))
    positions = pl.int_range(position, position + len(kept), dtype=pl.Int64, eager=True).alias("position")
    kept = kept.select(positions, *(pl.col(name).cast(dtype) for name, dtype in schema.items()))
    moments = kept["occurred_at"].to_numpy()
    is_sorted = bool((moments[1:] >= moments[:-1]).all())
    return kept if is_sorted else kept.sort("occurred_at", maintain_order=True)


def write_round(folder: Path, manifest: Manifest, events: pl.DataFrame, ids: MessageIds) -> Manifest:
    """The manifest with these stored events and their message ids; all its files are on the disk."""
    number = manifest.rounds
    parts = _write_parts(folder, manifest, events)
    new_runs, old_runs = write_runs(folder, ids, number, manifest.runs)
    catalog = load_catalog(folder / manifest.catalog_place) if manifest.catalog_place else Catalog()
    after = msgspec.structs.replace(
        manifest,
        archive=manifest.archive or uuid.uuid4().hex,
        revision=manifest.revision + 1,
        next_position=manifest.next_position + len(events),
        columns=_columns(manifest, events),
        parts=parts,
        runs=(*(run for run in manifest.runs if run not in old_runs), *new_runs),
        catalog=number,
    )
    assert after.catalog_place is not None
    write_whole(folder / after.catalog_place, [catalog.joined(seen_in(events)).encoded()])
    _sync(folder, set(after.places()) - set(manifest.places()))
    return after


def _write_parts(folder: Path, manifest: Manifest, events: pl.DataFrame) -> tuple[Part, ...]:
    parts = {part.place: part for part in manifest.parts}
    of_day: dict[object, list[Part]] = {}
    for part in manifest.parts:
        of_day.setdefault(part.day, []).append(part)

    def write(day: pl.DataFrame) -> tuple[Part, Sequence[Part]]:
        return write_part(folder, day, manifest.rounds, of_day.get(utc_date(day["occurred_at"][0]), []))

    with ThreadPoolExecutor(WRITERS) as pool:
        for new, taken in pool.map(write, by_day(events)):
            for part in taken:
                del parts[part.place]
            parts[new.place] = new
    return tuple(parts.values())


def _columns(manifest: Manifest, events: pl.DataFrame) -> tuple[str, ...]:
    filled = {column for column in events.columns if events[column].null_count() < len(events)}
    return (*STORED_ENVELOPE, *sorted((filled | set(manifest.columns)) - set(STORED_ENVELOPE)))


def _sync(folder: Path, places: Iterable[str]) -> None:
    for changed in sorted({(folder / place).parent for place in places}):
        sync_folder(changed)
