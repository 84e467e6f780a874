"""The answer of identity resolution: who owned each event at any moment, and how that came to be."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shoal.identity.news import KEPT_APART
from shoal.identity.rules import IdentityRules

Nodes = NDArray[np.int32]
Moments = NDArray[np.int64]
Log = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Resolution:
    """Nodes are identifiers. `leaf` is each event's own node, -1 for events that belong to nobody.

    A node that merged knows its `parent` and `merged_at`; one that did not has parent -1 and NEVER. An event's
    profile at a moment is the root of its leaf at that moment, so one Resolution answers for every moment.
    """

    rules: IdentityRules
    node_ids: pl.Series
    parent: Nodes
    merged_at: Moments
    leaf: Nodes
    blocked: pl.DataFrame
    """kind, value as stated, events: what named nobody, and how often."""
    orders: pl.DataFrame
    """at, position and message_id of each row of the logs below."""
    merge_log: Log
    refusal_log: Log
    shared_log: Log

    def roots(self, as_of: int | None = None) -> Nodes:
        """The node that names the profile of each node, by the events up to and including a moment (None: all)."""
        itself = np.arange(len(self.parent), dtype=np.int32)
        merged = self.parent >= 0
        if as_of is not None:
            merged &= self.merged_at <= as_of
        root: Nodes = np.where(merged, self.parent, itself)
        while (further := root[root]).tobytes() != root.tobytes():
            root = further
        return root

    def owners(self, as_of: int | None = None) -> Nodes:
        """For each event the root of its leaf, -1 for nobody's. Only events up to `as_of` are to be looked at."""
        owned = np.append(self.roots(as_of), np.int32(-1))
        answer: Nodes = owned[self.leaf]
        return answer

    def profile_ids(self, as_of: int | None = None) -> pl.Series:
        """For each event the id of the profile it belongs to, null for nobody's."""
        owners = pl.Series("profile", self.owners(as_of))
        return self.node_ids.gather(owners.set(owners < 0, None)).alias("profile")

    @cached_property
    def unowned(self) -> int:
        """Events without a usable identifier: kept and counted, in no profile."""
        return int((self.leaf < 0).sum())

    @cached_property
    def merges(self) -> pl.DataFrame:
        """Every merge in order: when, which profile into which, and the two identifiers that the event linked."""
        log = self.merge_log
        names = {"profile": log[:, 1], "into": log[:, 2], "identifier": log[:, 3], "linked": log[:, 4]}
        return self._explained(log[:, 0], names)

    @cached_property
    def refused(self) -> pl.DataFrame:
        """Every link that a rule was against, once: the identifier left out, whom it would join, and why."""
        log = self.refusal_log
        reasons = pl.Series("reason", [self._reason(reason) for reason in log[:, 3].tolist()], dtype=pl.String)
        return self._explained(log[:, 0], {"identifier": log[:, 1], "linked": log[:, 2]}).with_columns(reasons)

    @cached_property
    def shared_devices(self) -> pl.DataFrame:
        """Every device that had too many owners, from when on, and the profile of its later anonymous events."""
        log = self.shared_log
        return self._explained(log[:, 0], {"device": log[:, 1], "profile": log[:, 2]})

    def _explained(self, rows: Log, nodes: dict[str, Log]) -> pl.DataFrame:
        columns = [self.node_ids.gather(each).alias(name) for name, each in nodes.items()]
        return self.orders[rows].with_columns(columns)

    def _reason(self, reason: int) -> str:
        if reason == KEPT_APART:
            return "the rules keep them apart"
        kind = self.rules.kinds[reason]
        return f"more than {kind.limit} {kind.name} in one profile"
