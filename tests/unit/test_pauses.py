"""What a server does so that answers wait for nothing: short turns, objects set aside, all loaded before."""

from __future__ import annotations

import gc
import sys
import weakref
from pathlib import Path

from shoal.definitions.workspace import load_workspace
from shoal.runtime.live_workspace import Meaning
from shoal.runtime.pauses import SWITCH_INTERVAL_S, THRESHOLDS, set_aside, short_pauses
from shoal.runtime.warming import warm_up
from shoal.templates.init import init_workspace


class Ring:
    """Garbage that only the collector finds."""

    def __init__(self) -> None:
        self.ring = self


def test_turns_are_short_as_long_as_a_server_runs() -> None:
    """And as they were before, afterwards."""
    before = sys.getswitchinterval(), gc.get_threshold()
    with short_pauses():
        assert abs(sys.getswitchinterval() - SWITCH_INTERVAL_S) < 1e-9
        assert gc.get_threshold() == THRESHOLDS
    assert (sys.getswitchinterval(), gc.get_threshold()) == before


def test_what_is_set_aside_is_not_looked_at() -> None:
    """Garbage that was there before is thrown away first; what becomes garbage is found when it is done again."""
    with short_pauses():
        old, later = Ring(), Ring()
        seen_old, seen_later = weakref.ref(old), weakref.ref(later)
        del old
        set_aside()
        assert seen_old() is None
        assert gc.get_freeze_count() > 1000
        del later
        gc.collect()
        assert seen_later() is not None
        set_aside()
        assert seen_later() is None
    assert gc.get_freeze_count() == 0


def test_warming_up_leaves_no_trace(tmp_path: Path) -> None:
    """Of any template: no file, and nobody known to the engine that the workspace then gets."""
    for name in ("ecommerce", "saas", "travel", "dtc"):
        folder = tmp_path / name
        init_workspace(folder, name)
        before = sorted(folder.rglob("*"))
        meaning = Meaning.of(load_workspace(folder))
        warm_up(meaning)
        assert sorted(folder.rglob("*")) == before
        assert len(meaning.engine(0).identity.node_ids) == 0
