"""The archive against a list of events: whatever is appended, in whatever pieces."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.journal import DEDUPLICATION_WINDOW, Archive, Catalog, EventSeen
from shoal.model.frame import ENVELOPE
from shoal.model.time import DAY, EARLIEST_MOMENT, LATEST_MOMENT

BASE = 20_000 * DAY

moments = st.one_of(
    st.integers(BASE, BASE + 5),
    st.sampled_from(
        [BASE, BASE + DEDUPLICATION_WINDOW, BASE + DEDUPLICATION_WINDOW + 1, BASE + DAY - 1, BASE - 1]
    ),
    st.integers(BASE - 100 * DAY, BASE + 100 * DAY),
    st.sampled_from([EARLIEST_MOMENT, LATEST_MOMENT]),
)
events = st.tuples(
    st.sampled_from(["a", "b", "c", "a longer message id", "é"]) | st.text(max_size=3),
    moments,
    st.sampled_from(
        [("track", "Product Viewed"), ("track", "Order Completed"), ("identify", ""), ("page", "Page Viewed")]
    ),
    st.sampled_from(["properties.price:number", "properties.price:text", "traits.plan:text", "context.ip:text"]),
)
rounds = st.lists(st.lists(events, max_size=8), min_size=1, max_size=5)

Row = tuple[str, int, tuple[str, str], str]

TYPES = {"number": 1.5, "text": "x"}


def frame(rows: list[Row]) -> pl.DataFrame:
    fields = sorted({row[3] for row in rows})
    columns: dict[str, list[object]] = {name: [] for name in (*ENVELOPE, *fields)}
    for message_id, moment, (kind, name), field in rows:
        row = {"message_id": message_id, "kind": kind, "name": name, "occurred_at": moment, "received_at": moment}
        row["user_id"] = "ann"
        row[field] = TYPES[field.rpartition(":")[2]]  # type: ignore[assignment]
        for column, values in columns.items():
            values.append(row.get(column))
    return pl.DataFrame(columns, schema_overrides=ENVELOPE)


@dataclass
class Kept:
    """The obvious archive."""

    rows: list[tuple[int, int, str, str, str]]

    def append(self, rows: list[Row]) -> int:
        """How many are new: no kept event has the same id and a moment within the window."""
        before = len(self.rows)
        for message_id, moment, (_, name), field in rows:
            same = (known for _, known, id_, *_ in ((*row,) for row in self.rows) if id_ == message_id)
            if all(abs(known - moment) > DEDUPLICATION_WINDOW for known in same):
                self.rows.append((len(self.rows), moment, message_id, name, field))
        return len(self.rows) - before

    def in_order(self) -> list[tuple[int, int, str, str]]:
        rows = sorted(self.rows, key=lambda row: (row[1], row[0]))
        return [row[:4] for row in rows]


@pytest.fixture(scope="module", autouse=True)
def small_files() -> Iterator[None]:
    """Files grow together after two of a size, so that a few rows meet every kind of merging."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shoal.journal.growth.FILES_OF_A_SIZE", 2)
        patch.setattr("shoal.journal.parts.LARGE_PART", 64)
        patch.setattr("shoal.journal.message_ids.LARGE_RUN", 64)
        patch.setattr("shoal.journal.message_ids.SLICE", 4)
        patch.setattr(os, "fsync", lambda _: None)  # nothing here is about a loss of power
        yield


def read(archive: Archive) -> list[tuple[int, int, str, str]]:
    return [row for day in archive.read(["position", "occurred_at", "message_id", "name"]) for row in day.rows()]


@given(rounds)
def test_an_archive_is_its_events_each_once_in_order(
    appended: list[list[Row]],
) -> None:
    """Duplicates within 30 days are left out, late events are at their place, and reopening changes nothing."""
    with tempfile.TemporaryDirectory() as path:
        kept, archive = Kept([]), Archive(Path(path))
        for rows in appended:
            done = archive.append(frame(rows))
            assert (done.added, done.added + done.duplicates) == (kept.append(rows), len(rows))

        archive = Archive(Path(path))
        assert read(archive) == kept.in_order()
        assert archive.event_count == len(kept.rows)
        assert sum(day.rows for day in archive.days()) == len(kept.rows)
        assert archive.catalog() == _catalog(kept)


def _catalog(kept: Kept) -> Catalog:
    activity = [row for row in kept.rows if row[3]]
    names = dict.fromkeys(row[3] for row in activity)
    return Catalog(
        events={
            name: EventSeen(
                sum(row[3] == name for row in activity),
                _types([row[4] for row in activity if row[3] == name], "properties."),
            )
            for name in names
        },
        traits=_types([row[4] for row in kept.rows], "traits."),
        context=_types([row[4] for row in kept.rows], "context."),
    )


def _types(fields: list[str], group: str) -> dict[str, frozenset[str]]:
    types: dict[str, frozenset[str]] = {}
    for field in fields:
        path, _, type_name = field.rpartition(":")
        if path.startswith(group):
            types[path] = types.get(path, frozenset()) | {type_name}
    return types


@given(rounds, moments, moments)
def test_reading_a_span_is_reading_everything_and_choosing(
    appended: list[list[Row]], one: int, other: int
) -> None:
    """Both ends are included."""
    since, until = sorted((one, other))
    with tempfile.TemporaryDirectory() as path:
        archive = Archive(Path(path))
        for rows in appended:
            archive.append(frame(rows))

        found = [
            row for day in archive.read(["occurred_at"], since_ms=since, until_ms=until) for row in day.rows()
        ]
        assert found == [(row[1],) for row in read(archive) if since <= row[1] <= until]


@given(rounds)
def test_how_events_are_cut_into_rounds_does_not_matter(
    appended: list[list[Row]],
) -> None:
    """One append of everything keeps what many appends keep."""
    with tempfile.TemporaryDirectory() as many, tempfile.TemporaryDirectory() as one:
        for rows in appended:
            Archive(Path(many)).append(frame(rows))
        Archive(Path(one)).append(frame([row for rows in appended for row in rows]))

        assert read(Archive(Path(many))) == read(Archive(Path(one)))
        assert Archive(Path(many)).catalog() == Archive(Path(one)).catalog()
