"""Failed events: a file with one line of JSON for each row that could not be imported, with its reason.

An entry is written before its row counts as dealt with. Entries of rows that an interrupted import did not get to
keep are removed by the next import, which writes them again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from shoal.errors import InputError, StoreError


class _Entry(msgspec.Struct):
    """What is read back of an entry."""

    source: str
    row_number: int
    key: str


class FailedEvents:
    """The failed-events file at `path`, which need not be there yet."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def drop_unkept(self, progress: Mapping[str, int]) -> None:
        """Removes the entries of rows that these sources have not come to, and a half line at the end.

        Entries of other sources stay: they may be of another archive.
        """
        if not self.path.exists():
            return
        with _failures_told(self.path), self.path.open("rb") as file:
            if all(_is_kept(line, self.path, progress) for line in file):
                return
            file.seek(0)
            self._rewrite(line for line in file if _is_kept(line, self.path, progress))

    def _rewrite(self, lines: Iterable[bytes]) -> None:
        unfinished = self.path.with_name(f".{self.path.name}.writing")
        try:
            with unfinished.open("wb") as file:
                file.writelines(lines)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(self.path)
        except BaseException:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise

    def keys_of_others(self, source: str) -> set[str]:
        """The keys of the rows that failed in other sources: earlier states of a file that has changed since."""
        if not self.path.exists():
            return set()
        with _failures_told(self.path), self.path.open("rb") as file:
            entries = (_read(line, self.path) for line in file)
            return {entry.key for entry in entries if entry is not None and entry.source != source}

    def add(self, entries: Iterable[dict[str, Any]]) -> None:
        """Entries, certainly on the disk afterwards."""
        lines = [msgspec.json.encode(entry) + b"\n" for entry in entries]
        if not lines:
            return
        with _failures_told(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:
                file.write(b"".join(lines))
                file.flush()
                os.fsync(file.fileno())


def _is_kept(line: bytes, path: Path, progress: Mapping[str, int]) -> bool:
    entry = _read(line, path)
    return entry is not None and entry.row_number < progress.get(entry.source, entry.row_number + 1)


def _read(line: bytes, path: Path) -> _Entry | None:
    """None for the half line that an interrupted import left at the end."""
    if not line.endswith(b"\n"):
        return None
    try:
        return msgspec.json.decode(line, type=_Entry)
    except msgspec.DecodeError:
        message = f"{path} is there already and is not a file of failed events"
        raise InputError(message, hint="name another file for them") from None


@contextmanager
def _failures_told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"Writing failed events to {path} failed: {error.strerror or error}. Nothing is half-written.",
            hint="make room, or check who may write there, and run the same command again",
        ) from error
