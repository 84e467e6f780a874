"""Where events go: a counting sort by profile that keeps their order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shoal.evaluate.kernels.compiled import compiled
from shoal.evaluate.kernels.selection import Indices


@compiled
def place_events(owners: NDArray[np.int32], profile_count: int) -> tuple[Indices, Indices, Indices]:
    """Per profile the begin and end of its run, and the row of each event in runs; rows with -1 are left out."""
    begin, end = np.zeros(profile_count, np.int64), np.zeros(profile_count, np.int64)
    for owner in owners:
        if owner >= 0:
            end[owner] += 1
    total = 0
    for p in range(profile_count):
        begin[p] = total
        total += end[p]
        end[p] = begin[p]
    rows = np.empty(total, np.int64)
    for row in range(len(owners)):
        owner = owners[row]
        if owner >= 0:
            rows[end[owner]] = row
            end[owner] += 1
    return begin, end, rows
