"""Watching the files that define a workspace: whether somebody has changed them, and is done with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from shoal.definitions.settings_file import SETTINGS_FILE
from shoal.definitions.workspace import ALL_FOLDERS, Workspace
from shoal.runtime.places import FROZEN_FOLDER

Seen = frozenset[tuple[str, int, int, int]]
"""Of each file its path, its number on the disk, when it was written last, and its length."""


class Watch:
    """The files of one workspace, looked at again and again.

    Editors and version control write several files, and some of them twice. So a change counts once nothing has
    changed any more from one look to the next.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._taken = self._last = self._look()

    def is_changed(self) -> bool:
        """Whether the files are others than those taken in, and the same as at the last look."""
        seen = self._look()
        is_done, self._last = seen == self._last, seen
        return is_done and seen != self._taken

    def take(self, workspace: Workspace | None = None) -> None:
        """The files of the last look are taken in, or refused, as this workspace. What is written later is new."""
        self._taken = self._last
        self._workspace = workspace or self._workspace

    def _look(self) -> Seen:
        found = set()
        for path in self._paths():
            try:
                stat = path.stat()
            except OSError:  # it went just now, or is not ours to read
                continue
            found.add((str(path), stat.st_ino, stat.st_mtime_ns, stat.st_size))
        return frozenset(found)

    def _paths(self) -> Iterator[Path]:
        folder, enriching = self._workspace.folder, self._workspace.enriching
        yield folder / SETTINGS_FILE
        yield from (folder / each for each in (enriching.place_database, enriching.motives) if each)
        for below in (*ALL_FOLDERS, FROZEN_FOLDER):
            yield from (path for path in (folder / below).rglob("*") if not path.name.startswith("."))
