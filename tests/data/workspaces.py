"""A workspace over a real log: definitions as text, events by a mapping, answers as tables."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from textwrap import dedent

import polars as pl

from shoal.collect import Imported, import_files, load_mapping
from shoal.definitions.workspace import Workspace, load_workspace
from shoal.journal import Archive
from shoal.runtime.batch import Prepared, Results, evaluate_prepared, evaluate_workspace, prepare
from shoal.runtime.changes import changes_between
from shoal.runtime.places import ARCHIVE_FOLDER
from shoal.templates.init import init_workspace

Members = set[str]


class RealWorkspace:
    """A folder with definitions, and the events of the files that were imported into it."""

    def __init__(self, folder: Path, *, template: str | None = None, **texts: str) -> None:
        """`texts` are files of definitions: `segments=...` is written as `segments/of_the_test.yaml`."""
        self.folder = folder
        if template is not None:
            init_workspace(folder, template)
        for kind, text in texts.items():
            path = folder / ("shoal.yaml" if kind == "settings" else f"{kind}/of_the_test.yaml")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text))
        if not (folder / "shoal.yaml").exists():
            (folder / "shoal.yaml").write_text("name: A real log\n")

    def load(self, mapping: str, *files: Path) -> Imported:
        archive = Archive(self.folder / ARCHIVE_FOLDER)
        return import_files(files, load_mapping(mapping), archive, failed=self.folder / "failed.ndjson")

    @cached_property
    def workspace(self) -> Workspace:
        return load_workspace(self.folder)

    def at(self, now: int) -> Results:
        """Everything about everyone at a moment."""
        return evaluate_workspace(self.workspace, now)

    def prepared(self, until: int) -> Prepared:
        """The events up to a moment, read once, to be looked at from many moments before."""
        return prepare(self.workspace, until, refresh=False)

    def looked_at(self, prepared: Prepared, now: int) -> Results:
        """Everything about everyone at a moment, from events that are read and may be later."""
        return evaluate_prepared(self.workspace, prepared, now)

    def changes(self, since: int, until: int) -> pl.DataFrame:
        """Every change of membership after `since` and up to `until`."""
        return changes_between(self.workspace, since, until)


def members(results: Results, segment: str) -> Members:
    """The ids of the profiles in a segment."""
    return set(results.memberships.filter(segment=segment)["profile"])


def feature(results: Results, *names: str) -> pl.DataFrame:
    """The profiles with the values of these features."""
    return results.features.select("profile", *names)
