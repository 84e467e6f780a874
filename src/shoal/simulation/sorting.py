"""Sorting: lines of any number in order of arrival, in bounded memory.

Arrival times have known bounds, so lines are dealt into slices of time, which wait in memory or, when they are
many, on the disk. One slice after the other is then sorted on its own: who came first does not matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

LINES_PER_SLICE = 4_000
MOST_SLICES = 4096
MOST_BYTES_IN_MEMORY = 64 * 2**20


class Sorter:
    """Takes blocks of whole lines by slice, and gives all lines in order. `folder` is for what does not fit."""

    def __init__(self, folder: Path, slices: int, most_bytes: int = MOST_BYTES_IN_MEMORY) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._waiting: list[list[bytes]] = [[] for _ in range(slices)]
        self._bytes = 0

    def __len__(self) -> int:
        """The number of slices."""
        return len(self._waiting)

    def add(self, blocks: dict[int, bytes]) -> None:
        """Takes a block of lines, each with its line end, for each slice."""
        for place, block in blocks.items():
            self._waiting[place].append(block)
            self._bytes += len(block)
        if self._bytes > self._most_bytes:
            self._put_on_disk()

    def _put_on_disk(self) -> None:
        for place, blocks in enumerate(self._waiting):
            if blocks:
                with self._file(place).open("ab") as file:
                    file.writelines(blocks)
                blocks.clear()
        self._bytes = 0

    def slices(self) -> Iterator[list[bytes]]:
        """The lines of each slice, sorted, without their line ends. What was given is gone."""
        for place, blocks in enumerate(self._waiting):
            file = self._file(place)
            if file.exists():
                blocks.append(file.read_bytes())
                file.unlink()
            lines = b"".join(blocks).split(b"\n")
            blocks.clear()
            lines.sort()
            yield lines[1:]  # the first is empty: it is what follows the last line end

    def _file(self, place: int) -> Path:
        return self._folder / f"slice-{place:04d}"


def slices_for(lines: int) -> int:
    """How many slices suit a number of lines."""
    return max(1, min(MOST_SLICES, lines // LINES_PER_SLICE))
