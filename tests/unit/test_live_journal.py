"""The journal of requests: in order, each at a place that lasts, and honest about what could not be written."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from shoal.errors import StoreError
from shoal.journal.journal import Arrival, JournalFull
from shoal.journal.sqlite import JournalLimits, SqliteJournal, read_journal
from shoal.journal.sqlite_segment import SegmentWriter, is_sealed, segment_paths
from shoal.model.time import DAY


def arrival(body: str, *, at: int = 0) -> Arrival:
    return Arrival(received_at=at, write_key="web", path="/v1/batch", body=body.encode(), headers={"origin": "x"})


def bodies(folder: Path, after: int = 0, limit: int = 10**9) -> list[str]:
    return [entry.arrival.body.decode() for entry in read_journal(folder, after, limit)]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    made = SqliteJournal(tmp_path)
    yield made
    made.close()


class Breaking(SegmentWriter):
    """A file on a disk that fails while `is_broken`: after the bytes are written, before they are certain."""

    is_broken = False

    def write(self, first_position: int, arrivals: list[Arrival]) -> None:  # type: ignore[override]
        super().write(first_position, arrivals)
        if Breaking.is_broken:
            raise sqlite3.OperationalError("disk I/O error")


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Breaking]]:
    Breaking.is_broken = False
    yield Breaking
    Breaking.is_broken = False


def test_positions_count_from_one_in_order(journal: SqliteJournal) -> None:
    """Whoever appends first has the lower position."""
    futures = [journal.append(arrival(f"{number}")) for number in range(300)]
    assert [future.result(10) for future in futures] == list(range(1, 301))
    assert journal.position == 300
    assert [entry.position for entry in journal.read(298, 10)] == [299, 300]


def test_an_entry_is_what_arrived(journal: SqliteJournal) -> None:
    """Body, time, key, path and headers, to the byte."""
    sent = Arrival(received_at=5, write_key="k", path="/v1/t", body=b"\x1f\x8b\x00\xff", headers={"a": "ü"})
    journal.append(sent).result(10)
    [entry] = journal.read(0, 10)
    assert entry.arrival == sent
    assert entry.is_whole


def test_goes_on_where_it_was(tmp_path: Path) -> None:
    """Positions go on after a restart, in a new file."""
    for name in ("a", "b", "c"):
        journal = SqliteJournal(tmp_path)
        journal.append(arrival(name)).result(10)
        journal.close()
    assert [(entry.position, entry.arrival.body) for entry in read_journal(tmp_path, 0, 9)] == [
        (1, b"a"),
        (2, b"b"),
        (3, b"c"),
    ]
    assert len(segment_paths(tmp_path)) == 3


def test_closing_writes_what_is_waiting(tmp_path: Path) -> None:
    """Nothing that was taken is dropped, and nothing is taken afterwards."""
    journal = SqliteJournal(tmp_path)
    futures = [journal.append(arrival("x" * 1000)) for _ in range(500)]
    journal.close()
    assert all(future.done() for future in futures)
    assert len(bodies(tmp_path)) == 500
    with pytest.raises(StoreError, match="closed"):
        journal.append(arrival("late"))


def test_only_one_process_collects(tmp_path: Path, journal: SqliteJournal) -> None:
    """A second writer would give positions twice."""
    with pytest.raises(StoreError, match="another process is collecting"):
        SqliteJournal(tmp_path)


def test_begins_a_new_file_by_size_and_day(tmp_path: Path) -> None:
    """Files that are written no more are sealed into one plain file each."""
    journal = SqliteJournal(tmp_path, limits=JournalLimits(segment_bytes=1000))
    for number in range(6):
        journal.append(arrival("x" * 600, at=number // 4 * DAY)).result(10)
    journal.close()
    assert len(segment_paths(tmp_path)) == 3
    assert all(is_sealed(path) for path in segment_paths(tmp_path))
    assert len(bodies(tmp_path)) == 6


def test_forgets_whole_files_that_are_kept_elsewhere(tmp_path: Path) -> None:
    """Never an entry beyond what is said."""
    journal = SqliteJournal(tmp_path, limits=JournalLimits(segment_bytes=1))
    for number in range(5):
        journal.append(arrival(f"{number}")).result(10)
    journal.forget(3)
    assert bodies(tmp_path) == ["3", "4"]
    journal.forget(99)
    assert bodies(tmp_path) == []
    journal.close()


@pytest.mark.parametrize("is_reopened", [False, True])
def test_what_is_forgotten_is_gone_from_the_disk(tmp_path: Path, is_reopened: bool) -> None:
    """Also of the file at hand: a new one begins, at once or before the next time, and positions go on."""
    journal = SqliteJournal(tmp_path)
    for number in range(4):
        journal.append(arrival(f"secret {number}")).result(10)
    if is_reopened:
        journal.close()
        journal = SqliteJournal(tmp_path)
    journal.forget(3)
    assert bodies(tmp_path) == ["secret 0", "secret 1", "secret 2", "secret 3"]
    assert journal.append(arrival("next")).result(10) == 5
    journal.forget(4)
    assert bodies(tmp_path) == ["next"]
    assert not any(b"secret" in path.read_bytes() for path in tmp_path.iterdir())
    journal.forget(5)
    journal.close()
    assert bodies(tmp_path) == []
    again = SqliteJournal(tmp_path)
    assert again.append(arrival("last")).result(10) == 6
    again.close()
    assert bodies(tmp_path) == ["last"]


def test_forgetting_again_begins_no_further_file(journal: SqliteJournal) -> None:
    """A quiet server leaves its journal alone."""
    journal.append(arrival("x")).result(10)
    journal.forget(1)
    before = segment_paths(journal.folder)
    journal.forget(1)
    assert segment_paths(journal.folder) == before


def test_positions_go_on_after_the_only_file_fails(tmp_path: Path, broken: type[Breaking]) -> None:
    """Nothing but its name says which positions are taken."""
    journal = SqliteJournal(tmp_path, open_segment=broken)
    journal.append(arrival("x")).result(10)
    journal.forget(1)
    broken.is_broken = True
    with pytest.raises(StoreError):
        journal.append(arrival("lost")).result(10)
    journal.close()
    again = SqliteJournal(tmp_path)
    assert again.append(arrival("y")).result(10) >= 2
    again.close()


def test_forgetting_while_others_append_loses_nothing(journal: SqliteJournal) -> None:
    """The file changes between two commits, never within one."""
    futures = []
    for number in range(400):
        futures.append(journal.append(arrival(f"{number}")))
        if number % 40 == 39:
            journal.forget(futures[number - 20].result(10))
    assert [future.result(10) for future in futures] == list(range(1, 401))
    kept = [entry.position for entry in journal.read(0, 999)]
    assert kept == list(range(kept[0], 401))
    assert kept[0] <= 380


def test_refuses_more_than_it_can_hold(tmp_path: Path) -> None:
    """At once, so that senders hear of the pressure."""
    journal = SqliteJournal(tmp_path, limits=JournalLimits(waiting_bytes=100))
    with pytest.raises(JournalFull):
        journal.append(arrival("x" * 101))
    journal.append(arrival("x" * 99)).result(10)
    journal.close()


def test_never_says_yes_to_what_may_be_lost(tmp_path: Path, broken: type[Breaking]) -> None:
    """A failed flush fails everyone who waits for it, and the next arrivals go to another file."""
    journal = SqliteJournal(tmp_path, open_segment=broken)
    journal.append(arrival("sure")).result(10)
    broken.is_broken = True
    with pytest.raises(StoreError, match="disk I/O error"):
        journal.append(arrival("lost")).result(10)
    assert journal.trouble == "disk I/O error"
    broken.is_broken = False
    assert journal.append(arrival("again")).result(10) == 2
    assert journal.trouble is None
    assert [entry.arrival.body for entry in journal.read(0, 9)] == [b"sure", b"again"]
    journal.close()
    assert bodies(tmp_path) == ["sure", "again"]


def test_keeps_order_through_many_failures(tmp_path: Path, broken: type[Breaking]) -> None:
    """Whatever fails in whatever order, what was said to last is there once, and nothing else."""
    journal = SqliteJournal(tmp_path, open_segment=broken)
    sure = []
    for number in range(40):
        broken.is_broken = number % 7 in (2, 3)
        try:
            journal.append(arrival(f"{number}")).result(10)
            sure.append(f"{number}")
        except StoreError:
            assert broken.is_broken
    assert [entry.arrival.body.decode() for entry in journal.read(0, 99)] == sure
    journal.close()
    assert bodies(tmp_path) == sure


def test_tells_a_damaged_entry(tmp_path: Path) -> None:
    """Bytes that changed on the disk are not taken for what was sent, and the others stay readable."""
    journal = SqliteJournal(tmp_path)
    for name in ("good", "evil", "fine"):
        journal.append(arrival(name)).result(10)
    journal.close()
    [path] = segment_paths(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"evil", b"EVIL"))
    assert [entry.is_whole for entry in read_journal(tmp_path, 0, 9)] == [True, False, True]


def test_refuses_a_journal_of_a_later_version(tmp_path: Path) -> None:
    """Saying which file and which version, before anything is written."""
    journal = SqliteJournal(tmp_path)
    journal.append(arrival("x")).result(10)
    journal.close()
    [path] = segment_paths(tmp_path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="later version of Shoal"):
        SqliteJournal(tmp_path)


def test_waits_for_what_comes(journal: SqliteJournal) -> None:
    """Who reads along is woken by the next entry."""
    assert not journal.wait_beyond(0, 0.01)
    journal.append(arrival("x")).result(10)
    assert journal.wait_beyond(0, 10)


def test_reads_and_goes_on_with_the_first_format(tmp_path: Path) -> None:
    """A folder that an earlier version wrote is taken over as it is."""
    from shoal.collect.http import Decoder
    from shoal.definitions.settings import Settings
    from shoal.definitions.sources import Collecting

    folder = tmp_path / "journal"
    shutil.copytree(Path(__file__).parents[1] / "fixtures" / "journal-1", folder)
    journal = SqliteJournal(folder)
    assert journal.append(arrival("{}")).result(10) == 4
    events = Decoder(Settings(), Collecting()).decode(journal.read(0, 3)).events
    journal.close()
    assert events["message_id"].to_list() == ["0-0", "0-1", "1-0", "1-1", "2-0", "2-1"]
    assert events["context.ip:text"].to_list() == ["203.0.113.9"] * 6


def test_goes_on_after_a_loss_of_power_while_a_file_is_made(tmp_path: Path) -> None:
    """What the disk kept of a file that was not finished is taken back, by whoever reads it first."""
    journal = SqliteJournal(tmp_path)
    journal.append(arrival("a")).result(10)
    journal.close()
    made = tmp_path / "made"
    with closing(sqlite3.connect(made, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.execute("PRAGMA cache_size = 1")  # so that a change goes to the disk before it is committed
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO t VALUES (?)", [("x" * 1000,)] * 100)
        unfinished = tmp_path / "journal-00000000000000000002-000000.sqlite"
        shutil.copy(made, unfinished)
        shutil.copy(f"{made}-journal", f"{unfinished}-journal")
    assert [entry.arrival.body for entry in read_journal(tmp_path, 0, 9)] == [b"a"]
    journal = SqliteJournal(tmp_path)
    assert journal.append(arrival("b")).result(10) == 2
    journal.close()
    assert [entry.arrival.body for entry in read_journal(tmp_path, 0, 9)] == [b"a", b"b"]
