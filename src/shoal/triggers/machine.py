"""The trigger machine: occasions in, firings and deliveries out. Rules only: it has no clock, disk or network.

What it needs to know of people it asks `People`, and what was before, `Memory`. Whether it runs live or looks back
makes no difference to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from shoal.definitions.acting import Acting
from shoal.definitions.implied import ZONE_FEATURE, condition_segment, consent_segment, trigger_segment
from shoal.definitions.trigger import Changes, Happens, SessionEnds, TriggerDefinition
from shoal.evaluate.wording import worded_duration
from shoal.model.change import Direction
from shoal.model.firing import Delivery, Fact, Firing, Outcome, Status
from shoal.model.time import format_moment
from shoal.triggers.actions import delivery_for, facts_of_all, features_of
from shoal.triggers.bounds import Bounds
from shoal.triggers.hold_out import is_held_out
from shoal.triggers.memory import COOLS_DOWN, Held, Memory, SwitchedOn
from shoal.triggers.occasions import News, Occasion, directions_of, occasions_in
from shoal.triggers.people import People

RELEASED_AT_ONCE = 2_000
"""So many deliveries whose quiet hours are over are looked at in one step: more would keep others waiting."""

SHOWN = frozenset({Outcome.FIRED, Outcome.DRY_RUN})
"""Outcomes for which a person's values are looked up."""


@dataclass(slots=True)
class Acted:
    """What a step led to: new firings and deliveries, and what became of those that were held."""

    firings: list[Firing] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    released: list[Delivery] = field(default_factory=list)

    def __add__(self, other: Acted) -> Acted:
        """What two steps led to, one after the other."""
        return Acted(
            self.firings + other.firings, self.deliveries + other.deliveries, self.released + other.released
        )

    @property
    def ready(self) -> frozenset[str]:
        """The destinations for which something has become READY."""
        every = (*self.deliveries, *self.released)
        return frozenset(each.destination for each in every if each.status is Status.READY)


