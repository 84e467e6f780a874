"""Standings: who is in what at the end of the last step of the live engine, for whoever asks from another thread.

The engine works on identities and memberships in place, so that what it holds in the middle of a step is no
answer to anything. What is asked stands here: copied at the end of each step, only what the step changed, under a
lock that is held for no longer than that. Nobody who asks waits for a step.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shoal.history.arena import Arena
from shoal.identity import IdentityStream
from shoal.identity.graph import NOBODY, root
from shoal.identity.growing import GrowingColumn
from shoal.identity.news import News
from shoal.model.identifier import Identifier

Indices = NDArray[np.int64]
Members = NDArray[np.bool_]

MOST_REMEMBERED = 50_000
"""Identifiers whose nodes are remembered: those of people who look at pages now."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One person's memberships at one moment, by name: `"big_spenders" in standing`."""

    profile: str
    _row: bytes
    _columns: dict[str, int]

    def __contains__(self, segment: object) -> bool:
        column = self._columns.get(segment) if isinstance(segment, str) else None
        return column is not None and self._row[column] == 1

    def __iter__(self) -> Iterator[str]:
        return (name for name, column in self._columns.items() if self._row[column])


class Standings:
    """What one engine has published. Its thread publishes; `find` may be called by any."""

    def __init__(self, segments: Sequence[str], identity: IdentityStream) -> None:
        self._identity = identity
        self._columns = {name: column for column, name in enumerate(segments)}
        self._lock = threading.Lock()
        self._nodes: dict[Identifier, int] = {}
        self._owner = GrowingColumn(np.empty(0, np.int32))
        """By node: the node that owns its events, itself or, for a device, whose it is at present."""
        self._up = GrowingColumn(np.empty(0, np.int32))
        """By node: one that is nearer to the root of its profile; the root itself."""
        self._members: Members = np.zeros((0, len(segments)), np.bool_)
        self._is_somebody: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self._touched: list[Indices] = []
        self._forgotten: list[Indices] = []
        self._news: list[News] = []

    def find(self, identifier: Identifier) -> Standing | None:
        """Where the person of an identifier stands; None for an identifier of whom there is no event."""
        node = self._nodes.get(identifier, NOBODY)
        if node == NOBODY and (node := self._known_node(identifier)) == NOBODY:
            return None
        with self._lock:
            if node >= len(self._up):  # it came in the step that is being taken
                return None
            profile = int(root(self._up.values, self._owner.values[node]))
            if profile >= len(self._is_somebody) or not self._is_somebody[profile]:
                return None
            row = self._members[profile].tobytes()
        return Standing(self._identity.node_ids[profile], row, self._columns)

    def _known_node(self, identifier: Identifier) -> int:
        """The node of an identifier, which it keeps for ever; remembered, because hashing takes longest of all."""
        node = self._identity.known_node(identifier)
        if node != NOBODY:
            if len(self._nodes) >= MOST_REMEMBERED:
                self._nodes.clear()
            self._nodes[identifier] = node
        return node

    # What the engine's thread notes while it takes a step

    def touch(self, profiles: Indices) -> None:
        """These may have other memberships, or other events, than before."""
        self._touched.append(profiles)

    def forget(self, nodes: Indices) -> None:
        """What was known of these identifiers is being resolved again. Comes before the news of that."""
        self._forgotten.append(nodes)

    def hear(self, news: News) -> None:
        """Which profiles became one, and whose devices are."""
        self._news.append(news)

    def publish(self, members: Members, arena: Arena) -> None:
        """At the end of a step: what was noted since the last one is what those who ask see from here on.

        `members` are the engine's, by profile, and so is the arena with their events.
        """
        touched = np.unique(np.concatenate(self._touched)) if self._touched else np.empty(0, np.int64)
        rows, have_events = members[touched], arena.sizes_of(touched) > 0
        with self._lock:
            self._grow(len(members))
            self._follow_identities()
            self._members[touched], self._is_somebody[touched] = rows, have_events
        self._touched.clear()

    def publish_all(self, members: Members, arena: Arena) -> None:
        """Everything at once, after the past was loaded."""
        fold = self._identity.fold
        nodes = np.arange(len(fold), dtype=np.int32)
        owner = fold.graph.owner[: len(fold)]
        with self._lock:
            self._up = GrowingColumn(fold.roots(nodes))
            self._owner = GrowingColumn(np.where(owner == NOBODY, nodes, owner))
            self._members, self._is_somebody = members.copy(), arena.end > arena.begin
        self._touched.clear()

    def _grow(self, profiles: int) -> None:
        more = np.arange(len(self._up), len(self._identity.fold), dtype=np.int32)
        self._up.extend(more)
        self._owner.extend(more)
        missing = profiles - len(self._members)
        if missing > 0:
            nobody = np.zeros((missing, self._members.shape[1]), np.bool_)
            self._members = np.concatenate([self._members, nobody])
            self._is_somebody = np.concatenate([self._is_somebody, np.zeros(missing, np.bool_)])

    def _follow_identities(self) -> None:
        up, owner = self._up.values, self._owner.values
        for nodes in self._forgotten:
            up[nodes] = owner[nodes] = nodes
        for news in self._news:
            up[news.merges[:, 2]] = news.merges[:, 3]
            owner[news.owners[:, 1]] = news.owners[:, 2]
        self._forgotten.clear()
        self._news.clear()
