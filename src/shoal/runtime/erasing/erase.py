"""Erasing a person: asked for in a file that lasts, done in steps that may be repeated, finished after any crash.

A command asks. Whoever works on the workspace does it: the server that runs, or the command itself. What came is
archived first. Then the plan is written, and from there on the erasure is certain to be done: whoever works on the
workspace next goes on with it before anything else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from shoal.definitions.settings_file import SETTINGS_FILE
from shoal.definitions.workspace import Workspace
from shoal.errors import Error, NotFound, StoreError
from shoal.identity import read_rules
from shoal.journal import Archive
from shoal.journal.journal import Journal
from shoal.model.identifier import normalised
from shoal.model.time import LATEST_MOMENT
from shoal.runtime.batch import archive_of
from shoal.runtime.doors import suppression_of
from shoal.runtime.erasing.person import ErasedPerson, gather_person, unknown_person
from shoal.runtime.erasing.record import Erasures, Plan, Record
from shoal.runtime.erasing.search import IN_BYTES, Found, search
from shoal.runtime.erasing.steps import STEPS, Erasing
from shoal.runtime.erasing.traces import ERASED, Traces
from shoal.runtime.live_state import LiveState
from shoal.runtime.live_workspace import SOURCE
from shoal.runtime.places import LIVE_STATE, REQUESTS_FOLDER, SHOAL_FOLDER
from shoal.runtime.population import read_population
from shoal.runtime.present import Present
from shoal.runtime.requests import ERASURE, Request, Requests

_LOG = logging.getLogger(__name__)

Clock = Callable[[], int]


def ask_to_erase(workspace: Workspace, identifier: str, *, changes_lists: bool, now: int) -> Request:
    """Asks for the person with an identifier to be erased; it lasts when this returns."""
    return Requests(workspace.folder).add(ERASURE, {"identifier": identifier, "lists": changes_lists}, now=now)


def are_erasures_wanted(folder: Path) -> bool:
    """Whether anything was asked for or begun in a workspace. Cheap enough to be asked ten times a second."""
    return Requests(folder).are_waiting(ERASURE) or Erasures(folder).are_going_on()


def is_settled(workspace: Workspace) -> bool:
    """Whether everything that the live engine has told is archived: then no step of it has to be repeated."""
    path = workspace.folder / LIVE_STATE
    if not path.exists():
        return True
    state = LiveState(path)
    try:
        ticks = state.ticks()
    finally:
        state.close()
    return not ticks or ticks[-1].through <= archive_of(workspace).source_progress(SOURCE)


def do_erasures(workspace: Workspace, journal: Journal, *, clock: Clock) -> bool:
    """Finishes what was begun, and does what was asked for; nothing else may be at work on the workspace.

    False when it cannot be done now: something is not archived yet, or an import is writing. Raises StoreError
    when the disk fails, or somebody reads for too long; called again, it goes on from there.
    """
    if not are_erasures_wanted(workspace.folder):
        return True
    if not is_settled(workspace):
        return False
    archive = archive_of(workspace)
    with _sole_writer(archive) as is_ours:
        if is_ours:
            for begun in Erasures(workspace.folder).plans():
                _carry_out(workspace, journal, archive, begun, clock)
            for request in Requests(workspace.folder).waiting(ERASURE):
                plan = _plan(workspace, request, clock())
                if plan is not None:
                    _carry_out(workspace, journal, archive, plan, clock)
        return is_ours


@contextmanager
def _sole_writer(archive: Archive) -> Iterator[bool]:
    """Nobody else adds to the archive inside; False when somebody does."""
    writing = archive.writing()
    try:
        writing.__enter__()
    except StoreError as error:
        _LOG.info("an erasure waits: %s", error.message)
        yield False
        return
    try:
        yield True
    finally:
        writing.__exit__(None, None, None)


def _plan(workspace: Workspace, request: Request, now: int) -> Plan | None:
    """The plan of what a request asks for; None when it asks for what cannot be, which is written down."""
    erasures = Erasures(workspace.folder)
    number, asked_at = erasures.next_number(), int(request.path.stem.split("-")[1])
    try:
        person = find_erased(workspace, str(request.content["identifier"]))
    except StoreError:
        raise
    except Error as error:
        name, trouble = request.path.name, error.message
        erasures.note(Record(number=number, asked_at=asked_at, request=name, done_at=now, trouble=trouble))
        request.done()
        return None
    plan = Plan(
        number=number,
        asked_at=asked_at,
        request=request.path.name,
        changes_lists=bool(request.content.get("lists")),
        identifiers=[(each.kind, each.value) for each in person.identifiers],
        shared=[(each.kind, each.value) for each in person.shared],
        names=list(person.names),
        positions=list(person.positions),
    )
    erasures.begin(plan)
    return plan


def find_erased(workspace: Workspace, text: str) -> ErasedPerson:
    """Who is meant by an identifier: a profile with all that belongs to it, or only what is written.

    Raises InputError when it is two people's, NotFound when it can be nobody's.
    """
    try:
        return gather_person(workspace, text, Present(workspace))
    except NotFound:
        return unknown_person(workspace, text)


def _carry_out(workspace: Workspace, journal: Journal, archive: Archive, plan: Plan, clock: Clock) -> None:
    erasures, person = Erasures(workspace.folder), plan.person
    erasing = Erasing(workspace, journal, archive, person, changes_lists=plan.changes_lists)
    record = _begun(workspace, plan)
    for place, step in STEPS.items():
        places = {**record.places, place: record.places.get(place, 0) + step(erasing)}
        record = msgspec.structs.replace(record, places=places, removed=[*record.removed, *erasing.take_removed()])
        erasures.note(record)
    left = {each.path for each in find_left(workspace, erasing.traces, skipping=SHOAL_FOLDER)}
    done = msgspec.structs.replace(
        record,
        done_at=clock(),
        hashes=suppression_of(workspace).hashes_of(person.identifiers),
        left=sorted(erasing.traces.without(path) or ERASED for path in left),
    )
    erasures.note(done)
    erasures.end(plan)
    Request(workspace.folder / REQUESTS_FOLDER / plan.request, {}).done()
    _LOG.info("a person was erased", extra={"erasure": plan.number, "events": done.events})


def find_left(workspace: Workspace, traces: Traces, *, skipping: str = "") -> list[Found]:
    """Every place in the folder of a workspace that holds a person. Raises StoreError for what cannot be read."""
    found = search(workspace.folder, traces, skipping=skipping)
    if not any(each.where == IN_BYTES for each in found):
        return found
    rules = read_rules(workspace.identity, SETTINGS_FILE)
    others = read_population(Present(workspace), rules, [], LATEST_MOMENT).resolution.node_ids
    return search(workspace.folder, traces, others=others, skipping=skipping)


def _begun(workspace: Workspace, plan: Plan) -> Record:
    known = Erasures(workspace.folder).of_request(plan.request)
    if known is not None:
        return known
    return Record(
        number=plan.number,
        asked_at=plan.asked_at,
        request=plan.request,
        identifiers=len({(kind, normalised(kind, value)) for kind, value in plan.identifiers}),
        shared_devices=len(plan.shared),
        events=len(plan.positions),
    )
