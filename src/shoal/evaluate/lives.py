"""Lives: the stretches of time in which a profile is made of the same identifiers.

A merge ends the lives of both profiles and begins a new one of the profile that stays, with the events of both.
Within a life nothing but its own events and the passing of time can change anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from shoal.evaluate.kernels.layout import place_events
from shoal.identity import Resolution

Indices = NDArray[np.int64]
Moments = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Lives:
    """Every life between two moments. Life n is of `profile[n]` (a node), from `start[n]` to `stop[n]` (excluded).

    Lives of one profile follow each other in order. `rows` are the events of all lives and `life_of_row` says
    whose each is: an event stands once in each life that it is part of. `ended` are the profiles that were merged
    into another, and `ended_at` when.
    """

    profile: NDArray[np.int32]
    start: Moments
    stop: Moments
    rows: Indices
    life_of_row: NDArray[np.int32]
    ended: NDArray[np.int32]
    ended_at: Moments

    def __len__(self) -> int:
        return len(self.profile)


def lives_between(resolution: Resolution, times: Moments, since: int, until: int) -> Lives:
    """The lives of all profiles from `since` to `until`, both included. `times` are those of the events, in order.

    What happened after `until` is part of none.
    """
    seen = int(np.searchsorted(times, until, side="right"))
    begin, end, rows_by_leaf = place_events(resolution.leaf[:seen], len(resolution.node_ids))
    roots = resolution.roots(since)
    open_lives = _Open(since)
    for at, old, new in _merges(resolution, times, since, until):
        open_lives.merge(at, old, new)
    merged = np.array(sorted(open_lives.involved), np.int32)
    leaves = np.flatnonzero(end > begin).astype(np.int32)
    involved = np.isin(roots[leaves], merged)
    undisturbed = leaves[~involved]
    open_lives.finish(until + 1, leaves[involved], roots)
    alone, life_of_leaf = np.unique(roots[undisturbed], return_inverse=True)
    made = _Made(begin, end, rows_by_leaf)
    rows, life_of_row = made.rows_of(undisturbed, life_of_leaf)
    more_rows, more_lives = made.rows_of(
        np.array(list(chain.from_iterable(open_lives.leaves)), np.int32),
        np.repeat(np.arange(len(open_lives.leaves)), open_lives.sizes) + len(alone),
    )
    return Lives(
        profile=np.concatenate([alone, np.array(open_lives.profile, np.int32)]).astype(np.int32),
        start=np.concatenate([np.full(len(alone), since), np.array(open_lives.start, np.int64)]),
        stop=np.concatenate([np.full(len(alone), until + 1), np.array(open_lives.stop, np.int64)]),
        rows=np.concatenate([rows, more_rows]),
        life_of_row=np.concatenate([life_of_row, more_lives]).astype(np.int32),
        ended=np.array([profile for profile, _ in open_lives.ended], np.int32),
        ended_at=np.array([at for _, at in open_lives.ended], np.int64),
    )


def _merges(resolution: Resolution, times: Moments, since: int, until: int) -> list[tuple[int, int, int]]:
    """(moment, the profile that ends, the profile that stays) of each merge after `since`, in order."""
    log = resolution.merge_log
    at = times[log[:, 0]]
    inside = (at > since) & (at <= until)
    return list(zip(at[inside].tolist(), log[inside, 1].tolist(), log[inside, 2].tolist(), strict=True))


class _Open:
    """The profiles that merge: which roots they are made of, and the lives that have ended."""

    def __init__(self, since: int) -> None:
        self.since = since
        self.involved: set[int] = set()
        self.profile: list[int] = []
        self.start: list[int] = []
        self.stop: list[int] = []
        self.leaves: list[list[int]] = []
        self.ended: list[tuple[int, int]] = []
        self._roots: dict[int, list[int]] = {}
        self._began: dict[int, int] = {}
        self._roots_of_life: list[list[int]] = []

    def merge(self, at: int, old: int, new: int) -> None:
        for root in (old, new):
            if root not in self._roots:
                self.involved.add(root)
                self._roots[root], self._began[root] = [root], self.since
            self._end(root, at)
        self._roots[new] = [*self._roots[new], *self._roots.pop(old)]
        self._began[new] = at
        del self._began[old]
        self.ended.append((old, at))

    @property
    def sizes(self) -> Indices:
        """How many leaves each life has."""
        return np.array([len(each) for each in self.leaves], np.int64)

    def finish(self, at: int, leaves: NDArray[np.int32], roots: NDArray[np.int32]) -> None:
        """Ends every life, and finds the leaves of each: those whose root at the beginning is one of its roots."""
        for root in list(self._began):
            self._end(root, at)
        leaves_of_root: dict[int, list[int]] = {}
        for leaf, root in zip(leaves.tolist(), roots[leaves].tolist(), strict=True):
            leaves_of_root.setdefault(root, []).append(leaf)
        self.leaves = [
            [leaf for root in life for leaf in leaves_of_root.get(root, ())] for life in self._roots_of_life
        ]

    def _end(self, root: int, at: int) -> None:
        """A life of no length, between two merges by one event, is none."""
        if at > self._began[root]:
            self.profile.append(root)
            self.start.append(self._began[root])
            self.stop.append(at)
            self._roots_of_life.append(self._roots[root])


@dataclass(frozen=True, slots=True, eq=False)
class _Made:
    """The events of each leaf: `rows_by_leaf[begin[leaf]:end[leaf]]`."""

    begin: Indices
    end: Indices
    rows_by_leaf: Indices

    def rows_of(self, leaves: NDArray[np.int32], life: Indices) -> tuple[Indices, Indices]:
        """The rows of all leaves, one after the other, and the life of each."""
        sizes = self.end[leaves] - self.begin[leaves]
        starts = np.repeat(self.begin[leaves] - np.concatenate([[0], np.cumsum(sizes)[:-1]]), sizes)
        return self.rows_by_leaf[starts + np.arange(int(sizes.sum()))], np.repeat(life, sizes)
