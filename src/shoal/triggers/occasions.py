"""Occasions: changes of the segments that triggers imply, each seen as a chance for its trigger to fire."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from shoal.definitions.implied import condition_segment, trigger_segment
from shoal.definitions.trigger import Changes, Leaves, TriggerDefinition
from shoal.model.change import Direction, MembershipChanged, ProfilesMerged
from shoal.model.firing import firing_id
from shoal.triggers.people import People


@dataclass(frozen=True, slots=True)
class Occasion:
    """A trigger's segment was entered or left by a profile, who is `person` by now."""

    trigger: TriggerDefinition
    profile: str
    person: str
    effective_at: int
    direction: Direction

    @property
    def id(self) -> str:
        """That of its firing."""
        return firing_id(self.trigger.name, self.profile, self.effective_at, self.direction)


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What a step of the engine told: changes of implied segments, and merges, each in order.

    `before` is the moment up to which the step before it had come: what is told of earlier moments is late.
    """

    changes: Sequence[MembershipChanged]
    merges: Sequence[ProfilesMerged] = ()
    before: int


def occasions_in(news: News, triggers: Iterable[TriggerDefinition], people: People) -> Iterator[Occasion]:
    """The occasions on which a trigger's own condition held, in order.

    Where two profiles become one person, who was in a segment before is not seen to leave it, nor to enter it
    again. Only audiences, which other systems hold by the names of profiles, follow every such change.
    """
    past = _Past(news, people)
    trigger_of = {trigger_segment(each.name): each for each in triggers}
    for change in news.changes:
        trigger = trigger_of.get(change.segment)
        if trigger is None or change.direction not in directions_of(trigger):
            continue
        if not isinstance(trigger.on, Changes) and past.is_carried_over(change):
            continue
        if trigger.condition is None or past.held(change, condition_segment(trigger.name)):
            person = people.person(change.profile)
            yield Occasion(trigger, change.profile, person, change.effective_at, change.direction)


def directions_of(trigger: TriggerDefinition) -> tuple[Direction, ...]:
    """In which directions a change of a trigger's segment is an occasion."""
    match trigger.on:
        case Leaves():
            return (Direction.LEFT,)
        case Changes():
            return tuple(Direction)
        case _:
            return (Direction.ENTERED,)


class _Past:
    """What was so between the step before and now, read backwards from what is so now."""

    def __init__(self, news: News, people: People) -> None:
        self._news, self._people = news, people
        self._changes: defaultdict[tuple[str, str], list[MembershipChanged]] = defaultdict(list)
        for change in news.changes:
            self._changes[change.profile, change.segment].append(change)
        self._became = {(each.effective_at, each.old): each.new for each in news.merges}
        self._joined: defaultdict[tuple[int, str], list[str]] = defaultdict(list)
        for merge in news.merges:
            self._joined[merge.effective_at, merge.new].append(merge.old)

    def held(self, change: MembershipChanged, segment: str) -> bool:
        """Whether the profile of a change was in a segment at that moment."""
        if change.effective_at <= self._news.before:
            return self._people.held(self._people.person(change.profile), segment, change.effective_at)
        return self._was_member(change.profile, segment, change.effective_at)

    def is_carried_over(self, change: MembershipChanged) -> bool:
        """Whether a change is one of names only: the person was in the segment before, and still is."""
        at, segment = change.effective_at, change.segment
        if change.direction is Direction.LEFT:
            new = self._became.get((at, change.profile))
            return new is not None and self._was_member(new, segment, at)
        return any(
            other.effective_at == at and other.direction is Direction.LEFT
            for old in self._joined.get((at, change.profile), ())
            for other in self._changes.get((old, segment), ())
        )

    def _was_member(self, profile: str, segment: str, moment: int) -> bool:
        """Right at a moment after the step before: what came later is taken back."""
        later = [each for each in self._changes.get((profile, segment), ()) if each.effective_at > moment]
        if later:
            return min(later).direction is Direction.LEFT
        return self._people.is_member(profile, segment)
