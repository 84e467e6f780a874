"""Pareto/NBD: a customer may stop at any moment. The default: it forecasts best on the data we could judge it by.

D. C. Schmittlein, D. G. Morrison, R. Colombo (1987), "Counting your customers: who are they and what will they do
next?", Management Science 33(1). Expectations as in P. S. Fader, B. G. S. Hardie (2005), "A note on deriving the
Pareto/NBD model and related expressions".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shoal.evaluate.kernels.attrition import add_up, log_left
from shoal.evaluate.purchases.order_model import OrderModel, by_frequency
from shoal.evaluate.purchases.summary import Pooled

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ParetoNBD(OrderModel):
    """Orders come at a customer's own rate ~ Gamma(r, alpha) until they stop, at a rate ~ Gamma(s, beta).

    The likelihood of x repeat orders, the last at `recency`, by `age` is

        L = Gamma(r + x) / Gamma(r) alpha^r beta^s (stayed + left)
        stayed = (alpha + age)^-(r + x) (beta + age)^-s
        left = s times the integral from recency to age of (alpha + y)^-(r + x) (beta + y)^-(s + 1) dy
    """

    r: float
    alpha: float
    s: float
    beta: float

    def probability_alive(self, frequency: Numbers, recency: Numbers, age: Numbers) -> Numbers:
        """stayed / (stayed + left)."""
        stayed = -(self.r + frequency) * np.log(self.alpha + age) - self.s * np.log(self.beta + age)
        left = log_left(self.r, self.alpha, self.s, self.beta, *_rows(frequency, recency, age))
        with np.errstate(over="ignore"):
            return 1 / (1 + np.exp(left - stayed))

    def expected_orders(self, frequency: Numbers, recency: Numbers, age: Numbers, horizon: float) -> Numbers:
        """P(alive) (r + x) / (alpha + age) (beta + age) (1 - ((beta + age) / (beta + age + t))^(s - 1)) / (s - 1).

        The last factors are the time that a customer who is there now is expected to stay, up to `horizon`.
        """
        growth = np.log1p(horizon / (self.beta + age))
        bend = (1 - self.s) * growth
        # expm1(bend) / (1 - s), whose limit for s = 1 is growth
        stays = growth if self.s == 1 else np.expm1(bend) / (1 - self.s)
        rate = (self.r + frequency) / (self.alpha + age)
        return self.probability_alive(frequency, recency, age) * rate * (self.beta + age) * stays

    @classmethod
    def _starts(cls, pooled: Pooled) -> list[Numbers]:
        age = float(np.average(pooled.age, weights=pooled.customers))
        return [np.array([0.5, age / 4, 0.5, age / 4]), np.array([1.0, age, 0.5, age])]

    @classmethod
    def _sums(cls, pooled: Pooled, parameters: Numbers) -> tuple[float, Numbers]:
        from scipy.special import digamma, gammaln  # noqa: PLC0415

        r, alpha, s, beta = map(float, parameters)
        distinct, counts, _ = by_frequency(pooled)
        total = float(pooled.customers.sum())
        sums = add_up(r, alpha, s, beta, pooled.frequency, pooled.recency, pooled.age, pooled.customers)
        orders = counts @ (gammaln(r + distinct) - gammaln(r)) + total * (r * np.log(alpha) + s * np.log(beta))
        slopes = [
            counts @ (digamma(r + distinct) - digamma(r)) + total * np.log(alpha),
            total * r / alpha,
            total * np.log(beta),
            total * s / beta,
        ]
        return float(sums[0] + orders), sums[1:] + np.array(slopes)


def _rows(*columns: Numbers) -> list[Numbers]:
    return [np.ascontiguousarray(each, dtype=np.float64) for each in np.broadcast_arrays(*columns)]
