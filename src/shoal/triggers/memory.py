"""What the trigger machine remembers: the protocol, and an implementation in memory for looking back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from typing import Protocol

from shoal.model.change import Direction
from shoal.model.firing import Channel, Delivery, Firing, Outcome, Status
from shoal.model.time import NEVER

COOLS_DOWN = frozenset({Outcome.FIRED, Outcome.DRY_RUN, Outcome.HELD_OUT})
"""Outcomes after which a trigger cools down for a person.

What would have fired counts like what did, so that a dry run, and people who are held out, show what really
would have been.
"""

REACHES_NOBODY = frozenset({Status.NO_CONSENT, Status.NO_LONGER, Status.EXPIRED, Status.UNREACHABLE})
"""Where deliveries end that were not sent: they count for no cap."""


@dataclass(frozen=True, slots=True)
class SwitchedOn:
    """Since when a trigger of a certain meaning is on."""

    meaning: str
    since: int


@dataclass(frozen=True, slots=True)
class Held:
    """A delivery that waits for the end of quiet hours, and which way its trigger's segment had changed."""

    delivery: Delivery
    direction: Direction


class Memory(Protocol):
    """Firings and deliveries so far. A person is the present name of a profile; merges move what is one's."""

    def knows(self, firing: str) -> bool:
        """Whether there is a firing with this id."""
        ...

    def last_fired(self, trigger: str, person: str) -> int | None:
        """The latest `effective_at` of what a trigger fired for a person; see COOLS_DOWN."""
        ...

    def last_directions(self, trigger: str) -> Mapping[str, Direction]:
        """The direction of the last firing of a trigger, whatever its outcome, for each person who has one."""
        ...

    def count_capped(self, person: str, channel: Channel, since: int, until: int) -> int:
        """How many deliveries count for a cap from one moment up to another: READY before its end, and not settled
        before it began. What is still under way may yet arrive, so it counts in each day until it is settled.
        """
        ...

    def add_firing(self, firing: Firing, person: str) -> None:
        """Remembers a firing that it does not know."""
        ...

    def add_delivery(self, delivery: Delivery, *, is_capped: bool) -> None:
        """Remembers a delivery, and whether it counts for a cap. A READY one is due at the end of its line."""
        ...

    def held(self, until: int, limit: int) -> list[Held]:
        """Deliveries that are HELD until a moment or shorter, the earliest first."""
        ...

    def next_release(self) -> int:
        """When the first of those that are HELD is to be looked at; NEVER when none are."""
        ...

    def release(self, delivery: Delivery, now: int) -> None:
        """Remembers what has become of a HELD delivery: its status, `not_before`, reason."""
        ...

    def merge(self, old: str, new: str) -> None:
        """What is one person's is another one's from now on."""
        ...

    def persons(self) -> Collection[str]:
        """Everybody of whom there is a firing."""
        ...

    def switched_on(self) -> Mapping[str, SwitchedOn]:
        """The triggers that are on."""
        ...

    def switch_on(self, trigger: str, switched: SwitchedOn) -> None:
        """Remembers since when a trigger is on."""
        ...

    def switch_off(self, trigger: str, now: int, reason: str) -> None:
        """Forgets that a trigger is on; what of it still waits, HELD or READY, ends as NO_LONGER."""
        ...


@dataclass(slots=True)
class _Kept:
    """A delivery with its place in order and what counts for caps."""

    place: int
    delivery: Delivery
    is_capped: bool
    ready_at: int | None
    settled_at: int | None = None


