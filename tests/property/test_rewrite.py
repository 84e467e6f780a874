"""Rewriting an archive: what went is gone from every file, the rest is as it was, a failure changes nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.errors import StoreError
from shoal.journal import Archive
from shoal.journal.durable import reading
from shoal.journal.leftovers import READING_LOCK
from tests.property.test_journal import Row, frame, read, rounds, small_files  # noqa: F401  (files that merge early)

Chosen = Callable[[pl.DataFrame], pl.DataFrame]


def without(ids: set[str]) -> Chosen:
    return lambda events: events.filter(~pl.col("message_id").is_in(sorted(ids)))


def filled(root: str, appended: list[list[Row]]) -> Archive:
    archive = Archive(Path(root))
    for rows in appended:
        archive.append(frame(rows))
    return archive


ids = st.sets(st.sampled_from(["a", "b", "c", "a longer message id", "é", "x"]), max_size=3)


@given(rounds, ids)
def test_what_is_left_is_as_it_was(appended: list[list[Row]], gone: set[str]) -> None:
    """In the same order, at the same positions; what went may come again, and the others count once as before."""
    with tempfile.TemporaryDirectory() as root:
        archive = filled(root, appended)
        before = read(archive)
        rewritten = archive.rewrite(without(gone))

        left = [row for row in before if row[2] not in gone]
        assert read(Archive(Path(root))) == left
        assert (rewritten.removed, rewritten.changed) == (len(before) - len(left), 0)
        assert archive.event_count == len(left)
        again = frame([row for rows in appended for row in rows])
        known = Archive(Path(root)).append(again)
        assert known.added == len(before) - len(left)


@given(rounds, ids)
def test_the_catalog_knows_what_is_left(appended: list[list[Row]], gone: set[str]) -> None:
    """Counts, names and columns of what went are no longer told."""
    with tempfile.TemporaryDirectory() as root, tempfile.TemporaryDirectory() as fresh:
        archive = filled(root, appended)
        kept = [row[:3] for row in read(archive) if row[2] not in gone]
        archive.rewrite(without(gone))
        events = list(archive.read())
        other = Archive(Path(fresh))
        for day in events:
            other.append(day.drop("position"))
        assert len(kept) == archive.event_count

        found, expected = archive.catalog(), other.catalog()
        assert {name: seen.count for name, seen in found.events.items()} == {
            name: seen.count for name, seen in expected.events.items()
        }
        assert (found.traits, found.context) == (expected.traits, expected.context)
        assert archive.columns() == other.columns() or archive.event_count == 0


def test_changed_values_are_changed_everywhere(tmp_path: Path) -> None:
    """In parts, in columns and in the catalog; the event stays where it is and counts as known."""
    rows = [
        ("a", 5, ("track", "Seen ann-123"), "context.ip:text"),
        ("b", 6, ("track", "Click"), "traits.plan:text"),
    ]
    archive = filled(str(tmp_path), [rows])  # type: ignore[arg-type]
    before = archive.fingerprint()
    rewritten = archive.rewrite(
        lambda events: events.with_columns(
            pl.col("name").str.replace("ann-123", "erased"), pl.lit(None, pl.String).alias("context.ip:text")
        )
    )

    assert (rewritten.removed, rewritten.changed) == (0, 1)
    assert [row[3] for row in read(archive)] == ["Seen erased", "Click"]
    assert "context.ip:text" not in archive.columns()
    assert set(archive.catalog().events) == {"Seen erased", "Click"}
    assert archive.catalog().context == {}
    assert archive.fingerprint() != before
    assert archive.append(frame(rows)).added == 0  # type: ignore[arg-type]
    assert not any(b"ann-123" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_every_file_has_a_name_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a day has several parts, and a period several runs of the index."""
    monkeypatch.setattr("shoal.journal.growth.FILES_OF_A_SIZE", 16)
    rows = [(f"m{number}", number, ("track", "Click"), "context.ip:text") for number in range(12)]
    archive = filled(str(tmp_path), [rows[place : place + 3] for place in range(0, 12, 3)])  # type: ignore[misc]
    assert archive.rewrite(without({"m0", "m3", "m7", "m11"})).removed == 4

    files = [path for path in tmp_path.rglob("*") if path.suffix in (".parquet", ".bin")]
    assert len(files) == 8
    left = [row[2] for row in read(archive)]
    assert len(left) == 8
    assert archive.append(frame(rows)).added == 4  # type: ignore[arg-type]


def test_nothing_to_change_changes_nothing(tmp_path: Path) -> None:
    """Neither files nor the fingerprint."""
    archive = filled(str(tmp_path), [[("a", 5, ("track", "Click"), "context.ip:text")]])
    state = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
    before = archive.fingerprint()
    assert archive.rewrite(without({"z"})).removed == 0
    assert archive.fingerprint() == before
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")} == state


@pytest.mark.parametrize("failing", range(6))
def test_a_failure_at_any_file_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """What was there stays, and doing it again does all of it."""
    rows = [(f"m{number}", number * 10**9, ("track", "Click"), "context.ip:text") for number in range(4)]
    archive = filled(str(tmp_path), [rows[:2], rows[2:]])  # type: ignore[list-item]
    before, written = read(archive), iter(range(100))
    from shoal.journal import durable

    whole = durable.write_whole

    def breaking(*given: object, **named: object) -> None:
        if next(written) == failing:
            raise OSError(28, "No space left on device")
        whole(*given, **named)  # type: ignore[arg-type]

    for module in ("rewrite", "manifest"):
        monkeypatch.setattr(f"shoal.journal.{module}.write_whole", breaking)
    try:
        archive.rewrite(without({"m0", "m3"}))
        assert failing > next(written) - 2, "more files were written than are tried"
    except StoreError:
        assert read(Archive(tmp_path)) == before
    monkeypatch.undo()
    Archive(tmp_path).rewrite(without({"m0", "m3"}))
    assert [row[2] for row in read(Archive(tmp_path))] == ["m1", "m2"]
    assert not list(tmp_path.rglob("*.writing"))


def test_files_that_are_read_are_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What went would still be on the disk otherwise. Done again, it removes what is left."""
    monkeypatch.setattr("shoal.journal.archive.SECONDS_FOR_READERS", 0.0)
    archive = filled(str(tmp_path), [[("a", 5, ("track", "Click"), "context.ip:text")]])
    with reading(tmp_path / READING_LOCK) if (tmp_path / READING_LOCK).exists() else _locked(tmp_path):
        with pytest.raises(StoreError, match="somebody is reading"):
            archive.rewrite(without({"a"}))
        assert list(tmp_path.rglob("part-*.parquet"))
    Archive(tmp_path).rewrite(without({"a"}))
    assert not list(tmp_path.rglob("part-*.parquet"))


def _locked(folder: Path):  # type: ignore[no-untyped-def]
    (folder / READING_LOCK).touch()
    return reading(folder / READING_LOCK)
