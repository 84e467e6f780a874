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

FURTHEST = 400 * DAY
"""How far ahead is looked: beyond a year something will have happened."""

MOST_STEPS = 20_000


def next_change(resolved: Resolved, frozen: Frozen, person: Person, segment: str, now: int) -> int | None:
    """The moment after `now` at which the person's membership changes without a new event.

    NEVER when it does not; None when it does not within the time that is looked ahead.
    """
    key = ("segment", segment)
    plan = compile_plan(resolved, [key])
    history = build_history(plan, person.frame, np.zeros(len(person.frame), np.int32), 1)
    first = evaluate(plan, history, now, frozen=frozen)
    is_member, at = bool(first.values[key].holds[0]), int(first.next_moment[0])
    for _ in range(MOST_STEPS):
        if at == NEVER:
            return NEVER
        if at > now + FURTHEST:
            return None
        later = evaluate(plan, history, at, frozen=frozen)
        if bool(later.values[key].holds[0]) is not is_member:
            return at
        at = int(later.next_moment[0])
    return None
