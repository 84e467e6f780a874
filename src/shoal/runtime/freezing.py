"""Freezing: which reference distributions and purchase models a workspace reads, and when they are made anew."""

from __future__ import annotations

from pathlib import Path

from shoal.evaluate.frozen import Frozen
from shoal.evaluate.plan import Plan
from shoal.history.history import History


def frozen_values(folder: Path, plan: Plan, history: History, as_of: int, *, refresh: bool = False) -> Frozen:
    """What ranks and forecasts read."""
    del folder, plan, history, as_of, refresh
    return Frozen()


def kept_values(folder: Path) -> Frozen:
    """What was frozen at the last refresh."""
    del folder
    return Frozen()
