"""Messages: what an SDK puts on the wire, one JSON object on a line."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from shoal.model.time import DAY, MINUTE, SECOND, utc_date

Properties = dict[str, Any] | msgspec.Raw

_MINUTES = [f"T{hour:02d}:{minute:02d}:" for hour in range(24) for minute in range(60)]
_SECONDS = [f"{second:02d}.{rest:03d}Z" for second in range(60) for rest in range(SECOND)]

encode = msgspec.json.Encoder().encode


class Message(msgspec.Struct, kw_only=True, omit_defaults=True, rename="camel", gc=False):
    """One Segment message, of which missing parts are not written.

    `received_at` is written first, so that sorting lines as bytes puts them in order of arrival. The person's part
    comes from a visit; the message id and the four moments come from the outbox.
    """

    received_at: str = ""
    message_id: str = ""
    type: str = ""
    event: str | None = None
    name: str | None = None
    user_id: str | None = None
    anonymous_id: str | None = None
    previous_id: str | None = None
    group_id: str | None = None
    timestamp: str = ""
    original_timestamp: str = ""
    sent_at: str = ""
    context: msgspec.Raw | None = None
    properties: Properties | None = None
    traits: dict[str, Any] | None = None


def moment_text(moment_ms: int) -> str:
    """ISO 8601 in UTC to the millisecond, from tables: it is written two times for every message."""
    minute = moment_ms // MINUTE
    return _minute_text(minute) + _SECONDS[moment_ms - minute * MINUTE]


@lru_cache(maxsize=131_072)
def _minute_text(minute: int) -> str:
    day, minute = divmod(minute, DAY // MINUTE)
    return _day_text(day) + _MINUTES[minute]


@lru_cache(maxsize=4096)
def _day_text(day: int) -> str:
    return utc_date(day * DAY).isoformat()


def encoded(properties: dict[str, Any]) -> msgspec.Raw:
    """Properties that are written many times, encoded once."""
    return msgspec.Raw(encode(properties))
