"""The kernel: the value of every definition for many profiles at once, and when any of them can change next.

One function serves live, batch, backtest and every partition of a cluster; `now` is a parameter. It must agree
with `reference.py`, which is the judge.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import cpu_count

import numpy as np
from numpy.typing import NDArray

from shoal.definitions import nodes
from shoal.definitions.resolve import Key
from shoal.evaluate.column import Column, Indices, Numbers
from shoal.evaluate.frozen import Frozen
from shoal.evaluate.plan import Plan
from shoal.evaluate.profiles import ProfileScope
from shoal.evaluate.scope import part_column
from shoal.history.history import History
from shoal.model.time import NEVER

Moments = NDArray[np.int64]

CHUNK = 32_768
"""Profiles evaluated at a time: their values stay in the cache of a processor, and several run side by side."""


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Values by kind and name, one row for each profile asked about, and the parts of each score.

    `next_moment` is, for each profile, a moment up to which (excluded) every condition, and every value that does
    not move with time, stays as it is unless an event comes in; NEVER when nothing can change.
    """

    values: dict[Key, Column]
    parts: dict[str, dict[str, Numbers]]
    next_moment: Moments


def evaluate(
    plan: Plan,
    history: History,
    now: int | Moments,
    *,
    frozen: Frozen | None = None,
    profiles: Indices | None = None,
    threads: int | None = None,
) -> Evaluation:
    """The value of every definition of a plan, for all profiles or for some, at one `now` or at one for each."""
    asked = np.arange(history.profile_count) if profiles is None else profiles
    moments = np.full(len(asked), now, np.int64) if isinstance(now, int) else now
    chunks = [slice(start, start + CHUNK) for start in range(0, max(len(asked), 1), CHUNK)]

    def one(chunk: slice) -> Evaluation:
        return _evaluate_chunk(plan, history, asked[chunk], moments[chunk], frozen or Frozen())

    if len(chunks) == 1:
        return one(chunks[0])
    with ThreadPoolExecutor(threads or cpu_count() or 1) as pool:
        return _joined(list(pool.map(one, chunks)))


def _evaluate_chunk(plan: Plan, history: History, profiles: Indices, now: Moments, frozen: Frozen) -> Evaluation:
    scope = ProfileScope(plan, history, profiles, now, frozen)
    values = {key: scope.value(root) for key, root in plan.roots.items()}
    parts = {
        name: {part.name: part_column(scope, part)[0] for part in root.parts}
        for (kind, name), root in plan.roots.items()
        if kind == "score" and isinstance(root, nodes.ScoreTotal)
    }
    return Evaluation(values, parts, np.minimum(scope.moments, NEVER))


def _joined(pieces: Sequence[Evaluation]) -> Evaluation:
    first = pieces[0]
    return Evaluation(
        values={key: _joined_column([piece.values[key] for piece in pieces]) for key in first.values},
        parts={
            score: {part: np.concatenate([piece.parts[score][part] for piece in pieces]) for part in parts}
            for score, parts in first.parts.items()
        },
        next_moment=np.concatenate([piece.next_moment for piece in pieces]),
    )


def _joined_column(columns: Sequence[Column]) -> Column:
    """The rows of all columns. Which moment is which event's, and how values move, stays inside evaluation."""
    if columns[0].truths is not None:
        truths = [column.truths for column in columns if column.truths is not None]
        return Column(kind=columns[0].kind, truths=np.concatenate(truths))
    has_codes = any(column.codes is not None for column in columns)
    return Column(
        kind=columns[0].kind,
        numbers=np.concatenate([column.amounts for column in columns]),
        codes=np.concatenate([column.coded() for column in columns]) if has_codes else None,
    )
