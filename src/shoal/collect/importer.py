"""Importing files in rounds of rows, each kept whole or not at all: an interrupted import goes on where it was.

A round is written in this order: its failed rows, then its events together with how many rows are dealt with.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from shoal.collect.door import OF_ERASED, Door
from shoal.collect.failed import FailedEvents
from shoal.collect.ids import RowIds
from shoal.collect.mapping import Mapping
from shoal.collect.readers import Reader, open_reader
from shoal.collect.rows import Rows, shown
from shoal.collect.source import Progress, Report, SourceFile, look_at
from shoal.errors import InputError
from shoal.model.frame import ENVELOPE

ROWS_OF_A_ROUND = 250_000
BYTES_OF_A_ROUND = 2**26
"""A round ends with whichever it reaches first; so much is held in memory, whatever the size of the file."""

OF_BOTS = "an event of a bot"

Enrich = Callable[[pl.DataFrame], pl.DataFrame]
"""Adds what can be known of events. May leave out those of bots."""


class Added(Protocol):
    """What an archive says of a frame that it was given."""

    @property
    def added(self) -> int: ...

    @property
    def duplicates(self) -> int: ...


class Keeper(Protocol):
    """Where events are kept: the archive of the journal."""

    def writing(self) -> AbstractContextManager[None]: ...

    def source_progress(self, source: str) -> int: ...

    def append(self, events: pl.DataFrame, *, source: str | None = None, source_rows: int = 0) -> Added: ...


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """What became of the rows of one file. `rows_before` were dealt with by an earlier, interrupted import."""

    path: Path
    rows_before: int = 0
    rows: int = 0
    added: int = 0
    duplicates: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    was_done: bool = False


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of all files. `failed` and `skipped` count rows by reason."""

    files: tuple[ImportedFile, ...]
    seconds: float

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    @property
    def added(self) -> int:
        return sum(file.added for file in self.files)

    @property
    def duplicates(self) -> int:
        return sum(file.duplicates for file in self.files)

    @property
    def skipped(self) -> Counter[str]:
        return sum((file.skipped for file in self.files), Counter[str]())

    @property
    def failed(self) -> Counter[str]:
        return sum((file.failed for file in self.files), Counter[str]())


def import_files(
    files: Iterable[Path | str],
    mapping: Mapping,
    archive: Keeper,
    *,
    failed: Path,
    progress: Report | None = None,
    enrich: Enrich | None = None,
    door: Door | None = None,
) -> Imported:
    """Keeps the events of the files, read by the mapping, in the archive; rows that fail are told in `failed`.

    `door` says which of them come in; everything does without one.

    Importing again changes nothing. After any error or interruption the same call goes on where it ended.
    Raises InputError or NotFound for a file that cannot be read at all, DefinitionError for a mapping that does
    not fit, StoreError when the disk fails. All files are looked at before the first one is imported.
    """
    begin = time.monotonic()
    sources = [look_at(Path(path)) for path in files]
    told = FailedEvents(Path(failed))
    with archive.writing():
        imports = [
            _Import(source, mapping, archive, told, progress, enrich=enrich, door=door) for source in sources
        ]
        told.drop_unkept({each.key: archive.source_progress(each.key) for each in imports})
        done = [each.run() for each in imports]
    return Imported(tuple(done), time.monotonic() - begin)


