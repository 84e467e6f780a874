"""What was done for people: firings and deliveries as they are kept, and deliveries that are tried again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from shoal.definitions.settings_file import SETTINGS_FILE
from shoal.definitions.workspace import Workspace
from shoal.errors import InputError, NotFound
from shoal.identity import read_rules
from shoal.model.firing import Status
from shoal.runtime.acting import open_outbox
from shoal.runtime.people import find_person, possible_ids
from shoal.runtime.places import LIVE_STATE
from shoal.runtime.present import Present
from shoal.triggers.outbox import Wanted
from shoal.triggers.sqlite_outbox import SqliteOutbox

ALL = 2**62


@contextmanager
def kept_outbox(workspace: Workspace) -> Iterator[SqliteOutbox | None]:
    """The outbox of a workspace, also while it is served; None when it never was."""
    if not (workspace.folder / LIVE_STATE).exists():
        yield None
        return
    with closing(open_outbox(workspace.folder)) as outbox:
        yield outbox


def find_acted_person(workspace: Workspace, outbox: SqliteOutbox, text: str, now: int) -> str:
    """The profile of somebody, by any identifier: of those for whom triggers did something, else of everybody.

    Raises NotFound when nobody has it, and InputError when it is two people's.
    """
    rules = read_rules(workspace.identity, SETTINGS_FILE)
    found = outbox.find_persons(possible_ids(rules, text))
    if len(found) > 1:
        raise InputError(f"this identifier is that of {len(found)} profiles", hint="say of which kind: user_id:…")
    return found[0] if found else find_person(workspace, text, now, events=Present(workspace)).id


def replay_dead(outbox: SqliteOutbox, ids: list[str], wanted: Wanted, now: int) -> int:
    """Tries dead deliveries again: those of these ids, or else all that are chosen. How many there were.

    Raises NotFound for an id that is no dead delivery's.
    """
    dead = Wanted(trigger=wanted.trigger, person=wanted.person, destination=wanted.destination, status=Status.DEAD)
    chosen = ids or [each.id for each in outbox.find(dead, ALL)][::-1]
    replayed = outbox.replay(chosen, now)
    if ids and replayed < len(ids):
        raise NotFound(
            f"{len(ids) - replayed} of these are no dead deliveries; the others are tried again",
            hint="shoal deliveries --dead lists them",
        )
    return replayed
