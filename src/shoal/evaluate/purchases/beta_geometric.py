"""BG/NBD and MBG/NBD: a customer may stop only right after an order, with a chance of their own.

P. S. Fader, B. G. S. Hardie, K. L. Lee (2005), "Counting your customers the easy way: an alternative to the
Pareto/NBD model", Marketing Science 24(2). E. P. Batislam, M. Denizel, A. Filiztekin (2007), "Empirical validation
and comparison of models for customer base analysis", International Journal of Research in Marketing 24(3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from shoal.evaluate.kernels.attrition import orders_if_alive
from shoal.evaluate.purchases.order_model import OrderModel, by_frequency
from shoal.evaluate.purchases.summary import Pooled

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _BetaGeometric(OrderModel):
    """Orders come at a customer's own rate ~ Gamma(r, alpha); after each they may stop, by a chance ~ Beta(a, b).

    With n occasions so far to stop at (x, or x + 1 when the first order is one), all but the last were passed in
    any case, and that one if the customer still buys:

        L = Gamma(r + x) / Gamma(r) alpha^r (stayed + left)
        stayed = B(a, b + n) / B(a, b) (alpha + age)^-(r + x)
        left = B(a + 1, b + n - 1) / B(a, b) (alpha + recency)^-(r + x), or 0 when n is 0
    """

    r: float
    alpha: float
    a: float
    b: float

    first_occasions: ClassVar[int] = 0

    def probability_alive(self, frequency: Numbers, recency: Numbers, age: Numbers) -> Numbers:
        """stayed / (stayed + left)."""
        occasions = frequency + self.first_occasions
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            odds = np.log(self.a / (self.b + occasions - 1)) + (self.r + frequency) * (
                np.log(self.alpha + age) - np.log(self.alpha + recency)
            )
            gone = np.where(occasions > 0, np.exp(odds), np.where(np.isnan(age), np.nan, 0.0))
        return 1 / (1 + gone)

    def expected_orders(self, frequency: Numbers, recency: Numbers, age: Numbers, horizon: float) -> Numbers:
        """P(alive) c / (a - 1) (1 - (1 - z)^(a - 1) F(c - r - x, a - 1; c; z)).

        c = a + b + n - 1, z = t / (alpha + age + t), and F is 2F1. The papers have instead of the last two factors
        (1 - z)^(r + x) F(r + x, b + n; c; z), which by Euler's transformation is the same; but there, for frequent
        buyers, one factor vanishes and the other overflows, while here F stays near 1.
        """
        z = horizon / (self.alpha + age + horizon)
        occasions = frequency + self.first_occasions
        alive = self.probability_alive(frequency, recency, age)
        return alive * _expected_if_alive(self.r + frequency, self.a, self.b + occasions, z)

    @classmethod
    def _starts(cls, pooled: Pooled) -> list[Numbers]:
        age = float(np.average(pooled.age, weights=pooled.customers))
        return [np.array([0.5, age / 4, 1.0, 2.0]), np.array([1.0, age, 0.5, 2.0])]

    @classmethod
    def _sums(cls, pooled: Pooled, parameters: Numbers) -> tuple[float, Numbers]:
        from scipy.special import betaln, digamma, gammaln  # noqa: PLC0415

        r, alpha, a, b = map(float, parameters)
        distinct, counts, place = by_frequency(pooled)
        passed = distinct + cls.first_occasions
        fixed = gammaln(r + distinct) - gammaln(r) + r * np.log(alpha) + betaln(a, b + passed) - betaln(a, b)
        to_age, to_recency = alpha + pooled.age, alpha + pooled.recency
        exponent = r + pooled.frequency
        log_age, log_recency = np.log(to_age), np.log(to_recency)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            log_odds = np.where(passed > 0, np.log(a / (b + passed - 1)), -np.inf)[place]
            log_odds = log_odds + exponent * (log_age - log_recency)
            left = 1 / (1 + np.exp(-log_odds))
        value = counts @ fixed + pooled.customers @ (np.logaddexp(0, log_odds) - exponent * log_age)
        left_by = np.bincount(place, pooled.customers * left)
        by_b_left = np.divide(left_by, b + passed - 1, out=np.zeros_like(left_by), where=passed > 0)
        at_moments = (1 - left) * log_age + left * log_recency
        per_moment = exponent * ((1 - left) / to_age + left / to_recency)
        total = float(pooled.customers.sum())
        slopes = [
            counts @ (digamma(r + distinct) - digamma(r)) + total * np.log(alpha) - pooled.customers @ at_moments,
            total * r / alpha - pooled.customers @ per_moment,
            counts @ (digamma(a + b) - digamma(a + b + passed)) + left_by.sum() / a,
            counts @ (digamma(b + passed) - digamma(b) + digamma(a + b) - digamma(a + b + passed))
            - by_b_left.sum(),
        ]
        return float(value), np.array(slopes)


@dataclass(frozen=True, slots=True)
class BGNBD(_BetaGeometric):
    """BG/NBD: the first order is never the last.

    So P(alive) is 1 for everybody who ordered once: as a sign of dormancy it is worse than chance.
    """

    first_occasions: ClassVar[int] = 0


@dataclass(frozen=True, slots=True)
class MBGNBD(_BetaGeometric):
    """MBG/NBD: as BG/NBD, but the first order, too, may be the last."""

    first_occasions: ClassVar[int] = 1


_NEAR = 1e-5


def _expected_if_alive(orders: Numbers, a: float, beyond: Numbers, z: Numbers) -> Numbers:
    """Expected orders of customers who still buy, with rates ~ Gamma(orders, .) and chances ~ Beta(a, beyond)."""
    from scipy.special import hyp2f1  # noqa: PLC0415

    if abs(a - 1) < _NEAR:  # 0 / 0 in the formula, smooth in between
        below, above = (_expected_if_alive(orders, 1 + side * 2 * _NEAR, beyond, z) for side in (-1, 1))
        return (below + above) / 2
    c, reach = a + beyond - 1, z / (1 - z)
    with np.errstate(all="ignore"):
        rest = np.exp((a - 1) * np.log1p(-z)) * hyp2f1(c - orders, a - 1, c, z)
        expected: Numbers = c / (a - 1) * (1 - rest)
    # hyp2f1 gives up where c is next to 0, and for the large parameters of customers who hardly differ
    is_wrong = ~((expected >= 0) & (expected <= orders * reach * (1 + 1e-9))) & np.isfinite(orders * reach)
    if is_wrong.any():
        expected[is_wrong] = orders_if_alive(orders[is_wrong], a, beyond[is_wrong], reach[is_wrong])
    return expected