class _Import:
    """The import of one file."""

    def __init__(
        self,
        source: SourceFile,
        mapping: Mapping,
        archive: Keeper,
        failed: FailedEvents,
        report: Report | None,
        *,
        enrich: Enrich | None,
        door: Door | None,
    ) -> None:
        self.source, self.mapping, self.archive = source, mapping, archive
        self.key = f"{mapping.name}:{mapping.fingerprint}:{source.digest}"
        self.failed, self.report, self.enrich, self.door = failed, report, enrich, door
        self.counts: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.position = 0
        self._begin_round()

    def _begin_round(self) -> None:
        self._frames: list[pl.DataFrame] = []
        self._entries: list[dict[str, Any]] = []
        self._rows, self._size = 0, 0
        self._round_skipped: Counter[str] = Counter()

    @property
    def _end_mark(self) -> str:
        return f"{self.key}:end"

    def run(self) -> ImportedFile:
        before = self.archive.source_progress(self.key)
        if self.archive.source_progress(self._end_mark):
            self._tell(self.source.size, before)
            return ImportedFile(self.source.path, rows_before=before, was_done=True)
        reader = open_reader(self.source, self.mapping)
        self._known_failed = self.failed.keys_of_others(self.key)
        ids = RowIds(self.mapping.name, keeps_duplicates=self.mapping.keeps_duplicates)
        for rows in reader.rows():
            self._take(reader, rows, ids, before)
            if self._rows >= ROWS_OF_A_ROUND or self._size >= BYTES_OF_A_ROUND:
                self._end_round()
            self._tell(reader.bytes_done, self.position)
        self._end_round()
        self._refuse_broken(reader)
        self.archive.append(pl.DataFrame(schema=ENVELOPE), source=self._end_mark, source_rows=1)
        return ImportedFile(
            self.source.path,
            rows_before=before,
            rows=self.position - before,
            added=self.counts["added"],
            duplicates=self.counts["duplicates"],
            skipped=self.skipped,
            failed=self.reasons,
        )

    def _take(self, reader: Reader, rows: Rows, ids: RowIds, before: int) -> None:
        """Maps the rows that no earlier import has dealt with."""
        known = min(max(before - self.position, 0), len(rows))
        first = self.position + known
        self.position += len(rows)
        if known == len(rows):
            ids.show(rows.raw)
            return
        row_ids = ids.of(rows.raw).from_row(known)
        rows = rows.from_row(known) if known else rows
        mapped = reader.mapped(rows, row_ids)
        self._frames.append(mapped.events)
        self._size += int(mapped.events.estimated_size())
        self._rows += len(rows)
        self._round_skipped += mapped.skipped
        for row, reason in sorted(mapped.failed.items()):
            self._note(row_ids.all[row], first + row, int(rows.lines[row]), reason, rows.raw.of(row))

    def _note(self, key: str, number: int, line: int, reason: str, raw: bytes) -> None:
        if self.door is not None and self.door.keeps_out(raw):
            self._round_skipped[OF_ERASED] += 1
            return
        self.reasons[reason.split(': "', 1)[0]] += 1
        if key in self._known_failed:
            return
        entry = {
            "file": str(self.source.path),
            "line": line,
            "reason": reason,
            **shown(raw),
            "mapping": self.mapping.name,
            "source": self.key,
            "row_number": number,
            "key": key,
        }
        self._entries.append(entry)
        self._size += len(raw)

    def _end_round(self) -> None:
        if not self._rows:
            return
        self.failed.add(self._entries)
        events = self._enriched(self._admitted(pl.concat(self._frames, how="diagonal")))
        self._frames = []
        kept = self.archive.append(events, source=self.key, source_rows=self._rows)
        self.counts["added"] += kept.added
        self.counts["duplicates"] += kept.duplicates
        self.skipped += self._round_skipped
        self._begin_round()

    def _admitted(self, events: pl.DataFrame) -> pl.DataFrame:
        if self.door is None:
            return events
        admitted = self.door.admit(events)
        self._round_skipped += admitted.left_out
        return admitted.events

    def _enriched(self, events: pl.DataFrame) -> pl.DataFrame:
        if self.enrich is None:
            return events
        enriched = self.enrich(events)
        self._round_skipped += Counter({OF_BOTS: len(events) - len(enriched)})
        return enriched

    def _refuse_broken(self, reader: Reader) -> None:
        if reader.broken is not None:
            raise InputError(
                f"{self.source.path}: {reader.broken}. The {self.position:,} rows before that are imported.",
                hint="get the whole file and run the same command again; what is there already is skipped",
            )

    def _tell(self, done: int, rows: int) -> None:
        if self.report is not None:
            self.report(Progress(self.source.path, done, self.source.size, rows))
