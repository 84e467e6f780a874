"""Then: people as triggers saw them at a moment of the past, one moment after the other."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np
import polars as pl

from shoal.definitions.resolve import Key
from shoal.evaluate.past import Past
from shoal.model.change import Direction, MembershipChanged, ProfilesMerged
from shoal.model.firing import Fact
from shoal.runtime.facts import facts_of

ENTERED = Direction.ENTERED.value


class Then:
    """What was so at `now`, which moves forward. The moment itself counts: its events have happened.

    Segments that are `followed` are kept from change to change. Everything else in `keys` is looked up in the
    past, for many at a time where it is known beforehand who will be asked about.
    """

    def __init__(self, past: Past, followed: Sequence[str], keys: Collection[Key], changes: pl.DataFrame) -> None:
        self.now = past.since
        self._past, self._followed, self._keys = past, frozenset(followed), tuple(keys)
        self._changes = list(changes.iter_rows())
        self._changes_done = self._merges_done = 0
        self._became: dict[str, str] = {}
        self._members = self._members_at_first(followed)
        concerned = {*changes["profile"], *(profile for profile, _ in self._members)}
        self._merges = list(_concerning(concerned, past.merges()))
        self._row_of: dict[tuple[str, int], int] = {}
        self._facts: dict[Key, list[Fact]] = {key: [] for key in self._keys}

    def move_to(self, now: int) -> tuple[list[MembershipChanged], list[ProfilesMerged]]:
        """It is `now`. The changes of followed segments since the moment before, and merges of these people."""
        changes, merges = [], []
        while self._changes_done < len(self._changes) and self._changes[self._changes_done][0] <= now:
            at, profile, segment, direction = self._changes[self._changes_done]
            changes.append(MembershipChanged(at, profile, segment, Direction(direction)))
            update = self._members.add if direction == ENTERED else self._members.discard
            update((profile, segment))
            self._changes_done += 1
        while self._merges_done < len(self._merges) and self._merges[self._merges_done].effective_at <= now:
            merge = self._merges[self._merges_done]
            merges.append(merge)
            self._became[merge.old] = merge.new
            self._merges_done += 1
        self.now = now
        return changes, merges

    def person(self, profile: str) -> str:
        while (further := self._became.get(profile)) is not None:
            profile = further
        return profile

    def is_member(self, profile: str, segment: str) -> bool:
        if segment in self._followed:
            return (profile, segment) in self._members
        return profile not in self._became and self.held(profile, segment, self.now)

    def members(self, segment: str) -> Iterable[str]:
        return sorted(profile for profile, each in self._members if each == segment)

    def features(self, asked: Sequence[tuple[str, int]], names: Collection[str]) -> list[Mapping[str, Fact]]:
        self._look_up(asked)
        rows = [self._row_of[each] for each in asked]
        columns = {name: self._facts["feature", name] for name in names}
        return [{name: facts[row] for name, facts in columns.items()} for row in rows]

    def held(self, profile: str, segment: str, moment: int) -> bool:
        self._look_up([(profile, moment)])
        return self._facts["segment", segment][self._row_of[profile, moment]] is True

    def foresee(self, asked: Sequence[tuple[str, int]]) -> None:
        """Looks up at once what will be asked of profiles, each at its moment, or whoever they are by then."""
        self._look_up(self._as_persons(asked))

    def features_of_persons(
        self, asked: Sequence[tuple[str, int]], names: Collection[str]
    ) -> list[Mapping[str, Fact]]:
        """The same as `features`, of profiles or whoever they were by their moment."""
        return self.features(self._as_persons(asked), names)

    def _as_persons(self, asked: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
        nodes = np.array([self._node_of[profile] for profile, _ in asked], np.int32)
        persons = self._past.persons_at(nodes, np.array([at for _, at in asked], np.int64))
        names = self._past.resolution.node_ids.gather(persons).to_list()
        return [(name, at) for name, (_, at) in zip(names, asked, strict=True)]

    @cached_property
    def _node_of(self) -> dict[str, int]:
        return {name: node for node, name in enumerate(self._past.resolution.node_ids.to_list())}

    def _members_at_first(self, followed: Sequence[str]) -> set[tuple[str, str]]:
        lives = self._past.lives
        profiles = lives.profile[lives.start == self._past.since]
        moments = np.full(len(profiles), self._past.since, np.int64)
        values = self._past.values_at([("segment", name) for name in followed], profiles, moments).values
        names = self._past.resolution.node_ids
        return {
            (who, segment)
            for segment in followed
            for who in names.gather(profiles[values["segment", segment].holds])
        }

    def _look_up(self, asked: Sequence[tuple[str, int]]) -> None:
        """Whatever is not known yet of these, at once."""
        new = [each for each in dict.fromkeys(asked) if each not in self._row_of]
        if not new:
            return
        first = len(self._row_of)
        self._row_of.update({each: first + place for place, each in enumerate(new)})
        nodes = np.array([self._node_of[profile] for profile, _ in new], np.int32)
        moments = np.array([at for _, at in new], np.int64)
        values = self._past.values_at(self._keys, nodes, moments).values
        for key in self._keys:
            self._facts[key] += facts_of(values[key], self._past.history.dictionary)


def _concerning(profiles: set[str], merges: Iterable[ProfilesMerged]) -> Iterator[ProfilesMerged]:
    """The merges of some profiles, and of those that these become."""
    for merge in merges:
        if merge.old in profiles:
            profiles.add(merge.new)
            yield merge
