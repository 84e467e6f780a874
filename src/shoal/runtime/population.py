"""The population: every event up to a moment, in order, and whose each one is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shoal.identity import IdentityRules, Resolution, resolve
from shoal.journal.parts import schema_of
from shoal.model.frame import STORED_ENVELOPE, field_column

Owners = NDArray[np.int32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Population:
    """Profiles are numbered from 0 in the order of their ids; `owners` has each event's, -1 for nobody's."""

    events: pl.DataFrame
    resolution: Resolution
    owners: Owners
    ids: pl.Series

    @property
    def size(self) -> int:
        return len(self.ids)

    @cached_property
    def roots(self) -> NDArray[np.int32]:
        """The node that names the profile of each identifier."""
        return self.resolution.roots()


UNREAD = {"message_id": pl.String, "received_at": pl.Int64}
"""Columns that no evaluation reads: a third of the memory that events take."""


class EventSource(Protocol):
    """Where events are read from: an archive, or one with what is not archived yet."""

    def read(
        self, columns: Iterable[str] | None = None, *, since_ms: int | None = None, until_ms: int | None = None
    ) -> Iterator[pl.DataFrame]: ...


def read_population(
    archive: EventSource, rules: IdentityRules, columns: Iterable[str], as_of: int, *, with_messages: bool = False
) -> Population:
    """Everyone whose events came by `as_of`, with the columns asked for beside the envelope.

    Who is who is told by the same events: what came later is not known yet. Only `with_messages` do the events,
    and the logs of identity, know their message ids.
    """
    wanted = list(dict.fromkeys([*STORED_ENVELOPE, *identity_columns(rules), *columns]))
    read = wanted if with_messages else [column for column in wanted if column not in UNREAD]
    frames = list(archive.read(read, until_ms=as_of))
    events = pl.concat(frames) if frames else pl.DataFrame(schema=schema_of(read))
    if not with_messages:
        events = events.with_columns(pl.lit(None, dtype=kind).alias(name) for name, kind in UNREAD.items())
    resolution = resolve(events, rules)
    owners, ids = numbered(resolution)
    return Population(events=events, resolution=resolution, owners=owners, ids=ids)


def identity_columns(rules: IdentityRules) -> list[str]:
    """The fields in which identifiers are stated."""
    return [field_column(f"traits.{kind.name}", "text") for kind in rules.people if kind.name != "user_id"]


def numbered(resolution: Resolution) -> tuple[Owners, pl.Series]:
    """The number of each event's profile, and the id of each profile. Only profiles with an event have one."""
    roots = resolution.owners()
    present = np.unique(roots[roots >= 0])
    ids = resolution.node_ids.gather(present)
    order = ids.arg_sort().to_numpy()
    numbers = np.full(len(resolution.node_ids) + 1, -1, np.int32)
    numbers[present[order]] = np.arange(len(present), dtype=np.int32)
    return numbers[roots], ids.gather(order).alias("profile")
