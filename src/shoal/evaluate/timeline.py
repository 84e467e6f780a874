"""Timelines: every change of membership in a stretch of time, at its exact moment, by the kernel.

Every profile is looked at when one of its events happens, and after that whenever the kernel says that something
can change by itself. All looks of all profiles are independent, so they are evaluated many at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shoal.evaluate.build import build_history
from shoal.evaluate.frozen import Frozen
from shoal.evaluate.kernel import evaluate
from shoal.evaluate.lives import Lives, lives_between
from shoal.evaluate.plan import Plan, compile_plan
from shoal.history.history import History
from shoal.identity import Resolution
from shoal.model.change import Direction

Indices = NDArray[np.int64]
Moments = NDArray[np.int64]

LOOKS_AT_ONCE = 1_000_000
"""How many looks are evaluated in one call: bounds memory, not the answer."""

SCHEMA = {"effective_at": pl.Int64, "profile": pl.String, "segment": pl.String, "direction": pl.String}


def timeline(
    plan: Plan,
    frame: pl.DataFrame,
    resolution: Resolution,
    *,
    since: int,
    until: int,
    frozen: Frozen | None = None,
    segments: Sequence[str] | None = None,
) -> pl.DataFrame:
    """Every change of membership after `since` and up to `until`, by moment, profile and segment.

    `frame` holds the events that `resolution` was made of, in the same order. A profile that is merged into
    another leaves its segments at that moment. `effective_at` is in milliseconds.
    """
    names = sorted(each.name for each in plan.resolved.segments) if segments is None else sorted(segments)
    if not names or not len(frame):
        return pl.DataFrame(schema=SCHEMA)
    plan = compile_plan(plan.resolved, [("segment", name) for name in names])
    lives = lives_between(resolution, frame["occurred_at"].to_numpy(), since, until)
    history = build_history(plan, frame[lives.rows], lives.life_of_row, len(lives))
    walk = _Walk(plan, history, lives, names, frozen or Frozen())
    return _changes(walk.looks(), lives, names, resolution)


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """Memberships (one column for each segment) of lives at moments, in any order."""

    life: Indices
    moment: Moments
    members: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class _Walk:
    plan: Plan
    history: History
    lives: Lives
    names: Sequence[str]
    frozen: Frozen

    def looks(self) -> Looks:
        """The looks at which anything can have changed: between two of them nothing does."""
        life, moment = self._first_looks()
        limit = np.where(life == np.roll(life, -1), np.roll(moment, -1), self.lives.stop[life])
        if len(life):
            limit[-1] = self.lives.stop[life[-1]]
        found: list[tuple[Indices, Moments, NDArray[np.bool_]]] = []
        for start in range(0, len(life), LOOKS_AT_ONCE):
            part = slice(start, start + LOOKS_AT_ONCE)
            found += self._follow(life[part], moment[part], limit[part])
        lives, moments, members = (np.concatenate(each) for each in zip(*found, strict=True))
        return Looks(lives, moments, members)

    def _first_looks(self) -> tuple[Indices, Moments]:
        """The beginning of each life, and each moment in it at which it has an event."""
        count = len(self.lives)
        sizes = self.history.end - self.history.begin
        life = np.concatenate([np.arange(count), np.repeat(np.arange(count), sizes)])
        moment = np.concatenate([self.lives.start, self.history.times])
        inside = (moment >= self.lives.start[life]) & (moment < self.lives.stop[life])
        order = np.lexsort((moment[inside], life[inside]))
        life, moment = life[inside][order], moment[inside][order]
        is_new = np.ones(len(life), np.bool_)
        is_new[1:] = (life[1:] != life[:-1]) | (moment[1:] != moment[:-1])
        return life[is_new], moment[is_new]

    def _follow(
        self, life: Indices, moment: Moments, limit: Moments
    ) -> list[tuple[Indices, Moments, NDArray[np.bool_]]]:
        """Looks at these moments, and on from each as long as something can change before its limit."""
        found = []
        while len(life):
            evaluation = evaluate(self.plan, self.history, moment, frozen=self.frozen, profiles=life)
            members = np.stack([evaluation.values["segment", name].holds for name in self.names], axis=1)
            found.append((life, moment, members))
            goes_on = evaluation.next_moment < limit
            life, moment, limit = life[goes_on], evaluation.next_moment[goes_on], limit[goes_on]
        return found


def _changes(looks: Looks, lives: Lives, names: Sequence[str], resolution: Resolution) -> pl.DataFrame:
    """Where the memberships of a profile differ from those at the look before, also when a new life began.

    Every profile is first looked at when the stretch begins: what is so then is no change. Who is merged into
    another is last looked at then, and is in nothing any more.
    """
    profile = np.concatenate([lives.profile[looks.life], lives.ended])
    moment = np.concatenate([looks.moment, lives.ended_at])
    members = np.concatenate([looks.members, np.zeros((len(lives.ended), len(names)), np.bool_)])
    order = np.lexsort((moment, profile))
    profile, moment, members = profile[order], moment[order], members[order]
    differs = members[1:] != members[:-1]
    differs[profile[1:] != profile[:-1]] = False
    rows, columns = np.nonzero(differs)
    rows += 1
    return pl.DataFrame(
        {
            "effective_at": moment[rows],
            "profile": resolution.node_ids.gather(profile[rows]),
            "segment": pl.Series(names, dtype=pl.String).gather(columns),
            "direction": _directions(members[rows, columns]),
        },
        schema=SCHEMA,
    ).sort("effective_at", "profile", "segment")


def _directions(entered: NDArray[np.bool_]) -> pl.Series:
    return pl.Series(np.where(entered, Direction.ENTERED.value, Direction.LEFT.value))
