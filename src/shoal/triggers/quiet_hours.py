"""Quiet hours: until when somebody is left in peace, on the clock of the zone they are in.

Quiet is what the clock on the wall says. Where a change of the clock skips the end of quiet hours, they end with
the change; where it shows a time twice, each of them counts as it reads.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from shoal.definitions.acting import QuietHours
from shoal.model.firing import Channel
from shoal.model.time import DAY, MINUTE
from shoal.model.zone import ZoneTable, zone_table

LONGEST = 2 * DAY
"""Nobody is left in peace for longer at a time, whatever is written: then one looks again."""


def quiet_until(moment: int, hours: Iterable[QuietHours], channel: Channel, zone: str) -> int | None:
    """The first moment after all quiet hours of a channel that are running; None when none are.

    Raises ValueError for a zone that there is not.
    """
    table, relevant = zone_table(zone), [each for each in hours if channel in each.channels]
    at, latest = moment, moment + LONGEST
    while at < latest and (running := next((each for each in relevant if _covers(each, at, table)), None)):
        at = _end(running, at, table)
    return None if at == moment else min(at, latest)


def _covers(hours: QuietHours, at: int, table: ZoneTable) -> bool:
    clock = _clock(at, table)
    begins, ends = hours.begins * MINUTE, hours.ends * MINUTE
    return begins <= clock < ends if begins <= ends else clock >= begins or clock < ends


def _end(hours: QuietHours, at: int, table: ZoneTable) -> int:
    """When the clock, if it just goes on, shows the end; or when it is changed, if that comes first."""
    until_end = (hours.ends * MINUTE - _clock(at, table)) % DAY
    return min(at + until_end, int(table.next_change(np.array(at))))


def _clock(at: int, table: ZoneTable) -> int:
    """The time of day, in milliseconds after midnight."""
    return int(table.local(np.array(at))) % DAY
