"""Rewriting an archive where somebody's events have to go: parts, index and catalog, named all at once."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import polars as pl
import pyarrow.parquet as pq
from numpy.typing import NDArray

from shoal.journal.catalog import Catalog, EventSeen, Types, load_catalog, seen_in
from shoal.journal.durable import make_folder, sync_folder, write_whole
from shoal.journal.manifest import Manifest, Part, Run
from shoal.journal.message_ids import MessageIds, open_run, sorted_ids
from shoal.journal.parts import filled_columns, read_whole
from shoal.model.frame import STORED_ENVELOPE, field_column
from shoal.model.time import utc_date

Change = Callable[[pl.DataFrame], pl.DataFrame]
"""Events of a day in, the same events in their order out: fewer of them, or with other values."""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """How many events went, and how many others were changed."""

    removed: int = 0
    changed: int = 0


def rewrite_parts(folder: Path, manifest: Manifest, change: Change) -> tuple[Manifest, Rewritten]:
    """The manifest with every part as `change` makes it, its files on the disk. The same when nothing differs."""
    parts, differences, number = list[Part](), list[_Difference](), manifest.rounds
    for part in manifest.parts:
        before = read_whole(folder, part)
        after = change(before)
        difference = _difference(before, after)
        if difference is None:
            parts.append(part)
            continue
        differences.append(difference)
        if len(after):
            number += 1  # files of the last round have its number
            parts.append(_write(folder, after, number))
    if not differences:
        return manifest, Rewritten()
    removed, was, became = (pl.concat(frames, how="diagonal") for frames in zip(*differences, strict=True))
    numbers = count(number + 1)
    runs = [_without(folder, run, removed, numbers) for run in manifest.runs]
    number = next(numbers)
    written = msgspec.structs.replace(
        manifest,
        rounds=number,
        revision=manifest.revision + 1,
        parts=tuple(parts),
        columns=_columns_of(folder, parts),
        runs=tuple(run for run in runs if run.rows),
        catalog=number,
    )
    _write_catalog(folder, manifest, written, lost=pl.concat([removed, was], how="diagonal"), new=became)
    for new in sorted({(folder / place).parent for place in set(written.places()) - set(manifest.places())}):
        sync_folder(new)
    return written, Rewritten(len(removed), len(became))


class _Difference(NamedTuple):
    """The events of a part that went, and those that changed: as they were and as they are."""

    removed: pl.DataFrame
    was: pl.DataFrame
    became: pl.DataFrame


def _difference(before: pl.DataFrame, after: pl.DataFrame) -> _Difference | None:
    if after.equals(before):
        return None
    removed = before.join(after, on="position", how="anti")
    was = before.join(after, on="position", how="semi")
    gone = [pl.lit(None, dtype=was.schema[name]).alias(name) for name in was.columns if name not in after.columns]
    now = after.with_columns(gone).select(was.columns)
    differs = pl.Series([False], dtype=pl.Boolean).new_from_index(0, len(was))
    for name in was.columns:
        differs |= was[name].ne_missing(now[name])
    return _Difference(removed, was.filter(differs), now.filter(differs))


def _write(folder: Path, events: pl.DataFrame, number: int) -> Part:
    first, last = int(events["occurred_at"][0]), int(events["occurred_at"][-1])
    part = Part(day=utc_date(first), number=number, rows=len(events), first=first, last=last)
    content = io.BytesIO()
    events.select(filled_columns(events)).write_parquet(content, compression="zstd", compression_level=1)
    make_folder((folder / part.place).parent)
    write_whole(folder / part.place, [content.getbuffer()])
    return part


def _columns_of(folder: Path, parts: Iterable[Part]) -> tuple[str, ...]:
    """Every column that has a value in any part: parts hold no others."""
    found = {name for part in parts for name in pq.read_schema(folder / part.place).names}
    return (*STORED_ENVELOPE, *sorted(found - set(STORED_ENVELOPE)))


# The index


def _without(folder: Path, run: Run, lost: pl.DataFrame, numbers: Iterator[int]) -> Run:
    """The run without the ids of events that went."""
    ids, _ = sorted_ids(lost)
    known = open_run(folder, run)
    kept = ~_are_among(known, ids)
    if kept.all():
        return run
    left = MessageIds(known.high[kept], known.low[kept], known.moments[kept])
    if not len(left):
        return msgspec.structs.replace(run, rows=0)
    first, last = int(left.moments.min()), int(left.moments.max())
    new = Run(period=run.period, number=next(numbers), rows=len(left), first=first, last=last)
    make_folder((folder / new.place).parent)
    write_whole(folder / new.place, (words.data for words in left.words()))
    return new


def _are_among(known: MessageIds, ids: MessageIds) -> NDArray[np.bool_]:
    among = np.isin(known.high, ids.high)
    sought = set(zip(ids.high.tolist(), ids.low.tolist(), ids.moments.tolist(), strict=True))
    for place in np.flatnonzero(among).tolist():
        among[place] = (int(known.high[place]), int(known.low[place]), int(known.moments[place])) in sought
    return among


# The catalog


def _write_catalog(
    folder: Path, before: Manifest, after: Manifest, *, lost: pl.DataFrame, new: pl.DataFrame
) -> None:
    """Without what nobody says any more, as far as names of events and columns tell."""
    place = before.catalog_place
    catalog = load_catalog(folder / place) if place is not None else Catalog()
    said, columns = seen_in(lost), frozenset(after.columns)
    events = {}
    for name, seen in catalog.events.items():
        count = seen.count - (said.events[name].count if name in said.events else 0)
        if count > 0:
            events[name] = EventSeen(count, _present(seen.properties, columns))
    left = Catalog(
        events, _present(catalog.traits, columns), _present(catalog.context, columns), catalog.is_complete
    )
    assert after.catalog_place is not None
    write_whole(folder / after.catalog_place, [left.joined(seen_in(new)).encoded()])


def _present(paths: dict[str, Types], columns: frozenset[str]) -> dict[str, Types]:
    left = {
        path: frozenset(each for each in types if field_column(path, each) in columns)
        for path, types in paths.items()
    }
    return {path: types for path, types in left.items() if types}
