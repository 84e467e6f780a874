"""The collector under pressure: too much, too slow, a disk that fails, and the end."""

from __future__ import annotations

import gzip
import itertools
import json
import logging
import os
import random
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from shoal.collect.http.limits import Limits
from shoal.journal.sqlite import JournalLimits, SqliteJournal
from shoal.journal.sqlite_segment import SegmentWriter
from shoal.runtime.places import JOURNAL_FOLDER
from tests.functional.collecting import KEY, Process, Served, make_workspace, serving, wait_until

FULL = bool(os.environ.get("SHOAL_FULL"))
TRACK = {"type": "track", "event": "Click", "userId": "ann"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("pressure") / "shop") as one:
        yield one


def code(response: httpx.Response) -> str:
    return str(response.json()["code"])


def memory_bytes(process: int) -> int:
    """What a process holds in memory now."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


# Too much


def event_of(size: int) -> bytes:
    """A track call of exactly so many bytes."""
    begin = json.dumps({**TRACK, "properties": {"x": ""}})
    return begin.replace('"x": ""', f'"x": "{"y" * (size - len(begin))}"').encode()


def test_an_event_may_hold_32_kb(served: Served) -> None:
    """And not a byte more."""
    assert served.post("/v1/track", event_of(32 * 1024)).status_code == 200
    refused = served.post("/v1/track", event_of(32 * 1024 + 1))
    assert (refused.status_code, code(refused)) == (413, "too_large")


def test_a_batch_may_hold_2500_events(served: Served) -> None:
    """One more, and the whole is refused: its sender can halve it, and nobody can count on it."""
    assert served.post("/v1/batch", {"batch": [TRACK] * 2500}).status_code == 200
    refused = served.post("/v1/batch", {"batch": [TRACK] * 2501})
    assert (refused.status_code, code(refused)) == (413, "too_many_events")


def test_a_request_may_hold_500_kb(served: Served) -> None:
    """Also when its length is not said beforehand, and also when it was compressed."""
    fitting = {"batch": [{**TRACK, "properties": {"x": "y" * 30_000}}] * 16}
    larger = {"batch": [{**TRACK, "properties": {"x": "y" * 30_000}}] * 18}
    assert served.post("/v1/batch", fitting).status_code == 200
    for content in (json.dumps(larger).encode(), gzip.compress(json.dumps(larger).encode())):
        refused = served.post("/v1/batch", content)
        assert (refused.status_code, code(refused)) == (413, "too_large")
    chunks = iter([json.dumps(larger).encode()])
    chunked = httpx.post(f"{served.url}/v1/batch", content=chunks, auth=(KEY, ""))
    assert (chunked.status_code, code(chunked)) == (413, "too_large")


def test_an_endless_body_is_cut_off(served: Served) -> None:
    """Chunks without an end: refused after a bounded part, not collected."""
    endless = itertools.repeat(b"x" * 65536, 100_000)
    began = time.monotonic()
    try:
        status = httpx.post(f"{served.url}/v1/batch", content=endless, auth=(KEY, ""), timeout=20).status_code
    except httpx.TransportError:  # it was closed before the sender came to read the answer
        status = 413
    assert status == 413
    assert time.monotonic() - began < 10


def test_a_bomb_does_not_grow_the_server(tmp_path: Path) -> None:
    """200 MB of zeros in 200 KB: refused at once, in less than 20 MB."""
    bomb = gzip.compress(b"0" * 200_000_000, 9)
    assert len(bomb) < 250_000
    process = Process(make_workspace(tmp_path / "shop"))
    try:
        process.served.post("/v1/batch", {"batch": [TRACK]})
        before = memory_bytes(process.process.pid)
        with ThreadPoolExecutor(4) as senders:
            answers = list(senders.map(lambda _: process.served.post("/v1/batch", bomb), range(12)))
        assert {answer.status_code for answer in answers} == {413}
        assert memory_bytes(process.process.pid) - before < 20_000_000
    finally:
        process.kill()


def test_headers_are_bounded(served: Served) -> None:
    """A flood of them is answered and cut off."""
    with socket.create_connection(_place(served), timeout=10) as sender:
        sender.sendall(b"POST /v1/t HTTP/1.1\r\nhost: x\r\n")
        sender.sendall(b"".join(b"x-%d: %s\r\n" % (number, b"y" * 1000) for number in range(40)))
        assert sender.recv(100).startswith(b"HTTP/1.1 431")


def test_pressure_is_said_by_429_with_retry_after(tmp_path: Path) -> None:
    """When the journal holds as much as it may, senders are asked to come again, and their pages can read when."""
    folder = tmp_path / "shop"
    make_workspace(folder)
    journal = SqliteJournal(folder / JOURNAL_FOLDER, limits=JournalLimits(waiting_bytes=10))
    with serving(folder, journal=journal) as one:
        response = one.post("/v1/t", TRACK, headers={"Origin": "https://shop.example"})
    assert (response.status_code, code(response)) == (429, "under_pressure")
    assert response.headers["retry-after"] == "1"
    assert response.headers["access-control-expose-headers"] == "ETag, Retry-After"


def test_all_bodies_together_are_bounded(tmp_path: Path) -> None:
    """Many senders at a time cannot fill the memory."""
    with serving(tmp_path / "shop", limits=Limits(bodies_bytes=30)) as one:
        response = one.post("/v1/t", TRACK)
        assert (response.status_code, code(response)) == (429, "under_pressure")
        assert one.post("/v1/t", {"a": 1}).status_code == 200


# Malformed


def test_thousands_of_malformed_requests_are_answered(tmp_path: Path) -> None:
    """Never 5xx; good neighbours of bad messages are events, and every bad one is a failed event."""
    chance, count = random.Random(7), 10_000 if FULL else 1_500
    taken = good = 0
    with serving(tmp_path / "shop") as one, httpx.Client(auth=(KEY, ""), timeout=20) as client:
        for number in range(count):
            body, has_good = _malformed(chance, number)
            headers = {"Content-Encoding": "gzip"} if chance.random() < 0.05 else {}
            status = client.post(f"{one.url}/v1/batch", content=body, headers=headers).status_code
            assert status in (200, 400, 413)
            taken += status == 200
            good += status == 200 and has_good
        decoded = one.decoded()
    ids = decoded.events["message_id"].to_list()
    assert sum(each.startswith("good-") for each in ids) == good > count / 10
    assert {each.position for each in decoded.failed} <= set(range(1, taken + 1))
    assert len(decoded.failed) > count / 10
    assert all(each.reason for each in decoded.failed)


PIECES = (
    b"null", b"true", b"1e999", b"-", b"01", b'"\\ud800"', b'"\\u0000"', b'"\xff\xfe"', b"[" * 3000, b"{" * 3000,
    b'{"a":1,"a":2}', b'{"type":"track","type":5}', b"9" * 400, b'"' + b"x" * 40_000 + b'"', b"{}", b"[[[[]]]]",
    b'{"type":"track","event":"x","userId":{"$ne":1}}', b'{"type":"track","event":["x"],"userId":"a"}',
    b'{"type":"page","userId":"a","context":[]}', b'{"__proto__":1,"__class__":2}', b"\x00", b"NaN", b"Infinity",
    b'"',
)  # fmt: skip


def _malformed(chance: random.Random, number: int) -> tuple[bytes, bool]:
    """A batch with one good event and some that are not; sometimes the whole is spoilt as well."""
    good = json.dumps({**TRACK, "messageId": f"good-{number}"}).encode()
    pieces = [chance.choice(PIECES) for _ in range(chance.randrange(1, 4))]
    pieces.insert(chance.randrange(len(pieces) + 1), good)
    body = b'{"batch":[' + b",".join(pieces) + b"]}"
    match chance.randrange(12):
        case 0:
            packed = gzip.compress(body)
            return packed[: chance.randrange(1, len(packed))], False
        case 1:
            return body[: chance.randrange(len(body))], False
        case 2:
            return bytes(chance.randrange(256) for _ in range(chance.randrange(60))), False
        case 3:
            return gzip.compress(body), True
    return body, True


# Too slow


def _place(served: Served) -> tuple[str, int]:
    host, _, port = served.url.removeprefix("http://").partition(":")
    return host, int(port)


def test_slow_senders_are_cut_off_and_hold_up_nobody(tmp_path: Path) -> None:
    """Idle ones, slow heads and slow bodies are closed in time, while good requests are answered quickly."""
    count = 1_000 if FULL else 150
    limits = Limits(head_seconds=1.5, body_seconds=1.5)
    begun = (
        b"",
        b"POST /v1/t HTTP/1.1\r\nhost:",
        b"POST /v1/t HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n{",
    )
    with serving(tmp_path / "shop", limits=limits) as one:
        slow = [socket.create_connection(_place(one), timeout=20) for _ in range(count)]
        for sender, head in zip(slow, itertools.cycle(begun), strict=False):
            sender.sendall(head)
        seconds = []
        with httpx.Client(auth=(KEY, "")) as client:
            for _ in range(60):
                began = time.perf_counter()
                assert client.post(f"{one.url}/v1/t", json=TRACK).status_code == 200
                seconds.append(time.perf_counter() - began)
        began = time.monotonic()
        answers = [_until_closed(sender) for sender in slow]
        assert time.monotonic() - began < 15
    assert sorted(seconds)[int(len(seconds) * 0.9)] < 0.5
    assert all(answer == b"" or answer.startswith(b"HTTP/1.1 408") for answer in answers)


def _until_closed(sender: socket.socket) -> bytes:
    answer = b""
    with sender:
        try:
            while more := sender.recv(1000):
                answer += more
        except ConnectionResetError:
            return b""
    return answer


def test_idle_connections_do_not_keep_others_out(tmp_path: Path) -> None:
    """Of too many that wait, those that have waited longest are closed."""
    with serving(tmp_path / "shop", limits=Limits(waiting_connections=20, head_seconds=60)) as one:
        idle = [socket.create_connection(_place(one), timeout=5) for _ in range(60)]
        assert one.post("/v1/t", TRACK).status_code == 200
        assert _until_closed(idle[0]) == b""
        for sender in idle:
            sender.close()


# A disk that fails


class Failing(SegmentWriter):
    """A disk that fails as it is told: when a file is made or written, or when it has to be certain."""

    mode = ""

    def __init__(self, path: Path) -> None:
        if Failing.mode == "full":
            raise OSError(28, "No space left on device")
        super().__init__(path)

    def write(self, first_position: int, arrivals: Any) -> None:
        if Failing.mode:
            if Failing.mode == "flush":
                super().write(first_position, arrivals)
            raise sqlite3.OperationalError(
                {"flush": "disk I/O error", "full": "database or disk is full"}[Failing.mode]
            )
        super().write(first_position, arrivals)


@pytest.mark.parametrize("mode", ["full", "flush"])
def test_a_failing_disk_is_never_acknowledged(tmp_path: Path, mode: str) -> None:
    """503 while it fails, 200 again afterwards without a restart, and what was answered 200 is there."""
    folder = make_workspace(tmp_path / "shop")
    Failing.mode = ""
    journal = SqliteJournal(folder / JOURNAL_FOLDER, open_segment=Failing)
    sure = []
    with serving(folder, journal=journal) as one:
        for number in range(30):
            Failing.mode = mode if number % 10 in (3, 4, 5) else ""
            response = one.post("/v1/t", {**TRACK, "messageId": f"m{number}"})
            if response.status_code == 200:
                sure.append(f"m{number}")
                continue
            assert Failing.mode
            assert (response.status_code, code(response)) == (503, "cannot_store")
            assert int(response.headers["retry-after"]) >= 1
            ready = httpx.get(f"{one.url}/readyz")
            assert (ready.status_code, ready.json()["status"]) == (503, "cannot_store")
        assert httpx.get(f"{one.url}/readyz").status_code == 200
        assert one.message_ids() == sure
    assert len(sure) == 21


def test_a_mistake_of_ours_is_no_promise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """500, which SDKs send again, and the log does not hold what was sent."""
    with serving(tmp_path / "shop") as one:
        monkeypatch.setattr("shoal.collect.http.collector.shape_of", lambda *_: 1 / 0)
        response = one.post("/v1/t", TRACK)
    assert (response.status_code, code(response)) == (500, "internal")


def test_a_full_disk_is_told_and_recovers(tmp_path: Path) -> None:
    """A real one, of two megabytes: refused when it is full, taken again when there is room, with nothing lost."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.system(f"mount -t tmpfs -o size=2m tmpfs {disk} 2>/dev/null") != 0:
        pytest.skip("this user may not mount a disk of two megabytes")
    try:
        with serving(disk / "shop") as one:
            ballast = disk / "ballast"
            ballast.write_bytes(b"x" * 1_000_000)
            sure, refused = [], 0
            event = {**TRACK, "properties": {"x": "y" * 30_000}}
            for number in range(60):
                response = one.post("/v1/t", {**event, "messageId": f"m{number}"})
                if response.status_code == 200:
                    sure.append(f"m{number}")
                else:
                    assert response.status_code == 503
                    refused += 1
            assert sure
            assert refused
            ballast.unlink()
            assert one.post("/v1/t", {**TRACK, "messageId": "after"}).status_code == 200
            assert one.message_ids() == [*sure, "after"]
    finally:
        os.system(f"umount -l {disk}")


