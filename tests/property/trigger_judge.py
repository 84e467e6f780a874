"""The judge of the trigger machine: what has to become of every change, told as plainly as possible.

It keeps everything that ever happened in lists and looks through all of them for each answer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from shoal.definitions.acting import Acting
from shoal.definitions.implied import (
    ADDRESS_FEATURE,
    ZONE_FEATURE,
    condition_segment,
    consent_segment,
    trigger_segment,
)
from shoal.definitions.trigger import Changes, Happens, Leaves, SessionEnds, TriggerDefinition
from shoal.model.change import Direction, MembershipChanged, ProfilesMerged
from shoal.model.firing import Channel, Fact
from shoal.model.time import DAY, MINUTE, to_datetime
from shoal.triggers.hold_out import is_held_out
from shoal.triggers.occasions import News

ENTERED, LEFT = Direction.ENTERED, Direction.LEFT


@dataclass
class ToldPeople:
    """People of whom every change is told by hand."""

    zones: Mapping[str, str]
    addresses: Mapping[str, str]
    changes: list[MembershipChanged] = field(default_factory=list)
    merges: list[ProfilesMerged] = field(default_factory=list)
    now: int = 0

    def person(self, profile: str) -> str:
        for merge in self.merges:
            if merge.old == profile:
                return self.person(merge.new)
        return profile

    def held(self, profile: str, segment: str, moment: int) -> bool:
        known = [each for each in self.changes if (each.profile, each.segment) == (profile, segment)]
        past = [each for each in sorted(known, key=lambda each: each.effective_at) if each.effective_at <= moment]
        return bool(past) and past[-1].direction is ENTERED

    def is_member(self, profile: str, segment: str) -> bool:
        return self.held(profile, segment, self.now)

    def members(self, segment: str) -> Iterable[str]:
        return sorted({each.profile for each in self.changes if self.is_member(each.profile, segment)})

    def features(self, asked: Sequence[tuple[str, int]], names: Collection[str]) -> list[dict[str, Fact]]:
        assert all(moment <= self.now for _, moment in asked)
        known: dict[str, Mapping[str, str]] = {ZONE_FEATURE: self.zones, ADDRESS_FEATURE: self.addresses}
        return [{name: known[name].get(person) for name in names} for person, _ in asked]


@dataclass
class Made:
    """A delivery as the judge sees it."""

    trigger: TriggerDefinition
    profile: str
    direction: Direction
    number: int
    at: int
    """The moment of the change."""
    status: str = ""
    until: int = 0
    ready_at: int | None = None
    settled_at: int | None = None

    @property
    def channel(self) -> Channel:
        return self.trigger.actions[self.number - 1].channel

    @property
    def was_sent(self) -> bool:
        return self.status in ("ready", "delivered", "dead")


class Judge:
    """Follows the machine step by step, and says what each step has to lead to."""

    def __init__(
        self, triggers: Sequence[TriggerDefinition], acting: Acting, people: ToldPeople, zone: str
    ) -> None:
        self.triggers, self.acting, self.people, self.zone = triggers, acting, people, zone
        self.on_since = {each.name: people.now for each in triggers}
        self.fired: list[tuple[TriggerDefinition, str, int, Direction, str]] = []
        """(trigger, profile, moment, direction, outcome) of everything so far."""
        self.made: list[Made] = []

    def step(self, news: News) -> None:
        """What the step has to lead to is in `fired` and `made` afterwards."""
        for each in sorted(self.made, key=lambda each: each.until):
            if each.status == "held" and each.until <= self.people.now:
                each.status = self._refusal(each) or self._place(each)
        for change in news.changes:
            for trigger in self.triggers:
                if change.segment == trigger_segment(trigger.name) and self._is_occasion(trigger, change, news):
                    self._fire(trigger, change)

    def settle(self, made: Made, status: str) -> None:
        """Somebody has tried to deliver it."""
        made.status, made.settled_at = status, self.people.now

    # Occasions

    def _is_occasion(self, trigger: TriggerDefinition, change: MembershipChanged, news: News) -> bool:
        wanted = {Leaves: (LEFT,), Changes: (ENTERED, LEFT)}.get(type(trigger.on), (ENTERED,))
        if change.direction not in wanted or change.effective_at < self.on_since[trigger.name]:
            return False
        if any(fired[:4] == (trigger, *self._key(change)) for fired in self.fired):
            return False
        if not isinstance(trigger.on, Changes) and self._is_only_a_new_name(change, news):
            return False
        if trigger.condition is None:
            return True
        is_late = change.effective_at <= news.before
        who = self.people.person(change.profile) if is_late else change.profile
        return self.people.held(who, condition_segment(trigger.name), change.effective_at)

    @staticmethod
    def _key(change: MembershipChanged) -> tuple[str, int, Direction]:
        return change.profile, change.effective_at, change.direction

    def _is_only_a_new_name(self, change: MembershipChanged, news: News) -> bool:
        at, segment = change.effective_at, change.segment
        for merge in news.merges:
            if merge.effective_at != at:
                continue
            if change.direction is LEFT and change.profile == merge.old:
                return self.people.held(merge.new, segment, at)
            if change.direction is ENTERED and change.profile == merge.new:
                left = MembershipChanged(at, merge.old, segment, LEFT)
                if left in news.changes:
                    return True
        return False

    # Firing

    def _fire(self, trigger: TriggerDefinition, change: MembershipChanged) -> None:
        outcome = self._outcome(trigger, change)
        self.fired.append((trigger, *self._key(change), outcome))
        if outcome == "fired":
            for number in range(1, len(trigger.actions) + 1):
                made = Made(trigger, change.profile, change.direction, number, change.effective_at)
                made.status = self._place(made)
                self.made.append(made)

    def _outcome(self, trigger: TriggerDefinition, change: MembershipChanged) -> str:
        at, person = change.effective_at, self.people.person(change.profile)
        if self.people.now - at > trigger.valid_for:
            return "too_late"
        if not self.people.is_member(person, consent_segment(trigger.purpose)):
            return "no_consent"
        if not self._still(trigger, change.profile, change.direction):
            return "no_longer"
        before = [
            other_at
            for other, profile, other_at, _, outcome in self.fired
            if other is trigger
            and self.people.person(profile) == person
            and outcome in ("fired", "dry_run", "held_out")
        ]
        if trigger.cooldown and before and at - max(before) < trigger.cooldown:
            return "cooling_down"
        if not trigger.is_transactional and is_held_out(person, self.acting.hold_out):
            return "held_out"
        return "dry_run" if trigger.is_dry_run else "fired"

    def _still(self, trigger: TriggerDefinition, profile: str, direction: Direction) -> bool:
        if isinstance(trigger.on, Happens | SessionEnds):
            return True
        who = profile if isinstance(trigger.on, Changes) else self.people.person(profile)
        return self.people.is_member(who, trigger_segment(trigger.name)) == (direction is ENTERED)

    # Delivering

    def _refusal(self, made: Made) -> str:
        trigger, person = made.trigger, self.people.person(made.profile)
        if not self.people.is_member(person, consent_segment(trigger.purpose)):
            return "no_consent"
        if not self._still(trigger, made.profile, made.direction):
            return "no_longer"
        if made.channel is Channel.PAGE and made.at + trigger.valid_for <= self.people.now:
            return "expired"
        return ""

    def _place(self, made: Made) -> str:
        person, now = self.people.person(made.profile), self.people.now
        if made.channel is Channel.EMAIL and self.people.addresses.get(person) is None:
            return "unreachable"
        if not made.trigger.is_transactional:
            zone = ZoneInfo(self.people.zones.get(person) or self.zone)
            made.until = now
            while self._is_quiet(made.channel, made.until, zone) and made.until < now + 2 * DAY:
                made.until += MINUTE - made.until % MINUTE
            if made.until > now:
                return "held"
            cap = self.acting.caps.get(made.channel)
            if cap is not None and self.sent_today(person, made.channel, zone) >= cap:
                return "capped"
        made.ready_at = now
        return "ready"

    def _is_quiet(self, channel: Channel, at: int, zone: ZoneInfo) -> bool:
        clock = to_datetime(at, zone)
        shown = 60 * clock.hour + clock.minute
        return any(
            each.begins <= shown < each.ends if each.begins <= each.ends else not each.ends <= shown < each.begins
            for each in self.acting.quiet_hours
            if channel in each.channels
        )

    def sent_today(self, person: str, channel: Channel, zone: ZoneInfo) -> int:
        """What was or is under way on any moment of the day that the person's calendar shows."""
        today = to_datetime(self.people.now, zone).date()
        return sum(
            made.was_sent
            and not made.trigger.is_transactional
            and made.channel is channel
            and self.people.person(made.profile) == person
            and (made.settled_at is None or to_datetime(made.settled_at, zone).date() >= today)
            for made in self.made
        )
