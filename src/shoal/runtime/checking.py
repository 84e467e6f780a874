"""Checking: every problem of a workspace, compared with the events that came and the sizes of the last run."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from shoal.definitions.check import check
from shoal.definitions.settings_file import SETTINGS_FILE
from shoal.definitions.workspace import Workspace
from shoal.enrich import check_enriching
from shoal.errors import Problem
from shoal.identity import check_rules
from shoal.journal import Archive, Catalog
from shoal.runtime.places import ARCHIVE_FOLDER, RUNS_FOLDER
from shoal.runtime.run_log import RunLog


@dataclass(frozen=True, slots=True)
class _EventSeen:
    count: int
    properties: Mapping[str, Collection[str]]


@dataclass(frozen=True, slots=True)
class _Seen:
    """The catalog of the archive with paths as definitions write them: without their root."""

    events: Mapping[str, _EventSeen]
    traits: Collection[str]
    context: Collection[str]


def problems_of(workspace: Workspace) -> list[Problem]:
    """Every problem of a workspace, those of its identity rules and of its enrichment included."""
    last = RunLog(workspace.folder / RUNS_FOLDER).last()
    sizes = {} if last is None else {name: size.members for name, size in last.segments.items()}
    catalog = Archive(workspace.folder / ARCHIVE_FOLDER).catalog()
    # A catalog that met its limits does not know every name, so nothing can be said to be unknown.
    seen = _seen(catalog) if catalog.is_complete else None
    of_settings = [*check_rules(workspace.identity, SETTINGS_FILE), *check_enriching(workspace)]
    return [*of_settings, *check(workspace, seen, sizes)]


def _seen(catalog: Catalog) -> _Seen:
    return _Seen(
        events={
            name: _EventSeen(event.count, _without_root(event.properties))
            for name, event in catalog.events.items()
        },
        traits=_without_root(catalog.traits),
        context=_without_root(catalog.context),
    )


def _without_root(paths: Mapping[str, Collection[str]]) -> dict[str, Collection[str]]:
    return {path.partition(".")[2]: types for path, types in paths.items()}
