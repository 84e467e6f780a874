"""Bounds: whether a delivery may be made now, later or not at all, on the clock and calendar of its person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from shoal.definitions.acting import Acting
from shoal.definitions.implied import ZONE_FEATURE
from shoal.model.firing import Channel, Delivery, Fact, Status
from shoal.model.time import format_moment
from shoal.model.zone import is_zone
from shoal.triggers.caps import calendar_day, capped_reason
from shoal.triggers.memory import Memory
from shoal.triggers.quiet_hours import quiet_until


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a workspace allows. `zone` is its own: for people who are in no zone that is known."""

    acting: Acting
    memory: Memory
    zone: str

    def placed(
        self, delivery: Delivery, facts: Mapping[str, Fact], now: int, *, is_transactional: bool
    ) -> Delivery:
        """Where a delivery stands that is about to be made, with the reason when it is not READY."""
        zone = self._zone_of(facts)
        if delivery.channel is Channel.EMAIL and not delivery.content.get("to"):
            return replace(delivery, status=Status.UNREACHABLE, reason="no e-mail address is known")
        if not is_transactional:
            end = quiet_until(now, self.acting.quiet_hours, delivery.channel, zone)
            if end is not None:
                reason = f"quiet hours until {format_moment(end)} ({zone})"
                return replace(delivery, status=Status.HELD, not_before=end, reason=reason)
            if reason := self._capped(delivery, zone, now):
                return replace(delivery, status=Status.CAPPED, reason=reason)
        if delivery.status is Status.READY:
            return delivery
        return replace(delivery, status=Status.READY, not_before=now, reason="")

    def _capped(self, delivery: Delivery, zone: str, now: int) -> str:
        """Why the person gets no more today; empty when there is room."""
        cap = self.acting.caps.get(delivery.channel)
        if cap is None:
            return ""
        day = calendar_day(now, zone)
        count = self.memory.count_capped(delivery.person, delivery.channel, day.begins, day.ends)
        return "" if count < cap else capped_reason(count, cap, delivery.channel, day, zone)

    def _zone_of(self, facts: Mapping[str, Fact]) -> str:
        """The zone that a person is in, or the workspace's."""
        zone = facts.get(ZONE_FEATURE)
        return zone if isinstance(zone, str) and is_zone(zone) else self.zone
