"""The archive: what lasts, who may write and read, and what is left after a crash."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Thread
from typing import Any

import msgspec
import polars as pl
import pytest

from shoal.errors import StoreError
from shoal.journal import Archive
from shoal.model.frame import ENVELOPE
from shoal.model.time import DAY

START = 20_000 * DAY

IMPORTS = "import os, signal; from pathlib import Path; from shoal.journal import Archive"


def frame(*rows: dict[str, Any]) -> pl.DataFrame:
    """Events by what is special in them."""
    usual = {"kind": "track", "name": "X", "occurred_at": START, "received_at": START, "user_id": "ann"}
    full = [{"message_id": f"m{index}", **usual, **row} for index, row in enumerate(rows)]
    fields = {column: None for row in full for column in row if column not in ENVELOPE}
    columns = {name: [row.get(name) for row in full] for name in (*ENVELOPE, *fields)}
    return pl.DataFrame(columns, schema_overrides=ENVELOPE)


def numbered(first: int, count: int, *, day: int = 0) -> pl.DataFrame:
    moment = START + day * DAY
    return frame(*({"message_id": f"n{first + i}", "occurred_at": moment + first + i} for i in range(count)))


def ids(archive: Archive) -> list[str]:
    return [message_id for day in archive.read(["message_id"]) for (message_id,) in day.rows()]


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive")


def test_an_archive_that_is_not_there_is_empty(archive: Archive) -> None:
    """Reading makes no folder."""
    assert (archive.event_count, archive.days(), list(archive.read()), archive.catalog().events) == (0, [], [], {})
    assert not archive.folder.exists()


def test_events_are_read_as_they_were_appended(archive: Archive) -> None:
    """Every type of field comes back, and missing ones are missing."""
    fields: dict[str, Any] = {
        "properties.price:number": 0.1,
        "properties.price:text": "dear",
        "context.gpc:truth": False,
        "properties.tags:items": '["a"]',
    }
    archive.append(frame(fields, {"previous_id": "b"}))

    (day,) = archive.read()
    first, second = day.rows(named=True)
    assert {column: first[column] for column in fields} == fields
    assert {column: second[column] for column in fields} == dict.fromkeys(fields)
    assert (second["previous_id"], second["position"]) == ("b", 1)


def test_late_events_are_at_their_place(archive: Archive) -> None:
    """By moment, ties in order of arrival, whichever append brought them."""
    archive.append(frame({"message_id": "c", "occurred_at": START + 2}, {"message_id": "a", "occurred_at": START}))
    archive.append(
        frame({"message_id": "b", "occurred_at": START}, {"message_id": "z", "occurred_at": START - DAY})
    )

    assert ids(archive) == ["z", "a", "b", "c"]


@pytest.mark.parametrize(
    ("apart", "added"),
    [(0, 0), (30 * DAY, 0), (30 * DAY + 1, 1), (-30 * DAY, 0), (-30 * DAY - 1, 1)],
)
def test_the_same_id_within_30_days_is_a_duplicate(archive: Archive, apart: int, added: int) -> None:
    """To the millisecond, in both directions, also by another archive object."""
    archive.append(frame({"message_id": "m"}))

    done = Archive(archive.folder).append(frame({"message_id": "m", "occurred_at": START + apart}))

    assert (done.added, done.duplicates) == (added, 1 - added)


def test_many_appends_do_not_leave_many_files(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of a day grow together, and the index against duplicates too; nothing is lost on the way."""
    monkeypatch.setattr(os, "fsync", lambda _: None)  # this is not about a loss of power
    for number in range(300):
        archive.append(numbered(number * 3, 3))

    assert ids(archive) == [f"n{i}" for i in range(900)]
    assert archive.append(numbered(0, 900)).added == 0
    assert len(list(archive.folder.glob("events/*/*.parquet"))) < 50
    assert len(list(archive.folder.glob("message_ids/*/*.bin"))) < 50


def test_only_what_is_new_makes_another_fingerprint(archive: Archive) -> None:
    """Duplicates and progress alone do not."""
    archive.append(numbered(0, 3), source="s", source_rows=3)
    before = archive.fingerprint()

    archive.append(numbered(0, 3), source="s", source_rows=3)
    assert archive.fingerprint() == before
    assert archive.source_progress("s") == 6
    archive.append(numbered(3, 1))
    assert archive.fingerprint() != before


def test_rows_without_events_are_progress(archive: Archive) -> None:
    """A round of nothing but bad rows is dealt with as well."""
    archive.append(frame(), source="s", source_rows=7)

    assert (Archive(archive.folder).source_progress("s"), archive.event_count) == (7, 0)


def test_a_reader_sees_the_archive_as_it_was(archive: Archive) -> None:
    """What is appended while somebody reads, even when it merges files, neither shows nor disturbs."""
    for day in range(5):
        archive.append(numbered(day * 10, 10, day=day))
    reading = archive.read(["message_id"])
    seen = [next(reading)]

    for number in range(40):
        Archive(archive.folder).append(numbered(1000 + number * 5, 5, day=number % 5))
    seen += list(reading)

    assert sum(map(len, seen)) == 50
    assert archive.event_count == 250
    Archive(archive.folder).append(numbered(5000, 1))
    assert sum(len(day) for day in archive.read()) == 251


