"""Parts: Parquet files with the events of one UTC day, each sorted by occurred_at and position."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl

from shoal.errors import StoreError
from shoal.journal.durable import make_folder, write_whole
from shoal.journal.growth import taken_in
from shoal.journal.manifest import Part
from shoal.model.frame import FIELD_TYPES, STORED_ENVELOPE, split_field_column
from shoal.model.time import DAY, utc_date

LARGE_PART = 2**18
"""Parts of so many rows are left as they are: larger ones would not be read any faster."""

DAYS_AHEAD = 3
"""How many days are read while the reader is still busy with one."""

ORDER = ("occurred_at", "position")

Schema = Mapping[str, type[pl.DataType]]


def schema_of(columns: Iterable[str]) -> dict[str, type[pl.DataType]]:
    """The type of each column. Raises ValueError for what is no column of stored events."""
    return {column: _type_of(column) for column in columns}


def _type_of(column: str) -> type[pl.DataType]:
    if column in STORED_ENVELOPE:
        return STORED_ENVELOPE[column]
    field = split_field_column(column)
    if field is None:
        raise ValueError(f'"{column}" is not a column of stored events')
    return FIELD_TYPES[field[1]]


def by_day(events: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Events sorted in ORDER, cut where a UTC day begins."""
    days = events["occurred_at"].to_numpy() // DAY
    cuts = [0, *(np.flatnonzero(np.diff(days)) + 1), len(days)]
    yield from (events[start:end] for start, end in pairwise(cuts) if end > start)


def write_part(
    folder: Path, events: pl.DataFrame, number: int, others: Iterable[Part]
) -> tuple[Part, Sequence[Part]]:
    """The new part of one day, and those of the day's `others` whose events it took over."""
    taken = taken_in(len(events), others, largest=LARGE_PART)
    if taken:
        older = [read_whole(folder, part) for part in taken]
        events = pl.concat([*older, events], how="diagonal").sort(ORDER)
    first, last = int(events["occurred_at"][0]), int(events["occurred_at"][-1])
    part = Part(day=utc_date(first), number=number, rows=len(events), first=first, last=last)
    content = io.BytesIO()
    events.select(filled_columns(events)).write_parquet(content, compression="zstd", compression_level=1)
    make_folder((folder / part.place).parent)
    write_whole(folder / part.place, [content.getbuffer()])
    return part, taken


def filled_columns(events: pl.DataFrame) -> list[str]:
    """The envelope, and the fields that have a value anywhere."""
    fields = [column for column in events.columns if column not in STORED_ENVELOPE]
    return [*STORED_ENVELOPE, *(column for column in sorted(fields) if events[column].null_count() < len(events))]


def read_whole(folder: Path, part: Part) -> pl.DataFrame:
    with _damage_told(folder / part.place):
        return _complete(pl.read_parquet(folder / part.place, hive_partitioning=False), part)


def _read_part(folder: Path, part: Part, columns: Schema) -> pl.DataFrame:
    """These columns of a part, null where it does not have them."""
    with _damage_told(folder / part.place):
        scan = pl.scan_parquet(
            folder / part.place,
            schema=dict(columns),
            missing_columns="insert",
            extra_columns="ignore",
            hive_partitioning=False,
        )
        return _complete(scan.collect(), part)


def _complete(frame: pl.DataFrame, part: Part) -> pl.DataFrame:
    if len(frame) != part.rows:
        raise pl.exceptions.ShapeError(f"it has {len(frame)} rows instead of {part.rows}")
    return frame


@contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, pl.exceptions.PolarsError) as error:
        raise StoreError(
            f"{path} is damaged or missing: {error}",
            hint="bring it back from a copy, or import again into an empty archive",
        ) from error


def parts_by_day(parts: Iterable[Part]) -> list[list[Part]]:
    """The parts of each day, the earliest day first."""
    days: dict[date, list[Part]] = {}
    for part in sorted(parts, key=lambda part: (part.first, part.last)):
        days.setdefault(part.day, []).append(part)
    return list(days.values())


def read_days(
    folder: Path, parts: Iterable[Part], columns: Schema, since_ms: int, until_ms: int
) -> Iterator[pl.DataFrame]:
    """One frame per day, the earliest first, with these columns of the events in since_ms..until_ms, in ORDER."""
    with ThreadPoolExecutor(DAYS_AHEAD) as pool:
        waiting: deque[Future[pl.DataFrame]] = deque()
        for day in parts_by_day(parts):
            waiting.append(pool.submit(_read_day, folder, day, columns, since_ms, until_ms))
            if len(waiting) > DAYS_AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _read_day(folder: Path, parts: Sequence[Part], columns: Schema, since_ms: int, until_ms: int) -> pl.DataFrame:
    needed = {**schema_of(ORDER), **columns}
    frames = [_between(_read_part(folder, part, needed), part, since_ms, until_ms) for part in parts]
    events = pl.concat(frames, rechunk=False)
    if any(one.last >= other.first for one, other in pairwise(parts)):
        events = events.sort(ORDER)
    return events.select(list(columns))


def _between(events: pl.DataFrame, part: Part, since_ms: int, until_ms: int) -> pl.DataFrame:
    """A slice: the events of a part are sorted by their moments."""
    if since_ms <= part.first and part.last <= until_ms:
        return events
    start, end = np.searchsorted(events["occurred_at"].to_numpy(), [since_ms, until_ms + 1])
    return events[int(start) : int(end)]
