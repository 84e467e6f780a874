"""Rounds: the events of one step, cut wherever two profiles that have events become one.

Within a round every profile is who it is, so all of them can be followed at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from shoal.evaluate.kernels.compiled import compiled
from shoal.history.arena import Arena
from shoal.identity.stream import Folded

Indices = NDArray[np.int64]
Numbers = NDArray[np.int32]
Merges = NDArray[np.int64]
"""Lines of moment, the profile that ends, and the one that stays."""


@dataclass(slots=True, eq=False)
class Round:
    """What happens between two merges: which rows come in, whose they are, and until when some are followed."""

    rows: Indices
    owners: Numbers
    merges: list[tuple[int, int, int]] = field(default_factory=list)
    """Done before the events of the round."""
    until: dict[int, int] = field(default_factory=dict)
    """Profiles that merge in a later round: the moment of that merge."""


def cut_into_rounds(folded: Folded, merges: Merges, arena: Arena) -> list[Round]:
    """The rounds of events in order, at least one. The arena has the events before."""
    if not len(merges):
        return [Round(np.arange(len(folded.profiles)), folded.profiles)]
    round_of_row, round_of_merge, ends = _number(folded.profiles, folded.merges, merges, arena.begin, arena.end)
    counting = np.flatnonzero(round_of_merge)
    rounds = []
    for number in range(int(round_of_merge.max()) + 1):
        rows = np.flatnonzero(round_of_row == number)
        rounds.append(Round(rows, folded.profiles[rows]))
    for merge in counting.tolist():
        at, old, new = merges[merge].tolist()
        rounds[round_of_merge[merge]].merges.append((at, old, new))
        for profile, number in zip((old, new), ends[merge].tolist(), strict=True):
            rounds[number].until[profile] = at
    return rounds


@compiled
def _number(
    profiles: Numbers, merges_before: Numbers, merges: Merges, begin: Indices, end: Indices
) -> tuple[Numbers, Numbers, Numbers]:
    """The round of each row; that of each merge, 0 if the profile that ends has no events; and in which rounds the
    two profiles of each merge were until then."""
    nodes = max(profiles.max(), merges[:, 1:].max()) + 1
    present, seen = np.zeros(nodes, np.int32), np.zeros(nodes, np.bool_)
    round_of_row, round_of_merge = np.empty(len(profiles), np.int32), np.zeros(len(merges), np.int32)
    ends = np.zeros((len(merges), 2), np.int32)
    merge = 0
    for row in range(len(profiles)):
        while merge < merges_before[row]:
            old, new = merges[merge, 1], merges[merge, 2]
            if seen[old] or begin[old] < end[old]:
                ends[merge, 0], ends[merge, 1] = present[old], present[new]
                round_of_merge[merge] = max(present[old], present[new]) + 1
                present[old], present[new] = 0, round_of_merge[merge]
                seen[new] = True
            merge += 1
        round_of_row[row] = present[profiles[row]]
        seen[profiles[row]] = True
    return round_of_row, round_of_merge, ends
