"""People as triggers see them, read from the engine after a step."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np

from shoal.evaluate.column import Column
from shoal.evaluate.columns import history_of_arena
from shoal.evaluate.kernel import evaluate
from shoal.evaluate.plan import Plan
from shoal.identity.graph import NOBODY
from shoal.model.firing import Fact
from shoal.runtime.facts import facts_of
from shoal.runtime.live import LiveEngine


class LivePeople:
    """What one engine knows at its `now`. It is as true as the engine: use it between two of its steps."""

    def __init__(self, engine: LiveEngine) -> None:
        self._engine = engine
        self._plans: dict[frozenset[tuple[str, str]], Plan] = {}

    def person(self, profile: str) -> str:
        node = self._engine.node_of(profile)
        return profile if node == NOBODY else self._engine.identity.profile_id(node)

    def is_member(self, profile: str, segment: str) -> bool:
        node = self._engine.node_of(profile)
        return node != NOBODY and self._engine.is_member(node, segment)

    def members(self, segment: str) -> Iterable[str]:
        return self._engine.members(segment)

    def features(self, asked: Sequence[tuple[str, int]], names: Collection[str]) -> list[dict[str, Fact]]:
        known = [each for each in asked if self._engine.node_of(each[0]) != NOBODY]
        columns = self._evaluated(known, frozenset(("feature", name) for name in names))
        told = {name: facts_of(columns["feature", name], self._engine.dictionary) for name in names}
        found = {each: {name: facts[row] for name, facts in told.items()} for row, each in enumerate(known)}
        return [found.get(each, {}) for each in asked]

    def held(self, profile: str, segment: str, moment: int) -> bool:
        if self._engine.node_of(profile) == NOBODY:
            return False
        key = "segment", segment
        return bool(self._evaluated([(profile, moment)], frozenset([key]))[key].holds[0])

    def _evaluated(
        self, asked: Sequence[tuple[str, int]], keys: frozenset[tuple[str, str]]
    ) -> Mapping[tuple[str, str], Column]:
        """Some definitions, each profile at its own moment."""
        engine = self._engine
        plan = self._plans.get(keys)
        if plan is None:
            plan = self._plans[keys] = engine.plan.narrowed(keys)
        profiles = np.array([engine.node_of(profile) for profile, _ in asked], np.int64)
        moments = np.array([moment for _, moment in asked], np.int64)
        history = history_of_arena(engine.plan, engine.arena, engine.dictionary)
        return evaluate(plan, history, moments, frozen=engine.frozen, profiles=profiles).values