class MemoryInMemory:
    """A memory that ends with the process. Whoever uses it says what became of deliveries: nobody else does."""

    def __init__(self) -> None:
        self._firings: dict[str, Firing] = {}
        self._of_person: defaultdict[str, list[str]] = defaultdict(list)
        self._person: dict[str, str] = {}
        self._last_fired: dict[tuple[str, str], int] = {}
        self._deliveries: dict[str, _Kept] = {}
        self._to_person: defaultdict[tuple[str, Channel], list[_Kept]] = defaultdict(list)
        self._held: dict[str, _Kept] = {}
        self._releases: list[tuple[int, int, str]] = []
        """A heap of (moment, place, id), the first on top. What is not held until that moment any more stays in it
        until it comes up.
        """
        self._switched: dict[str, SwitchedOn] = {}

    @property
    def firings(self) -> list[tuple[Firing, str]]:
        """Every firing with the person whom its profile is by now, in order."""
        return [(firing, self._person[id_]) for id_, firing in self._firings.items()]

    @property
    def deliveries(self) -> list[Delivery]:
        """Every delivery as it stands, in order."""
        return [kept.delivery for kept in self._deliveries.values()]

    def settle(self, ids: Iterable[str], status: Status, now: int) -> None:
        """What became of READY deliveries."""
        for id_ in ids:
            kept = self._deliveries[id_]
            if kept.delivery.status is Status.READY:
                self._end(kept, status, now, kept.delivery.reason)

    def knows(self, firing: str) -> bool:
        return firing in self._firings

    def last_fired(self, trigger: str, person: str) -> int | None:
        return self._last_fired.get((trigger, person))

    def last_directions(self, trigger: str) -> dict[str, Direction]:
        own = ((self._person[id_], each) for id_, each in self._firings.items() if each.trigger == trigger)
        return {person: firing.direction for person, firing in own}

    def count_capped(self, person: str, channel: Channel, since: int, until: int) -> int:
        return sum(
            kept.is_capped
            and kept.ready_at is not None
            and kept.ready_at < until
            and (kept.settled_at is None or kept.settled_at >= since)
            for kept in self._to_person.get((person, channel), ())
        )

    def add_firing(self, firing: Firing, person: str) -> None:
        self._firings[firing.id] = firing
        self._belongs(firing, person)

    def _belongs(self, firing: Firing, person: str) -> None:
        self._person[firing.id] = person
        self._of_person[person].append(firing.id)
        if firing.outcome in COOLS_DOWN:
            key = firing.trigger, person
            self._last_fired[key] = max(firing.effective_at, self._last_fired.get(key, firing.effective_at))

    def add_delivery(self, delivery: Delivery, *, is_capped: bool) -> None:
        ready_at = delivery.created_at if delivery.status is Status.READY else None
        kept = _Kept(len(self._deliveries), delivery, is_capped, ready_at)
        self._deliveries[delivery.id] = kept
        self._to_person[delivery.person, delivery.channel].append(kept)
        if delivery.status is Status.HELD:
            self._hold(kept)

    def _hold(self, kept: _Kept) -> None:
        self._held[kept.delivery.id] = kept
        heappush(self._releases, (kept.delivery.not_before, kept.place, kept.delivery.id))

    def held(self, until: int, limit: int) -> list[Held]:
        due: list[tuple[int, int, str]] = []
        while len(due) < limit and self.next_release() <= until:
            due.append(heappop(self._releases))
        for each in due:  # they stay held until they are released
            heappush(self._releases, each)
        deliveries = [self._held[id_].delivery for _, _, id_ in due]
        return [Held(each, self._firings[each.firing].direction) for each in deliveries]

    def next_release(self) -> int:
        while self._releases:
            moment, _, id_ = self._releases[0]
            kept = self._held.get(id_)
            if kept is not None and kept.delivery.not_before == moment:
                return moment
            heappop(self._releases)
        return NEVER

    def release(self, delivery: Delivery, now: int) -> None:
        kept = self._deliveries[delivery.id]
        was_held_until = kept.delivery.not_before
        kept.delivery = delivery
        if delivery.status is Status.HELD:
            if delivery.not_before != was_held_until:
                self._hold(kept)
            return
        del self._held[delivery.id]
        if delivery.status is Status.READY:
            kept.ready_at = now
        else:
            self._end(kept, delivery.status, now, delivery.reason)

    def _end(self, kept: _Kept, status: Status, now: int, reason: str) -> None:
        kept.delivery = replace(kept.delivery, status=status, reason=reason)
        kept.settled_at, kept.is_capped = now, kept.is_capped and status not in REACHES_NOBODY

    def merge(self, old: str, new: str) -> None:
        if old == new:
            return
        for id_ in self._of_person.pop(old, ()):
            firing = self._firings[id_]
            self._last_fired.pop((firing.trigger, old), None)
            self._belongs(firing, new)
        for channel in Channel:
            for kept in self._to_person.pop((old, channel), ()):
                kept.delivery = replace(kept.delivery, person=new)
                self._to_person[new, channel].append(kept)

    def persons(self) -> set[str]:
        return {person for person, firings in self._of_person.items() if firings}

    def switched_on(self) -> dict[str, SwitchedOn]:
        return dict(self._switched)

    def switch_on(self, trigger: str, switched: SwitchedOn) -> None:
        self._switched[trigger] = switched

    def switch_off(self, trigger: str, now: int, reason: str) -> None:
        self._switched.pop(trigger, None)
        for kept in self._deliveries.values():
            if kept.delivery.trigger == trigger and kept.delivery.status in (Status.HELD, Status.READY):
                self._held.pop(kept.delivery.id, None)
                self._end(kept, Status.NO_LONGER, now, reason)
