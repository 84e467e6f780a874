"""Words over steps: sequences and funnels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from shoal.definitions import nodes
from shoal.evaluate.column import Column, number_column, truth_column
from shoal.evaluate.kernels.selection import (
    first_match,
)
from shoal.evaluate.kernels.sequences import NO_LIMIT, stayed_away, steps_reached
from shoal.evaluate.plan import Matcher
from shoal.evaluate.windows import Range

if TYPE_CHECKING:
    from shoal.evaluate.profiles import ProfileScope


def sequence(scope: ProfileScope, node: nodes.Sequence) -> Column:
    span = NO_LIMIT if node.span is None else node.span
    gap = NO_LIMIT if node.gap is None else node.gap
    closing = node.steps[-1] if node.steps[-1].is_absent else None
    steps = _step_table(scope, node.steps[:-1] if closing else node.steps)
    window = _range_of_steps(scope, node.steps[0], node.window)
    words, times = scope.history.words, scope.history.times
    if closing is None:
        reached = steps_reached(words, steps, window.start, window.stop, times, span, gap)
        return truth_column(reached == len(steps))
    word, bit = scope.plan.bit_of(Matcher(closing.names, closing.where))
    passed, moments = stayed_away(
        words, steps, word, bit, window.start, window.stop, scope.end, times, scope.now, span, gap
    )
    scope.note(moments)
    return truth_column(passed)


def funnel(scope: ProfileScope, node: nodes.Funnel) -> Column:
    span = NO_LIMIT if node.span is None else node.span
    window = _range_of_steps(scope, node.steps[0], node.window)
    steps, history = _step_table(scope, node.steps), scope.history
    return number_column(
        steps_reached(history.words, steps, window.start, window.stop, history.times, span, NO_LIMIT)
    )


def _range_of_steps(scope: ProfileScope, first: nodes.Step, window: nodes.Window) -> Range:
    """The range of a window, noting when the first event leaves that can begin a chain."""
    found = scope.range(window)
    words, mask = scope.bits(first.names, first.where)
    scope.note_leaving(first_match(words, mask, found.start, found.stop), found)
    return found


def _step_table(scope: ProfileScope, steps: tuple[nodes.Step, ...]) -> NDArray[np.int64]:
    """For each step that happens: its word and bit, and those of what must not happen before it (-1: nothing)."""
    table, absent = [], (-1, -1)
    for step in steps:
        place = scope.plan.bit_of(Matcher(step.names, step.where))
        if step.is_absent:
            absent = place
        else:
            table.append((*place, *absent))
            absent = (-1, -1)
    return np.array(table, np.int64).reshape(-1, 4)
