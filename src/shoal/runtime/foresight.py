"""Foresight: when a membership changes although no event comes in."""

from __future__ import annotations

import numpy as np

from shoal.definitions.resolve import Resolved
from shoal.evaluate.build import build_history
from shoal.evaluate.frozen import Frozen
from shoal.evaluate.kernel import evaluate
from shoal.evaluate.plan import compile_plan
from shoal.model.time import DAY, NEVER
from shoal.runtime.people import Person

DAYS_AHEAD = 400
"""How far ahead is looked: in more than a year something will have happened."""


def next_change(resolved: Resolved, frozen: Frozen, person: Person, segment: str, now: int) -> int | None:
    """The moment after `now` at which the person's membership changes without a new event.

    NEVER when it does not; None when it does not within the days that are looked ahead. From the beginning of each
    of these days the moments at which anything can change are followed to its end, all days side by side.
    """
    key = ("segment", segment)
    plan = compile_plan(resolved, [key])
    history = build_history(plan, person.frame, np.zeros(len(person.frame), np.int32), 1)
    moments = now + np.arange(DAYS_AHEAD, dtype=np.int64) * DAY
    ends = moments + DAY
    is_member: bool | None = None
    earliest, settled = NEVER, NEVER
    while len(moments):
        looked = evaluate(plan, history, moments, frozen=frozen, profiles=np.zeros(len(moments), np.int64))
        holds = looked.values[key].holds
        is_member = bool(holds[0]) if is_member is None else is_member
        earliest = min([earliest, *moments[holds != is_member].tolist()])
        settled = min([settled, *moments[looked.next_moment == NEVER].tolist()])
        goes_on = (looked.next_moment < ends) & (looked.next_moment < earliest)
        moments, ends = looked.next_moment[goes_on], ends[goes_on]
    if earliest < NEVER:
        return earliest
    return NEVER if settled < NEVER else None
