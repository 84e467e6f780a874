"""Windows: from which event to which a selection looks, and when an event leaves or comes into sight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from shoal.definitions import nodes
from shoal.evaluate.column import Column, Indices, Numbers
from shoal.evaluate.kernels.selection import first_at_or_after
from shoal.model.time import DAY, NEVER
from shoal.model.zone import ZoneTable

if TYPE_CHECKING:
    from shoal.evaluate.profiles import ProfileScope

Moments = NDArray[np.int64]

_FAR = 2.0**61


@dataclass(frozen=True, slots=True, eq=False)
class Range:
    """Per profile the events `start` to `stop` (excluded).

    An event of moment t leaves at `t + stay` and at `leaves_at`, whichever is sooner.
    """

    start: Indices
    stop: Indices
    stay: Moments
    leaves_at: Moments


def range_of(scope: ProfileScope, window: nodes.Window) -> Range:
    """The range of a window without its `latest`. Notes when an event comes into sight by its `until`."""
    begin, end, times, now = scope.begin, scope.end, scope.history.times, scope.now
    start, stop = begin, end
    stay, leaves_at = np.full(scope.size, NEVER), np.full(scope.size, NEVER)
    if window.within is not None:
        start = np.maximum(start, first_at_or_after(times, begin, end, now - window.within + 1))
        stay = np.minimum(stay, window.within)
    if window.calendar is not None:
        began, leaves_at = calendar_limits(scope, window.calendar)
        start = np.maximum(start, first_at_or_after(times, begin, end, began))
    if window.since is not None:
        limit = scope.value(window.since)
        start = np.maximum(start, _first_from(scope, limit, nothing=end))
        stay = np.minimum(stay, _stay(now, limit))
    if window.after is not None:
        start = np.maximum(start, _first_after(scope, scope.value(window.after)))
    if window.until is not None:
        limit = scope.value(window.until)
        stop = _first_from(scope, limit, nothing=begin)
        _note_coming(scope, stop, limit)
    return Range(np.minimum(start, stop), stop, stay, leaves_at)


def _whole(limits: Numbers) -> Moments:
    """The first whole millisecond at or after each limit."""
    return np.ceil(np.clip(np.nan_to_num(limits), -_FAR, _FAR)).astype(np.int64)


def _first_from(scope: ProfileScope, limit: Column, *, nothing: Indices) -> Indices:
    """The first event at or after a limit; `nothing` where the limit is missing."""
    found = first_at_or_after(scope.history.times, scope.begin, scope.end, _whole(limit.amounts))
    return np.where(np.isnan(limit.amounts), nothing, found)


def _first_after(scope: ProfileScope, limit: Column) -> Indices:
    """The first event strictly later in order than a limit: than its event, if it is the moment of one."""
    whole = np.floor(np.clip(np.nan_to_num(limit.amounts), -_FAR, _FAR)).astype(np.int64) + 1
    found = first_at_or_after(scope.history.times, scope.begin, scope.end, whole)
    if limit.index is not None:
        found = np.where(limit.index >= 0, limit.index + 1, found)
    return np.where(np.isnan(limit.amounts), scope.end, found)


def _stay(now: Moments, limit: Column) -> Moments:
    """How long an event stays with a lower limit that moves with now."""
    if limit.slope is None:
        return np.full(len(now), NEVER)
    distance = np.floor(np.clip(np.nan_to_num(now - limit.amounts), -_FAR, _FAR)).astype(np.int64)
    return np.where(limit.slope > 0, distance + 1, NEVER)


def _note_coming(scope: ProfileScope, stop: Indices, limit: Column) -> None:
    """With an upper limit that moves with now, the next event comes into sight at a moment of its own."""
    stay = _stay(scope.now, limit)
    waits = (stay < NEVER) & (stop < scope.end) & ~np.isnan(limit.amounts)
    times = scope.history.times
    if waits.any():
        scope.note(np.where(waits, times[np.minimum(stop, len(times) - 1)] + np.where(waits, stay, 0), NEVER))


def calendar_limits(scope: ProfileScope, calendar: str) -> tuple[Moments, Moments]:
    """When the present day, week, month or year began in each profile's zone, and when the next one will.

    Clocks that are put back can bring yesterday back, so that moment is noted too.
    """
    began, ends = np.empty(scope.size, np.int64), np.empty(scope.size, np.int64)
    for zone, here in scope.calendar_zones():
        now = scope.now[here]
        began[here], ends[here] = _period(zone, now, calendar)
        changes = np.full(scope.size, NEVER)
        changes[here] = zone.next_change(now)
        scope.note(changes)
    return began, ends


def _period(zone: ZoneTable, now: Moments, calendar: str) -> tuple[Moments, Moments]:
    days = zone.local(now) // DAY
    if calendar == "today":
        first, last = days, days + 1
    elif calendar == "this week":
        first = days - (days + 3) % 7
        last = first + 7
    else:
        unit = "M" if calendar == "this month" else "Y"
        period = days.astype("datetime64[D]").astype(f"datetime64[{unit}]")
        first = period.astype("datetime64[D]").astype(np.int64)
        last = (period + 1).astype("datetime64[D]").astype(np.int64)
    return zone.to_utc(first * DAY), zone.to_utc(last * DAY)
