"""Memory and restart of `shoal bench live`: a live workspace that begins with what is archived."""

from __future__ import annotations

from pathlib import Path

from shoal.bench.counters import HISTORY, counter_definitions
from shoal.bench.live_clock import MemoryJournal, no_events
from shoal.bench.measured import Measured
from shoal.bench.memory import held_bytes
from shoal.bench.shop import NOW, draw_events
from shoal.bench.sizes import Sizes
from shoal.bench.stopwatch import Stopwatch
from shoal.definitions.workspace import Workspace
from shoal.journal import Archive
from shoal.model.time import DAY
from shoal.runtime.live_workspace import LiveWorkspace
from shoal.runtime.places import ARCHIVE_FOLDER

LATER = NOW + DAY
"""All that is archived has happened by then."""

ROWS_AT_ONCE = 500_000
A_MILLION = 1_000_000
RESTART = "restart from the archive"


def measure_archiving(profiles: int, seed: int, folder: str) -> Measured:
    """Puts the events of so many profiles into the archive of a workspace."""
    events, watch = draw_events(Sizes(events=profiles * HISTORY, profiles=profiles, seed=seed)), Stopwatch()
    archive = Archive(Path(folder, ARCHIVE_FOLDER))
    with watch("archive"):
        for start in range(0, len(events), ROWS_AT_ONCE):
            archive.append(events[start : start + ROWS_AT_ONCE])
    return watch.measured(events=float(len(events)))


def measure_restart(folder: str) -> Measured:
    """Begins with what is archived; the memory that the process holds after it, less that of an empty workspace.

    What the allocator has not given back is counted: it is held, too.
    """
    definitions, watch = counter_definitions(), Stopwatch()
    empty = Workspace(folder=Path(folder, "empty"), definitions=definitions)
    LiveWorkspace(empty, MemoryJournal(), no_events, now=LATER).close()
    before = held_bytes()
    with watch(RESTART):
        live = LiveWorkspace(
            Workspace(folder=Path(folder), definitions=definitions), MemoryJournal(), no_events, now=NOW
        )
    after = held_bytes()
    count = live.engine.arena.event_count
    live.close()
    figures = {"events": float(count)}
    if before is not None and after is not None:
        figures["bytes"] = float(after - before)
    return watch.measured(**figures)
