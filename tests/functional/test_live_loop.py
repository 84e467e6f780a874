"""The live engine when something is in its way: a failing disk, an import, an archive that is taken."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shoal.cli import run
from shoal.definitions.workspace import load_workspace
from shoal.errors import StoreError
from shoal.journal import Archive
from shoal.journal.journal import Arrival
from shoal.journal.sqlite import SqliteJournal
from shoal.model.firing import Status
from shoal.runtime import live_loop
from shoal.runtime.acting import count_deliveries
from shoal.runtime.batch import evaluate_workspace
from shoal.runtime.live_loop import LiveLoop, wall_clock_ms
from shoal.runtime.live_state import LiveState
from shoal.runtime.places import ARCHIVE_FOLDER, JOURNAL_FOLDER, LIVE_STATE
from tests.functional.test_serve_live import members, wait_until, workspace_in


class Shop:
    """A workspace with its journal, to which events come without a network."""

    def __init__(self, folder: Path) -> None:
        self.folder = workspace_in(folder)
        self.workspace = load_workspace(folder)
        self.journal = SqliteJournal(folder / JOURNAL_FOLDER)
        self.archive = Archive(folder / ARCHIVE_FOLDER)

    def hear(self, who: str, what: str) -> None:
        """An event comes in, and lasts."""
        now = wall_clock_ms()
        message = {"type": "track", "userId": who, "event": what, "messageId": f"{who}-{what}", "timestamp": now}
        body = json.dumps(message).encode()
        self.journal.append(Arrival(received_at=now, write_key="key", path="/v1/track", body=body)).result()

    @contextmanager
    def kept_true(self) -> Iterator[LiveLoop]:
        loop = LiveLoop(self.workspace, self.journal)
        loop.start()
        try:
            wait_until(lambda: not loop.trouble)
            yield loop
        finally:
            loop.stop()

    def bring_file(self, *rows: tuple[str, str, str]) -> None:
        """Imports (who, what, moment) from a file, as `shoal import` does in a process of its own."""
        file = self.folder / "events.csv"
        file.write_text("who,what,at\n" + "".join(f"{','.join(row)}\n" for row in rows))
        mapping = self.folder / "mapping.yaml"
        mapping.write_text("mapping: old\nformat: csv\nuser_id: who\nname: what\noccurred_at: at\n")
        assert run(["import", str(file), "--map", str(mapping), "--workspace", str(self.folder)]) == 0

    def holds(self, who: str, segment: str) -> bool:
        return (f"user_id:{who}", segment) in members(self.folder)

    def told(self) -> Counter[tuple[str, str, str]]:
        state = LiveState(self.folder / LIVE_STATE)
        try:
            return Counter((each.profile, each.segment, each.direction.value) for each in state.changes())
        finally:
            state.close()

    def by_batch(self) -> set[tuple[str, str]]:
        """The memberships that `shoal run` finds now."""
        return set(evaluate_workspace(self.workspace, wall_clock_ms()).memberships.rows())


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setattr(live_loop, "SECONDS_BETWEEN_LOOKS_AT_ARCHIVE", 0.1)
    monkeypatch.setattr(live_loop, "SECONDS_BETWEEN_LOOKS_AT_FILES", 0.1)
    monkeypatch.setattr(live_loop, "SECONDS_BEFORE_BEGINNING_AGAIN", 0.1)
    made = Shop(tmp_path / "shop")
    yield made
    made.journal.close()


def test_a_step_that_could_not_be_written_is_done_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk refuses what was told, twice: the loop begins again, and every change is told once."""
    failures, commit = iter((True, False, True)), LiveState.commit

    def failing(state: LiveState, *given: object) -> object:
        if next(failures, False):
            raise StoreError("the disk is full")
        return commit(state, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(LiveState, "commit", failing)
    with shop.kept_true():
        for who in ("ann", "bob", "cyd"):
            shop.hear(who, "Order Completed")
            wait_until(lambda who=who: shop.holds(who, "buyers"))
    assert shop.told() == Counter((f"user_id:{who}", "buyers", "entered") for who in ("ann", "bob", "cyd"))
    assert shop.archive.event_count == 3
    assert shop.by_batch() == members(shop.folder)


def test_a_disk_that_fails_after_archiving_loses_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in the archive already, when forgetting it in the journal fails, is not added a second time."""
    failures, forget = iter((True,)), SqliteJournal.forget

    def failing(journal: SqliteJournal, through: int) -> None:
        if next(failures, False):
            raise StoreError("the disk is full")
        forget(journal, through)

    monkeypatch.setattr(SqliteJournal, "forget", failing)
    monkeypatch.setattr(live_loop, "EVENTS_UNTIL_ARCHIVED", 1)
    with shop.kept_true():
        for who in ("ann", "bob"):
            shop.hear(who, "Order Completed")
            wait_until(lambda who=who: shop.holds(who, "buyers"))
        wait_until(lambda: shop.archive.event_count == 2)
    assert shop.archive.event_count == 2
    assert shop.by_batch() == members(shop.folder)


def test_segments_stay_true_while_an_import_writes(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The archive is taken: events stay in the journal, are told all the same, and move when it is free."""
    monkeypatch.setattr(live_loop, "EVENTS_UNTIL_ARCHIVED", 1)
    with shop.kept_true() as loop:
        with Archive(shop.folder / ARCHIVE_FOLDER).writing():
            for who in ("ann", "bob"):
                shop.hear(who, "Order Completed")
                wait_until(lambda who=who: shop.holds(who, "buyers"))
            assert not loop.trouble
            assert shop.archive.event_count == 0
        wait_until(lambda: shop.archive.event_count == 2)
    assert sum(shop.told().values()) == 2


def test_a_stop_while_an_import_writes_loses_nothing(shop: Shop) -> None:
    """What could not be archived is in the journal, and the next start goes on from there."""
    with Archive(shop.folder / ARCHIVE_FOLDER).writing(), shop.kept_true():
        shop.hear("ann", "Order Completed")
        wait_until(lambda: shop.holds("ann", "buyers"))
    assert shop.archive.event_count == 0
    with shop.kept_true():
        shop.hear("bob", "Order Completed")
    assert shop.archive.event_count == 2
    assert shop.told() == Counter((f"user_id:{who}", "buyers", "entered") for who in ("ann", "bob"))


def test_what_is_imported_while_serving_counts(shop: Shop) -> None:
    """Soon after, without a restart, together with what came live; each change is told once."""
    with shop.kept_true():
        shop.hear("ann", "Order Completed")
        shop.hear("cyd", "Product Added")
        wait_until(lambda: shop.holds("ann", "buyers") and shop.holds("cyd", "left_a_cart"))
        shop.bring_file(
            ("ann", "Order Completed", "2026-01-01T10:00:00Z"),
            ("bob", "Order Completed", "2026-01-01T10:00:00Z"),
            ("cyd", "Order Completed", "2026-01-01T10:00:00Z"),
        )
        wait_until(lambda: shop.holds("bob", "buyers"))
        shop.hear("dan", "Order Completed")
        wait_until(lambda: shop.holds("dan", "buyers"))
    assert shop.told() == Counter(
        [
            *((f"user_id:{who}", "buyers", "entered") for who in ("ann", "bob", "cyd", "dan")),
            ("user_id:cyd", "left_a_cart", "entered"),
            ("user_id:cyd", "left_a_cart", "left"),
        ]
    )
    assert shop.by_batch() == members(shop.folder)
    assert shop.archive.event_count == 6


def test_what_is_imported_between_two_starts_counts(shop: Shop) -> None:
    """The next start tells what changed by it, once."""
    with shop.kept_true():
        shop.hear("ann", "Order Completed")
    shop.bring_file(("bob", "Order Completed", "2026-01-01T10:00:00Z"))
    for _ in range(2):
        with shop.kept_true():
            assert shop.holds("bob", "buyers")
    assert shop.told() == Counter((f"user_id:{who}", "buyers", "entered") for who in ("ann", "bob"))
    assert shop.by_batch() == members(shop.folder)


def test_commands_that_read_can_be_used_meanwhile(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """They see what is archived: what came in this minute is true live, and is not theirs yet."""
    place = ["--workspace", str(shop.folder)]
    with shop.kept_true():
        shop.bring_file(("ann", "Order Completed", "2026-01-01T10:00:00Z"))
        shop.hear("bob", "Order Completed")
        wait_until(lambda: shop.holds("ann", "buyers") and shop.holds("bob", "buyers"))
        shop.hear("cyd", "Order Completed")
        wait_until(lambda: shop.holds("cyd", "buyers"))
        capsys.readouterr()
        assert run(["run", "--json", *place]) == 0
        assert json.loads(capsys.readouterr().out)["segments"]["buyers"] == shop.archive.event_count < 3
        assert run(["segments", *place]) == 0
        assert run(["profile", "ann", *place]) == 0
        shop.hear("dan", "Order Completed")
        wait_until(lambda: shop.holds("dan", "buyers"))
    assert {who for who, _ in shop.by_batch()} == {f"user_id:{who}" for who in ("ann", "bob", "cyd", "dan")}


def test_changed_definitions_are_taken_on_while_serving(shop: Shop) -> None:
    """A new segment has its members, an old one keeps them, and a new trigger fires for who comes from then on."""
    heard: list[frozenset[str]] = []
    with shop.kept_true() as loop:
        loop.on_redefined.append(
            lambda workspace: heard.append(frozenset(each.name for each in workspace.triggers))
        )
        shop.hear("ann", "Order Completed")
        wait_until(lambda: shop.holds("ann", "buyers"))
        (shop.folder / "triggers").mkdir()
        (shop.folder / "triggers" / "thanks.yaml").write_text(
            "trigger: thanks\non: {enter: fans}\ndo:\n- page: {offer: content, title: Thank you}\n"
        )
        segment = "segment: fans\nwhen: count('Order Completed') >= 1\n"
        (shop.folder / "segments" / "fans.yaml").write_text(segment)
        wait_until(lambda: shop.holds("ann", "fans"))
        assert shop.holds("ann", "buyers")
        wait_until(lambda: bool(heard))
        shop.hear("bob", "Order Completed")
        wait_until(lambda: shop.holds("bob", "fans"))
        wait_until(lambda: loop.figures.firings == Counter({("thanks", "fired"): 1}))
    assert heard == [frozenset({"thanks"})]
    assert shop.told()["user_id:ann", "fans", "entered"] == 1
    assert count_deliveries(shop.folder) == {("thanks", "page", Status.READY): 1}


def test_definitions_that_cannot_be_used_leave_those_before(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """It is told why; events count as before; put right, they are taken on."""
    path = shop.folder / "segments" / "fans.yaml"
    with shop.kept_true() as loop:
        path.write_text("segment: fans\nwhen: count('Order Completed' >= 1\n")
        wait_until(lambda: bool(loop.definitions_trouble))
        assert "fans.yaml" in loop.definitions_trouble
        assert "not taken on" in caplog.text
        shop.hear("ann", "Order Completed")
        wait_until(lambda: shop.holds("ann", "buyers"))
        assert not loop.trouble
        path.write_text("segment: fans\nwhen: count('Order Completed') >= 1\n")
        wait_until(lambda: shop.holds("ann", "fans"))
        wait_until(lambda: not loop.definitions_trouble)


def test_refreshed_values_are_taken_on_while_serving(shop: Shop) -> None:
    """Ranks read the distribution of the last `shoal run --refresh`, without a restart."""
    (shop.folder / "segments" / "best.yaml").write_text(
        "segment: best\nwhen: rank(count('Order Completed'), into=2) == 2\n"
    )
    shop.workspace = load_workspace(shop.folder)
    shop.bring_file(
        ("ann", "Order Completed", "2026-01-01T10:00:00Z"),
        ("ann", "Order Completed", "2026-01-02T10:00:00Z"),
        ("bob", "Order Completed", "2026-01-01T10:00:00Z"),
    )
    with shop.kept_true():
        assert not shop.holds("ann", "best")
        assert run(["run", "--refresh", "--workspace", str(shop.folder)]) == 0
        wait_until(lambda: shop.holds("ann", "best"))
        assert not shop.holds("bob", "best")