def test_a_disk_that_can_only_be_read_is_told_and_recovers(tmp_path: Path) -> None:
    """Refused while it is so, taken again when it can be written."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.system(f"mount -t tmpfs -o size=8m tmpfs {disk} 2>/dev/null") != 0:
        pytest.skip("this user may not mount a disk")
    try:
        folder = make_workspace(disk / "shop")
        # Nothing is open for writing when the disk is turned over, as after the failure that turned it.
        journal = SqliteJournal(folder / JOURNAL_FOLDER, limits=JournalLimits(segment_bytes=1))
        journal._lock.close()
        with serving(folder, journal=journal) as one:
            assert os.system(f"mount -o remount,ro {disk}") == 0
            assert one.post("/v1/t", {**TRACK, "messageId": "refused"}).status_code == 503
            assert os.system(f"mount -o remount,rw {disk}") == 0
            assert one.post("/v1/t", {**TRACK, "messageId": "after"}).status_code == 200
            assert one.message_ids() == ["after"]
    finally:
        os.system(f"umount -l {disk}")


# The end


def test_a_stop_answers_what_has_begun(tmp_path: Path) -> None:
    """SIGTERM under load: every request that was answered 200 is kept, and the process ends well and in time."""
    process = Process(make_workspace(tmp_path / "shop"))
    sure, failures = list[str](), list[str]()
    stop = threading.Event()

    def send(sender: int) -> None:
        with httpx.Client(auth=(KEY, "")) as client:
            for number in range(100_000):
                if stop.is_set():
                    return
                name = f"{sender}-{number}"
                try:
                    answer = client.post(f"{process.served.url}/v1/t", json={**TRACK, "messageId": name})
                except httpx.ConnectError:  # it listens no more
                    return
                except httpx.TransportError:
                    failures.append(name)
                    return
                if answer.status_code == 200:
                    sure.append(name)

    senders = [threading.Thread(target=send, args=(number,)) for number in range(4)]
    for sender in senders:
        sender.start()
    wait_until(lambda: len(sure) > 100)
    code, told = process.stop()
    stop.set()
    for sender in senders:
        sender.join(20)
    assert code == 0
    assert told.endswith("stopped\n")
    kept = process.served.message_ids()
    assert set(sure) <= set(kept)
    assert len(set(kept) - set(sure)) <= len(failures)


def test_no_keys_or_addresses_in_what_it_writes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither keys nor what was sent nor who sent it: not for good requests, and not for bad ones."""
    secret = "wk-0123456789"
    settings = f"sources: {{site: {{write_key: {secret}}}}}\ncollect: {{trusted_proxies: 1}}"
    told = {"X-Forwarded-For": "203.0.113.77"}
    with caplog.at_level(logging.DEBUG), serving(tmp_path / "shop", settings=settings) as one:
        one.post(f"/beacon/v1/batch?writeKey={secret}", {"batch": [TRACK]}, key=None, headers=told)
        one.post("/v1/t", {**TRACK, "userId": "ann-of-the-logs"}, key=secret, headers=told)
        one.post("/v1/t", b"ann-of-the-logs", key="wrong-" + secret, headers=told)
        httpx.get(f"{one.url}/v1/projects/{secret}/settings")
    ours = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("http"))
    for hidden in (secret, "ann-of-the-logs", "203.0.113.77"):
        assert hidden not in ours


def test_a_port_in_use_is_told(tmp_path: Path, served: Served) -> None:
    """In words, with what to do."""
    port = _place(served)[1]
    with pytest.raises(AssertionError, match="cannot listen on"):
        Process(make_workspace(tmp_path / "shop"), port)
