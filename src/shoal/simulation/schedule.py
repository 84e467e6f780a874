"""The schedule: when one person comes, by the clock of the place where the person lives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from shoal.model.time import DAY, HOUR, MINUTE
from shoal.model.zone import load_zone
from shoal.simulation.chance import Chance, Weighted
from shoal.simulation.config import Simulation
from shoal.simulation.intents import Rhythm

LONGEST_VISIT_MS = 2 * HOUR
"""No visit begins in the last two hours, so that all of them end, and their messages arrive, in time."""

_MORNING = (6 * HOUR + 30 * MINUTE, 9 * HOUR)
_EVENING = (18 * HOUR, 22 * HOUR)
_HOURS: Weighted[tuple[int, int]] = Weighted(
    [
        ((7 * HOUR, 9 * HOUR), 2),
        ((9 * HOUR, 12 * HOUR), 3),
        ((12 * HOUR, 14 * HOUR), 3),
        ((14 * HOUR, 18 * HOUR), 3),
        ((18 * HOUR, 22 * HOUR), 6),
        ((22 * HOUR, 23 * HOUR), 1),
    ]
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def visit_starts(rhythm: Rhythm, chance: Chance, simulation: Simulation, zone: str) -> list[int]:
    """The moments at which the visits begin, in order: at least one. Visits before the first day are left out."""
    first_day = simulation.start_ms // DAY + 1
    last_day = _last_day(rhythm, chance, simulation)
    clocks = [_clock(rhythm, chance, is_last=place == 0) for place in range(chance.whole(*rhythm.visits))]
    if _moment(last_day, clocks[0], zone) > simulation.end_ms - LONGEST_VISIT_MS:
        last_day -= 1
    days = [last_day]
    for gap in _gaps_backwards(rhythm, chance, len(clocks) - 1):
        if days[-1] - gap < first_day:
            break
        days.append(days[-1] - gap)
    return sorted(_moment(day, clock, zone) for day, clock in zip(days, clocks, strict=False))


def _last_day(rhythm: Rhythm, chance: Chance, simulation: Simulation) -> int:
    """The local day of the last visit, at the latest the last day of the simulation."""
    end_day = (simulation.end_ms - 1) // DAY
    soonest, latest = rhythm.last_days
    if rhythm.last_share is not None:
        back = int(simulation.days * chance.between(*rhythm.last_share))
    elif chance.happens(rhythm.recent):
        back = chance.whole(soonest, latest)
    else:
        back = chance.whole(soonest, simulation.days - 4)
    return end_day - min(back, simulation.days - 3)


def _gaps_backwards(rhythm: Rhythm, chance: Chance, count: int) -> list[int]:
    gaps = sorted((chance.whole(*rhythm.gap_days) for _ in range(count)), reverse=rhythm.slowing)
    if rhythm.slowing:
        gaps = [gap * (len(gaps) - place) for place, gap in enumerate(gaps)]
    if rhythm.mornings and gaps:
        gaps[0] = 0
    return gaps


def _clock(rhythm: Rhythm, chance: Chance, *, is_last: bool) -> int:
    """Milliseconds after local midnight."""
    hours = (_EVENING if is_last else _MORNING) if rhythm.mornings else _HOURS.pick(chance)
    return chance.whole(*hours)


def _moment(day: int, clock: int, zone: str) -> int:
    return day * DAY + clock - _offset(zone, day)


@lru_cache(maxsize=65_536)
def _offset(zone: str, day: int) -> int:
    """What the zone is ahead of UTC on a day, asked at noon: where clocks change, they have done so by then."""
    offset = (_EPOCH + timedelta(days=day, hours=12)).replace(tzinfo=load_zone(zone)).utcoffset()
    assert offset is not None
    return int(offset.total_seconds()) * 1000
