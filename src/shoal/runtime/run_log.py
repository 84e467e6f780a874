"""The log of runs: how large each segment was at each moment that was looked at. Sizes, no people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from shoal.errors import StoreError
from shoal.journal.durable import failures_told, make_folder, write_whole

MOST_RUNS = 100
"""Older runs are forgotten."""


class SegmentSize(msgspec.Struct, frozen=True):
    """How many members a segment had, and the fingerprint of what it meant then."""

    members: int
    meaning: str


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One run: its number, the moment it looked at, when it was made, and the sizes it found."""

    number: int
    as_of: int
    made_at: int
    events: int
    profiles: int
    segments: Mapping[str, SegmentSize]


class RunLog:
    """The runs of one workspace, in a folder with one small file each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def records(self) -> list[RunRecord]:
        """Every run that is remembered, in the order in which they were made."""
        with failures_told("Reading the log of runs", self.folder):
            paths = sorted(self.folder.glob("run-*.json")) if self.folder.is_dir() else []
            return [_read(path) for path in paths]

    def last(self) -> RunRecord | None:
        """The run that was made last."""
        return next(iter(reversed(self.records())), None)

    def add(self, record: RunRecord) -> RunRecord:
        """The record with its number, after keeping it."""
        known = self.records()
        numbered = msgspec.structs.replace(record, number=known[-1].number + 1 if known else 1)
        with failures_told("Adding to the log of runs", self.folder):
            make_folder(self.folder)
            write_whole(self.folder / _name(numbered), [msgspec.json.encode(numbered, order="sorted")])
            for old in known[: -(MOST_RUNS - 1)]:
                (self.folder / _name(old)).unlink(missing_ok=True)
        return numbered


def trend(records: Iterable[RunRecord], segment: str) -> list[tuple[int, int]]:
    """(moment, members) of a segment by moment, as long as it meant what it means in the last of them.

    Of several runs that looked at one moment, the last one made counts.
    """
    by_moment = {record.as_of: record.segments[segment] for record in records if segment in record.segments}
    ordered = sorted(by_moment.items())
    if not ordered:
        return []
    meaning = ordered[-1][1].meaning
    return [(at, size.members) for at, size in ordered if size.meaning == meaning]


def _name(record: RunRecord) -> str:
    return f"run-{record.number:09d}.json"


def _read(path: Path) -> RunRecord:
    try:
        return msgspec.json.decode(path.read_bytes(), type=RunRecord)
    except msgspec.DecodeError as error:
        raise StoreError(f"{path} is damaged: {error}", hint="remove this file; it only holds sizes") from error
