"""Versions: what a newer Shoal has written is refused before anything is changed."""

from __future__ import annotations

from pathlib import Path

from shoal.journal.manifest import load_manifest
from shoal.journal.sqlite_segment import last_position_in, segment_paths
from shoal.runtime.live_state import LiveState
from shoal.runtime.places import ARCHIVE_FOLDER, JOURNAL_FOLDER, LIVE_STATE


def refuse_newer(folder: Path) -> None:
    """Raises StoreError when the archive, the live state or the journal of a workspace is of a newer version."""
    load_manifest(folder / ARCHIVE_FOLDER)
    if (folder / LIVE_STATE).exists():
        LiveState(folder / LIVE_STATE).close()
    for path in segment_paths(folder / JOURNAL_FOLDER):
        last_position_in(path, 0)
