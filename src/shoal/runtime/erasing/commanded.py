"""Erasing as a command does it: with the server that runs, or in its own process when none does."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from shoal.definitions.workspace import Workspace
from shoal.errors import InputError, NotFound, StoreError
from shoal.journal.journal import Journal, JournalInUse
from shoal.runtime.batch import archive_of
from shoal.runtime.doors import suppression_of
from shoal.runtime.erasing.erase import ask_to_erase, do_erasures, find_erased, find_left, is_settled
from shoal.runtime.erasing.person import ErasedPerson
from shoal.runtime.erasing.record import Erasures, Record
from shoal.runtime.erasing.search import Found
from shoal.runtime.live_loop import LiveCondition, LiveLoop
from shoal.runtime.live_workspace import SOURCE
from shoal.runtime.places import JOURNAL_FOLDER
from shoal.runtime.serve import open_journal

LONGEST_WAIT_S = 900.0
"""A server that has not erased somebody after so long has other troubles."""

SECONDS_UNTIL_GONE = 180.0
"""How long requests that came since may lie in the journal of the server that runs."""

LOOK_AGAIN_S = 0.1

Told = Callable[[str], None]
Clock = Callable[[], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who is meant by an identifier, and whether anything is there to be erased."""

    text: str
    person: ErasedPerson
    is_suppressed: bool


def look_up(workspace: Workspace, text: str) -> Asked:
    """Who an identifier is. Raises InputError when it is two people's, NotFound when it can be nobody's."""
    person = find_erased(workspace, text)
    suppression = suppression_of(workspace)
    return Asked(text=text, person=person, is_suppressed=any(map(suppression.holds, person.identifiers)))


def erase(workspace: Workspace, asked: Asked, *, changes_lists: bool, clock: Clock, told: Told) -> Record:
    """Erases somebody; what was done. It lasts, wherever this process is interrupted.

    Raises NotFound for whom nothing names, StoreError when it could not be done yet: it is asked for, and will be.
    """
    if not asked.person.positions and not asked.is_suppressed and not find_left(workspace, asked.person.traces):
        raise NotFound(
            "nothing in this workspace names this identifier",
            hint="write it as it was sent, or with its kind: user_id:…, email:…, anonymous_id:…",
        )
    request = ask_to_erase(workspace, asked.text, changes_lists=changes_lists, now=clock())
    ends = time.monotonic() + LONGEST_WAIT_S
    while request.is_waiting():
        if time.monotonic() > ends:
            raise StoreError(
                "it could not be done yet; it is asked for, and will be by the server or the next command",
                hint="an import that is running is waited for; see what the server says of itself at /readyz",
            )
        if not _do_here(workspace, clock=clock, told=told):
            told("Waiting for the server, or for an import to end")
            time.sleep(LOOK_AGAIN_S)
    record = Erasures(workspace.folder).of_request(request.path.name)
    assert record is not None, "what is done is written down"
    if record.trouble:
        raise InputError(record.trouble)
    return record


def verify(workspace: Workspace, person: ErasedPerson, *, told: Told) -> list[Found]:
    """What is left of a person. Requests that came since lie in the journal for a while, which is waited for."""
    told("Searching every file")
    ends = time.monotonic() + SECONDS_UNTIL_GONE
    while True:
        found = find_left(workspace, person.traces)
        lies_in_journal = bool(found) and all(each.path.startswith(f"{JOURNAL_FOLDER}/") for each in found)
        if not lies_in_journal or time.monotonic() > ends:
            return found
        told("Waiting for requests that came since to go")
        time.sleep(1)


def let_in(workspace: Workspace, text: str) -> int:
    """Lets an identifier in again that was erased; how many of its kinds had been kept out."""
    return suppression_of(workspace).remove(find_erased(workspace, text).identifiers)


def _do_here(workspace: Workspace, *, clock: Clock, told: Told) -> bool:
    """Does what is asked for in this process. False when somebody else is at work on the workspace."""
    try:
        journal = open_journal(workspace)
    except JournalInUse:
        return False
    try:
        told("Erasing")
        if not _is_all_archived(workspace, journal):
            _archive_all(workspace, journal, told)
        return do_erasures(workspace, journal, clock=clock)
    finally:
        journal.close()


def _is_all_archived(workspace: Workspace, journal: Journal) -> bool:
    return is_settled(workspace) and journal.position <= archive_of(workspace).source_progress(SOURCE)


def _archive_all(workspace: Workspace, journal: Journal, told: Told) -> None:
    """What a server that was killed did not get to: requests are taken in, and their events archived."""
    told("Taking in what the server has left")
    loop = LiveLoop(workspace, journal)
    loop.start()
    while loop.figures.position < journal.position and loop.condition in (
        LiveCondition.STARTING,
        LiveCondition.WELL,
    ):
        time.sleep(LOOK_AGAIN_S)
    loop.stop()
    if not _is_all_archived(workspace, journal):
        raise StoreError(f"what came cannot be taken in: {loop.trouble}", hint="put it right, and run it again")
