"""Connections on which bodies are posted, against servers that answer as servers do, and as they should not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.delivering import LOOPBACK, NOW

from shoal.deliver.addresses import Guard
from shoal.deliver.connection import MOST_READ
from shoal.deliver.posting import LONGEST_IDLE_S, Poster
from shoal.deliver.sender import Result, Sent

EMPTY = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
UNTIL_CLOSED = b"HTTP/1.1 200 OK\r\n\r\nabcde"
AFTER_A_HINT = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabcde"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
OLD = b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nabcde"
BUSY = b"HTTP/1.1 503 Busy\r\nRETRY-AFTER:  7 \r\ncontent-length: 0\r\n\r\n"


@dataclass
class Answers:
    """A server: what it writes for each request, in which pieces, and whether it closes afterwards."""

    pieces: list[bytes]
    closes: bool = False
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0

    def protocol(self) -> asyncio.Protocol:
        return _Answering(self)


class _Answering(asyncio.Protocol):
    def __init__(self, answers: Answers) -> None:
        self.answers, self.received = answers, b""
        self.transport: asyncio.Transport | None = None
        answers.connections += 1

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, _, body = self.received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        if b"\r\n\r\n" in self.received and len(body) >= length:
            self.answers.requests.append(self.received)
            self.received = b""
            self._answer(list(self.answers.pieces))

    def _answer(self, pieces: list[bytes]) -> None:
        assert self.transport is not None
        if pieces:
            self.transport.write(pieces.pop(0))
            asyncio.get_running_loop().call_soon(self._answer, pieces)
        elif self.answers.closes:
            self.transport.close()


def posted(
    answers: Answers, count: int = 1, *, between: Callable[[], float] = lambda: 0.0, timeout_s: float = 5
) -> list[tuple[Sent, bytes]]:
    """What is said of so many posts to a server, one after the other."""

    async def story() -> list[tuple[Sent, bytes]]:
        server = await asyncio.get_running_loop().create_server(answers.protocol, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        poster = Poster(
            f"http://127.0.0.1:{port}/a%20b?c=d", Guard(LOOPBACK), clock=lambda: NOW, timeout_s=timeout_s
        )
        found = []
        for _ in range(count):
            found.append(await poster.post(b"hello", {"x-one": "1"}))
            await asyncio.sleep(between())
        await poster.close()
        server.close()
        await asyncio.sleep(0.01)
        return found

    return asyncio.run(story())


def test_a_request_is_as_http_wants_it() -> None:
    """Method, target, host, length, and the headers of whoever posts."""
    answers = Answers([EMPTY])
    posted(answers)
    head, _, body = answers.requests[0].partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert (first, body) == ("POST /a%20b?c=d HTTP/1.1", b"hello")
    assert headers["host"].startswith("127.0.0.1:")
    assert (headers["x-one"], headers["content-length"]) == ("1", "5")
    assert headers["user-agent"].startswith("Shoal/")


@pytest.mark.parametrize(
    ("answer", "body", "closes", "connections"),
    [
        (EMPTY, b"", False, 1),
        (CHUNKED, b"abcde", False, 1),
        (AFTER_A_HINT, b"abcde", False, 1),
        (NO_CONTENT, b"", False, 1),
        (OLD, b"abcde", True, 3),
        (UNTIL_CLOSED, b"abcde", True, 3),
        (EMPTY.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"), b"", True, 3),
    ],
)
def test_every_way_to_end_an_answer_is_understood(
    answer: bytes, body: bytes, closes: bool, connections: int
) -> None:
    """By its length, by chunks, by closing; and the connection is used again where it can be."""
    answers = Answers([answer], closes=closes)
    assert posted(answers, 3) == [(Sent.delivered(), body)] * 3
    assert answers.connections == connections


@settings(max_examples=25, deadline=None)
@given(st.sampled_from((EMPTY, CHUNKED, AFTER_A_HINT, NO_CONTENT)), st.sets(st.integers(1, 130)))
def test_it_does_not_matter_how_an_answer_is_cut(answer: bytes, cuts: set[int]) -> None:
    """Wherever the network cuts it into pieces."""
    places = [0, *sorted(cut for cut in cuts if cut < len(answer)), len(answer)]
    pieces = [answer[begin:end] for begin, end in pairwise(places)]
    [(sent, _)] = posted(Answers(pieces))
    assert sent == Sent.delivered()


def test_retry_after_is_found_however_it_is_written() -> None:
    """Names of headers have no case."""
    [(sent, _)] = posted(Answers([BUSY]))
    assert (sent.reason, sent.retry_after_ms) == ("it answered 503", 7000)


def test_a_connection_that_was_closed_meanwhile_is_not_a_failure() -> None:
    """The server ended it after its answer without a word: the next request goes over a new one, at once."""
    answers = Answers([EMPTY], closes=True)
    assert [sent for sent, _ in posted(answers, 3, between=lambda: 0.02)] == [Sent.delivered()] * 3
    assert answers.connections == 3


def test_a_connection_that_was_idle_for_long_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers close them, and may do so just when a request comes."""
    assert LONGEST_IDLE_S < 60
    monkeypatch.setattr("shoal.deliver.posting.LONGEST_IDLE_S", 0.01)
    answers = Answers([EMPTY])
    posted(answers, 2, between=lambda: 0.05)
    assert answers.connections == 2


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        ([b"SSH-2.0-OpenSSH_9.6\r\n"], "the connection broke: what came is no answer of HTTP"),
        ([b"HTTP/1.1 abc\r\n\r\n"], "the connection broke: what came is no answer of HTTP"),
        ([b"HTTP/1.1 200 OK\r\ncontent-len"], "the connection broke: it was closed before an answer came"),
        ([b"HTTP/1.1 100 Continue\r\n\r\n"], "the connection broke: it was closed before an answer came"),
        ([b""], "the connection broke: it was closed before an answer came"),
        ([b"HTTP/1.1 200 OK\r\n", *[b"x: " + b"y" * 4000 + b"\r\n"] * 20], "the connection broke: "),
    ],
)
def test_what_is_no_answer_is_a_failure(pieces: list[bytes], reason: str) -> None:
    """In words, and without repeating what came."""
    [(sent, body)] = posted(Answers(pieces, closes=True))
    assert sent.result is Result.AGAIN
    assert sent.reason.startswith(reason)
    assert "SSH" not in sent.reason
    assert body == b""


