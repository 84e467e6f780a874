"""People: one profile by any of its identifiers, with its events and everything that is known of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from shoal.definitions.settings_file import SETTINGS_FILE
from shoal.definitions.workspace import Workspace
from shoal.errors import InputError, NotFound
from shoal.identity import IdentityRules, read_rules
from shoal.identity.rules import DEVICE
from shoal.model.event import Event
from shoal.model.frame import events_of_frame
from shoal.model.identifier import Identifier
from shoal.runtime.batch import Told, archive_of
from shoal.runtime.population import EventSource, Population, read_population


@dataclass(frozen=True, kw_only=True, eq=False)
class Person:
    """One profile at a moment. `frame` holds its events up to then, in order, with every field.

    `devices` are the anonymous ids that nobody else has used since.
    """

    id: str
    identifiers: tuple[str, ...]
    frame: pl.DataFrame
    devices: tuple[str, ...] = ()

    @cached_property
    def events(self) -> list[Event]:
        return list(events_of_frame(self.frame))


def find_person(
    workspace: Workspace,
    text: str,
    as_of: int,
    *,
    events: EventSource | None = None,
    told: Told = lambda _: None,
) -> Person:
    """The profile that an identifier belongs to: `email:ann@example.org`, or only `ann@example.org`.

    By the events of the archive, or of another source. Raises NotFound when nobody has it, and InputError when it
    is two people's.
    """
    rules, archive = read_rules(workspace.identity, SETTINGS_FILE), events or archive_of(workspace)
    told("Finding out who is who")
    population = read_population(archive, rules, [], as_of)
    number = find_profile(population, rules, text)
    told("Reading the events of the profile")
    identifiers = identifiers_of(population, number)
    return Person(
        id=population.ids[number],
        identifiers=identifiers,
        frame=_events_of(archive, population, number),
        devices=_present_devices(population, number, identifiers),
    )


def find_profile(population: Population, rules: IdentityRules, text: str) -> int:
    """The number of the profile with an identifier. Raises NotFound, and InputError when it is two people's."""
    found: dict[str, int] = {}
    for name in possible_ids(rules, text):
        profile = _profile_of(population, name)
        number = None if profile is None else population.ids.index_of(profile)
        if profile is not None and number is not None:
            found[profile] = number
    if not found:
        raise NotFound(
            "no profile has this identifier at this moment",
            hint=f"write it as it was sent, or with its kind: {', '.join(k.name for k in rules.kinds)}:…",
        )
    if len(found) > 1:
        kinds = ", ".join(sorted(id_.partition(":")[0] for id_ in found))
        raise InputError(f"this identifier is that of {len(found)} profiles", hint=f"say of which kind: {kinds}:…")
    return next(iter(found.values()))


def possible_ids(rules: IdentityRules, text: str) -> list[str]:
    """The identifiers that a text may stand for: with its kind, or of every kind."""
    kind, colon, _ = text.partition(":")
    stated = [Identifier.parse(text)] if colon and kind in rules.priority else []
    stated += [Identifier(each.name, text) for each in rules.kinds]
    usable = [rules.usable(each) for each in stated]
    return list(dict.fromkeys([text, *(str(each) for each in usable if each is not None)]))


def _profile_of(population: Population, identifier: str) -> str | None:
    node_ids = population.resolution.node_ids
    node = node_ids.index_of(identifier)
    return None if node is None else str(node_ids[int(population.roots[node])])


def identifiers_of(population: Population, number: int) -> tuple[str, ...]:
    """Every identifier of a profile, people's before devices'."""
    node_ids = population.resolution.node_ids
    root = node_ids.index_of(population.ids[number])
    return tuple(node_ids.gather(np.flatnonzero(population.roots == root)))


def _present_devices(population: Population, number: int, identifiers: Iterable[str]) -> tuple[str, ...]:
    """Of the profile's devices those whose last event is the profile's."""
    start = f"{DEVICE}:"
    known = [each.removeprefix(start) for each in identifiers if each.startswith(start)]
    last = (
        population.events.select("anonymous_id", pl.Series("owner", population.owners))
        .filter(pl.col("anonymous_id").is_in(known))
        .group_by("anonymous_id", maintain_order=True)
        .last()
    )
    return tuple(last.filter(pl.col("owner") == number)["anonymous_id"])


def _events_of(archive: EventSource, population: Population, number: int) -> pl.DataFrame:
    chosen = population.events.filter(pl.Series(population.owners == number)).select("occurred_at", "position")
    since, until = chosen["occurred_at"][0], chosen["occurred_at"][-1]
    days = archive.read(since_ms=since, until_ms=until)
    return pl.concat([day.join(chosen.select("position"), on="position", how="semi") for day in days])
