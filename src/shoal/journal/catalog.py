"""What was seen: names of events with their properties, traits and context, and the types of their values.

`shoal check` asks it whether a definition names anything that never came.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import polars as pl

from shoal.errors import StoreError
from shoal.model.event import ACTIVITY_KINDS
from shoal.model.frame import split_field_column

# Whoever may send events may invent names; these limits keep the catalog from growing for ever.
MAXIMUM_EVENT_NAMES = 10_000
MAXIMUM_PATHS = 100_000
MAXIMUM_NAME_LENGTH = 200

Types = frozenset[str]


@dataclass(frozen=True, slots=True)
class EventSeen:
    """One event name: how often it came, and the types of each property (by its whole path)."""

    count: int
    properties: dict[str, Types] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Catalog:
    """Everything seen. Not complete when it met one of its limits: then an unknown name may exist all the same."""

    events: dict[str, EventSeen] = field(default_factory=dict)
    traits: dict[str, Types] = field(default_factory=dict)
    context: dict[str, Types] = field(default_factory=dict)
    is_complete: bool = True

    def encoded(self) -> bytes:
        return msgspec.json.encode(self, order="sorted")

    def joined(self, other: Catalog) -> Catalog:
        """Both. What this one has stays; of the other's names those that come first, as far as there is room."""
        room = _Room(names=MAXIMUM_EVENT_NAMES - len(self.events), paths=MAXIMUM_PATHS - sum(self._sizes()))
        traits = room.joined(self.traits, other.traits)
        context = room.joined(self.context, other.context)
        events = dict(self.events)
        for name, seen in other.events.items():
            before = events.get(name) or room.event()
            if before is not None:
                properties = room.joined(before.properties, seen.properties)
                events[name] = EventSeen(before.count + seen.count, properties)
        is_complete = self.is_complete and other.is_complete and not room.was_short
        return Catalog(events, traits, context, is_complete)

    def _sizes(self) -> Iterator[int]:
        yield len(self.traits)
        yield len(self.context)
        yield from (len(seen.properties) for seen in self.events.values())


@dataclass(slots=True)
class _Room:
    """How much more a catalog may hold."""

    names: int
    paths: int
    was_short: bool = False

    def event(self) -> EventSeen | None:
        """An event name not seen before, or None when there is no room."""
        self.names -= 1
        self.was_short |= self.names < 0
        return EventSeen(0) if self.names >= 0 else None

    def joined(self, one: dict[str, Types], other: dict[str, Types]) -> dict[str, Types]:
        both = dict(one)
        for path, types in other.items():
            if path in both:
                both[path] |= types
            elif self.paths > 0:
                self.paths -= 1
                both[path] = types
            else:
                self.was_short = True
        return both


def load_catalog(path: Path) -> Catalog:
    """The catalog of a file that holds `encoded`."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Catalog)
    except (FileNotFoundError, msgspec.DecodeError) as error:
        raise StoreError(f"{path} is damaged or missing: {error}", hint="bring it back from a copy") from error


def seen_in(events: pl.DataFrame) -> Catalog:
    """The catalog of one frame, within the limits."""
    filled = [column for column in events.columns if events[column].null_count() < len(events)]
    names, all_names = _event_names(events)
    paths = [column for column in filled if len(column) <= MAXIMUM_NAME_LENGTH]
    found = Catalog(
        events=_events(events, names, [column for column in paths if column.startswith("properties.")]),
        traits=_types([column for column in paths if column.startswith("traits.")]),
        context=_types([column for column in paths if column.startswith("context.")]),
        is_complete=all_names and len(paths) == len(filled),
    )
    return Catalog().joined(found)


def _activity(events: pl.DataFrame) -> pl.LazyFrame:
    """The events with `name` null for statements: cheaper than filtering every column."""
    is_activity = pl.col("kind").is_in(sorted(ACTIVITY_KINDS))
    return events.lazy().with_columns(pl.when(is_activity).then("name").alias("name"))


def _event_names(events: pl.DataFrame) -> tuple[pl.DataFrame, bool]:
    """The most frequent names with their counts, and whether these are all."""
    counts = _activity(events).group_by("name").agg(pl.len().alias("count")).drop_nulls().collect()
    short = counts.filter(pl.col("name").str.len_bytes() <= MAXIMUM_NAME_LENGTH)
    names = short.sort("count", "name", descending=[True, False]).head(MAXIMUM_EVENT_NAMES)
    return names, len(names) == len(counts)


def _events(events: pl.DataFrame, names: pl.DataFrame, columns: list[str]) -> dict[str, EventSeen]:
    has = [(pl.col(column).count() > 0).alias(column) for column in columns]
    rows = _activity(events.select("kind", "name", *columns))
    if len(names) == MAXIMUM_EVENT_NAMES:
        rows = rows.join(names.lazy(), on="name", how="semi")
    seen = rows.group_by("name").agg(has).drop_nulls("name").collect()
    found = {name: EventSeen(count) for name, count in names.iter_rows()}
    for column in columns:
        for name in seen.filter(pl.col(column))["name"]:
            if name in found:
                _add(found[name].properties, column)
    return found


def _types(columns: Iterable[str]) -> dict[str, Types]:
    types: dict[str, Types] = {}
    for column in columns:
        _add(types, column)
    return types


def _add(types: dict[str, Types], column: str) -> None:
    field_of_column = split_field_column(column)
    assert field_of_column is not None
    path, type_name = field_of_column
    types[path] = types.get(path, frozenset()) | {type_name}
