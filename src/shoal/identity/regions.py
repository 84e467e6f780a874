"""Regions: nodes that any events state together, whatever became of it. What happens in one concerns no other."""

from __future__ import annotations

Order = tuple[int, int]

_NEVER: Order = (-(2**62), 0)


class Regions:
    """Sets of nodes that only grow, each with the order of its latest event."""

    def __init__(self) -> None:
        self._up: dict[int, int] = {}
        self._members: dict[int, list[int]] = {}
        self._latest: dict[int, Order] = {}

    def join(self, nodes: list[int], order: Order) -> None:
        """An event of this order states these nodes together."""
        root = self.root(nodes[0])
        for node in nodes[1:]:
            other = self.root(node)
            if other != root:
                root = self._unite(root, other)
        if order > self._latest.get(root, _NEVER):
            self._latest[root] = order

    def touch(self, node: int, order: Order) -> None:
        """An event of this order states a node with others that it was stated with before."""
        root = self.root(node)
        self._latest[root] = max(self._latest[root], order)

    def members(self, node: int) -> list[int]:
        """Every node of the region of one."""
        root = self.root(node)
        return self._members.get(root, [root])

    def latest(self, node: int) -> Order:
        """The order of the latest event of the region of a node."""
        return self._latest.get(self.root(node), _NEVER)

    def root(self, node: int) -> int:
        """The node that stands for the region of one now."""
        up = self._up
        root = node
        while (above := up.get(root, root)) != root:
            root = above
        while node != root:
            up[node], node = root, up.get(node, node)
        return root

    def _unite(self, one: int, other: int) -> int:
        ours, theirs = self.members(one), self.members(other)
        if len(ours) < len(theirs):
            one, other, ours, theirs = other, one, theirs, ours
        self._up[other] = one
        self._members[one] = [*ours, *theirs] if one not in self._members else ours
        if self._members[one] is ours:
            ours.extend(theirs)
        self._members.pop(other, None)
        self._latest[one] = max(self._latest.get(one, _NEVER), self._latest.pop(other, _NEVER))
        return one
