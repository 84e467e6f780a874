"""Ranks: where a value stands in a distribution that was frozen at a refresh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceDistribution:
    """How often each value occurred among all profiles: sorted distinct `values` and their `counts`."""

    values: Numbers
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, values: ArrayLike) -> ReferenceDistribution:
        """The distribution of the values that are present; nan is missing and left out."""
        numbers = np.asarray(values, dtype=np.float64)
        distinct, counts = np.unique(numbers[~np.isnan(numbers)], return_counts=True)
        return cls(distinct, counts.astype(np.int64))

    def percentile(self, values: Numbers, *, descending: bool = False) -> Numbers:
        """The share of the distribution below each value, half of its equals included: 0 to 1, nan for nan.

        With `descending`, the share above it. Of an empty distribution everything is nan.
        """
        total = int(self.counts.sum())
        if total == 0:
            return np.full(len(values), np.nan)
        ends = np.concatenate([[0], np.cumsum(self.counts)])
        below = ends[np.searchsorted(self.values, values, side="left")]
        up_to = ends[np.searchsorted(self.values, values, side="right")]
        share: Numbers = (below + up_to) / (2 * total)
        ranked = 1 - share if descending else share
        return np.where(np.isnan(values), np.nan, ranked)

    def group(self, values: Numbers, *, into: int, descending: bool = False) -> Numbers:
        """The group 1 to `into` of each value by its percentile: 5 groups are the quintiles of RFM."""
        share = self.percentile(values, descending=descending)
        return np.minimum(np.floor(share * into) + 1, into)
