"""The manifest: the one file that says what an archive holds. What it does not name does not exist.

Replacing it is the moment at which a round of events, its index and its progress are kept, all at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import msgspec

from shoal.errors import StoreError
from shoal.journal.durable import sync_folder, write_whole

VERSION = 1


class Part(msgspec.Struct, frozen=True):
    """One Parquet file with events of one UTC day; `first` and `last` are its earliest and latest moments."""

    day: date
    number: int
    rows: int
    first: int
    last: int

    @property
    def place(self) -> str:
        return f"events/day={self.day.isoformat()}/part-{self.number}.parquet"


class Run(msgspec.Struct, frozen=True):
    """One sorted file of message ids whose events are of one period; `first` and `last` as in Part."""

    period: int
    number: int
    rows: int
    first: int
    last: int

    @property
    def place(self) -> str:
        return f"message_ids/period={self.period}/run-{self.number}.bin"


class Manifest(msgspec.Struct, frozen=True):
    """What an archive holds after `rounds` rounds.

    `archive` is drawn with the first events and `revision` counts the rounds that added any, so the two together
    say which events there are.
    """

    version: int = VERSION
    archive: str = ""
    rounds: int = 0
    revision: int = 0
    next_position: int = 0
    columns: tuple[str, ...] = ()
    sources: dict[str, int] = {}
    parts: tuple[Part, ...] = ()
    runs: tuple[Run, ...] = ()
    catalog: int | None = None

    @property
    def fingerprint(self) -> str:
        return f"{self.archive}-{self.revision}"

    @property
    def catalog_place(self) -> str | None:
        return None if self.catalog is None else f"catalog-{self.catalog}.json"

    def places(self) -> Iterator[str]:
        """Every file named, relative to the archive."""
        yield from (part.place for part in self.parts)
        yield from (run.place for run in self.runs)
        if self.catalog_place is not None:
            yield self.catalog_place


class _Versioned(msgspec.Struct):
    version: int


def load_manifest(folder: Path) -> Manifest:
    """The manifest of an archive; an empty one for an archive that holds nothing yet."""
    path = folder / "manifest.json"
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Manifest()
    try:
        version = msgspec.json.decode(content, type=_Versioned).version
        if version > VERSION:
            raise StoreError(
                f"{path} was written by a newer Shoal (archive version {version}; this one reads {VERSION})",
                hint="update Shoal; nothing was changed",
            )
        return msgspec.json.decode(content, type=Manifest)
    except msgspec.DecodeError as error:
        raise StoreError(
            f"{path} is damaged: {error}", hint="bring it back from a copy, or import again"
        ) from error


def commit_manifest(folder: Path, manifest: Manifest) -> None:
    """From here on the archive holds what this manifest names, whatever happens."""
    write_whole(folder / "manifest.json", [msgspec.json.encode(manifest)])
    sync_folder(folder)
