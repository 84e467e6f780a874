"""The fold over statements in order: which identifiers are one profile, and whose a device is.

One fold serves batch (`resolve`) and live (`stream`). Identifiers are numbers here, called nodes: a profile is
a set of linked nodes, and its root, the node of highest priority and then of the first statement, names it.
A fold takes statements in order. When one comes late, what it touches is forgotten and folded again.

The graph and what is done to it are in `graph.py` and `links.py`; this gives them room.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shoal.identity import graph as nodes
from shoal.identity.graph import HOLDS_APART, IS_APART, NODES_USED, NOTES_USED, OF_NODES, empty_graph
from shoal.identity.growing import lengthened
from shoal.identity.news import News, no_news, take, with_room
from shoal.identity.rules import IdentityRules

ROOM_AT_FIRST = 64


class IdentityFold:
    """The graph of a stream of statements, and the news of it."""

    def __init__(self, rules: IdentityRules) -> None:
        limited = [(place, kind.limit) for place, kind in enumerate(rules.kinds) if kind.limit is not None]
        self.graph = empty_graph(limited, most_owners=rules.shared_device_owners, shared_kind=len(rules.kinds))
        self.news = no_news()

    def __len__(self) -> int:
        """How many nodes there are."""
        return int(self.graph.used[NODES_USED])

    def add_nodes(self, kind: int, count: int = 1) -> int:
        """Makes nodes of one kind; the number of the first one. Until an event states them, their first statement
        counts as later than any, in the order in which they are made.
        """
        self._make_room(count, 0)
        return nodes.add_nodes(self.graph, kind, count)

    def keep_apart(self, left: int, right: int) -> None:
        """From now on refuses every link that would bring these two into one profile."""
        pair = np.array([[left, right]], np.int32)
        self.graph = self.graph._replace(apart=np.concatenate([self.graph.apart, pair]))
        for node in (left, right):
            self.graph.flags[node] |= IS_APART
            self.graph.flags[self.root(node)] |= HOLDS_APART

    def make_room(self, steps: int) -> None:
        """Room for at least so many links and claims, and what they bring about."""
        self._make_room(nodes.ROOM_FOR_ONE, 2 * steps)
        self.news = with_room(self.news, steps)

    def _make_room(self, more_nodes: int, more_notes: int) -> None:
        graph = self.graph
        needed = len(self) + more_nodes
        if needed > len(graph.up):
            length = max(needed + len(self) // 4, ROOM_AT_FIRST)
            graph = graph._replace(**{name: lengthened(getattr(graph, name), length) for name in OF_NODES})  # type: ignore[arg-type]
        noted = int(graph.used[NOTES_USED])
        if noted + more_notes > graph.notes.shape[1]:
            length = max(noted + noted // 2 + more_notes, ROOM_AT_FIRST)
            graph = graph._replace(notes=lengthened(graph.notes, length))
        self.graph = graph

    def forget(self, which: NDArray[np.int64]) -> None:
        """Takes back everything that was folded about nodes which no event states together with any other node."""
        nodes.forget(self.graph, which)

    def root(self, node: int) -> int:
        """The node that names the profile of this one now."""
        return int(nodes.root(self.graph.up, node))

    def roots(self, which: NDArray[np.int32]) -> NDArray[np.int32]:
        """The node that names the profile of each of these now."""
        return nodes.roots(self.graph.up, which)

    def shared_part(self, device: int) -> int:
        """The node of the anonymous events of a shared device; NOBODY when it never had one."""
        return int(self.graph.shared_part[device])

    def take_news(self) -> News:
        """What happened since the last call."""
        return take(self.news)
