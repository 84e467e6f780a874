"""When memberships change, found without any cleverness. The judge of timelines.

`every_change` looks at each millisecond; `changes` looks at every moment at which something could happen, and
between two of them that differ it halves the time until it has the very millisecond.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from itertools import pairwise, product

from shoal.definitions import nodes
from shoal.evaluate.reference import Reference
from shoal.model.change import Direction, MembershipChanged
from shoal.model.event import Event
from shoal.model.time import DAY, MINUTE, to_datetime, to_milliseconds
from shoal.model.zone import load_zone

QUARTER = 15 * MINUTE
"""Every change of a clock's hour, in every zone and also when clocks are put forward, is at one of these."""

Members = frozenset[str]


def changes(
    reference: Reference, events: Sequence[Event], start: int, end: int, *, profile: str = "profile"
) -> list[MembershipChanged]:
    """Every change of membership after `start` and up to `end`, in order."""
    moments = [start, *(m for m in sorted(candidates(reference, events, start, end)) if start < m <= end), end]

    def members(now: int) -> Members:
        return reference.memberships(events, now)

    found: list[MembershipChanged] = []
    before = members(start)
    for earlier, later in pairwise(dict.fromkeys(moments)):
        after = members(later)
        while before != after:
            earlier = _first_difference(members, before, earlier, later)  # noqa: PLW2901  (what is left to search)
            now = members(earlier)
            found.extend(_news(profile, before, now, earlier))
            before = now
    return found


def every_change(
    reference: Reference, events: Sequence[Event], start: int, end: int, *, profile: str = "profile"
) -> list[MembershipChanged]:
    """The same, looking at every millisecond: for worlds in which little time passes."""
    found: list[MembershipChanged] = []
    before = reference.memberships(events, start)
    for now in range(start + 1, end + 1):
        after = reference.memberships(events, now)
        found.extend(_news(profile, before, after, now))
        before = after
    return found


def _first_difference(members: Callable[[int], Members], before: Members, low: int, high: int) -> int:
    """A moment up to `high` at which members stop being `before`, as they are at `low`; the only one, if it is."""
    while high - low > 1:
        middle = (low + high) // 2
        if members(middle) == before:
            low = middle
        else:
            high = middle
    return high


def _news(profile: str, before: Members, after: Members, at: int) -> Iterator[MembershipChanged]:
    for segment in sorted(before ^ after):
        direction = Direction.ENTERED if segment in after else Direction.LEFT
        yield MembershipChanged(at, profile, segment, direction)


def candidates(reference: Reference, events: Sequence[Event], start: int, end: int) -> set[int]:
    """Moments at which a value may change: events, and what runs out some lengths of time after them."""
    roots = [node for _, root in reference.resolved.roots() for node in root.walk()]
    lengths = sorted({0, reference.resolved.settings.session_gap, *_lengths(roots)})
    starts = {event.occurred_at for event in events} | _fixed_moments(roots)
    found = {
        at + one + sign * other + nudge
        for at, one, other in product(starts, lengths, lengths)
        for sign in (1, -1)
        for nudge in (0, 1)
    }
    found |= set(_repeated(roots, starts, end))
    if any(isinstance(node, nodes.LocalTime) for node in roots):
        found |= set(range(start - start % QUARTER, end + 1, QUARTER))
    if any(isinstance(node, nodes.Window) and node.calendar for node in _with_windows(roots)):
        found |= set(_midnights(reference, events, start, end))
    return found


def _with_windows(roots: Iterable[nodes.Node]) -> Iterator[object]:
    """The nodes and everything that they hold."""
    for node in roots:
        yield node
        for item in fields(node):
            yield getattr(node, item.name)


def _lengths(roots: Iterable[nodes.Node]) -> Iterator[int]:
    """Every duration that the definitions mention."""
    for part in _with_windows(roots):
        if isinstance(part, nodes.Duration | nodes.Ago):
            yield part.milliseconds
        if isinstance(part, nodes.Window) and part.within is not None:
            yield part.within
    for node in roots:
        match node:
            case nodes.Regularly(of=of, each=each):
                yield from (count * each for count in range(of + 1))
            case nodes.Stopped(active=active, idle=idle):
                yield from (active, idle)
            case nodes.Restarted(idle=idle, back=back):
                yield from (idle, back)
            case nodes.Sequence(span=span, gap=gap):
                yield from (length for length in (span, gap) if length is not None)


def _fixed_moments(roots: Iterable[nodes.Node]) -> set[int]:
    return {node.milliseconds for node in roots if isinstance(node, nodes.Moment)}


def _repeated(roots: Iterable[nodes.Node], starts: Iterable[int], end: int) -> Iterator[int]:
    """The steps of decays, and the days on which purchase models count."""
    steps = {node.step for node in roots if isinstance(node, nodes.Decay)}
    for step, at in product(steps, starts):
        yield from range(at, end + 1, step)
    if any(isinstance(node, nodes.PurchaseForecast) for node in roots):
        for at in starts:
            yield from range(at - at % DAY, end + 1, DAY)


def _midnights(reference: Reference, events: Sequence[Event], start: int, end: int) -> Iterator[int]:
    """The beginning of each day in every zone that counts."""
    zones = {reference.resolved.settings.time_zone}
    zones |= {zone for event in events if isinstance(zone := event.fields.get("context.timezone"), str)}
    for name in zones:
        try:
            zone = load_zone(name)
        except ValueError:
            continue
        day = to_datetime(start, zone).date()
        while day <= to_datetime(end, zone).date():
            midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
            yield to_milliseconds(midnight.astimezone(UTC))
            day += timedelta(days=1)
