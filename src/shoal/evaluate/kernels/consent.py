"""Consent: the latest statement of each device, and one refusal among them is enough."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shoal.evaluate.kernels.compiled import compiled
from shoal.evaluate.kernels.properties import Codes
from shoal.evaluate.kernels.selection import Indices

UNSTATED, REFUSED, GRANTED = -1, 0, 1


@compiled
def consent_given(
    start: Indices, stop: Indices, statements: NDArray[np.int8], sources: Codes, default: bool
) -> NDArray[np.bool_]:
    """Per profile, whether its latest statements allow the purpose; the default when there are none."""
    given = np.empty(len(start), np.bool_)
    seen = np.empty(16, np.int64)
    for p in range(len(start)):
        known, refused = 0, False
        for i in range(stop[p] - 1, start[p] - 1, -1):
            if statements[i] < 0:
                continue
            is_new = True
            for s in range(known):
                if seen[s] == sources[i]:
                    is_new = False
                    break
            if not is_new:
                continue
            if statements[i] == 0:
                refused = True
                break
            if known == len(seen):
                larger = np.empty(2 * known, np.int64)
                larger[:known] = seen
                seen = larger
            seen[known] = sources[i]
            known += 1
        given[p] = not refused and (known > 0 or default)
    return given
