"""Caps: how many deliveries a person gets on a channel in a day of the calendar, on that person's clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from shoal.model.firing import Channel
from shoal.model.time import DAY, utc_date
from shoal.model.zone import day_start, zone_table


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """A day in some zone: from its first moment up to the first one of the next day, in UTC milliseconds.

    It has 23 or 25 hours when the clock changes.
    """

    date: date
    begins: int
    ends: int


_LATEST: dict[str, CalendarDay] = {}
"""The day of each zone that was asked for last: most moments are of the same."""


def calendar_day(moment: int, zone: str) -> CalendarDay:
    """The day that a calendar on the wall shows at a moment. Raises ValueError for a zone that there is not."""
    day = _LATEST.get(zone)
    if day is None or not day.begins <= moment < day.ends:
        day = _LATEST[zone] = _calendar_day(moment, zone)
    return day


def _calendar_day(moment: int, zone: str) -> CalendarDay:
    table = zone_table(zone)
    midnight = int(day_start(table.local(np.array(moment))))
    begins, ends = (int(table.to_utc(np.array(each))) for each in (midnight, midnight + DAY))
    return CalendarDay(utc_date(midnight), begins, ends)


def capped_reason(count: int, cap: int, channel: Channel, day: CalendarDay, zone: str) -> str:
    """Why a delivery is not made, for people."""
    return f"{count} of at most {cap} on {channel.value} on {day.date} ({zone})"
