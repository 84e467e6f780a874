"""What is written down of an erasure: a plan as long as it is going on, and a record that stays and names nobody.

The plan is there before anything is changed, and names everything that is to go, so that whoever begins again
after a crash goes on with it. It is removed as the last step.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from shoal.errors import StoreError
from shoal.journal.durable import failures_told, make_folder, sync_folder, write_whole
from shoal.model.identifier import Identifier
from shoal.runtime.erasing.person import ErasedPerson
from shoal.runtime.places import ERASURES_FOLDER

ONLY_OURS = 0o600

_PLAN = re.compile(r"plan-(\d+)\.json")
_RECORD = re.compile(r"erasure-(\d+)\.json")

T = TypeVar("T")


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """An erasure that is going on: of whom, and whether lists change, too. `request` is the file that asked."""

    number: int
    asked_at: int
    request: str
    changes_lists: bool
    identifiers: list[tuple[str, str]]
    shared: list[tuple[str, str]]
    names: list[str]
    positions: list[int]

    @property
    def person(self) -> ErasedPerson:
        return ErasedPerson(
            identifiers=tuple(Identifier(*each) for each in self.identifiers),
            shared=tuple(Identifier(*each) for each in self.shared),
            names=tuple(self.names),
            positions=tuple(self.positions),
        )


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """An erasure for good. `hashes` are those of the suppression list; `places` counts what went from where.

    `removed` are files that can only be made anew, `left` those that hold the person and were not changed, because
    people wrote them. `trouble` says why nothing was done.
    """

    number: int
    asked_at: int
    request: str
    done_at: int | None = None
    hashes: list[str] = []
    identifiers: int = 0
    shared_devices: int = 0
    events: int = 0
    places: dict[str, int] = {}
    removed: list[str] = []
    left: list[str] = []
    trouble: str = ""


class Erasures:
    """The plans and records of one workspace."""

    def __init__(self, workspace_folder: Path) -> None:
        self.folder = workspace_folder / ERASURES_FOLDER

    def plans(self) -> list[Plan]:
        """What was begun and is not done, in order."""
        return [self._read(path, Plan) for path in self._files(_PLAN)]

    def are_going_on(self) -> bool:
        """Whether anything was begun and is not done."""
        return any(True for _ in self._files(_PLAN))

    def records(self) -> list[Record]:
        """Every erasure, in order."""
        return [self._read(path, Record) for path in self._files(_RECORD)]

    def of_request(self, request: str) -> Record | None:
        """The record of what a request asked for; None as long as nothing was begun."""
        return next((each for each in self.records() if each.request == request), None)

    def next_number(self) -> int:
        numbers = [self._number(path) for pattern in (_PLAN, _RECORD) for path in self._files(pattern)]
        return max(numbers, default=0) + 1

    def begin(self, plan: Plan) -> None:
        """From here on it is certain to be done."""
        self._write(f"plan-{plan.number:06d}.json", plan)

    def note(self, record: Record) -> None:
        """Keeps a record as it is now."""
        self._write(f"erasure-{record.number:06d}.json", record)

    def end(self, plan: Plan) -> None:
        """It is done: the plan, which names people, goes."""
        with failures_told("Ending an erasure", self.folder):
            (self.folder / f"plan-{plan.number:06d}.json").unlink(missing_ok=True)
            sync_folder(self.folder)

    def _write(self, name: str, content: Plan | Record) -> None:
        with failures_told("Writing down an erasure", self.folder):
            make_folder(self.folder)
            write_whole(self.folder / name, [msgspec.json.format(msgspec.json.encode(content))], mode=ONLY_OURS)
            sync_folder(self.folder)

    def _files(self, pattern: re.Pattern[str]) -> Iterator[Path]:
        if self.folder.is_dir():
            yield from sorted(path for path in self.folder.iterdir() if pattern.fullmatch(path.name))

    @staticmethod
    def _number(path: Path) -> int:
        return int(path.stem.split("-")[1])

    @staticmethod
    def _read(path: Path, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(path.read_bytes(), type=kind)
        except (OSError, msgspec.DecodeError) as error:
            raise StoreError(f"{path} cannot be read: {error}", hint="bring it back from a copy") from error
