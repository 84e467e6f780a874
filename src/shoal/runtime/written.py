"""Which files commands wrote for people: results, exports, reports. An erasure looks into them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from shoal.journal.durable import failures_told, make_folder, sync_folder, write_whole
from shoal.runtime.places import WRITTEN_FILES


class WrittenFiles:
    """The list of one workspace: a path a line, relative to the workspace where it is inside."""

    def __init__(self, workspace_folder: Path) -> None:
        self.workspace, self.path = workspace_folder.absolute(), workspace_folder / WRITTEN_FILES

    def note(self, paths: Iterable[Path]) -> None:
        """These are written now."""
        known = self._lines()
        new = [line for line in map(self._line, paths) if line not in known]
        if new:
            self._write([*known, *dict.fromkeys(new)])

    def present(self) -> list[Path]:
        """Those that are still there."""
        paths = (self.workspace / line for line in self._lines())
        return [path for path in paths if path.is_file()]

    def forget_absent(self) -> None:
        """Removes what is no longer there, names included."""
        known = self._lines()
        left = [line for line in known if (self.workspace / line).is_file()]
        if left != known:
            self._write(left)

    def _line(self, path: Path) -> str:
        whole = path.absolute()
        inside = whole.is_relative_to(self.workspace)
        return whole.relative_to(self.workspace).as_posix() if inside else whole.as_posix()

    def _lines(self) -> list[str]:
        return self.path.read_text("utf-8").splitlines() if self.path.exists() else []

    def _write(self, lines: Iterable[str]) -> None:
        with failures_told("Noting what was written", self.path):
            make_folder(self.path.parent)
            write_whole(self.path, ["".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")])
            sync_folder(self.path.parent)
