"""One message of the Segment protocol as an event: the slow and obvious way, and the only one for odd messages."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass
from typing import Any

from shoal.collect.consents import CONSENT_UPDATED, consent_fields
from shoal.model.consent import Purpose, consent_path
from shoal.model.event import NAME_OF_KIND, EventKind
from shoal.model.frame import field_column, type_name_of
from shoal.model.time import EARLIEST_MOMENT, LATEST_MOMENT, MINUTE, parse_moment
from shoal.model.value import Items, Value, ValueRejected, flatten, is_number

FURTHEST_AHEAD = 5 * MINUTE
"""A corrected moment is at most so much later than the message was received."""

ADJUSTED = field_column("context.ts_adjusted", "truth")

_KINDS = {kind.value: kind for kind in EventKind if kind is not EventKind.CONSENT}
_ACTIVITY = (EventKind.TRACK, EventKind.PAGE, EventKind.SCREEN)


class MessageRejected(ValueError):
    """A message that is no event, with the reason."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How messages are read: what consent categories are for, the retention, the consent that an import states."""

    categories: Map[str, Purpose]
    consent: Map[Purpose, bool]
    retention_ms: int | None = None


def row_of_message(message: Any, reading: Reading, message_id: str) -> dict[str, Any]:
    """The row of a frame of events. `message_id` is for a message that has none."""
    if not isinstance(message, dict):
        raise MessageRejected("it is not a JSON object")
    kind = _kind(message)
    row: dict[str, Any] = {
        "message_id": _id(message, "messageId") or message_id,
        "kind": kind.value,
        "name": _name(message, kind),
        "occurred_at": 0,
        "received_at": 0,
        "user_id": _id(message, "userId"),
        "anonymous_id": _id(message, "anonymousId"),
        "previous_id": _id(message, "previousId") if kind is EventKind.ALIAS else None,
    }
    if row["user_id"] is None and row["anonymous_id"] is None:
        raise MessageRejected("it does not say whom (no userId and no anonymousId)")
    if kind is EventKind.ALIAS and row["previous_id"] is None:
        raise MessageRejected("it is an alias without previousId")
    values = dict(_fields(message, kind, reading))
    row["occurred_at"], row["received_at"], is_adjusted = moments_of(message, reading.retention_ms)
    if is_adjusted:
        values["context.ts_adjusted"] = True
    for path, value in values.items():
        row[field_column(path, type_name_of(value))] = value.json if isinstance(value, Items) else value
    return row


def _kind(message: dict[str, Any]) -> EventKind:
    stated = message.get("type")
    kind = _KINDS.get(stated) if isinstance(stated, str) else None
    if kind is None:
        raise MessageRejected(
            f'its type is not a kind of event: "{str(stated)[:80]}"' if stated else "it has no type"
        )
    return EventKind.CONSENT if kind is EventKind.TRACK and message.get("event") == CONSENT_UPDATED else kind


def _name(message: dict[str, Any], kind: EventKind) -> str:
    if kind is not EventKind.TRACK:
        return NAME_OF_KIND.get(kind, "")
    name = message.get("event")
    if not isinstance(name, str) or not name:
        raise MessageRejected("it is a track without the name of its event")
    return name


def _id(message: dict[str, Any], key: str) -> str | None:
    stated = message.get(key)
    if stated is None or stated == "":
        return None
    if isinstance(stated, bool) or not isinstance(stated, (str, int)):
        raise MessageRejected(f"{key} is not a text")
    return str(stated)


# When


def moments_of(message: dict[str, Any], retention_ms: int | None) -> tuple[int, int, bool]:
    """(occurred_at, received_at, whether the sender's clock was corrected)."""
    original = _moment(message, "originalTimestamp")
    stated = _moment(message, "timestamp") if original is None else original
    received = _moment(message, "receivedAt")
    sent = _moment(message, "sentAt", is_strict=False)
    if stated is None:
        stated = sent if received is None else received
    if stated is None:
        raise MessageRejected("it does not say when (no timestamp)")
    if received is None:
        return stated, stated, False
    occurred = stated if sent is None else received - (sent - stated)
    occurred = min(occurred, received + FURTHEST_AHEAD)
    if retention_ms is not None:
        occurred = max(occurred, received - retention_ms)
    occurred = min(max(occurred, EARLIEST_MOMENT), LATEST_MOMENT)
    return occurred, received, occurred != stated


