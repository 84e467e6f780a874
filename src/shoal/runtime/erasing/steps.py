"""The steps of an erasure: one for each place. Each may be repeated, and after the last one nothing is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from shoal.definitions.workspace import LIST_FOLDER, Workspace
from shoal.journal import Archive
from shoal.journal.journal import Journal
from shoal.runtime.batch import RESULT_FILES
from shoal.runtime.doors import suppression_of
from shoal.runtime.erasing.archived import erase_from_archive
from shoal.runtime.erasing.databases import erase_rows_naming, erase_rows_of
from shoal.runtime.erasing.files import Fate, erase_from_file, erase_from_lines, erase_from_list, remove_files
from shoal.runtime.erasing.person import ErasedPerson
from shoal.runtime.erasing.traces import ERASED, Traces
from shoal.runtime.live_workspace import SOURCE
from shoal.runtime.places import (
    ARCHIVE_FOLDER,
    DEMO_MARK,
    ERASURES_FOLDER,
    FAILED_EVENTS,
    FAILED_FOLDER,
    FROZEN_FOLDER,
    JOURNAL_FOLDER,
    LIVE_STATE,
    OUT_FOLDER,
    REQUESTS_FOLDER,
    RUNS_FOLDER,
    SIGNING_KEY,
    SUPPRESSION_FOLDER,
    WRITTEN_FILES,
)
from shoal.runtime.requests import CONSENT, Requests
from shoal.runtime.written import WrittenFiles


@dataclass
class Erasing:
    """One erasure at work: where, of whom, and what became of files. Nobody else adds to the archive meanwhile."""

    workspace: Workspace
    journal: Journal
    archive: Archive
    person: ErasedPerson
    changes_lists: bool = False
    removed: list[str] = field(default_factory=list)

    @cached_property
    def traces(self) -> Traces:
        return self.person.traces

    @property
    def folder(self) -> Path:
        return self.workspace.folder

    def take_removed(self) -> list[str]:
        """The files that were removed since the last call."""
        removed, self.removed = self.removed, []
        return removed


Step = Callable[[Erasing], int]
"""Takes the person out of one place; how many events, rows or files that concerned."""


def _suppression(erasing: Erasing) -> int:
    """First of all: from here on nothing of the person comes in."""
    suppression = suppression_of(erasing.workspace)
    before = len(suppression)
    suppression.add(erasing.person.identifiers)
    return len(suppression) - before


def _archive(erasing: Erasing) -> int:
    rewritten = erase_from_archive(erasing.archive, erasing.person)
    return rewritten.removed + rewritten.changed


def _live_state(erasing: Erasing) -> int:
    return erase_rows_of(erasing.folder / LIVE_STATE, erasing.traces)


def _journal(erasing: Erasing) -> int:
    """Everything that was taken in is archived. What came since is of others, or stays outside and goes, too."""
    erasing.journal.forget(erasing.archive.source_progress(SOURCE))
    return 0


def _failed(erasing: Erasing) -> int:
    paths = sorted((erasing.folder / FAILED_FOLDER).glob("*.sqlite"))
    return sum(erase_rows_naming(path, erasing.traces) for path in paths)


def _failed_rows(erasing: Erasing) -> int:
    return erase_from_lines(erasing.folder / FAILED_EVENTS, erasing.traces)


def _requests(erasing: Erasing) -> int:
    requests = Requests(erasing.folder)
    requests.remove_unfinished()
    waiting = requests.waiting(CONSENT)
    return remove_files(each.path for each in waiting if erasing.traces.in_message(each.path.read_bytes()))


def _written_files(erasing: Erasing) -> int:
    """Results, exports and reports, wherever they are. Those in `out` may be older than the list of files."""
    written = WrittenFiles(erasing.folder)
    fates = {path: erase_from_file(path, erasing.traces) for path in _files_of_ours(erasing.folder, written)}
    removed = (str(path) for path, fate in fates.items() if fate is Fate.REMOVED)
    erasing.removed += [erasing.traces.without(path) or ERASED for path in removed]
    written.forget_absent()
    return sum(fate is not Fate.UNTOUCHED for fate in fates.values()) + _lists(erasing)


def _files_of_ours(folder: Path, written: WrittenFiles) -> Iterator[Path]:
    results = (folder / OUT_FOLDER / name for name in RESULT_FILES)
    yield from dict.fromkeys(path.absolute() for path in (*results, *written.present()) if path.is_file())


def _lists(erasing: Erasing) -> int:
    if not erasing.changes_lists:
        return 0
    paths = sorted(path for path in (erasing.folder / LIST_FOLDER).rglob("*") if path.suffix in (".csv", ".txt"))
    return sum(erase_from_list(path, erasing.traces) is not Fate.UNTOUCHED for path in paths)


def _holds_nobody(_: Erasing) -> int:
    return 0


STEPS: dict[str, Step] = {
    SUPPRESSION_FOLDER: _suppression,
    ARCHIVE_FOLDER: _archive,
    LIVE_STATE: _live_state,
    JOURNAL_FOLDER: _journal,
    FAILED_FOLDER: _failed,
    FAILED_EVENTS: _failed_rows,
    REQUESTS_FOLDER: _requests,
    WRITTEN_FILES: _written_files,
    ERASURES_FOLDER: _holds_nobody,  # the plan goes when all of this is done
    FROZEN_FOLDER: _holds_nobody,
    RUNS_FOLDER: _holds_nobody,
    SIGNING_KEY: _holds_nobody,
    DEMO_MARK: _holds_nobody,
}
"""What is done in each of PLACES, in this order."""
