"""What all models of orders share: how they are fitted, judged and asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import astuple, fields
from functools import partial
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shoal.evaluate.purchases.likelihood import curvature_of, most_likely, refine
from shoal.evaluate.purchases.summary import Pooled, TooFewPurchases

Numbers = NDArray[np.float64]

MINIMUM_REPEAT_BUYERS = 30
"""With fewer customers who ordered again, standard errors are as large as the parameters."""

SAMPLED_CUSTOMERS = 30_000
"""Of more rows than this, as many customers are drawn and fitted first, to find the neighbourhood."""


class OrderModel(ABC):
    """A fitted model of how often customers order and when they stop.

    Its fields are its parameters. Times are in the unit of the data that it was fitted on.
    """

    __slots__ = ()

    @classmethod
    def fit(cls, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> Self:
        """The model of the greatest likelihood. One-time buyers belong in the data.

        Raises InputError for rows that no history can have, TooFewPurchases when fewer than
        MINIMUM_REPEAT_BUYERS customers ordered again.
        """
        return cls.fit_pooled(Pooled.of(frequency, recency, age))

    @classmethod
    def fit_pooled(cls, pooled: Pooled) -> Self:
        """The same of pooled rows."""
        if pooled.repeat_buyers < MINIMUM_REPEAT_BUYERS:
            raise TooFewPurchases(
                f"{pooled.repeat_buyers} customers ordered again; at least {MINIMUM_REPEAT_BUYERS} are needed "
                "to know how people order",
                hint="import a longer history, or leave the forecast out until there is one",
            )
        starts = cls._starts(pooled)
        every = partial(cls._mean, pooled)
        if len(pooled.age) <= SAMPLED_CUSTOMERS:
            return cls(*map(float, most_likely(every, starts, starts[0])))
        drawn = partial(cls._mean, pooled.drawn(SAMPLED_CUSTOMERS, np.random.default_rng(0)))
        near = most_likely(drawn, starts, starts[0])
        curvature = curvature_of(drawn, near)
        if curvature is None:
            return cls(*map(float, most_likely(every, [near], starts[0])))
        return cls(*map(float, refine(every, near, curvature, starts[0])))

    @classmethod
    def standard_errors(
        cls, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike, *, rounds: int = 100, seed: int = 1
    ) -> dict[str, float]:
        """The standard error of each parameter: the spread of fits to customers drawn with replacement."""
        pooled, chance = Pooled.of(frequency, recency, age), np.random.default_rng(seed)
        near = np.array(cls.fit_pooled(pooled).parameters)
        samples = (pooled.drawn(pooled.count, chance) for _ in range(rounds))
        fits = np.array([most_likely(partial(cls._mean, sample), [near], near) for sample in samples])
        return dict(zip(cls.names(), fits.std(axis=0, ddof=1).tolist(), strict=True))

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The names of the parameters."""
        return tuple(each.name for each in fields(cls))  # type: ignore[arg-type]

    @property
    def parameters(self) -> tuple[float, ...]:
        return astuple(self)  # type: ignore[call-overload, no-any-return]

    def log_likelihood(self, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> float:
        """The sum over customers of the logarithm of how likely their orders were."""
        pooled = Pooled.of(frequency, recency, age)
        return self._sums(pooled, np.array(self.parameters))[0]

    @classmethod
    def _mean(cls, pooled: Pooled, parameters: Numbers) -> tuple[float, Numbers]:
        value, slope = cls._sums(pooled, parameters)
        return value / pooled.count, slope / pooled.count

    @classmethod
    @abstractmethod
    def _starts(cls, pooled: Pooled) -> list[Numbers]:
        """Parameters to begin the search with; the first ones are of typical size."""

    @classmethod
    @abstractmethod
    def _sums(cls, pooled: Pooled, parameters: Numbers) -> tuple[float, Numbers]:
        """The log likelihood of all customers, and its derivatives by the parameters."""

    @abstractmethod
    def probability_alive(self, frequency: Numbers, recency: Numbers, age: Numbers) -> Numbers:
        """How probable it is that a customer with these orders still buys."""

    @abstractmethod
    def expected_orders(self, frequency: Numbers, recency: Numbers, age: Numbers, horizon: float) -> Numbers:
        """How many orders of the next `horizon` are expected of a customer with these orders."""


def by_frequency(pooled: Pooled) -> tuple[Numbers, Numbers, NDArray[np.int64]]:
    """Each distinct frequency, how many customers have it, and which of them each row has."""
    distinct, place = np.unique(pooled.frequency, return_inverse=True)
    return distinct, np.bincount(place, pooled.customers).astype(np.float64), place.astype(np.int64)
