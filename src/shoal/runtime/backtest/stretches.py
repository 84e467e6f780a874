"""Stretches: the hours, days or weeks into which a span of time is cut to be drawn, on the workspace's clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta, tzinfo

from shoal.model.time import DAY, HOUR, to_datetime, to_milliseconds

MOST_HOURS, MOST_DAYS = 2 * DAY, 120 * DAY
"""Longer spans are cut into days, and longer ones still into weeks."""


@dataclass(frozen=True, slots=True)
class Stretches:
    """`starts` are the moments at which they begin, in order; the first one may begin before the span."""

    unit: str
    starts: tuple[int, ...]


def cut(since: int, until: int, zone: tzinfo) -> Stretches:
    """Cuts `since` to `until` where the clock of a zone shows a full hour, midnight, or Monday's midnight."""
    if until - since <= MOST_HOURS:
        hour = to_datetime(since, zone).replace(minute=0, second=0, microsecond=0)
        return Stretches("hour", tuple(range(to_milliseconds(hour), until + 1, HOUR)))
    first = to_datetime(since, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    days = 1
    if until - since > MOST_DAYS:
        first, days = first - timedelta(days=first.weekday()), 7
    unit = "day" if days == 1 else "week"
    starts, at = [], first
    # Adding days to a local clock keeps midnight midnight where a day has 23 or 25 hours.
    while to_milliseconds(at) <= until:
        starts.append(to_milliseconds(at))
        at += timedelta(days=days)
    return Stretches(unit, tuple(starts))
