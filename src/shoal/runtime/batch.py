"""Batch: every definition of a workspace for every profile at one moment, as tables and as files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from shoal import __version__
from shoal.definitions.kinds import Kind
from shoal.definitions.resolve import Key, Resolved
from shoal.definitions.settings_file import SETTINGS_FILE
from shoal.definitions.workspace import Workspace
from shoal.evaluate.build import build_history
from shoal.evaluate.frozen import Frozen, meanings_of
from shoal.evaluate.kernel import Evaluation, evaluate
from shoal.evaluate.plan import Plan, compile_plan
from shoal.history.history import History
from shoal.identity import read_rules
from shoal.journal import Archive
from shoal.model.time import format_moment
from shoal.runtime.files import parquet, text, write_files
from shoal.runtime.freezing import fresh_values, kept_values
from shoal.runtime.meaning import meaning_of_all, meanings
from shoal.runtime.places import ARCHIVE_FOLDER, RUNS_FOLDER
from shoal.runtime.population import Population, read_population
from shoal.runtime.run_log import RunLog, RunRecord, SegmentSize

FEATURES, SCORES, MEMBERSHIPS, SUMMARY = "features.parquet", "scores.parquet", "memberships.parquet", "run.json"
CHANGES = "membership_changes.parquet"
RESULT_FILES = (FEATURES, SCORES, MEMBERSHIPS, SUMMARY, CHANGES)
"""Everything that `shoal run` writes."""

Told = Callable[[str], None]
"""Hears what is being done now."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Results:
    """Everything about everyone at `as_of`. The tables are sorted by profile.

    `scores` has a column for each score and one for each of its parts, `<score>.<part>`: 0 to 1, null where the
    profile has no such value and the part was left out. `events` counts those up to `as_of`, `nobodys` those
    of them that name nobody.
    """

    resolved: Resolved
    as_of: int
    features: pl.DataFrame
    scores: pl.DataFrame
    memberships: pl.DataFrame
    frozen: Frozen
    events: int
    nobodys: int
    archive_fingerprint: str

    @property
    def profiles(self) -> int:
        return len(self.features)

    def sizes(self) -> dict[str, int]:
        """How many members each segment has, the empty ones included."""
        counts = dict(self.memberships.group_by("segment").len().iter_rows())
        return {segment.name: int(counts.get(segment.name, 0)) for segment in self.resolved.segments}

    def record(self, made_at: int) -> RunRecord:
        """What the log of runs keeps."""
        meaning = meanings(self.resolved)
        sizes = {name: SegmentSize(size, meaning[("segment", name)]) for name, size in self.sizes().items()}
        return RunRecord(
            number=0,
            as_of=self.as_of,
            made_at=made_at,
            events=self.events,
            profiles=self.profiles,
            segments=sizes,
        )

    def as_json(self) -> dict[str, object]:
        """What `run.json` says: the same for the same events, definitions and moment."""
        return {
            "as_of": format_moment(self.as_of),
            "definitions": meaning_of_all(self.resolved),
            "frozen": {
                "as_of": None if self.frozen.as_of is None else format_moment(self.frozen.as_of),
                "without": dict(sorted(self.frozen.reasons.items())),
            },
            "events": self.events,
            "events_of_nobody": self.nobodys,
            "archive": self.archive_fingerprint,
            "profiles": self.profiles,
            "segments": self.sizes(),
            "shoal": __version__,
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """A workspace whose events are read and laid out, ready to be evaluated at moments."""

    resolved: Resolved
    plan: Plan
    population: Population
    history: History
    frozen: Frozen


def archive_of(workspace: Workspace) -> Archive:
    """The events of a workspace."""
    return Archive(workspace.folder / ARCHIVE_FOLDER)


def evaluate_workspace(
    workspace: Workspace, as_of: int, *, refresh: bool = False, told: Told = lambda _: None
) -> Results:
    """Every definition for everyone whose events came by `as_of`.

    With `refresh`, or when there are none yet, the reference distributions and purchase models are made anew from
    what is seen at `as_of`, and kept. Raises DefinitionError for definitions that have no meaning.
    """
    prepared = prepare(workspace, as_of, refresh=refresh, told=told)
    told("Evaluating definitions")
    return evaluate_prepared(workspace, prepared, as_of)


def evaluate_prepared(workspace: Workspace, prepared: Prepared, as_of: int) -> Results:
    """Every definition for everyone, from histories that are laid out."""
    evaluation = evaluate(prepared.plan, prepared.history, as_of, frozen=prepared.frozen)
    population = prepared.population
    return Results(
        resolved=prepared.resolved,
        as_of=as_of,
        features=_features(evaluation, prepared),
        scores=_scores(evaluation, prepared),
        memberships=_memberships(evaluation, prepared),
        frozen=prepared.frozen,
        events=len(population.events),
        nobodys=population.resolution.unowned,
        archive_fingerprint=archive_of(workspace).fingerprint(),
    )


def prepare(
    workspace: Workspace,
    as_of: int,
    *,
    keys: Iterable[Key] | None = None,
    refresh: bool | None = None,
    told: Told = lambda _: None,
) -> Prepared:
    """Reads the events up to `as_of`, finds out whose they are, and lays them out for evaluation.

    With `keys`, only what these definitions need. What ranks and forecasts read is what was kept; unless `refresh`
    is None, what is absent is made, and with True everything.
    """
    resolved = workspace.resolve()
    rules = read_rules(workspace.identity, SETTINGS_FILE)
    plan, archive = compile_plan(resolved, keys), archive_of(workspace)
    frozen_plan = plan if refresh is None or keys is not None else _with_what_acting_reads(plan, workspace)
    told("Reading events")
    kept = frozen_plan.columns & archive.columns().keys()
    population = read_population(archive, rules, sorted(kept), as_of)
    told("Laying out histories")
    history = build_history(frozen_plan, population.events, population.owners, population.size)
    told("Refreshing ranks and purchase models" if refresh else "Reading ranks and purchase models")
    if refresh is None:
        frozen = kept_values(workspace.folder, plan)
    else:
        frozen = fresh_values(workspace.folder, frozen_plan, history, as_of, refresh=refresh)
    if frozen_plan is not plan:
        plan = replace(frozen_plan.narrowed(plan.roots), resolved=resolved)
        frozen = frozen.for_roots(plan.roots)
    return Prepared(resolved=resolved, plan=plan, population=population, history=history, frozen=frozen)


def _with_what_acting_reads(plan: Plan, workspace: Workspace) -> Plan:
    """A plan that also reads the ranks and models which only triggers and slots ask for, if there are any.

    They are made for everybody like all others, or a trigger that compares a rank would never fire.
    """
    acting, _ = workspace.resolve_acting_readable()
    wider = compile_plan(acting)
    return wider if meanings_of(wider.roots).keys() - meanings_of(plan.roots).keys() else plan


def _features(evaluation: Evaluation, prepared: Prepared) -> pl.DataFrame:
    dictionary = prepared.history.dictionary
    columns = [
        column_in_units(evaluation.values[("feature", each.name)].to_series(each.name, dictionary), each.kind)
        for each in prepared.resolved.features
    ]
    return pl.DataFrame([prepared.population.ids, *columns])


def column_in_units(column: pl.Series, kind: Kind) -> pl.Series:
    """Milliseconds as what they are."""
    match kind:
        case Kind.DURATION:
            return column.cast(pl.Duration("ms"))
        case Kind.MOMENT:
            return column.cast(pl.Datetime("ms", "UTC"))
        case _:
            return column


def _scores(evaluation: Evaluation, prepared: Prepared) -> pl.DataFrame:
    columns = [prepared.population.ids]
    for score in prepared.resolved.scores:
        total = evaluation.values[("score", score.name)]
        columns.append(total.to_series(score.name, prepared.history.dictionary))
        for part, values in evaluation.parts[score.name].items():
            columns.append(pl.Series(f"{score.name}.{part}", values, nan_to_null=True))
    return pl.DataFrame(columns)


def _memberships(evaluation: Evaluation, prepared: Prepared) -> pl.DataFrame:
    """One row for each profile and segment that it is in."""
    schema = {"profile": pl.String, "segment": pl.String}
    return pl.concat([pl.DataFrame(schema=schema), *_members(evaluation, prepared)]).sort("profile", "segment")


def _members(evaluation: Evaluation, prepared: Prepared) -> Iterator[pl.DataFrame]:
    for segment in prepared.resolved.segments:
        inside = np.flatnonzero(evaluation.values[("segment", segment.name)].holds)
        ids = prepared.population.ids.gather(inside)
        yield pl.DataFrame({"profile": ids, "segment": pl.repeat(segment.name, len(ids), eager=True)})


def write_results(results: Results, folder: Path) -> None:
    """The tables and `run.json`, all of them or none. The same results make the same bytes."""
    files = {
        FEATURES: parquet(results.features),
        SCORES: parquet(results.scores),
        MEMBERSHIPS: parquet(results.memberships),
        SUMMARY: text(msgspec.json.format(msgspec.json.encode(results.as_json()), indent=2).decode() + "\n"),
    }
    write_files(folder, files)


def log_run(workspace: Workspace, results: Results, made_at: int) -> RunRecord:
    """Keeps the sizes of a run, for trends."""
    return RunLog(workspace.folder / RUNS_FOLDER).add(results.record(made_at))
