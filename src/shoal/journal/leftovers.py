"""Files that no manifest names: what an interrupted round wrote, or what larger files have taken over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from shoal.journal.durable import UNFINISHED, no_readers
from shoal.journal.manifest import Manifest

READING_LOCK = "reading.lock"

_OURS = (
    "events/day=*/part-*.parquet",
    "message_ids/period=*/run-*.bin",
    "catalog-*.json",
    f"events/day=*/.part-*{UNFINISHED}",
    f"message_ids/period=*/.run-*{UNFINISHED}",
    f".*{UNFINISHED}",
)
"""Only these are ever removed: whatever else somebody keeps in the folder stays."""


def leftovers(folder: Path, manifest: Manifest) -> Iterator[str]:
    """The files that `manifest` does not name."""
    named = set(manifest.places())
    for pattern in _OURS:
        for path in folder.glob(pattern):
            place = path.relative_to(folder).as_posix()
            if place not in named:
                yield place


def remove(folder: Path, places: Iterable[str]) -> bool:
    """Removes files, unless somebody is reading, who may still need them. Whether they are gone."""
    with no_readers(folder / READING_LOCK) as alone:
        if alone:
            for place in places:
                path = folder / place
                path.unlink(missing_ok=True)
                with suppress(OSError):  # a folder that is not empty stays
                    path.parent.rmdir()
        return alone
