"""People, as triggers see them: who somebody is, what holds of them, and what their values are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from shoal.model.firing import Fact


class People(Protocol):
    """Whoever keeps segments true, at one moment: the engine, when a step is done."""

    def person(self, profile: str) -> str:
        """The name of the profile that a profile of this name is by now, after merges."""
        ...

    def is_member(self, profile: str, segment: str) -> bool:
        """Whether this profile is in a segment now. One that has become part of another is in none."""
        ...

    def members(self, segment: str) -> Iterable[str]:
        """The profiles in a segment now."""
        ...

    def features(self, asked: Sequence[tuple[str, int]], names: Collection[str]) -> Sequence[Mapping[str, Fact]]:
        """The values of features, for each of some profiles at a moment that is not later than now."""
        ...

    def held(self, profile: str, segment: str, moment: int) -> bool:
        """Whether what is known now puts a profile in a segment at a moment that is not later than now."""
        ...
