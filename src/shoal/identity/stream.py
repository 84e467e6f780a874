"""Live identity resolution: the fold event by event, and again for what a late event touches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shoal.identity.fold import IdentityFold
from shoal.identity.graph import NOBODY
from shoal.identity.growing import GrowingColumn
from shoal.identity.key_table import KeyTable
from shoal.identity.news import News
from shoal.identity.node_ids import NodeIds
from shoal.identity.regions import members_of, no_regions
from shoal.identity.rules import DEVICE, IdentityRules
from shoal.identity.walk import FORMER_DEVICE, FORMER_USER, find_late, fold_events
from shoal.model.event import Event, EventKind
from shoal.model.frame import field_column, frame_of_events
from shoal.model.identifier import Identifier

Nodes = NDArray[np.int32]
Moments = NDArray[np.int64]

EVENTS_AT_ONCE = 4_096
"""For so many events at most there is made room at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Folded:
    """Of each event its leaf, its profile at that moment, and how many merges were in the news by then."""

    leaves: Nodes
    profiles: Nodes
    merges: Nodes


class IdentityStream:
    """Gives each event its leaf node, and tells what changed; `row` in the news is the event's position.

    What an event states is one column of `said.known`: a node for each person-level kind by priority, its device,
    and what the former id of an alias can mean, a user and a device. Equal statements are one, and its number is
    its place.
    """

    def __init__(self, rules: IdentityRules | None = None) -> None:
        self.rules = rules or IdentityRules()
        self.fold = IdentityFold(self.rules)
        self.node_ids = NodeIds(self.rules, self.fold)
        self.regions = no_regions()
        self.said = KeyTable(np.empty((len(self.rules.people) + 3, 0), np.int32))
        self.is_settled = GrowingColumn(np.empty(0, np.bool_))
        """Whether saying it again may be known to change nothing."""

    # What events state

    def read_frame(self, events: pl.DataFrame) -> Nodes:
        """The place of what each row of a frame of stored events states; NOBODY when it names nobody."""
        nodes = np.full((len(self.rules.people) + 3, len(events)), NOBODY, np.int32)
        kinds = events["kind"].to_arrow()
        identifies, is_alias = (_are(kinds, kind) for kind in (EventKind.IDENTIFY, EventKind.ALIAS))
        for place, kind in enumerate(self.rules.kinds):
            if kind.name in ("user_id", DEVICE):
                self._read(events[kind.name], place, nodes)
            elif (trait := field_column(f"traits.{kind.name}", "text")) in events.columns and identifies.any():
                self._read(events[trait], place, nodes, identifies)
        for row in np.flatnonzero(is_alias & (nodes[: len(self.rules.people)] != NOBODY).any(axis=0)).tolist():
            nodes[[FORMER_USER, FORMER_DEVICE], row] = self._former(*_words_of_alias(events, row))
        names_somebody = (nodes[:FORMER_USER] != NOBODY).any(axis=0)
        places = np.full(len(events), NOBODY, np.int32)
        places[names_somebody] = self.said.take_in(nodes[:, names_somebody])
        self.is_settled.extend(np.zeros(len(self.said) - len(self.is_settled), np.bool_))
        self.regions = self.regions.with_room(len(self.fold.graph.up))
        return places

    def _read(self, column: pl.Series, kind: int, nodes: Nodes, counts: NDArray[np.bool_] | None = None) -> None:
        """The nodes of one kind, of the rows that count and state any."""
        if column.null_count() == len(column):
            return
        stated = column.to_arrow()
        if column.null_count() or counts is not None:
            present = pc.is_valid(stated).to_numpy(zero_copy_only=False)
            present = present if counts is None else present & counts
            nodes[kind, present] = self.node_ids.nodes_of(kind, stated.filter(pa.array(present)))
        else:
            nodes[kind] = self.node_ids.nodes_of(kind, stated)

    def _former(self, user: str | None, former: str | None) -> tuple[int, int]:
        """The user and the device that the former id of an alias can be; which of them, its order decides."""
        if former is None:
            return NOBODY, NOBODY
        stated = pa.array([former], pa.large_string())
        node = int(self.node_ids.nodes_of(0, stated)[0])
        if node != NOBODY and former == user:
            return NOBODY, NOBODY
        return node, int(self.node_ids.nodes_of(len(self.rules.people), stated)[0])

    # Folding

    def apply(self, event: Event) -> int | None:
        """The leaf of the next event in order; None when it belongs to nobody."""
        statements = self.read_frame(frame_of_events([event]))
        if statements[0] == NOBODY:
            return None
        return int(self.fold_in(statements, np.array([event.occurred_at]), np.array([event.position])).leaves[0])

    def find_late(
        self, statements: Nodes, moments: Moments, positions: Moments, latest_at: int
    ) -> NDArray[np.bool_]:
        """Which events come after others that anything they speak of may depend on.

        `latest_at` is the moment of the latest event of all: what is later than that is late nowhere.
        """
        return find_late(self.regions, self.said.keys, statements, moments, positions, latest_at)

    def fold_in(self, statements: Nodes, moments: Moments, positions: Moments) -> Folded:
        """Whose each event is. They are in order, and none is late."""
        leaves, profiles, merges = (np.empty(len(statements), np.int32) for _ in range(3))
        done = 0
        while done < len(statements):
            self.fold.make_room(min(len(statements) - done, EVENTS_AT_ONCE) + len(self.said.keys))
            self.regions = self.regions.with_room(len(self.fold.graph.up))
            done = fold_events(
                self.fold.graph,
                self.fold.news,
                self.regions,
                self.said.keys,
                self.is_settled.values,
                *(statements, moments, positions),
                done,
                *(leaves, profiles, merges),
            )
            self.node_ids.name_shared_parts()
        return Folded(leaves, profiles, merges)

    def region_of(self, statements: Nodes) -> NDArray[np.int64]:
        """Every node that these statements can have anything to do with, shared parts of devices included."""
        spoken_of = np.unique(self.said.keys[:, statements])
        members = members_of(self.regions, spoken_of[spoken_of != NOBODY])
        parts = self.fold.graph.shared_part[members]
        return np.unique(np.concatenate([members, parts[parts != NOBODY]]))

    def forget(self, nodes: NDArray[np.int64], statements: Nodes) -> None:
        """Takes back what these statements made of these nodes, which are whole regions: they are folded again."""
        self.fold.forget(nodes)
        self.is_settled.values[statements] = False

    def known_node(self, stated: Identifier) -> int:
        """The node of an identifier that has been stated before, else NOBODY. May be asked from any thread."""
        node = self.node_ids.find(stated)
        if node == NOBODY and (usable := self.rules.usable(stated)) is not None:
            node = self.node_ids.find(usable)
        return node

    def profile_id(self, leaf: int) -> str:
        """The id of the profile that a leaf belongs to now."""
        return self.node_ids[self.fold.root(leaf)]

    def take_news(self) -> News:
        """What happened since the last call."""
        return self.fold.take_news()


def _are(kinds: pa.LargeStringArray, kind: EventKind) -> NDArray[np.bool_]:
    """Which events are of a kind."""
    are: NDArray[np.bool_] = pc.equal(kinds, kind.value).to_numpy(zero_copy_only=False)
    return are


def _words_of_alias(events: pl.DataFrame, row: int) -> tuple[str | None, str | None]:
    """The user that an alias names, and its former id."""
    return events["user_id"][row], events["previous_id"][row]
