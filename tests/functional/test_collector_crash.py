"""The collector killed under load, again and again: what was answered 200 is there, once, in order."""

from __future__ import annotations

import os
import random
import threading
from pathlib import Path

import httpx
import polars as pl

from shoal.journal.archive import Archive
from tests.functional.collecting import KEY, Process, free_port, make_workspace, wait_until

FULL = bool(os.environ.get("SHOAL_FULL"))
ROUNDS = 50 if FULL else 3
SENDERS = 6
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