class TriggerMachine:
    """The triggers of a workspace, with what they remember."""

    def __init__(
        self, triggers: Iterable[TriggerDefinition], acting: Acting, memory: Memory, *, zone: str
    ) -> None:
        """`zone` is the workspace's: for people who are in no zone that is known."""
        self.triggers = {each.name: each for each in triggers}
        self.acting, self.memory = acting, memory
        self.bounds = Bounds(acting, memory, zone)
        self._since = {name: each.since for name, each in memory.switched_on().items()}

    @property
    def next_moment(self) -> int:
        """When something is to be done with no occasion: the first end of somebody's quiet hours."""
        return self.memory.next_release()

    def switch_on(self, people: People, now: int, *, after_a_gap: bool = False) -> Acted:
        """To be called before the first step, and whenever what engine or triggers stand on has changed.

        Triggers that are new are on from now on; those that are no more are off, with all that waits of them. Who
        is present is no occasion, but for triggers that say `include_present`: for them it is one when they are
        new, and `after_a_gap`, when people may have come in or gone with nobody watching.
        """
        for person in list(self.memory.persons()) if after_a_gap else ():
            self.memory.merge(person, people.person(person))
        new = self._switch(now)
        occasions = [
            occasion
            for trigger in self.triggers.values()
            if trigger.include_present and (after_a_gap or trigger.name in new)
            for occasion in self._present(trigger, people, now)
        ]
        return self._act(occasions, people, now)

    def step(self, news: News, people: People, now: int) -> Acted:
        """What follows from a step of the engine, and from the time that has passed.

        Repeating it with the same memory does nothing the second time.
        """
        for merge in news.merges:
            self.memory.merge(merge.old, people.person(merge.new))
        released = self._release(people, now)
        acted = self._act(list(occasions_in(news, self.triggers.values(), people)), people, now)
        acted.released = released
        return acted

    # Switching on

    def _switch(self, now: int) -> set[str]:
        """Which triggers are new, or mean another occasion than before."""
        before = self.memory.switched_on()
        for name in before.keys() - self.triggers.keys():
            self.memory.switch_off(name, now, "the trigger is no more")
        meant = {name: repr(trigger.on) for name, trigger in self.triggers.items()}
        new = {name for name, meaning in meant.items() if name not in before or before[name].meaning != meaning}
        for name in new:
            self.memory.switch_on(name, SwitchedOn(meant[name], now))
        self._since = {name: each.since for name, each in self.memory.switched_on().items()}
        return new

    def _present(self, trigger: TriggerDefinition, people: People, now: int) -> list[Occasion]:
        """Who is in, and was not dealt with; for audiences also who is out, and was dealt with as being in."""
        last = self.memory.last_directions(trigger.name)
        members = set(people.members(trigger_segment(trigger.name)))
        profiles: list[tuple[str, Direction]] = []
        if Direction.ENTERED in directions_of(trigger) and not isinstance(trigger.on, Happens):
            profiles += [(who, Direction.ENTERED) for who in members if last.get(who) is not Direction.ENTERED]
        if isinstance(trigger.on, Changes):
            told = (who for who, direction in last.items() if direction is Direction.ENTERED)
            profiles += [(who, Direction.LEFT) for who in told if who not in members]
        return [
            Occasion(trigger, who, who, now, direction)
            for who, direction in sorted(profiles)
            if trigger.condition is None or people.is_member(who, condition_segment(trigger.name))
        ]

    # Firing

    def _act(self, occasions: Iterable[Occasion], people: People, now: int) -> Acted:
        """Decides for one occasion after the other, then looks up values for all that fire at once."""
        decided: dict[str, tuple[Occasion, Outcome, str]] = {}
        fired: dict[tuple[str, str], int] = {}
        for occasion in occasions:
            id_ = occasion.id
            if id_ in decided or not self._is_new(occasion, id_):
                continue
            key = occasion.trigger.name, occasion.person
            last = fired.get(key, self.memory.last_fired(*key))
            outcome, reason = self._verdict(occasion, last, people, now)
            if outcome in COOLS_DOWN:
                fired[key] = max(occasion.effective_at, last or occasion.effective_at)
            decided[id_] = occasion, outcome, reason
        return self._noted(list(decided.values()), people, now)

    def _is_new(self, occasion: Occasion, id_: str) -> bool:
        """Whether it is of the time since its trigger is on, and was not seen before."""
        return occasion.effective_at >= self._since[occasion.trigger.name] and not self.memory.knows(id_)

    def _verdict(
        self, occasion: Occasion, last_fired: int | None, people: People, now: int
    ) -> tuple[Outcome, str]:
        """What becomes of an occasion, and why, in the order in which people are told."""
        trigger, person, at = occasion.trigger, occasion.person, occasion.effective_at
        if now - at > trigger.valid_for:
            return Outcome.TOO_LATE, f"known only {worded_duration(now - at)} after the change"
        if not people.is_member(person, consent_segment(trigger.purpose)):
            return Outcome.NO_CONSENT, f"no consent to {trigger.purpose.value}"
        if not _still_holds(trigger, occasion.direction, _of_whom(trigger, occasion.profile, person), people):
            return Outcome.NO_LONGER, f"no longer so at {format_moment(now)}"
        if trigger.cooldown and last_fired is not None and at < last_fired + trigger.cooldown:
            return Outcome.COOLING_DOWN, f"fired at {format_moment(last_fired)} for the same person"
        if not trigger.is_transactional and is_held_out(person, self.acting.hold_out):
            return Outcome.HELD_OUT, "in the hold-out"
        if trigger.is_dry_run:
            return Outcome.DRY_RUN, "a dry run: nothing is sent"
        return Outcome.FIRED, ""

    def _noted(self, decided: Sequence[tuple[Occasion, Outcome, str]], people: People, now: int) -> Acted:
        acted = Acted()
        shown = [occasion for occasion, outcome, _ in decided if outcome in SHOWN]
        names = {name for occasion in shown for name in features_of(occasion.trigger)}
        asked = [(occasion.person, occasion.effective_at) for occasion in shown]
        looked_up = iter(people.features(asked, names) if asked else ())
        for occasion, outcome, reason in decided:
            facts = next(looked_up) if outcome in SHOWN else {}
            firing = _firing(occasion, outcome, reason, facts, now)
            self.memory.add_firing(firing, occasion.person)
            acted.firings.append(firing)
            if outcome is Outcome.FIRED:
                acted.deliveries += self._delivered(occasion, firing, facts, now)
        return acted

    def _delivered(
        self, occasion: Occasion, firing: Firing, facts: Mapping[str, Fact], now: int
    ) -> Iterator[Delivery]:
        """Each action of a firing, placed and remembered: the next one counts those before."""
        is_exempt = occasion.trigger.is_transactional
        for number in range(1, len(occasion.trigger.actions) + 1):
            made = delivery_for(occasion, firing, number, facts)
            delivery = self.bounds.placed(made, facts, now, is_transactional=is_exempt)
            self.memory.add_delivery(delivery, is_capped=not is_exempt)
            yield delivery

    # Releasing

    def _release(self, people: People, now: int) -> list[Delivery]:
        """Looks again at deliveries whose quiet hours are over."""
        due = self.memory.held(now, RELEASED_AT_ONCE)
        looked_up = people.features([(each.delivery.person, now) for each in due], {ZONE_FEATURE}) if due else ()
        released = []
        for each, facts in zip(due, looked_up, strict=True):
            is_exempt = self.triggers[each.delivery.trigger].is_transactional
            delivery = self._refused(each, people, now) or self.bounds.placed(
                each.delivery, facts, now, is_transactional=is_exempt
            )
            self.memory.release(delivery, now)
            released.append(delivery)
        return released

    def _refused(self, held: Held, people: People, now: int) -> Delivery | None:
        """A held delivery that is not to be made any more, with the reason."""
        delivery, trigger = held.delivery, self.triggers[held.delivery.trigger]
        whose = _of_whom(trigger, str(delivery.content.get("profile")), delivery.person)
        if not people.is_member(delivery.person, consent_segment(delivery.purpose)):
            reason = f"no consent to {delivery.purpose.value}"
            return replace(delivery, status=Status.NO_CONSENT, reason=reason)
        if trigger.is_dry_run:
            return replace(delivery, status=Status.NO_LONGER, reason="the trigger was switched to dry runs")
        if not _still_holds(trigger, held.direction, whose, people):
            reason = f"no longer so at {format_moment(now)}"
            return replace(delivery, status=Status.NO_LONGER, reason=reason)
        if delivery.expires_at <= now:
            return replace(delivery, status=Status.EXPIRED, reason="quiet hours ended too late")
        return None


def _firing(occasion: Occasion, outcome: Outcome, reason: str, facts: Mapping[str, Fact], now: int) -> Firing:
    return Firing(
        trigger=occasion.trigger.name,
        profile=occasion.profile,
        effective_at=occasion.effective_at,
        direction=occasion.direction,
        seen_at=now,
        outcome=outcome,
        reason=reason,
        facts=facts_of_all(occasion.trigger, facts),
    )


def _of_whom(trigger: TriggerDefinition, profile: str, person: str) -> str:
    """Whose membership counts: the person's, but for audiences, which are held by the names of profiles."""
    return profile if isinstance(trigger.on, Changes) else person


def _still_holds(trigger: TriggerDefinition, direction: Direction, who: str, people: People) -> bool:
    """Whether somebody is still where the occasion has put them. What happened has happened."""
    if isinstance(trigger.on, Happens | SessionEnds):
        return True
    return people.is_member(who, trigger_segment(trigger.name)) is (direction is Direction.ENTERED)
