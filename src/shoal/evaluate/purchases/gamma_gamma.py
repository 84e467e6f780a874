"""Gamma-Gamma: what a customer spends on an order, shrunk towards what all spend.

P. S. Fader, B. G. S. Hardie (2013), "The Gamma-Gamma model of monetary value", after R. Colombo, W. Jiang (1999).
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from functools import partial
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shoal.errors import InputError
from shoal.evaluate.purchases.likelihood import most_likely
from shoal.evaluate.purchases.summary import TooFewPurchases

Numbers = NDArray[np.float64]

MINIMUM_BUYERS = 30
"""With fewer customers who spent something on repeat orders, there is no spread to speak of."""


@dataclass(frozen=True, slots=True)
class GammaGamma:
    """The spend on an order ~ Gamma(p, nu), with the customer's own nu ~ Gamma(q, v).

    The mean m of x orders has the density

        Gamma(p x + q) / (Gamma(p x) Gamma(q)) v^q m^(p x - 1) x^(p x) / (v + x m)^(p x + q)

    It supposes that spend and the number of orders have nothing to do with each other.
    """

    p: float
    q: float
    v: float

    @classmethod
    def fit(cls, frequency: ArrayLike, spend: ArrayLike) -> Self:
        """The model of the greatest likelihood. Only customers with repeat orders and spend above 0 say anything.

        Others are left out; raises TooFewPurchases when fewer than MINIMUM_BUYERS stay.
        """
        orders, mean = _usable(frequency, spend)
        typical = float(np.median(mean))
        starts = [np.array([4.0, 4.0, typical]), np.array([1.0, 2.0, typical])]
        return cls(*map(float, most_likely(partial(cls._mean, orders, mean), starts, starts[0])))

    @classmethod
    def standard_errors(
        cls, frequency: ArrayLike, spend: ArrayLike, *, rounds: int = 100, seed: int = 1
    ) -> dict[str, float]:
        """The standard error of each parameter: the spread of fits to customers drawn with replacement."""
        orders, mean = _usable(frequency, spend)
        near, chance = np.array(astuple(cls.fit(orders, mean))), np.random.default_rng(seed)
        samples = (chance.integers(0, len(orders), len(orders)) for _ in range(rounds))
        fits = [most_likely(partial(cls._mean, orders[each], mean[each]), [near], near) for each in samples]
        return dict(zip(("p", "q", "v"), np.std(fits, axis=0, ddof=1).tolist(), strict=True))

    def log_likelihood(self, frequency: ArrayLike, spend: ArrayLike) -> float:
        """The sum over customers with repeat orders of the logarithm of how likely their spend was."""
        orders, mean = (np.asarray(each, dtype=np.float64) for each in (frequency, spend))
        return self._mean(orders, mean, np.array([self.p, self.q, self.v]))[0] * len(orders)

    def expected_spend(self, frequency: Numbers, spend: Numbers) -> Numbers:
        """p (v + x m) / (p x + q - 1): the spend expected on an order, from their mean towards everybody's.

        Who has no repeat order, or no spend above 0 on them, is expected to spend what all do. That is missing
        (nan) for q up to 1, where the spread between customers is so wide that it has no mean.
        """
        with np.errstate(invalid="ignore"):
            says_something = (frequency > 0) & (spend > 0)
        orders = np.where(says_something, frequency, 0.0)
        total = np.where(says_something, frequency * spend, 0.0)
        weight = self.p * orders + self.q - 1
        with np.errstate(divide="ignore"):
            return np.where((weight > 0) & ~np.isnan(frequency), self.p * (self.v + total) / weight, np.nan)

    @staticmethod
    def _mean(orders: Numbers, mean: Numbers, parameters: Numbers) -> tuple[float, Numbers]:
        from scipy.special import digamma, gammaln  # noqa: PLC0415

        p, q, v = map(float, parameters)
        distinct, place = np.unique(orders, return_inverse=True)
        shares = np.bincount(place) / len(orders)
        log_mean, log_whole = np.log(mean), np.log(v + orders * mean)
        drawn = p * distinct
        fixed = gammaln(drawn + q) - gammaln(drawn) + drawn * np.log(distinct)
        value = shares @ fixed - gammaln(q) + q * np.log(v)
        value += np.mean((p * orders - 1) * log_mean - (p * orders + q) * log_whole)
        slopes = [
            shares @ (distinct * (digamma(drawn + q) - digamma(drawn) + np.log(distinct)))
            + np.mean(orders * (log_mean - log_whole)),
            shares @ digamma(drawn + q) - digamma(q) + np.log(v) - np.mean(log_whole),
            q / v - np.mean((p * orders + q) / (v + orders * mean)),
        ]
        return float(value), np.array(slopes)


def _usable(frequency: ArrayLike, spend: ArrayLike) -> tuple[Numbers, Numbers]:
    """The rows that say what people spend. Raises TooFewPurchases when they are too few."""
    orders, mean = (np.asarray(each, dtype=np.float64) for each in (frequency, spend))
    if orders.shape != mean.shape or orders.ndim != 1:
        raise InputError("frequency and spend are lists of equal length, with a row for each customer")
    with np.errstate(invalid="ignore"):
        says_something = (orders > 0) & (mean > 0) & np.isfinite(orders) & np.isfinite(mean)
    found = int(says_something.sum())
    if found < MINIMUM_BUYERS:
        raise TooFewPurchases(
            f"{found} customers spent something on a repeat order; at least {MINIMUM_BUYERS} are needed "
            "to know what people spend",
            hint="import a longer history with revenues, or leave the forecast out until there is one",
        )
    return orders[says_something], mean[says_something]
