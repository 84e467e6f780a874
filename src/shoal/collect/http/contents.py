"""What a request holds: its messages as they were written, and what it says of all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from shoal.collect.http.answers import Refused
from shoal.collect.http.bodies import unpack
from shoal.collect.http.failed_event import REPLAYED_FROM, FailedEvent
from shoal.collect.http.limits import Limits
from shoal.collect.http.routes import BATCH, kind_of
from shoal.collect.message import MessageRejected, with_shared
from shoal.collect.segment import NOT_JSON
from shoal.journal.journal import Entry
from shoal.model.time import format_moment

DAMAGED = "the disk gave back other bytes than were written"

_ABSENT = msgspec.UNSET
_TIMES = ("sentAt", "timestamp", "originalTimestamp")


class Unreadable(ValueError):
    """A request of which nothing can be read, with the reason."""


class _Batch(msgspec.Struct):
    batch: list[msgspec.Raw] | msgspec.UnsetType = _ABSENT
    sentAt: Any = None  # noqa: N815  (names of the protocol)
    context: Any = None


class _Said(msgspec.Struct):
    """What a message says of itself, where it says it plainly."""

    type: str | msgspec.UnsetType = _ABSENT
    messageId: str | msgspec.UnsetType = _ABSENT  # noqa: N815
    sentAt: str | msgspec.UnsetType = _ABSENT  # noqa: N815
    receivedAt: msgspec.Raw | msgspec.UnsetType = _ABSENT  # noqa: N815
    batch: msgspec.Raw | msgspec.UnsetType = _ABSENT


_BATCHES = msgspec.json.Decoder(_Batch)
_SAYINGS = msgspec.json.Decoder(_Said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """The messages of one request. `kind` is the type of those that say none, or BATCH when the path says none.

    `opening` is how a line begins that reads a message together with what its request says of it; None when that
    is not plainly possible.
    """

    entry: Entry
    messages: Sequence[bytes]
    kind: str = BATCH
    sent_at: Any = None
    context: Any = None
    is_alone: bool = False
    opening: bytes | None = None

    def failed(self, index: int, reason: str) -> FailedEvent:
        """The message of this number as a failed event."""
        shared = None if self.is_alone else {"sentAt": self.sent_at, "context": self.context}
        return FailedEvent(
            position=self.entry.position,
            index=index,
            reason=reason,
            arrival=self.entry.arrival,
            message=self.messages[index],
            shared=shared,
        )

    def line(self, index: int) -> bytes | None:
        """The message with what its request says of it, for reading it with many others. None when it is odd."""
        written, opening = self.messages[index], self.opening
        if opening is None:
            return None
        try:
            said = _SAYINGS.decode(written)
            made_id = self.message(index)["messageId"] if said.messageId is _ABSENT else None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, MessageRejected):
            return None
        if said.receivedAt is not _ABSENT or said.batch is not _ABSENT or said.messageId == "":
            return None
        parts = [opening]
        if said.sentAt is _ABSENT and self.sent_at is not None:
            parts += [b'"sentAt":', msgspec.json.encode(self.sent_at), b","]
        if said.type is _ABSENT:
            if self.kind == BATCH or written[1:].lstrip().startswith(b"}"):
                return None
            parts.append(b'"type":"%s",' % self.kind.encode())
        if made_id is not None:
            parts.append(b'"messageId":"%s",' % made_id.encode())
        parts.append(written[1:])
        return b"".join(parts)

    def message(self, index: int) -> Any:
        """The message with what its request says of it. Raises MessageRejected when it is no JSON."""
        try:
            found = msgspec.json.decode(self.messages[index])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise MessageRejected(f"{NOT_JSON}: {error}") from None
        except RecursionError:
            raise MessageRejected(f"{NOT_JSON} that can be read: it is nested too deep") from None
        context = {} if self.context is None else self.context
        if not isinstance(context, dict):
            raise MessageRejected("the context of its batch is not an object")
        shared = {} if self.sent_at is None else {"sentAt": self.sent_at}
        found = with_shared(found, shared, context)
        if isinstance(found, dict):
            found["receivedAt"] = self.entry.arrival.received_at
            if self.kind != BATCH:
                found.setdefault("type", self.kind)
            if found.get("messageId") in (None, ""):
                found["messageId"] = self._made_id(index, found)
        return found

    def _made_id(self, index: int, found: dict[str, Any]) -> str:
        """An id for a message that has none: sent again, the same request gives the same ids.

        Two that are equal to the letter and say no time cannot be told from one that was sent twice. They are
        taken for two: each has an id of its own.
        """
        arrival = self.entry.arrival
        says_when = any(found.get(key) not in (None, "") for key in _TIMES)
        where = "" if says_when else arrival.headers.get(REPLAYED_FROM, self.entry.position)
        told = f"{arrival.write_key} {self.sent_at} {index} {where} "
        return hashlib.blake2b(told.encode() + self.messages[index], digest_size=16).hexdigest()


def contents_of(entry: Entry, limits: Limits) -> Contents:
    """What a request holds. Raises Unreadable."""
    arrival = entry.arrival
    if not entry.is_whole:
        raise Unreadable(DAMAGED)
    kind = kind_of(arrival.path) or BATCH
    try:
        body = unpack(arrival.body, arrival.headers.get("content-encoding", "").strip().lower(), limits)
    except Refused as error:
        raise Unreadable(error.message) from None
    try:
        shared = _BATCHES.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _odd_contents(entry, kind, body)
    if not isinstance(shared.batch, list):
        opening = _opening(entry, body, None, None)
        return Contents(entry=entry, messages=[body.strip()], kind=kind, is_alone=True, opening=opening)
    return Contents(
        entry=entry,
        messages=[bytes(message) for message in shared.batch],
        kind=kind,
        sent_at=shared.sentAt,
        context=shared.context,
        opening=_opening(entry, body, shared.sentAt, shared.context),
    )


def _odd_contents(entry: Entry, kind: str, body: bytes) -> Contents:
    """Of a body that was taken although not all of it is as it should be: its `batch` is no list, say."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f"{NOT_JSON}: {error}") from None
    batch = found.get("batch") if isinstance(found, dict) else None
    if not isinstance(batch, list):
        return Contents(entry=entry, messages=[body.strip()], kind=kind, is_alone=True)
    written = [msgspec.json.encode(message) for message in batch]
    sent_at, context = found.get("sentAt"), found.get("context")
    return Contents(entry=entry, messages=written, kind=kind, sent_at=sent_at, context=context)


def _opening(entry: Entry, body: bytes, sent_at: Any, context: Any) -> bytes | None:
    if context or (sent_at is not None and (not isinstance(sent_at, str) or not sent_at)):
        return None
    try:
        body.decode()
    except UnicodeDecodeError:
        return None
    return b'{"receivedAt":"%s",' % format_moment(entry.arrival.received_at).encode()