def _moment(message: dict[str, Any], key: str, *, is_strict: bool = True) -> int | None:
    """ISO 8601, or milliseconds since 1970."""
    stated = message.get(key)
    if stated is None or stated == "":
        return None
    try:
        moment = int(stated) if is_number(stated) else parse_moment(str(stated))
    except (ValueError, OverflowError):
        moment = LATEST_MOMENT + 1
    if EARLIEST_MOMENT <= moment <= LATEST_MOMENT:
        return moment
    if is_strict:
        raise MessageRejected(f'{key} is not a moment of the years 1 to 9999: "{str(stated)[:80]}"')
    return None


# What


def _fields(message: dict[str, Any], kind: EventKind, reading: Reading) -> Iterator[tuple[str, Value]]:
    for purpose, granted in reading.consent.items():
        yield consent_path(purpose), granted
    context = _object(message, "context")
    yield from _of_context(context, kind, reading)
    try:
        if kind is EventKind.IDENTIFY:
            yield from flatten(_object(message, "traits"), "traits")
        elif kind is EventKind.GROUP:
            yield from _of_group(message)
        elif kind is not EventKind.ALIAS:
            yield from flatten(_object(message, "properties"), "properties")
        if kind in NAME_OF_KIND:
            yield from _page_name(message)
    except ValueRejected as error:
        raise MessageRejected(str(error)) from None


def _page_name(message: dict[str, Any]) -> Iterator[tuple[str, Value]]:
    for key in ("name", "category"):
        if isinstance(message.get(key), str) and message[key]:
            yield f"properties.{key}", message[key]


def _of_group(message: dict[str, Any]) -> Iterator[tuple[str, Value]]:
    """A group's traits are not the person's: they are context."""
    group = _id(message, "groupId")
    if group is None:
        raise MessageRejected("it is a group call without groupId")
    yield "context.groupId", group
    yield from flatten(_object(message, "traits"), "context.group")


def _of_context(context: dict[str, Any], kind: EventKind, reading: Reading) -> Iterator[tuple[str, Value]]:
    rest = {key: value for key, value in context.items() if key not in ("traits", "consent")}
    try:
        yield from flatten(rest, "context")
        if kind is not EventKind.GROUP:
            yield from flatten(_object(context, "traits"), "traits")
    except ValueRejected as error:
        raise MessageRejected(str(error)) from None
    _object(_object(context, "consent"), "categoryPreferences")  # refuses what is no object
    yield from consent_fields(context, reading.categories)


def _object(holder: dict[str, Any], key: str) -> dict[str, Any]:
    """The object at a key, empty when there is none."""
    below = holder.get(key)
    if below is None:
        return {}
    if not isinstance(below, dict):
        raise MessageRejected(f"{key} is not an object")
    return below


# Batches


def messages_of(line: Any) -> list[Any]:
    """The messages of a line: itself, or those of a batch with what the batch says for all of them."""
    if not isinstance(line, dict) or not isinstance(line.get("batch"), list):
        return [line]
    shared = {key: line[key] for key in ("sentAt", "receivedAt") if line.get(key) is not None}
    return [with_shared(message, shared, _object(line, "context")) for message in line["batch"]]


def with_shared(message: Any, shared: dict[str, Any], context: dict[str, Any]) -> Any:
    """A message with what its batch says for all; where both say it, the message's own word stands."""
    if not isinstance(message, dict):
        return message
    below = message.get("context")
    merged = {**context, **below} if isinstance(below, dict) else (context if below is None else below)
    stated = {key: value for key, value in message.items() if value is not None}
    return {**shared, **stated, "context": merged}
