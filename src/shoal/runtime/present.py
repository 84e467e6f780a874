"""Everything that came by now: what is archived, and what stands in the journal yet. Read as an archive is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import polars as pl

from shoal.definitions.workspace import Workspace
from shoal.enrich import enricher_of
from shoal.journal.parts import ORDER, Schema, schema_of
from shoal.journal.sqlite import NO_MORE, read_journal
from shoal.model.frame import STORED_ENVELOPE
from shoal.model.time import EARLIEST_MOMENT, LATEST_MOMENT
from shoal.runtime.batch import archive_of
from shoal.runtime.doors import decoder_of
from shoal.runtime.live_workspace import FIRST_LIVE_POSITION, SOURCE
from shoal.runtime.places import JOURNAL_FOLDER

MOST_ENTRIES = 10**6
"""More requests than can wait for the archive; beyond them the server is in trouble, and says so."""


class Present:
    """The events of a workspace as of the moment at which this is made, the last minute included."""

    def __init__(self, workspace: Workspace) -> None:
        archive = archive_of(workspace)
        through = archive.source_progress(SOURCE)
        entries = list(read_journal(workspace.folder / JOURNAL_FOLDER, through, MOST_ENTRIES, through=NO_MORE - 1))
        events = decoder_of(workspace).decode(entries).events
        self._archive = archive
        self._tail = pl.DataFrame(schema=STORED_ENVELOPE)
        if len(events):
            new = events.filter(pl.Series(archive.are_new(events)))
            live = new.with_columns(pl.col("position") + FIRST_LIVE_POSITION)
            self._tail = enricher_of(workspace).enrich(live)

    def columns(self) -> dict[str, type[pl.DataType]]:
        """Every column that has a value in any event."""
        return {**self._archive.columns(), **schema_of(self._tail.columns)}

    def read(
        self, columns: Iterable[str] | None = None, *, since_ms: int | None = None, until_ms: int | None = None
    ) -> Iterator[pl.DataFrame]:
        """As `Archive.read`, in one frame when anything is not archived yet."""
        wanted = list(self.columns() if columns is None else columns)
        if self._tail.is_empty():
            yield from self._archive.read(wanted, since_ms=since_ms, until_ms=until_ms)
            return
        schema = schema_of(dict.fromkeys([*wanted, *ORDER]))
        between = pl.col("occurred_at").is_between(
            EARLIEST_MOMENT if since_ms is None else since_ms, LATEST_MOMENT if until_ms is None else until_ms
        )
        while True:  # a server may archive what stands in the journal meanwhile: it is to count once
            state = self._archive.fingerprint()
            waiting = self._tail.filter(pl.Series(self._archive.are_new(self._tail))).filter(between)
            frames = [*self._archive.read(schema, since_ms=since_ms, until_ms=until_ms), _with(waiting, schema)]
            if self._archive.fingerprint() == state:
                break
        events = pl.concat(frames).sort(ORDER).select(wanted)
        if len(events):
            yield events


def _with(events: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """These columns of events, null where they have none."""
    missing = [pl.lit(None, dtype=kind).alias(name) for name, kind in schema.items() if name not in events.columns]
    return events.with_columns(missing).select(list(schema))
