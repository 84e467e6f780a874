"""Message ids of events that are not archived yet, in memory: the near end of the index against duplicates."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shoal.journal.deduplication import DEDUPLICATION_WINDOW


class RecentIds:
    """What came since the archive was last added to; the same rule as there."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int], int] = {}

    def take_new(self, events: pl.DataFrame, candidates: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which of the candidates are new here too. They are known from now on."""
        new = candidates.copy()
        ids, moments = events["message_id"].to_list(), events["occurred_at"].to_list()
        for row in np.flatnonzero(candidates).tolist():
            message_id, moment = ids[row], moments[row]
            # Two kept moments are never in the same slot, because a slot is as long as the window.
            slot = moment // DEDUPLICATION_WINDOW
            near = (self._kept.get((message_id, slot + step)) for step in (-1, 0, 1))
            if any(other is not None and abs(moment - other) <= DEDUPLICATION_WINDOW for other in near):
                new[row] = False
            else:
                self._kept[message_id, slot] = moment
        return new
