"""Regions: nodes that any events state together, whatever became of it. What happens in one concerns no other."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shoal.identity.compiled import compiled
from shoal.identity.graph import NOBODY, root
from shoal.identity.growing import lengthened

_NEVER = -(2**62)


class Regions(NamedTuple):
    """Sets of nodes that only grow, each with the order of its latest event, as columns by node.

    `up` leads to the node that stands for a region; `latest_at` and `latest_position` are that node's. `following`
    leads from each node to another of its region, and round to itself.
    """

    up: NDArray[np.int32]
    following: NDArray[np.int32]
    latest_at: NDArray[np.int64]
    latest_position: NDArray[np.int64]

    def with_room(self, length: int) -> Regions:
        """The same for so many nodes; each new one is a region of its own."""
        known = len(self.up)
        if known >= length:
            return self
        longer = Regions(*(lengthened(column, length) for column in self))
        longer.up[known:] = longer.following[known:] = np.arange(known, length)
        longer.latest_at[known:], longer.latest_position[known:] = _NEVER, 0
        return longer


def no_regions() -> Regions:
    nothing, never = np.empty(0, np.int32), np.empty(0, np.int64)
    return Regions(nothing, nothing, never, never)


@compiled
def join(regions: Regions, nodes: NDArray[np.int32], at: int, position: int) -> None:
    """An event of this order states these nodes together, those that are NOBODY left out."""
    together = NOBODY
    for node in nodes:
        if node == NOBODY:
            continue
        one = root(regions.up, node)
        if together == NOBODY:
            together = one
        elif one != together:
            _unite(regions, together, one)
    touch(regions, together, at, position)


@compiled
def touch(regions: Regions, node: int, at: int, position: int) -> None:
    """An event of this order states a node with others that it was stated with before."""
    here = root(regions.up, node)
    if is_late(regions, here, at, position):
        return
    regions.latest_at[here], regions.latest_position[here] = at, position


@compiled
def is_late(regions: Regions, node: int, at: int, position: int) -> bool:
    """Whether the region of a node has an event that is later than this order."""
    here = root(regions.up, node)
    return bool(
        at < regions.latest_at[here]
        or (at == regions.latest_at[here] and position < regions.latest_position[here])
    )


@compiled
def _unite(regions: Regions, one: int, other: int) -> None:
    """Both are roots; the first one stands for both. Two rings whose next nodes are swapped are one."""
    regions.up[other] = one
    following = regions.following
    following[one], following[other] = following[other], following[one]
    if is_late(regions, one, regions.latest_at[other], regions.latest_position[other]):
        return
    regions.latest_at[one], regions.latest_position[one] = (
        regions.latest_at[other],
        regions.latest_position[other],
    )


@compiled
def members_of(regions: Regions, nodes: NDArray[np.int32]) -> NDArray[np.int64]:
    """Every node of the regions of some nodes, each once."""
    some = np.unique(np.array([root(regions.up, node) for node in nodes], np.int64))
    count = 0
    for first in some:
        node = first
        while True:
            count += 1
            node = np.int64(regions.following[node])
            if node == first:
                break
    found, count = np.empty(count, np.int64), 0
    for first in some:
        node = first
        while True:
            found[count] = node
            count += 1
            node = np.int64(regions.following[node])
            if node == first:
                break
    return found
