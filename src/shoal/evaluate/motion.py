"""Motion: when a value that moves with time passes a limit.

Between two moments at which something happens, every number of the language is a straight line of time: durations
grow by one each millisecond, and arithmetic, scales and scores of straight lines are straight until they are
clipped or step. So the next moment at which a comparison can change is found by one division.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shoal.model.time import NEVER

Numbers = NDArray[np.float64]
Moments = NDArray[np.int64]

_FAR = 2.0**61


def next_crossing(now: Moments, distance: Numbers, slope: Numbers) -> Moments:
    """For each row a moment up to which the sign of `distance` (at `now`, changing by `slope` each ms) stays.

    It is the very moment of the change when both are whole numbers. Otherwise rounding may move the change by a
    millisecond, so the moment is one earlier: whoever looks again then is told the rest.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        wait = np.ceil(-distance / slope)
    approaches = (slope != 0) & (np.isnan(wait) | (wait >= 0)) & ~np.isnan(distance) & ~np.isnan(slope)
    is_exact = (np.abs(slope) == 1) & (distance == np.round(distance))
    steps = np.where(is_exact, wait, wait - 1)
    steps = np.clip(np.nan_to_num(steps, nan=1.0, posinf=_FAR, neginf=1.0), 1.0, _FAR)
    return np.where(approaches, np.minimum(now + steps.astype(np.int64), NEVER), NEVER)
