"""Ranks: where a value stands in a distribution that was frozen at a refresh."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

Numbers = NDArray[np.float64]
Counts = NDArray[np.int64]

MOST_VALUES = 100_000
"""A distribution with more distinct values than this is kept in about as many steps; see `condensed`."""


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceDistribution:
    """How often each value occurred among all profiles: sorted distinct `values` and their `counts`.

    A rank changes only where the ranked value passes one of `values`.
    """

    values: Numbers
    counts: Counts
    _up_to: Counts = field(init=False, repr=False)

    def __post_init__(self) -> None:
        up_to = np.concatenate([np.zeros(1, np.int64), np.cumsum(self.counts, dtype=np.int64)])
        object.__setattr__(self, "_up_to", up_to)

    @classmethod
    def of(cls, values: ArrayLike) -> ReferenceDistribution:
        """The distribution of the values that are present; nan is missing and left out.

        With up to MOST_VALUES distinct values it is exact. With more, percentiles are right to 2 / MOST_VALUES,
        and a value that more than that share of profiles have is still ranked exactly.
        """
        numbers = np.asarray(values, dtype=np.float64)
        distinct, counts = np.unique(numbers[~np.isnan(numbers)], return_counts=True)
        return condensed(cls(distinct, counts.astype(np.int64)))

    @property
    def size(self) -> int:
        """How many profiles had a value."""
        return int(self._up_to[-1])

    def percentile(self, values: Numbers, *, descending: bool = False) -> Numbers:
        """The share of the distribution below each value, half of its equals included: 0 to 1, nan for nan.

        With `descending`, the share above it. Of an empty distribution everything is nan.
        """
        if self.size == 0:
            return np.full(len(values), np.nan)
        return np.where(np.isnan(values), np.nan, self._doubled(values, descending) / (2 * self.size))

    def group(self, values: Numbers, *, into: int, descending: bool = False) -> Numbers:
        """The group 1 to `into` of each value by its percentile: 5 groups are the quintiles of RFM.

        A percentile on the border of two groups belongs to the upper one. Equal values are in one group, so
        groups differ in size where many profiles have the same value.
        """
        if self.size == 0:
            return np.full(len(values), np.nan)
        # in whole numbers: .7 x 10 is more than 7 for a computer, and .29 x 100 less than 29
        groups = np.minimum(self._doubled(values, descending) * into // (2 * self.size) + 1, into)
        return np.where(np.isnan(values), np.nan, groups)

    def _doubled(self, values: Numbers, descending: bool) -> Counts:
        """Twice the number of profiles below each value, and once that of its equals; with `descending`, above."""
        place = np.searchsorted(self.values, values, side="left")
        found = self.values[np.minimum(place, len(self.values) - 1)] == values
        doubled: Counts = self._up_to[place] + self._up_to[place + found]
        return 2 * self.size - doubled if descending else doubled


def condensed(distribution: ReferenceDistribution, most: int = MOST_VALUES) -> ReferenceDistribution:
    """The distribution in at most `most` steps: values whose percentiles are within 1 / `most` become one of them.

    The one is that in the middle of their profiles, so a common value stays in its place and takes its rare
    neighbours in. Only values of the distribution are kept, none is made up.
    """
    if len(distribution.values) <= most:
        return distribution
    up_to = np.cumsum(distribution.counts)
    doubled = 2 * up_to - distribution.counts
    step = doubled * most // (2 * int(up_to[-1]))
    first = np.flatnonzero(np.diff(step, prepend=-1))
    begins = up_to[first] - distribution.counts[first]
    ends = np.append(begins[1:], up_to[-1])
    middle = np.searchsorted(up_to, (begins + ends) / 2, side="left")
    return ReferenceDistribution(distribution.values[middle], ends - begins)
