"""The load of `shoal bench decide`: events at an even pace, questions beside them, and what has to be shown."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections import Counter
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any
from urllib.request import urlopen

import msgspec
import uvloop

from shoal.bench.agreement import Disagreement
from shoal.bench.load import Load, requests_of
from shoal.bench.measured import Measured
from shoal.bench.pace import Paced, send_at_pace
from shoal.definitions.sources import FIRST_WRITE_KEY
from shoal.errors import Error

EVENTS_AT_ONCE = 100
PEOPLE = 5_000
SEEN_OFTEN = 20
"""So many views make somebody see the other content of the slot that is checked."""

CHECKED = 300
SECONDS_TO_CATCH_UP = 120
NAMES = ("Product Viewed",) * 16 + ("Product Added",) * 3 + ("Order Completed",)
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Version/17.0 Mobile/15E148"


class NotReady(Error):
    """The server of the benchmark did not get ready, or did not come to count all that it took."""


class Crowd:
    """People with random ids, what they do, and how often they looked at something."""

    def __init__(self, seed: int, people: int = PEOPLE) -> None:
        self._chance = random.Random(seed)
        self._seed = seed
        self.ids = [str(uuid.UUID(int=self._chance.getrandbits(128), version=4)) for _ in range(people)]
        self.views: Counter[str] = Counter()

    def batches(self, events: int) -> list[bytes]:
        """Requests with so many events in all."""
        bodies = []
        for start in range(0, events, EVENTS_AT_ONCE):
            batch = [self._event(number) for number in range(start, min(start + EVENTS_AT_ONCE, events))]
            bodies.append(msgspec.json.encode({"writeKey": FIRST_WRITE_KEY, "batch": batch}))
        return requests_of(bodies, "/v1/batch", "")

    def _event(self, number: int) -> dict[str, object]:
        who, name = self._chance.choice(self.ids), self._chance.choice(NAMES)
        self.views[who] += name == "Product Viewed"
        return {
            "type": "track",
            "event": name,
            "anonymousId": who,
            "messageId": f"{self._seed}-{number}",
            "properties": {
                "product_id": f"p{self._chance.randrange(500)}",
                "price": self._chance.randrange(1, 100),
            },
        }

    def questions(self, count: int, slots: Sequence[str]) -> list[bytes]:
        """Questions about anybody, as a phone's browser asks them."""
        chosen = [self._chance.choice(self.ids) for _ in range(count)]
        return [question(who, slots) for who in chosen]


def question(who: str, slots: Sequence[str]) -> bytes:
    """One whole request."""
    context = {"page": {"path": "/products/shoe"}, "timezone": "Europe/Berlin"}
    body = {"writeKey": FIRST_WRITE_KEY, "anonymousId": who, "slots": slots, "context": context}
    content = msgspec.json.encode(body)
    head = f"POST /v1/decide HTTP/1.1\r\nhost: localhost\r\nuser-agent: {PHONE}\r\ncontent-length: "
    return b"%s%d\r\n\r\n%s" % (head.encode(), len(content), content)


def measure_questions(
    url: str, seconds: int, events_per_second: int, questions_per_second: int, seed: int
) -> Measured:
    """Events and questions for so long; what is shown afterwards has to be what was sent."""
    _wait_until(url, "shoal_ready 1.0")  # what a server does before it is ready is no part of this
    crowd = Crowd(seed)
    host, _, port = url.removeprefix("http://").partition(":")
    batches = crowd.batches(seconds * events_per_second)
    questions = crowd.questions(seconds * questions_per_second, ["hero", "banner"])
    ask = partial(send_at_pace, host, int(port), questions, per_second=questions_per_second)
    send = partial(send_at_pace, host, int(port), batches, per_second=events_per_second / EVENTS_AT_ONCE)
    loads = uvloop.run(_both(send(connections=8) if batches else None, ask(connections=8)))
    began = time.perf_counter()
    _wait_until(url, "shoal_live_lag_entries 0.0")
    behind = time.perf_counter() - began
    checked = uvloop.run(_check(host, int(port), crowd))
    asked = loads[-1]
    figures = {
        "p50 ms": asked.percentile_ms(50),
        "p99 ms": asked.percentile_ms(99),
        "p99.9 ms": asked.percentile_ms(99.9),
        "most ms": asked.percentile_ms(100),
        "answers checked": float(checked),
    }
    if events_per_second:
        figures |= {
            "events a second": len(batches) * EVENTS_AT_ONCE / loads[0].seconds,
            "batch p99 ms": loads[0].percentile_ms(99),
            "s until all events counted": behind,
        }
    step = "questions under load" if events_per_second else "questions alone"
    return Measured(seconds={step: asked.seconds}, figures=figures)


async def _both(sending: Coroutine[Any, Any, Paced] | None, asking: Coroutine[Any, Any, Paced]) -> list[Load]:
    """What was measured of events, if any are sent, and of questions."""
    ran = await asyncio.gather(*([asking] if sending is None else [sending, asking]))
    return [each.load for each in ran]


async def _check(host: str, port: int, crowd: Crowd) -> int:
    """Asks about people whose views are counted here. Raises Disagreement for an answer that is not theirs."""
    people = crowd.ids[:CHECKED]
    requests = [question(who, ["checked"]) for who in people]
    paced = await send_at_pace(host, port, requests, per_second=1e6, connections=1, keeps=lambda _: True)
    for who, body in zip(people, paced.bodies, strict=True):
        shown = msgspec.json.decode(body)["slots"]["checked"]["content"]["often"]
        if shown is not (crowd.views[who] >= SEEN_OFTEN):
            raise Disagreement(f"somebody with {crowd.views[who]} views was shown often: {shown}")
    return len(people)


def _wait_until(url: str, figure: str) -> None:
    """Until a figure of the server is what it has to be. Raises NotReady when it takes too long."""
    ends = time.monotonic() + SECONDS_TO_CATCH_UP
    while time.monotonic() < ends:
        with urlopen(f"{url}/metrics") as answered:  # noqa: S310  (our own server)
            figures = answered.read().decode()
        if f"\n{figure}\n" in figures:
            return
        time.sleep(0.02)
    raise NotReady
