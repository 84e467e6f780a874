"""Time as numbers: moments and durations in milliseconds, read from and written as text.

A month is 30 days and a year is 365 days, always.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo

MILLISECOND = 1
SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

UNITS = {
    "millisecond": MILLISECOND,
    "second": SECOND,
    "minute": MINUTE,
    "hour": HOUR,
    "day": DAY,
    "week": 7 * DAY,
    "month": 30 * DAY,
    "year": 365 * DAY,
}

NEVER = 2**62
"""The moment that does not come: no value of a profile changes without a new event."""

EARLIEST_MOMENT = -62135596800000  # 0001-01-01T00:00:00Z
LATEST_MOMENT = 253402300799999  # 9999-12-31T23:59:59.999Z

LONGEST_DURATION = LATEST_MOMENT - EARLIEST_MOMENT

_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", re.ASCII | re.IGNORECASE)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_duration(text: str) -> int:
    """Milliseconds of "30 minutes", "7 days" or "1 hour 30 minutes".

    Raises ValueError for anything else, for parts of a millisecond, and beyond LONGEST_DURATION.
    """
    position, total = 0, 0.0
    while position < len(text):
        part = _DURATION.match(text, position)
        unit = part and UNITS.get(part[2].lower().removesuffix("s"))
        if part is None or unit is None:
            raise ValueError(f'"{text[:80]}" is not a duration; write it like "30 minutes" or "7 days"')
        total += float(part[1]) * unit
        position = part.end()
    if total > LONGEST_DURATION:
        raise ValueError(f'"{text[:80]}" is longer than there are moments')
    if not text.strip() or total != int(total):
        raise ValueError(f'"{text[:80]}" is not a whole number of milliseconds')
    return int(total)


def format_duration(duration_ms: int) -> str:
    """The shortest text that `parse_duration` reads back to the same number."""
    if duration_ms == 0:
        return "0 seconds"
    for unit in ("day", "hour", "minute", "second", "millisecond"):
        count, rest = divmod(duration_ms, UNITS[unit])
        if rest == 0:
            return f"{count} {unit}{'' if count == 1 else 's'}"
    raise AssertionError("every duration is a whole number of milliseconds")


def parse_moment(text: str, zone: tzinfo = UTC) -> int:
    """UTC milliseconds of an ISO 8601 date or moment; without an offset it is read in `zone`.

    Parts of a millisecond are cut off. Raises ValueError for anything else, and outside the years 1 to 9999.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f'"{text[:80]}" is not a moment; write "2026-01-31" or "2026-01-31T08:30:00Z"') from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    at = to_milliseconds(moment)
    if not EARLIEST_MOMENT <= at <= LATEST_MOMENT:
        raise ValueError(f'"{text[:80]}" lies outside the years 1 to 9999')
    return at


def to_milliseconds(moment: datetime) -> int:
    """UTC milliseconds of an aware datetime, exactly (no floating point on the way)."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def to_datetime(moment_ms: int, zone: tzinfo = UTC) -> datetime:
    """The aware datetime of UTC milliseconds."""
    return (_EPOCH + timedelta(milliseconds=moment_ms)).astimezone(zone)


def format_moment(moment_ms: int) -> str:
    """ISO 8601 in UTC to the millisecond: `2026-01-31T08:30:00.000Z`."""
    return to_datetime(moment_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def utc_date(moment_ms: int) -> date:
    """The UTC calendar day of a moment: the day an event is stored under."""
    return to_datetime(moment_ms).date()
