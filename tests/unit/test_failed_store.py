"""Failed events: kept once, found again, and tried again as they came, or corrected."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shoal.collect.http import Decoder, FailedStore
from shoal.collect.http.replay import Replayed, replay_wanted
from shoal.definitions.settings import Settings
from shoal.definitions.sources import Collecting
from shoal.errors import NotFound
from shoal.journal.journal import Arrival
from shoal.journal.sqlite import SqliteJournal

GOOD = {"type": "track", "event": "Click", "userId": "ann", "messageId": "m1"}
NAMELESS = {"type": "track", "userId": "ann", "properties": {"price": 5}, "timestamp": "2026-03-10T11:00:00Z"}
NOBODY = {"type": "page", "messageId": "m3"}
RECEIVED = 1_773_144_000_000


class Desk:
    """A journal with one request, and the failed events of what it holds."""

    def __init__(self, folder: Path) -> None:
        self.journal = SqliteJournal(folder / "journal")
        self.store = FailedStore(folder / "failed")
        self.decoder = Decoder(Settings(), Collecting())
        body = json.dumps({"batch": [GOOD, NAMELESS, NOBODY], "context": {"locale": "de"}}).encode()
        headers = {"origin": "https://shop.example", "sec-gpc": "1", "user-agent": "Mozilla/5.0"}
        sent = Arrival(received_at=RECEIVED, write_key="web", path="/v1/batch", body=body, headers=headers)
        self.journal.append(sent).result(10)
        self.read()

    def read(self) -> int:
        """Reads the whole journal, and keeps what failed."""
        decoded = self.decoder.decode(self.journal.read(0, 100))
        self.events = decoded.events
        return self.store.add(decoded.failed)

    def replay(self) -> Replayed:
        return replay_wanted(self.store, self.journal, self.decoder)


@pytest.fixture
def desk(tmp_path: Path):  # type: ignore[no-untyped-def]
    """Two of three messages failed."""
    made = Desk(tmp_path)
    yield made
    made.journal.close()


def test_each_is_kept_once(desk: Desk) -> None:
    """Reading the journal again, as after a crash, adds nothing."""
    assert desk.store.count() == 2
    assert desk.read() == 0
    assert [each.key for each in desk.store.find()] == ["1.2", "1.1"]
    assert desk.store.get("1.1").message == json.dumps(NAMELESS).encode()


def test_they_are_counted_by_reason(desk: Desk) -> None:
    """So that one mistake in a page is one line, however often it happens."""
    assert [(each.count, each.last_at) for each in desk.store.reasons()] == [(1, RECEIVED), (1, RECEIVED)]
    assert desk.store.reasons()[0].reason == "it does not say whom (no userId and no anonymousId)"


def test_they_are_found_by_reason_and_by_what_was_sent(desk: Desk) -> None:
    """Either of both, without minding capitals in the reason."""
    assert [each.key for each in desk.store.find(reason="WHOM")] == ["1.2"]
    assert [each.key for each in desk.store.find(text='"price"')] == ["1.1"]
    assert desk.store.find(reason="whom", text="price") == []
    with pytest.raises(NotFound):
        desk.store.get("1.9")


def test_what_fails_again_stays(desk: Desk) -> None:
    """Nothing goes into the journal, and the reason is the latest."""
    for failed in desk.store.find():
        desk.store.want_again(failed)
    assert desk.replay() == Replayed(events=0, failed=2)
    assert (desk.journal.position, desk.store.count()) == (1, 2)


def test_a_corrected_message_is_an_event_as_of_when_it_came(desk: Desk) -> None:
    """With what its batch said, what its browser said, and its own time; it is open no more."""
    desk.store.want_again(desk.store.get("1.1"), json.dumps({**NAMELESS, "event": "Click"}).encode())
    assert desk.replay() == Replayed(events=1, failed=0)
    assert desk.replay() == Replayed(events=0, failed=0)
    assert [each.key for each in desk.store.find()] == ["1.2"]
    desk.read()
    event = desk.events.to_dicts()[-1]
    assert event["name"] == "Click"
    assert event["received_at"] == RECEIVED
    assert (event["context.locale:text"], event["context.gpc:truth"]) == ("de", True)


def test_a_message_that_says_no_time_has_one_id_however_often_it_is_tried(desk: Desk) -> None:
    """A crash between keeping and noting it may try it twice."""
    failed, bare = desk.store.get("1.1"), json.dumps({"type": "track", "event": "x", "userId": "ann"}).encode()
    for _ in range(2):
        desk.journal.append(failed.again(bare)).result(10)
    desk.read()
    first, second = desk.events["message_id"].to_list()[-2:]
    assert first == second