def test_readers_and_a_writer_at_the_same_time(archive: Archive) -> None:
    """Each reader finds whole rounds: a multiple of what one append brings."""
    archive.append(numbered(0, 10))
    found: list[int] = []

    def read() -> None:
        for _ in range(30):
            found.append(sum(len(day) for day in Archive(archive.folder).read(["message_id"])))

    readers = [Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(1, 30):
        archive.append(numbered(number * 10, 10, day=number % 3))
    for reader in readers:
        reader.join()

    assert len(found) == 90
    assert all(count % 10 == 0 and count > 0 for count in found)


def test_there_is_one_writer(archive: Archive) -> None:
    """A second one is told at once, in this process and in another; afterwards it may."""
    other = Archive(archive.folder)
    with archive.writing():
        archive.append(numbered(0, 1))
        with pytest.raises(StoreError, match="another import is writing"):
            other.append(numbered(1, 1))
        code = f"{IMPORTS}\nwith Archive(Path({str(archive.folder)!r})).writing(): pass"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
        assert b"another import is writing" in done.stderr

    assert other.append(numbered(1, 1)).added == 1


def test_a_writer_that_was_killed_is_no_writer(archive: Archive) -> None:
    """Locks die with their process."""
    code = (
        f"{IMPORTS}\nwith Archive(Path({str(archive.folder)!r})).writing(): os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL

    assert archive.append(numbered(0, 1)).added == 1


def test_files_without_a_manifest_do_not_exist(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash after the files of a round and before its manifest leaves the archive as it was, and no litter."""
    archive.append(numbered(0, 5))
    before = {path.name: path.read_bytes() for path in archive.folder.rglob("*") if path.is_file()}

    with monkeypatch.context() as patch:
        patch.setattr("shoal.journal.archive.commit_manifest", _crash)
        with pytest.raises(KeyboardInterrupt):
            archive.append(numbered(5, 5))
    assert len(list(archive.folder.glob("events/*/*.parquet"))) == 2
    assert ids(archive) == [f"n{i}" for i in range(5)]

    again = Archive(archive.folder)
    assert again.append(frame({"message_id": "n0"}), source="s", source_rows=1).added == 0
    left = {path.name for path in archive.folder.rglob("*") if path.is_file()}
    assert left == {*before, "reading.lock"}
    assert again.append(numbered(5, 5)).added == 5


def _crash(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("fails", range(8))
def test_any_failing_write_leaves_a_whole_archive(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, fails: int
) -> None:
    """Whichever confirmation of the disk fails, all of a round is there or nothing of it."""
    archive.append(numbered(0, 5), source="s", source_rows=5)
    calls, real = iter(range(100)), os.fsync

    def fsync(descriptor: int) -> None:
        if next(calls) == fails:
            raise OSError(28, "No space left on device")
        real(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        with pytest.raises(StoreError, match="the disk is full"):
            _append_days(archive, 4)

    whole = Archive(archive.folder)
    rows = whole.source_progress("s")
    assert ids(whole) == [f"n{i}" for i in range(rows)]
    whole.append(numbered(rows, 5, day=9), source="s", source_rows=5)
    assert len(ids(whole)) == rows + 5


def _append_days(archive: Archive, days: int) -> None:
    for day in range(days):
        archive.append(numbered(5 + day * 5, 5, day=day), source="s", source_rows=5)


def test_other_files_in_the_folder_stay(archive: Archive) -> None:
    """Only files of the archive's own making are ever removed."""
    archive.append(numbered(0, 1))
    note = archive.folder / "events" / "notes.txt"
    note.write_text("mine")

    Archive(archive.folder).append(numbered(1, 1))

    assert note.read_text() == "mine"


@pytest.mark.parametrize(
    "damage", ["manifest.json", "events/*/*.parquet", "message_ids/*/*.bin", "catalog-*.json"]
)
@pytest.mark.parametrize("how", ["gone", "cut"])
def test_damage_is_told_with_its_file(archive: Archive, damage: str, how: str) -> None:
    """No traceback of a library, and no events that are not there."""
    archive.append(numbered(0, 100))
    (path,) = archive.folder.glob(damage)
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-20])
    if damage == "manifest.json" and how == "gone":
        assert archive.event_count == 0
        return

    with pytest.raises(StoreError) as caught:
        _use(archive)
    assert path.name in caught.value.message


def _use(archive: Archive) -> None:
    assert list(archive.read())
    archive.catalog()
    archive.append(numbered(0, 3))


def test_an_archive_of_a_newer_version_is_left_alone(archive: Archive) -> None:
    """Its layout is not known here."""
    archive.append(numbered(0, 1))
    manifest = archive.folder / "manifest.json"
    manifest.write_bytes(msgspec.json.encode({**msgspec.json.decode(manifest.read_bytes()), "version": 99}))

    with pytest.raises(StoreError, match="newer Shoal"):
        archive.append(numbered(1, 1))


def test_columns_are_those_with_values(archive: Archive) -> None:
    """Asking for others gives nulls, and asking for nonsense is a mistake."""
    archive.append(frame({"properties.a:number": 1.0, "properties.b:number": None}))

    assert "properties.a:number" in archive.columns()
    assert "properties.b:number" not in archive.columns()
    (day,) = archive.read(["properties.b:number", "name"])
    assert day.rows() == [(None, "X")]
    with pytest.raises(ValueError, match="not a column"):
        list(archive.read(["price"]))


def test_the_catalog_has_limits(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends endless names does not fill the catalog; it says that it is not complete."""
    monkeypatch.setattr("shoal.journal.catalog.MAXIMUM_EVENT_NAMES", 10)
    archive.append(frame(*({"name": f"name {i}"} for i in range(30))))

    catalog = archive.catalog()
    assert (len(catalog.events), catalog.is_complete) == (10, False)
    assert archive.event_count == 30


def test_statements_are_not_events_in_the_catalog(archive: Archive) -> None:
    """What a person did is counted by name; what is said about a person is not."""
    archive.append(frame({"kind": "identify", "name": "", "traits.plan:text": "pro"}, {}))

    catalog = archive.catalog()
    assert {name: seen.count for name, seen in catalog.events.items()} == {"X": 1}
    assert catalog.traits == {"traits.plan": frozenset({"text"})}
