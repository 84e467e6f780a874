"""Explaining: finds the person and the segment, and asks why."""

from __future__ import annotations

from shoal.definitions.workspace import Workspace
from shoal.errors import NotFound
from shoal.evaluate.explain import Explanation, explain
from shoal.evaluate.plan import compile_plan
from shoal.evaluate.reference import Reference
from shoal.runtime.batch import Told
from shoal.runtime.foresight import next_change
from shoal.runtime.freezing import kept_values
from shoal.runtime.people import Person, find_person


def explain_membership(
    workspace: Workspace, identifier: str, segment: str, as_of: int, *, told: Told = lambda _: None
) -> tuple[Person, Explanation]:
    """Why the person with an identifier is or is not in a segment. Raises NotFound when there is no such one."""
    resolved = workspace.resolve()
    names = [each.name for each in resolved.segments]
    if segment not in names:
        known = f"there are {', '.join(names)}" if names else "none is defined yet"
        raise NotFound(f"there is no segment named {segment[:80]}", hint=known)
    person = find_person(workspace, identifier, as_of, told=told)
    told("Looking for the reasons")
    frozen = kept_values(workspace.folder, compile_plan(resolved))
    changes_at = next_change(resolved, frozen, person, segment, as_of)
    return person, explain(Reference(resolved, frozen), person.events, as_of, segment, changes_at=changes_at)
