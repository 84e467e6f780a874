"""The archive: imported events as Parquet by UTC day, each event once, kept in whole rounds or not at all.

manifest.json                          what there is; whatever it does not name does not exist
events/day=2026-01-31/part-7.parquet   sorted by occurred_at and position
message_ids/period=640/run-7.bin       the index against duplicates
catalog-7.json                         names and types seen
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from shoal.errors import StoreError
from shoal.journal.catalog import Catalog, load_catalog
from shoal.journal.deduplication import are_new
from shoal.journal.durable import failures_told, make_folder, reading, sole_writer, sync_folder
from shoal.journal.leftovers import READING_LOCK, leftovers, remove
from shoal.journal.manifest import Manifest, commit_manifest, load_manifest
from shoal.journal.message_ids import sorted_ids
from shoal.journal.parts import parts_by_day, read_days, schema_of
from shoal.journal.rewrite import Change, Rewritten, rewrite_parts
from shoal.journal.round import stored, write_round
from shoal.model.frame import STORED_ENVELOPE
from shoal.model.time import EARLIEST_MOMENT, LATEST_MOMENT

WRITING_LOCK = "writing.lock"

SECONDS_FOR_READERS, SECONDS_BETWEEN_TRIES = 60.0, 0.05
"""How long what must go waits for those who are reading."""


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of a frame: how many events were new, and how many had come before."""

    added: int
    duplicates: int


@dataclass(frozen=True, slots=True)
class Day:
    """One UTC day of the archive."""

    date: date
    rows: int
    parts: int


class Archive:
    """The events kept in a folder. Many may read at a time, also while one appends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._is_writing = False
        self._is_swept = False

    @property
    def event_count(self) -> int:
        return sum(part.rows for part in self._manifest().parts)

    def days(self) -> list[Day]:
        """The days that have events, in order."""
        days = parts_by_day(self._manifest().parts)
        return [Day(parts[0].day, sum(part.rows for part in parts), len(parts)) for parts in days]

    def columns(self) -> dict[str, type[pl.DataType]]:
        """Every column that has a value in any event: the envelope, then the fields by name."""
        return schema_of(self._manifest().columns or STORED_ENVELOPE)

    def source_progress(self, source: str) -> int:
        """How many rows of a source are dealt with: where to go on. Ask again after any failure."""
        return self._manifest().sources.get(source, 0)

    def fingerprint(self) -> str:
        """Another text whenever the events are others; the same when nothing was added."""
        return self._manifest().fingerprint

    def catalog(self) -> Catalog:
        """The names and types seen so far."""
        with reading(self.folder / READING_LOCK):
            place = self._manifest().catalog_place
            return load_catalog(self.folder / place) if place else Catalog()

    def read(
        self, columns: Iterable[str] | None = None, *, since_ms: int | None = None, until_ms: int | None = None
    ) -> Iterator[pl.DataFrame]:
        """One frame per day that has events in since_ms <= occurred_at <= until_ms, the earliest day first.

        Each is sorted by (occurred_at, position) and has the columns asked for (all by default), null where an
        event has no such field. What is appended meanwhile is not seen.
        """
        since = EARLIEST_MOMENT if since_ms is None else since_ms
        until = LATEST_MOMENT if until_ms is None else until_ms
        with reading(self.folder / READING_LOCK), failures_told("Reading the archive", self.folder):
            manifest = self._manifest()
            schema = schema_of(columns if columns is not None else manifest.columns or STORED_ENVELOPE)
            inside = [part for part in manifest.parts if part.first <= until and since <= part.last]
            for events in read_days(self.folder, inside, schema, since, until):
                if len(events):
                    yield events

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keeps other writers out over several appends. Raises StoreError when another is writing already."""
        if self._is_writing:
            yield
            return
        with ExitStack() as stack:
            with failures_told("Writing to the archive", self.folder):
                make_folder(self.folder)
                stack.enter_context(sole_writer(self.folder / WRITING_LOCK))
            self._is_writing = True
            try:
                yield
            finally:
                self._is_writing = False

    def are_new(self, events: pl.DataFrame) -> NDArray[np.bool_]:
        """For each event whether neither the archive nor an earlier row has it: whether `append` would keep it."""
        with failures_told("Reading the archive", self.folder):
            ids, rows = sorted_ids(events)
            new = np.empty(len(events), np.bool_)
            new[rows] = are_new(self.folder, ids, self._manifest().runs)
            return new

    def append(self, events: pl.DataFrame, *, source: str | None = None, source_rows: int = 0) -> Appended:
        """Keeps the events that are new, in the order of the frame, and `source_rows` more rows of the source.

        Either all of it or, when a StoreError is raised, nothing. (If only the disk's last confirmation failed,
        all of it may be there: after an error ask `source_progress` again.)
        """
        if events.is_empty() and not (source and source_rows):
            return Appended(0, 0)
        with self.writing(), failures_told("Adding events to the archive", self.folder):
            before = self._swept_manifest()
            ids, rows = sorted_ids(events)
            new = are_new(self.folder, ids, before.runs)
            added = int(new.sum())
            after = _next_round(before, source, source_rows)
            if added:
                chosen = np.zeros(len(events), np.bool_)
                chosen[rows[new]] = True
                kept = stored(events, chosen, after.next_position)
                after = write_round(self.folder, after, kept, ids[new])
            commit_manifest(self.folder, after)
            self._is_swept = remove(self.folder, set(before.places()) - set(after.places()))
            return Appended(added, len(events) - added)

    def rewrite(self, change: Change) -> Rewritten:
        """Every event as `change` makes it of the events of a part: fewer of them, or with other values.

        Either all of it or, when a StoreError is raised, nothing; then it is safe to do it again. When this
        returns, no file is left that holds what went: it waits for a moment in which nobody reads.
        """
        with self.writing(), failures_told("Rewriting the archive", self.folder):
            before = self._swept_manifest()
            after, rewritten = rewrite_parts(self.folder, before, change)
            if after is not before:
                commit_manifest(self.folder, after)
            self._sweep(after)
            return rewritten

    def _sweep(self, manifest: Manifest) -> None:
        ends = time.monotonic() + SECONDS_FOR_READERS
        while not remove(self.folder, list(leftovers(self.folder, manifest))):
            if time.monotonic() > ends:
                raise StoreError(
                    f"somebody is reading {self.folder}: files with what is to go cannot be removed",
                    hint="wait until the other commands have ended, and do it again",
                )
            time.sleep(SECONDS_BETWEEN_TRIES)
        self._is_swept = True

    def _manifest(self) -> Manifest:
        with failures_told("Reading the archive", self.folder):
            return load_manifest(self.folder)

    def _swept_manifest(self) -> Manifest:
        """The manifest, certainly on the disk, after removing what an interrupted round has left behind."""
        was_swept, self._is_swept = self._is_swept, False
        if not was_swept:
            sync_folder(self.folder)
        manifest = self._manifest()
        if not was_swept:
            remove(self.folder, list(leftovers(self.folder, manifest)))
        return manifest


def _next_round(before: Manifest, source: str | None, source_rows: int) -> Manifest:
    sources = dict(before.sources)
    if source is not None:
        sources[source] = sources.get(source, 0) + source_rows
    return msgspec.structs.replace(before, rounds=before.rounds + 1, sources=sources)
