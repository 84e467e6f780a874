"""The graph of identities: nodes with their links and owners, as columns of numbers that compiled loops change.

A node is an identifier. A profile is a set of linked nodes, and its root names it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shoal.identity.compiled import compiled

NOBODY: Final = -1
"""The node of what names nobody, and the end of a list of notes."""

UNSTATED: Final = 2**62
"""The moment of the first statement of a node that no event has stated."""

IS_SHARED: Final = np.uint8(1)
IS_APART: Final = np.uint8(2)
HOLDS_APART: Final = np.uint8(4)
"""Bits of `flags`: a device of too many owners; a node that a rule keeps apart from another; a root whose profile
has such a node."""

NODES_USED, NOTES_USED, FREE_NOTE = 0, 1, 2
"""Places in `used`."""

VALUE, NEXT = 0, 1
"""Lines of `notes`."""

ROOM_FOR_ONE: Final = 2
"""So many nodes one event can add: the shared part of a device, and that of a device it was known by."""


class Graph(NamedTuple):
    """Columns by node, longer than there are nodes; lists of notes; and what the rules say.

    `up` leads to the root. `counts` has, for each kind with a limit, how many of it a root's profile has. `owner`
    is whose a device's anonymous events are. `owners` and `refused` are the first of a node's notes: everybody
    that a device belonged to, and everything that was refused to be linked to a node.
    """

    kind: NDArray[np.int8]
    up: NDArray[np.int32]
    first_at: NDArray[np.int64]
    first_position: NDArray[np.int64]
    counts: NDArray[np.int32]
    owner: NDArray[np.int32]
    shared_part: NDArray[np.int32]
    flags: NDArray[np.uint8]
    owners: NDArray[np.int32]
    refused: NDArray[np.int32]
    notes: NDArray[np.int32]
    used: NDArray[np.int64]
    limited: NDArray[np.int64]
    """Lines of kind and limit."""
    apart: NDArray[np.int32]
    """Lines of two nodes that never are one profile."""
    most_owners: int
    shared_kind: int
    """The kind of the node that holds the anonymous events of a shared device."""


OF_NODES: Final = (
    *("kind", "up", "first_at", "first_position", "counts"),
    *("owner", "shared_part", "flags", "owners", "refused"),
)
"""The columns with a place for each node."""


def empty_graph(limited: list[tuple[int, int]], *, most_owners: int, shared_kind: int) -> Graph:
    """A graph without nodes. `limited` has (kind, limit) of each kind that has a limit."""
    return Graph(
        kind=np.empty(0, np.int8),
        up=np.empty(0, np.int32),
        first_at=np.empty(0, np.int64),
        first_position=np.empty(0, np.int64),
        counts=np.empty((len(limited), 0), np.int32),
        owner=np.empty(0, np.int32),
        shared_part=np.empty(0, np.int32),
        flags=np.empty(0, np.uint8),
        owners=np.empty(0, np.int32),
        refused=np.empty(0, np.int32),
        notes=np.empty((2, 0), np.int32),
        used=np.array([0, 0, NOBODY]),
        limited=np.array(limited, np.int64).reshape(-1, 2),
        apart=np.empty((0, 2), np.int32),
        most_owners=most_owners,
        shared_kind=shared_kind,
    )


@compiled
def add_nodes(graph: Graph, kind: int, count: int) -> int:
    """Makes nodes of one kind, each a profile of its own; the number of the first one. There has to be room."""
    start = int(graph.used[NODES_USED])
    graph.used[NODES_USED] += count
    for node in range(start, start + count):
        graph.kind[node] = kind
        graph.shared_part[node] = NOBODY
        graph.flags[node] = 0
        graph.owners[node] = graph.refused[node] = NOBODY
        _stand_alone(graph, node)
    return start


@compiled
def forget(graph: Graph, nodes: NDArray[np.int64]) -> None:
    """Takes back everything that was folded about nodes which no event states together with any other node."""
    for node in nodes:
        drop_notes(graph, graph.owners, node)
        drop_notes(graph, graph.refused, node)
        graph.flags[node] = IS_APART | HOLDS_APART if graph.flags[node] & IS_APART else 0
        _stand_alone(graph, node)


@compiled
def _stand_alone(graph: Graph, node: int) -> None:
    graph.up[node] = node
    graph.first_at[node], graph.first_position[node] = UNSTATED, node
    graph.owner[node] = NOBODY
    for place in range(len(graph.limited)):
        graph.counts[place, node] = graph.limited[place, 0] == graph.kind[node]


@compiled
def root(up: NDArray[np.int32], node: int) -> int:
    """The node that names the profile of this one now."""
    while up[node] != node:
        up[node] = up[up[node]]
        node = up[node]
    return node


@compiled
def roots(up: NDArray[np.int32], nodes: NDArray[np.int32]) -> NDArray[np.int32]:
    """The root of each node."""
    found = np.empty(len(nodes), np.int32)
    for place in range(len(nodes)):
        found[place] = root(up, nodes[place])
    return found


# Notes: short lists of nodes


@compiled
def is_noted(graph: Graph, first: int, value: int) -> bool:
    """Whether a list of notes has a value."""
    note = first
    while note != NOBODY:
        if graph.notes[VALUE, note] == value:
            return True
        note = graph.notes[NEXT, note]
    return False


@compiled
def add_note(graph: Graph, lists: NDArray[np.int32], node: int, value: int) -> None:
    """Puts a value before the notes of a node. There has to be room."""
    note = graph.used[FREE_NOTE]
    if note != NOBODY:
        graph.used[FREE_NOTE] = graph.notes[NEXT, note]
    else:
        note = graph.used[NOTES_USED]
        graph.used[NOTES_USED] += 1
    graph.notes[VALUE, note], graph.notes[NEXT, note] = value, lists[node]
    lists[node] = note


@compiled
def drop_notes(graph: Graph, lists: NDArray[np.int32], node: int) -> None:
    """Empties the notes of a node; their places can be used again."""
    while lists[node] != NOBODY:
        note = lists[node]
        lists[node] = graph.notes[NEXT, note]
        graph.notes[NEXT, note] = graph.used[FREE_NOTE]
        graph.used[FREE_NOTE] = note
