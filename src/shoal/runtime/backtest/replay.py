"""Replaying: the trigger machine over a stretch of the past, at every moment at which anything is to be done.

It is the machine that runs live, with a memory that ends with the backtest and a clock that is moved by hand:
every change is seen at its own moment, and whatever may be sent arrives at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from shoal.definitions.acting import Acting
from shoal.definitions.implied import (
    ADDRESS_FEATURE,
    ZONE_FEATURE,
    condition_segment,
    consent_segment,
    trigger_segment,
)
from shoal.definitions.resolve import Key
from shoal.definitions.trigger import TriggerDefinition
from shoal.evaluate.past import Past
from shoal.model.firing import Status
from shoal.runtime.backtest.then import Then
from shoal.triggers.actions import features_of
from shoal.triggers.machine import Acted, TriggerMachine
from shoal.triggers.memory import MemoryInMemory
from shoal.triggers.occasions import News, directions_of

Heard = Callable[[float], None]
"""Hears which share of the work is done, 0 to 1."""

MOMENTS_BETWEEN_NEWS = 1_000


def keys_of(triggers: Sequence[TriggerDefinition]) -> list[Key]:
    """The definitions that triggers ask about when there is an occasion, besides the segments that they follow."""
    keys: list[Key] = [("feature", ZONE_FEATURE), ("feature", ADDRESS_FEATURE)]
    for trigger in triggers:
        keys.append(("segment", consent_segment(trigger.purpose)))
        if trigger.condition is not None:
            keys.append(("segment", condition_segment(trigger.name)))
        keys += [("feature", name) for name in features_of(trigger)]
    return list(dict.fromkeys(keys))


def followed_by(triggers: Sequence[TriggerDefinition]) -> list[str]:
    """The segments whose changes are the occasions of triggers."""
    return sorted(trigger_segment(each.name) for each in triggers)


class Replay:
    """Triggers in a stretch of the past, switched on when it begins."""

    def __init__(
        self, past: Past, triggers: Sequence[TriggerDefinition], acting: Acting, *, keys: Sequence[Key], zone: str
    ) -> None:
        """`keys` are those of the triggers, and maybe more that will be asked about their occasions."""
        self.past, self.triggers, self.keys = past, triggers, keys
        self.memory = MemoryInMemory()
        self.machine = TriggerMachine(triggers, acting, self.memory, zone=zone)

    def run(self, *, heard: Heard = lambda _: None) -> Then:
        """Moves through the stretch; the people at its end. What became of everything is then in `memory`."""
        followed = followed_by(self.triggers)
        changes = self.past.changes(followed, heard=lambda share: heard(share / 2))
        then = Then(self.past, followed, self.keys, changes)
        occasions = self._occasions(changes)
        then.foresee(occasions.select("profile", "effective_at").rows())
        moments = occasions["effective_at"].unique().sort().to_list()
        self._settle(self.machine.switch_on(then, then.now), then.now)
        for place, moment in enumerate([*moments, self.past.until]):
            while self.machine.next_moment < moment:
                self._step(then, self.machine.next_moment)
            self._step(then, moment)
            if place % MOMENTS_BETWEEN_NEWS == 0:
                heard((1 + place / (len(moments) + 1)) / 2)
        return then

    def _occasions(self, changes: pl.DataFrame) -> pl.DataFrame:
        """The changes at which a trigger looks."""
        wanted = [
            (pl.col("segment") == trigger_segment(each.name))
            & pl.col("direction").is_in([direction.value for direction in directions_of(each)])
            for each in self.triggers
        ]
        return changes.filter(pl.any_horizontal(wanted))

    def _step(self, then: Then, now: int) -> None:
        before = then.now
        changes, merges = then.move_to(now)
        self._settle(self.machine.step(News(changes=changes, merges=merges, before=before), then, now), now)

    def _settle(self, acted: Acted, now: int) -> None:
        """Whatever may be sent has arrived."""
        made = (*acted.deliveries, *acted.released)
        self.memory.settle([each.id for each in made if each.status is Status.READY], Status.DELIVERED, now)
