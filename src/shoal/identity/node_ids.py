"""Which node an identifier is, as it is stated, and which id a node has: columns, and no text for each of them.

Identifiers are known by hashes of 128 bits, as message ids are in the archive.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shoal.identity.fold import IdentityFold
from shoal.identity.graph import NOBODY
from shoal.identity.growing import GrowingColumn
from shoal.identity.key_table import ABSENT, KeyTable
from shoal.identity.rules import SHARED, IdentityRules
from shoal.model.identifier import Identifier
from shoal.model.text_hash import hash_arrow

Nodes = NDArray[np.int32]


class NodeIds:
    """The identifiers that were stated, and their nodes in a fold. `ids[node]` is the id of a node."""

    def __init__(self, rules: IdentityRules, fold: IdentityFold) -> None:
        self.rules, self.fold = rules, fold
        self.stated = KeyTable(np.empty((2, 0), np.uint64))
        self.node_of = GrowingColumn(np.empty(0, np.int32))
        """By the place of what was stated."""
        self.letters = GrowingColumn(np.empty(0, np.uint8))
        self.ends = GrowingColumn(np.zeros(1, np.int64))
        """The values of all nodes, one after the other, and where each one ends; before the first one is 0."""
        self._apart = [pair for one, other in rules.kept_apart() for pair in ((one, other), (other, one))]

    def __len__(self) -> int:
        """How many nodes have an id."""
        return len(self.ends) - 1

    def __getitem__(self, node: int) -> str:
        kind = min(int(self.fold.graph.kind[node]), len(self.rules.people))  # shared parts are named as devices
        return f"{self.rules.kinds[kind].name}:{self._value(node)}"

    def find(self, stated: Identifier) -> int:
        """The node of an identifier stated like this before, else NOBODY. May be asked from any thread."""
        if (kind := self.rules.priority.get(stated.kind)) is None:
            return NOBODY
        place = int(self.stated.find(_hashes(kind, [stated.value]))[0])
        nodes = self.node_of.values
        return int(nodes[place]) if place != ABSENT and place < len(nodes) else NOBODY

    def nodes_of(self, kind: int, values: pa.LargeStringArray) -> Nodes:
        """The nodes of identifiers of one kind, as stated; made when it is the first time. NOBODY when blocked."""
        known = len(self.stated)
        places = self.stated.take_in(_hashes(kind, values))
        if len(self.stated) > known:
            new = np.flatnonzero(places >= known)
            _, first = np.unique(places[new], return_index=True)
            self._meet(kind, values.take(pa.array(new[first])).to_pylist())
        nodes: Nodes = self.node_of.values[places]
        return nodes

    def name_shared_parts(self) -> None:
        """The fold makes the nodes of shared devices itself; their ids follow from the devices'."""
        for _, _, device, node in self.fold.news.shared[: self.fold.news.used[-1]].tolist():
            if node == len(self):
                self._name([self._value(device) + SHARED])

    def _meet(self, kind: int, stated: Sequence[str]) -> None:
        """Gives nodes to identifiers that are new, in the order of their places."""
        usable = self.rules.kinds[kind].usable_many(stated)
        place = len(self.node_of)
        nodes = np.full(len(stated), NOBODY, np.int32)
        plain = [row for row, value in enumerate(stated) if value == usable[row]]
        nodes[plain] = self._add(kind, [stated[row] for row in plain])
        self.node_of.extend(nodes)
        for row, value in enumerate(usable):
            if value is not None and value != stated[row]:
                self.node_of.values[place + row] = self._node_of_usable(kind, value)

    def _node_of_usable(self, kind: int, value: str) -> int:
        known = len(self.stated)
        place = int(self.stated.take_in(_hashes(kind, [value]))[0])
        if place == known:
            self.node_of.extend(self._add(kind, [value]))
        return int(self.node_of.values[place])

    def _add(self, kind: int, values: Sequence[str]) -> Nodes:
        """New nodes with these values."""
        first = self.fold.add_nodes(kind, len(values))
        self._name(values)
        if self._apart:
            for node, value in enumerate(values, start=first):
                self._keep_apart(node, Identifier(self.rules.kinds[kind].name, value))
        return np.arange(first, first + len(values), dtype=np.int32)

    def _name(self, values: Sequence[str]) -> None:
        written = pa.array(values, pa.large_string())
        _, offsets, letters = written.buffers()
        ends = np.frombuffer(offsets, np.int64)[1 : len(values) + 1]
        self.ends.extend(ends + len(self.letters))
        self.letters.extend(np.frombuffer(letters or b"", np.uint8)[: ends[-1] if len(ends) else 0])

    def _value(self, node: int) -> str:
        start, end = self.ends.values[node : node + 2].tolist()
        return self.letters.values[start:end].tobytes().decode()

    def _keep_apart(self, node: int, identifier: Identifier) -> None:
        """Tells the fold of the partners of a new node that are there already."""
        for one, partner in self._apart:
            if one == identifier and (other := self.find(partner)) not in (NOBODY, node):
                self.fold.keep_apart(node, other)


def _hashes(kind: int, values: pa.LargeStringArray | Sequence[str]) -> NDArray[np.uint64]:
    """The keys of identifiers of a kind, as KeyTable has them."""
    stated = values if isinstance(values, pa.Array) else pa.array(values, pa.large_string())
    return np.stack(hash_arrow(stated, b"identifier %5d" % kind))
