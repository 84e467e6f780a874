"""The collector killed under load, again and again: what was answered 200 is there, once, in order."""

from __future__ import annotations

import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import polars as pl

from shoal.journal.archive import Archive
from tests.functional.collecting import KEY, Process, decode, free_port, make_workspace, wait_until

FULL = bool(os.environ.get("SHOAL_FULL"))
ROUNDS = 50 if FULL else 10 if os.environ.get("CI") else 3
SENDERS = 6
MOMENT = "2026-03-10T11:00:00Z"
TRACK = {"type": "track", "event": "Click", "userId": "ann"}


class Sender(threading.Thread):
    """Sends batches until the server dies, and each that was not answered again, as SDKs do."""

    def __init__(self, url: str, name: str, unsure: list[dict[str, object]]) -> None:
        super().__init__(daemon=True)
        self.url, self.label = url, name
        self.unsure = unsure
        self.sure: list[str] = []
        self.chance = random.Random(name)

    def run(self) -> None:
        number = 0
        with httpx.Client(auth=(KEY, ""), timeout=20) as client:
            while number < 100_000:
                if not self.unsure:
                    count = self.chance.randrange(1, 20)
                    ids = [f"{self.label}-{number + index}" for index in range(count)]
                    number += count
                    self.unsure = [
                        {"type": "track", "event": "Click", "userId": "ann", "messageId": each} for each in ids
                    ]
                try:
                    answer = client.post(f"{self.url}/v1/batch", json={"batch": self.unsure})
                except httpx.TransportError:
                    return
                if answer.status_code == 200:
                    self.sure += [str(each["messageId"]) for each in self.unsure]
                    self.unsure = []


def test_nothing_that_was_answered_is_lost(tmp_path: Path) -> None:
    """Every answered message is there after each kill; in the archive, which takes each id once, exactly once."""
    chance = random.Random(1)
    folder, port = make_workspace(tmp_path / "shop"), free_port()
    sure, left = set[str](), [[] for _ in range(SENDERS)]
    for number in range(ROUNDS):
        process = Process(folder, port)
        senders = [Sender(process.served.url, f"{number}-{index}", unsure) for index, unsure in enumerate(left)]
        for sender in senders:
            sender.start()
        enough = chance.randrange(20, 400)
        wait_until(lambda senders=senders, enough=enough: sum(len(each.sure) for each in senders) >= enough)
        process.kill()
        for sender in senders:
            sender.join(20)
            sure |= set(sender.sure)
        left = [sender.unsure for sender in senders]
        decoded = process.served.decoded()
        positions = [entry.position for entry in process.served.entries()]
        assert decoded.failed == []
        assert positions == list(range(1, len(positions) + 1))
        assert sure <= set(decoded.events["message_id"])
    assert len(sure) > ROUNDS * 20
    archive = Archive(tmp_path / "archive")
    archive.append(decoded.events.drop("position"))
    kept = pl.concat(archive.read(["message_id"]))["message_id"]
    assert kept.is_unique().all()
    assert sure <= set(kept)


def test_each_event_counts_once_however_often_it_is_sent(tmp_path: Path) -> None:
    """One to five times, in any order, by several senders at a time, before and after a kill and a restart."""
    chance, folder = random.Random(3), make_workspace(tmp_path / "shop")
    wanted = {f"m{number}": {**TRACK, "messageId": f"m{number}", "timestamp": MOMENT} for number in range(200)}
    copies = [event for event in wanted.values() for _ in range(chance.randrange(1, 6))]
    chance.shuffle(copies)
    half, read, archive = len(copies) // 2, 0, Archive(tmp_path / "events")
    for part in (copies[:half], [*copies[half:], *copies[:20]]):
        process = Process(folder)
        batches = [part[start : start + 7] for start in range(0, len(part), 7)]
        with ThreadPoolExecutor(4) as senders:
            answers = list(senders.map(lambda batch: process.served.post("/v1/batch", {"batch": batch}), batches))  # noqa: B023
        assert {answer.status_code for answer in answers} == {200}
        process.kill()
        # As the engine does it: it goes on after the position up to which events are archived.
        entries = [entry for entry in process.served.entries() if entry.position > read]
        events = decode(entries).events
        archive.append(events)
        read = entries[-1].position
    kept = [message_id for frame in archive.read() for message_id in frame["message_id"]]
    assert sorted(kept) == sorted(wanted)


def test_a_journal_that_breaks_off_is_read_up_to_there(tmp_path: Path) -> None:
    """Bytes that a crash left half-written at the end are cut off; what was certain before is there."""
    folder = make_workspace(tmp_path / "shop")
    process = Process(folder)
    for number in range(20):
        assert process.served.post("/v1/t", {**TRACK, "messageId": f"{number}"}).is_success
    process.kill()
    [log] = (folder / ".shoal" / "journal").glob("*.sqlite-wal")
    whole = log.read_bytes()
    log.write_bytes(whole + whole[-5000:] + b"torn")
    again = Process(folder)
    try:
        assert again.served.message_ids() == [f"{number}" for number in range(20)]
        assert again.served.post("/v1/t", {**TRACK, "messageId": "after"}).is_success
        assert again.served.message_ids()[-1] == "after"
    finally:
        again.kill()
