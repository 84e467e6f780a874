"""The outbox: lines of deliveries, of which only heads are due, and what becomes of them."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from shoal.definitions.trigger import Happens, TriggerDefinition
from shoal.errors import StoreError
from shoal.model.change import Direction
from shoal.model.consent import Purpose
from shoal.model.firing import Channel, Delivery, Firing, Outcome, Status
from shoal.model.time import DAY, NEVER
from shoal.runtime.acting import open_outbox
from shoal.runtime.live_state import VERSION, LiveState, open_live_state
from shoal.runtime.places import LIVE_STATE
from shoal.triggers import tables
from shoal.triggers.outbox import Settlement, Wanted
from shoal.triggers.retention import forget_before, kept_since
from shoal.triggers.sqlite_outbox import SqliteOutbox

NOW = 1_000_000


def delivery(id_: str, person: str = "user_id:ann", destination: str = "crm", **other: object) -> Delivery:
    stated: dict[str, object] = {
        "id": id_,
        "firing": "fir_1",
        "trigger": "cart_abandoned",
        "purpose": Purpose.PERSONALISATION,
        "person": person,
        "channel": Channel.WEBHOOK,
        "destination": destination,
        "status": Status.READY,
        "created_at": NOW,
        "not_before": NOW,
        "content": {"title": "Hello Ann", "items": [1, 2]},
        "facts": {"first_name": "Ann", "spent": 12.5, "is_new": True, "city": None},
    }
    return Delivery(**(stated | other))  # type: ignore[arg-type]


class Writer:
    """Writes deliveries as the engine does, in transactions of another connection."""

    def __init__(self, folder: Path) -> None:
        self.connection = open_live_state(folder / LIVE_STATE)

    def add(self, *deliveries: Delivery, is_capped: bool = True) -> None:
        self.connection.execute("BEGIN IMMEDIATE")
        for each in deliveries:
            tables.add_delivery(self.connection, each, is_capped=is_capped)
        self.connection.execute("COMMIT")


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    made = Writer(tmp_path)
    yield made
    made.connection.close()


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[SqliteOutbox]:
    made = open_outbox(tmp_path)
    yield made
    made.close()


def due(outbox: SqliteOutbox, destination: str = "crm", now: int = NOW, limit: int = 100) -> list[str]:
    return [each.id for each in outbox.due(destination, now, limit)]


def end(id_: str, status: Status = Status.DELIVERED, **other: object) -> Settlement:
    return Settlement(**({"id": id_, "status": status, "at": NOW + 5, "attempts": 1} | other))  # type: ignore[arg-type]


def test_a_delivery_comes_out_as_it_went_in(writer: Writer, outbox: SqliteOutbox) -> None:
    """Every field of it, facts with their types."""
    writer.add(delivery("a", expires_at=NOW + 9))
    assert outbox.due("crm", NOW, 10) == [delivery("a", expires_at=NOW + 9)]


def test_only_the_head_of_a_line_is_due(writer: Writer, outbox: SqliteOutbox) -> None:
    """The second of a person is due when the first is settled for good, whatever it has become."""
    writer.add(delivery("a"), delivery("b"), delivery("c"))
    for id_, status in (("a", Status.DELIVERED), ("b", Status.DEAD), ("c", Status.NO_CONSENT)):
        assert due(outbox) == [id_]
        outbox.settle([end(id_, status)])
    assert due(outbox) == []
    assert outbox.destinations() == []
    assert outbox.next_due("crm") == NEVER


def test_lines_of_other_persons_and_destinations_go_on(writer: Writer, outbox: SqliteOutbox) -> None:
    """Nobody waits for somebody else."""
    writer.add(delivery("a"), delivery("b"), delivery("c", "user_id:bob"), delivery("d", destination="team"))
    assert due(outbox) == ["a", "c"]
    assert due(outbox, "team") == ["d"]
    assert outbox.destinations() == ["crm", "team"]


def test_what_is_tried_again_keeps_its_line_waiting(writer: Writer, outbox: SqliteOutbox) -> None:
    """Order is kept also while the first is between two attempts."""
    writer.add(delivery("a"), delivery("b"))
    again = end("a", Status.READY, not_before=NOW + 60_000, attempts=3, reason="503")
    outbox.settle([again])
    assert due(outbox) == []
    assert outbox.next_due("crm") == NOW + 60_000
    [found] = outbox.due("crm", NOW + 60_000, 10)
    assert (found.id, found.attempts, found.reason) == ("a", 3, "503")


def test_the_longest_due_come_first(writer: Writer, outbox: SqliteOutbox) -> None:
    """By the moment from which on they may be sent, then as they came; what is being sent is left out."""
    ids = ("a", "b", "c", "d")
    moments = (NOW, NOW - 5, NOW - 5, NOW + 1)
    writer.add(*(delivery(i, f"user_id:{i}", not_before=at) for i, at in zip(ids, moments, strict=True)))
    assert due(outbox) == ["b", "c", "a"]
    assert due(outbox, limit=2) == ["b", "c"]
    assert [each.id for each in outbox.due("crm", NOW, 2, leave_out={"b"})] == ["c", "a"]


def test_pages_are_asked_for_by_person(writer: Writer, outbox: SqliteOutbox) -> None:
    """Only for those who look at a page at the moment."""
    persons = ("user_id:ann", "user_id:bob", "anonymous_id:x")
    writer.add(*(delivery(who, who, "page", channel=Channel.PAGE) for who in persons))
    assert [each.id for each in outbox.due_for("page", persons[1:], NOW)] == list(persons[1:])
    assert outbox.due_for("page", ["user_id:nobody"], NOW) == []


def test_what_nobody_saw_in_time_expires(writer: Writer, outbox: SqliteOutbox) -> None:
    """It is due no more, and the next of its line is."""
    writer.add(delivery("a", expires_at=NOW + 10), delivery("b"))
    assert outbox.expire(NOW + 9) == 0
    assert due(outbox, now=NOW + 10) == []
    assert outbox.expire(NOW + 10) == 1
    assert due(outbox, now=NOW + 10) == ["b"]
    [found] = outbox.find(Wanted(status=Status.EXPIRED), 10)
    assert found.reason


def test_the_dead_are_kept_and_replayed(writer: Writer, outbox: SqliteOutbox) -> None:
    """At the end of their line, as if never tried, under the same id. What is not dead is not replayed."""
    writer.add(delivery("a"), delivery("b"), delivery("c"))
    outbox.settle([end("a", Status.DEAD, attempts=8, reason="410 gone"), end("b")])
    assert [each.reason for each in outbox.find(Wanted(status=Status.DEAD), 10)] == ["410 gone"]
    assert outbox.replay(["a", "b", "c", "none"], NOW + 50) == 1
    assert due(outbox, now=NOW + 50) == ["c"]
    outbox.settle([end("c")])
    [found] = outbox.due("crm", NOW + 50, 10)
    assert (found.id, found.attempts, found.reason, found.status) == ("a", 0, "", Status.READY)


def test_what_is_settled_stays_settled(writer: Writer, outbox: SqliteOutbox) -> None:
    """A result that comes twice, or for what is not there, changes nothing."""
    writer.add(delivery("a"))
    outbox.settle([end("a"), end("a", Status.DEAD), end("nothing")])
    assert outbox.counts() == {("cart_abandoned", "crm", Status.DELIVERED): 1}


def test_results_are_written_all_or_none(writer: Writer, outbox: SqliteOutbox) -> None:
    """One that cannot be written takes the others of its batch back."""
    writer.add(delivery("a"), delivery("b", "user_id:bob"))
    broken = end("b", attempts=object())
    with pytest.raises(StoreError):
        outbox.settle([end("a"), broken])
    assert due(outbox) == ["a", "b"]


def test_people_see_the_latest_first(writer: Writer, outbox: SqliteOutbox) -> None:
    """By trigger, person, destination and status, alone or together."""
    writer.add(
        delivery("a"),
        delivery("b", "user_id:bob"),
        delivery("c", trigger="welcome", destination="team"),
        delivery("d"),
    )
    outbox.settle([end("a")])
    assert [each.id for each in outbox.find(Wanted(), 3)] == ["d", "c", "b"]
    assert [each.id for each in outbox.find(Wanted(trigger="welcome"), 9)] == ["c"]
    assert [each.id for each in outbox.find(Wanted(person="user_id:bob"), 9)] == ["b"]
    assert [each.id for each in outbox.find(Wanted(destination="crm", status=Status.READY), 9)] == ["d", "b"]


def test_people_see_firings(writer: Writer, outbox: SqliteOutbox) -> None:
    """With outcome, reason and facts, by the person whom the profile is now."""
    fired = Firing(
        trigger="welcome",
        profile="anonymous_id:x",
        effective_at=NOW,
        direction=Direction.ENTERED,
        seen_at=NOW + 7,
        outcome=Outcome.FIRED,
        facts={"city": "Paris"},
    )
    refused = replace(fired, effective_at=NOW + 1, outcome=Outcome.COOLING_DOWN, reason="fired an hour ago")
    for each in (fired, refused):
        tables.add_firing(writer.connection, each, "user_id:ann")
    assert outbox.find_firings(Wanted(person="user_id:ann"), 9) == [refused, fired]
    assert outbox.find_firings(Wanted(outcome=Outcome.FIRED, trigger="welcome"), 9) == [fired]
    assert outbox.find_firings(Wanted(person="anonymous_id:x"), 9) == []


def test_version_1_is_brought_up_to_date(tmp_path: Path) -> None:
    """What it told stays told, and firings and deliveries have their place."""
    fixture = Path(__file__).parents[1] / "fixtures" / "backup-1" / LIVE_STATE
    path = tmp_path / LIVE_STATE
    path.parent.mkdir()
    shutil.copy(fixture, path)
    with closing(open_live_state(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
        tables.add_delivery(connection, delivery("a"), is_capped=True)
    state = LiveState(path)
    assert len(list(state.changes())) == len(state.members()) == 3
    state.close()
    outbox = open_outbox(tmp_path)
    assert due(outbox) == ["a"]
    outbox.close()


def test_a_later_version_is_refused(tmp_path: Path) -> None:
    """And not touched."""
    path = tmp_path / LIVE_STATE
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(StoreError, match="newer Shoal"):
        open_outbox(tmp_path)


def test_what_is_due_is_found_by_an_index(writer: Writer, outbox: SqliteOutbox) -> None:
    """However many wait: nothing that those who deliver ask looks through a table."""
    writer.add(delivery("a", expires_at=NOW + 5), delivery("b"))
    asked: list[str] = []
    outbox._connection.set_trace_callback(asked.append)
    outbox.due("crm", NOW, 5)
    outbox.due_for("crm", ["user_id:ann"], NOW)
    outbox.next_due("crm")
    outbox.settle([end("a", Status.READY, not_before=NOW)])
    outbox.expire(NOW + 5)
    outbox._connection.set_trace_callback(None)
    searches = [each for each in asked if each.lstrip().startswith(("SELECT", "UPDATE", "DELETE"))]
    assert len(searches) > 8
    plans = [step for each in searches for *_, step in outbox._read(f"EXPLAIN QUERY PLAN {each}")]
    assert [step for step in plans if step.startswith("SCAN") and "USING" not in step] == []
    assert any("waiting_head (destination=? AND not_before<?)" in step for step in plans)
    assert any("waiting_line (person=? AND destination=?)" in step for step in plans)


def test_what_is_old_is_forgotten(writer: Writer, outbox: SqliteOutbox) -> None:
    """Settled deliveries and firings that nothing waits for. What waits stays, and so does what is younger."""
    trigger = TriggerDefinition(name="welcome", on=Happens("A"), actions=())
    present = replace(trigger, name="present", include_present=True)
    for name, at in (("welcome", NOW), ("welcome", NOW + 1), ("welcome", NOW + DAY), ("present", NOW)):
        firing = Firing(
            trigger=name,
            profile="user_id:ann",
            effective_at=at,
            direction=Direction.ENTERED,
            seen_at=at,
            outcome=Outcome.FIRED,
        )
        tables.add_firing(writer.connection, firing, "user_id:ann")
        writer.add(*(delivery(f"{firing.id}_{place}", created_at=at, firing=firing.id) for place in (1, 2)))
    [_, first, *_] = outbox.find_firings(Wanted(trigger="welcome"), 9)[::-1]
    settled = [each.id for each in outbox.find(Wanted(), 99) if each.id != f"{first.id}_2"]
    outbox.settle([end(id_) for id_ in settled])
    assert forget_before(writer.connection, NOW + DAY, [trigger, present]) == 5 + 1
    left = outbox.find_firings(Wanted(), 9)
    assert [(each.trigger, each.seen_at) for each in left] == [
        ("present", NOW),
        ("welcome", NOW + DAY),
        ("welcome", NOW + 1),
    ]
    assert len(outbox.find(Wanted(status=Status.READY), 9)) == 1
    assert len(outbox.find(Wanted(status=Status.DELIVERED), 9)) == 2
    assert forget_before(writer.connection, NOW + DAY, [trigger, present]) == 0


def test_what_a_cooldown_needs_is_kept() -> None:
    """Ninety days, or longer for whoever looks back further."""
    trigger = TriggerDefinition(name="welcome", on=Happens("A"), actions=(), cooldown=DAY)
    assert kept_since([trigger], NOW) == NOW - 90 * DAY
    assert kept_since([trigger, replace(trigger, cooldown=365 * DAY)], NOW) == NOW - 365 * DAY
