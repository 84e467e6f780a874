"""Offers to people who look at a page: deliveries in, and out of the streams that their pages keep open.

An offer counts as delivered when the tracker says that it was shown, by the event `Offer Shown`. Until then it is
handed out again to whatever page of the person is open; the tracker drops what it has shown before. So an offer
that was on its way when a page was closed, or this process ended, is seen all the same, and once.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from threading import Lock

import msgspec

from shoal.deliver.sender import Sent
from shoal.model.consent import REFUSED_BY_GPC
from shoal.model.firing import Delivery

OFFER_SHOWN, OFFER_ID = "Offer Shown", "properties.offer_id"
"""The event by which the tracker acknowledges an offer, and where it names it."""

MOST_ACKNOWLEDGED = 10_000
"""So many acknowledgements are remembered for deliveries that are not settled yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLimits:
    """How many streams may be open at a time, in all, by source, network and device; and how long things take.

    `heartbeat_s`: so often something is sent, or somebody between would take the stream for dead.
    `shown_s`: so long an offer waits for its acknowledgement before it is handed out again.
    """

    streams: int = 10_000
    of_source: int = 5_000
    of_network: int = 100
    of_device: int = 6
    heartbeat_s: float = 15.0
    shown_s: float = 10.0


@dataclass(eq=False, slots=True)
class Stream:
    """One open page of a device.

    `has` is the offer that it had already when it was cut off, or empty. `has_gpc` says that its browser refuses
    ads and sharing by Global Privacy Control.
    """

    anonymous_id: str
    source: str
    network: str
    has: str = ""
    has_gpc: bool = False
    number: int = field(default_factory=count().__next__)
    messages: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)

    def push(self, message: bytes | None) -> None:
        """Sends a message, or None to end. From any thread."""
        with suppress(RuntimeError):  # the server has stopped
            self.loop.call_soon_threadsafe(self.messages.put_nowait, message)


class TooManyStreams(Exception):
    """One more stream would be over a limit; the message says which."""


class OfferHub:
    """The streams that are open, and the offers that wait to be shown. All of it may be called from any thread."""

    def __init__(self, find_person: Callable[[str], str | None], *, limits: StreamLimits | None = None) -> None:
        """`find_person` gives the present profile of an anonymous id: merges change it."""
        self.find_person, self.limits = find_person, limits or StreamLimits()
        self._lock = Lock()
        self._streams = dict[str, list[Stream]]()
        """By device, the one that was opened last at the end."""
        self._devices_of = dict[str, list[str]]()
        """By person, as it was when it was asked last who looks at a page."""
        self._counts = Counter[tuple[str, str]]()
        self._waiting = dict[str, tuple[Stream, Future[bool]]]()
        self._acknowledged = dict[str, None]()
        self._is_closed = False

    # Streams

    def add(self, stream: Stream) -> None:
        """A page is open. Raises TooManyStreams. Of a device that has too many the oldest one is closed."""
        limits = self.limits
        with self._lock:
            for kind, name, most in (
                ("streams", "", limits.streams),
                ("source", stream.source, limits.of_source),
                ("network", stream.network, limits.of_network),
            ):
                if self._counts[kind, name] >= most:
                    raise TooManyStreams(f"{most} of this {kind}" if name else f"{most}")
            streams = self._streams.setdefault(stream.anonymous_id, [])
            streams.append(stream)
            self._count(stream, 1)
            surplus = streams[0] if len(streams) > limits.of_device else None
        if surplus is not None:
            surplus.push(None)
            self.remove(surplus)
        if self._is_closed:
            stream.push(None)

    def remove(self, stream: Stream) -> None:
        """A page was closed: what it has not shown waits for the next one."""
        with self._lock:
            streams = self._streams.get(stream.anonymous_id, [])
            if stream not in streams:
                return
            streams.remove(stream)
            if not streams:
                del self._streams[stream.anonymous_id]
            self._count(stream, -1)
            unseen = [waiting for its, waiting in self._waiting.values() if its is stream]
        for waiting in unseen:
            _settle(waiting, is_shown=False)

    def _count(self, stream: Stream, more: int) -> None:
        for key in (("streams", ""), ("source", stream.source), ("network", stream.network)):
            self._counts[key] += more
            if not self._counts[key]:
                del self._counts[key]

    def __len__(self) -> int:
        """How many streams are open."""
        return self._counts["streams", ""]

    # Deliveries

    def persons(self) -> Collection[str]:
        """Who looks at a page at the moment."""
        with self._lock:
            devices = list(self._streams)
        devices_of = dict[str, list[str]]()
        for device in devices:
            if (person := self.find_person(device)) is not None:
                devices_of.setdefault(person, []).append(device)
        self._devices_of = devices_of
        return devices_of.keys()

    async def send(self, delivery: Delivery) -> Sent:
        """Hands an offer to the page that the person opened last, and waits until it was shown."""
        if delivery.id in self._acknowledged:
            return Sent.delivered()
        stream = self._newest_of(delivery.person)
        if stream is None:
            return Sent.away("no page is open")
        if stream.has_gpc and delivery.purpose in REFUSED_BY_GPC:
            return Sent.away(f"the browser of the open page refuses {delivery.purpose} (Global Privacy Control)")
        waiting = Future[bool]()
        with self._lock:
            self._waiting[delivery.id] = stream, waiting
        if stream.has != delivery.id:
            stream.push(message_of(delivery))
        try:
            async with asyncio.timeout(self.limits.shown_s):
                is_shown = await asyncio.wrap_future(waiting)
        except TimeoutError:
            return Sent.away("a page is open and has not shown it yet")
        finally:
            with self._lock:
                self._waiting.pop(delivery.id, None)
        return Sent.delivered() if is_shown else Sent.away("the page was closed before it was shown")

    def acknowledge(self, ids: Iterable[str]) -> None:
        """These were shown."""
        for each in ids:
            with self._lock:
                self._acknowledged[each] = None
                if len(self._acknowledged) > MOST_ACKNOWLEDGED:
                    del self._acknowledged[next(iter(self._acknowledged))]
                waiting = self._waiting.get(each)
            if waiting is not None:
                _settle(waiting[1], is_shown=True)

    async def close(self) -> None:
        """Ends every stream; the pages come back when the server does."""
        self.end_streams()

    def end_streams(self) -> None:
        """The server stops: pages are let go, and come back to whoever serves next."""
        self._is_closed = True
        with self._lock:
            streams = [stream for each in self._streams.values() for stream in each]
        for stream in streams:
            stream.push(None)

    def _newest_of(self, person: str) -> Stream | None:
        devices = [each for each in self._devices_of.get(person, ()) if self.find_person(each) == person]
        with self._lock:
            newest = [self._streams[each][-1] for each in devices if each in self._streams]
        return max(newest, key=lambda stream: stream.number, default=None)


def _settle(waiting: Future[bool], *, is_shown: bool) -> None:
    with suppress(InvalidStateError):  # it has been settled, or nobody waits any more
        waiting.set_result(is_shown)


def message_of(delivery: Delivery) -> bytes:
    """An offer as a server-sent event (HTML Standard, 9.2). JSON holds no line ends, so it is one line of data."""
    content = {**delivery.content, "id": delivery.id, "trigger": delivery.trigger}
    return b"event: offer\nid: %b\ndata: %b\n\n" % (delivery.id.encode(), msgspec.json.encode(content))