def test_an_answer_without_an_end_is_read_no_further_than_needed() -> None:
    """Its status counts; its connection is not used again."""
    begins = b"HTTP/1.1 202 Accepted\r\ncontent-length: 100000000\r\n\r\n"
    answers = Answers([begins, *[b"x" * 16_384] * 10])
    found = posted(answers, 2)
    assert [sent for sent, _ in found] == [Sent.delivered()] * 2
    assert all(len(body) <= MOST_READ for _, body in found)
    assert answers.connections == 2


def test_what_nobody_asked_for_ends_a_connection() -> None:
    """A server that says more than it was asked does not get another request on the same connection."""
    answers = Answers([EMPTY, EMPTY])
    assert [sent for sent, _ in posted(answers, 2, between=lambda: 0.02)] == [Sent.delivered()] * 2
    assert answers.connections == 2


def test_an_attempt_that_took_too_long_leaves_no_connection() -> None:
    """Its answer may come later, and must not be taken for another's."""
    answers = Answers([])
    found = posted(answers, 2, timeout_s=0.1)
    assert [sent.reason for sent, _ in found] == ["no answer within 0.1 s"] * 2
    assert answers.connections == 2


def test_a_line_break_in_a_header_is_a_mistake_of_ours() -> None:
    """It does not get onto the wire."""

    async def story() -> None:
        poster = Poster("http://127.0.0.1:1/", Guard(LOOPBACK), clock=lambda: NOW)
        with pytest.raises(AssertionError):
            await poster.post(b"", {"x": "1\r\ny: 2"})

    asyncio.run(story())
