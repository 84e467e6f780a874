"""Who is to be erased: every identifier of one profile, over all merges, and which events are theirs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from shoal.definitions.settings_file import SETTINGS_FILE
from shoal.definitions.workspace import Workspace
from shoal.errors import NotFound
from shoal.identity import IdentityRules, read_rules
from shoal.identity.rules import DEVICE
from shoal.model.event import EventKind
from shoal.model.frame import field_column
from shoal.model.identifier import Identifier
from shoal.model.time import LATEST_MOMENT
from shoal.runtime.erasing.traces import Traces
from shoal.runtime.live_workspace import FIRST_LIVE_POSITION
from shoal.runtime.people import find_profile, identifiers_of, possible_ids
from shoal.runtime.population import EventSource, Population, read_population


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasedPerson:
    """One person. `identifiers` are theirs alone, as they were stated and as they are compared.

    `shared` are devices whose events are also others': they stay in those. `names` are all that the profile had.
    `positions` are those of its archived events.
    """

    identifiers: tuple[Identifier, ...]
    shared: tuple[Identifier, ...] = ()
    names: tuple[str, ...] = ()
    positions: tuple[int, ...] = ()

    @property
    def traces(self) -> Traces:
        return Traces(self.identifiers, self.names)


def gather_person(workspace: Workspace, text: str, events: EventSource) -> ErasedPerson:
    """The person with an identifier, by all events, those of the future too. Raises NotFound and InputError."""
    rules = read_rules(workspace.identity, SETTINGS_FILE)
    population = read_population(events, rules, [], LATEST_MOMENT)
    number = find_profile(population, rules, text)
    names = identifiers_of(population, number)
    is_theirs = pl.Series(population.owners == number)
    shared = _devices_of_others(population, names, is_theirs)
    theirs = population.events.filter(is_theirs)
    known = set(map(Identifier.parse, names))
    written = {each for each in _stated(theirs, rules) if rules.usable(each) in known}
    positions = theirs["position"].to_numpy()
    return ErasedPerson(
        identifiers=tuple(sorted(each for each in known | written if (rules.usable(each) or each) not in shared)),
        shared=tuple(sorted(shared)),
        names=tuple(sorted(names)),
        positions=tuple(np.sort(positions[positions < FIRST_LIVE_POSITION]).tolist()),
    )


def unknown_person(workspace: Workspace, text: str) -> ErasedPerson:
    """Who is in no profile, but may stand in files: the identifier as it is written, of every kind that it can be.

    Raises NotFound for what can be nobody's.
    """
    rules = read_rules(workspace.identity, SETTINGS_FILE)
    found = [Identifier.parse(each) for each in possible_ids(rules, text) if ":" in each]
    usable = {each for each in found if each.kind in rules.priority}
    if "@" in text:
        usable = {each for each in usable if each.kind not in ("phone", DEVICE)}
    if not usable:
        raise NotFound("no profile can have this identifier: it is on the list of what names nobody")
    return ErasedPerson(identifiers=tuple(sorted(usable)), names=tuple(sorted(map(str, usable))))


def _devices_of_others(population: Population, names: Iterable[str], is_theirs: pl.Series) -> set[Identifier]:
    devices = [each.value for each in map(Identifier.parse, names) if each.kind == DEVICE]
    used = population.events.filter(~is_theirs).filter(pl.col("anonymous_id").is_in(devices))["anonymous_id"]
    return {Identifier(DEVICE, value) for value in used.unique()}


def _stated(events: pl.DataFrame, rules: IdentityRules) -> Iterator[Identifier]:
    """The identifiers of events as they were written."""
    columns = {"user_id": "user_id", DEVICE: DEVICE}
    columns |= {kind.name: field_column(f"traits.{kind.name}", "text") for kind in rules.people[1:]}
    for kind, column in columns.items():
        if column in events.columns:
            yield from (Identifier(kind, value) for value in events[column].drop_nulls().unique())
    former = events.filter(pl.col("kind") == EventKind.ALIAS.value)["previous_id"].drop_nulls().unique()
    yield from (Identifier(kind, value) for value in former for kind in ("user_id", DEVICE))
