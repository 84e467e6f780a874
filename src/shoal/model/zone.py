"""Time zones as tables: the UTC offset of many moments at once, and the first moment of a local day.

A table holds the moments at which a zone's offset changes, read once from `zoneinfo`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from shoal.model.time import DAY, to_datetime, to_milliseconds

Moments = NDArray[np.int64]

FIRST_YEAR, LAST_YEAR = 1970, 2100
"""Offsets before and after are those of the first and the last moment in between."""


class ZoneTable:
    """The offsets of one time zone. Offsets are milliseconds to add to UTC to get the local clock."""

    def __init__(self, name: str) -> None:
        changes = _offset_changes(load_zone(name))
        self.name = name
        self._starts = np.array([start for start, _ in changes[1:]], dtype=np.int64)
        self._offsets = np.array([offset for _, offset in changes], dtype=np.int64)
        # A local clock time that is skipped or repeated is read with the offset before the change
        # (fold=0 of PEP 495), so the local clock passes the change at the later of its two readings.
        later = np.maximum(self._offsets[1:], self._offsets[:-1])
        self._starts_local = self._starts + later

    def offset(self, moments: Moments) -> Moments:
        """The UTC offset at each moment."""
        return self._offsets[np.searchsorted(self._starts, moments, side="right")]

    def local(self, moments: Moments) -> Moments:
        """The reading of the local clock at each moment, as if it were UTC milliseconds."""
        return moments + self.offset(moments)

    def to_utc(self, local: Moments) -> Moments:
        """The moment at which the local clock first shows `local`, or would have if it is skipped."""
        return local - self._offsets[np.searchsorted(self._starts_local, local, side="right")]

    def next_change(self, moments: Moments) -> Moments:
        """The next moment after each at which the offset changes, or a moment far away."""
        ends = np.append(self._starts, np.int64(2**62))
        return ends[np.searchsorted(self._starts, moments, side="right")]


def load_zone(name: str) -> ZoneInfo:
    """The zone of an IANA name such as `Europe/Paris`. Raises ValueError when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f'"{name}" is not a time zone; write an IANA name such as Europe/Paris') from None


def is_zone(name: str) -> bool:
    """Whether there is a zone of this IANA name."""
    try:
        zone_table(name)
    except ValueError:
        return False
    return True


@cache
def zone_table(name: str) -> ZoneTable:
    """The table of an IANA zone name, built once. Raises ValueError when there is none."""
    return ZoneTable(name)


def _offset_changes(zone: ZoneInfo) -> list[tuple[int, int]]:
    """(moment, offset from then on), the first one standing for all time before."""
    first = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
    changes = [(to_milliseconds(first), _offset(zone, first))]
    # The offset of every noon on the local clock: asking for it is forty times faster than for that of a moment.
    offsets = list(map(zone.utcoffset, _noons()))
    for noon, offset, before in zip(
        _noons(), offsets, [first.astimezone(zone).utcoffset(), *offsets], strict=False
    ):
        if offset != before:
            assert offset is not None
            moment = noon.replace(tzinfo=UTC) - offset
            # Where a zone leaves out a day, the clock never shows its noon: the change is a day before.
            low = max(moment - timedelta(days=3), to_datetime(changes[-1][0]))
            start = _first_moment_with_other_offset(zone, low, moment)
            changes.append((to_milliseconds(start), _offset(zone, start)))
    return changes


@cache
def _noons() -> list[datetime]:
    """Noon of every day of the table, on no clock in particular."""
    first, last = date(FIRST_YEAR, 1, 1), date(LAST_YEAR, 1, 1)
    return [datetime(FIRST_YEAR, 1, 1, 12) + timedelta(days=day) for day in range((last - first).days)]


def _first_moment_with_other_offset(zone: ZoneInfo, low: datetime, high: datetime) -> datetime:
    before = _offset(zone, low)
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
        if _offset(zone, middle) == before:
            low = middle
        else:
            high = middle
    return high


def _offset(zone: ZoneInfo, moment: datetime) -> int:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None
    return int(offset.total_seconds() * 1000)


def day_start(local: Moments) -> Moments:
    """Midnight at the beginning of the local day, on the local clock."""
    return local - local % DAY
