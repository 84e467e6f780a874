"""Freezing: which reference distributions and purchase models a workspace reads, and when they are made anew."""

from __future__ import annotations

from pathlib import Path

from shoal.evaluate.frozen import Frozen, meanings_of
from shoal.evaluate.frozen_store import FrozenStore
from shoal.evaluate.plan import Plan
from shoal.evaluate.refresh import refresh_from_history
from shoal.history.history import History
from shoal.runtime.places import FROZEN_FOLDER


def kept_values(folder: Path, plan: Plan) -> Frozen:
    """What the definitions of a plan may read of the last refresh, and a reason for everything else."""
    return FrozenStore(folder / FROZEN_FOLDER).load().for_roots(plan.roots)


def fresh_values(folder: Path, plan: Plan, history: History, as_of: int, *, refresh: bool = False) -> Frozen:
    """What was kept; made anew from everyone at `as_of` and kept, when that is asked for or something is absent.

    Absent is also what has come to mean something else.
    """
    kept = kept_values(folder, plan)
    asked = meanings_of(plan.roots)
    if not refresh and asked.keys() <= kept.meanings.keys():
        return kept
    store = FrozenStore(folder / FROZEN_FOLDER)
    return store.save(refresh_from_history(plan, history, as_of))
