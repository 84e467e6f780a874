"""Drawn customers, whose true parameters are known: to see what a model finds again, and how fast."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter, process_time

import numpy as np
from numpy.typing import NDArray

from shoal.evaluate.purchases.order_model import OrderModel
from shoal.evaluate.purchases.pareto_nbd import ParetoNBD
from shoal.evaluate.purchases.summary import Pooled, Purchases

Numbers = NDArray[np.float64]

TYPICAL = ParetoNBD(r=0.55, alpha=74.0, s=0.61, beta=82.0)
"""What CDNOW's customers were like, in days."""


def draw_purchases(
    model: ParetoNBD, customers: int, *, days: int, arrival_days: int, chance: np.random.Generator
) -> Purchases:
    """Customers whose first orders fall into the first `arrival_days` of `days`, and their orders until the end.

    Orders of one day are one order, as everywhere in Shoal.
    """
    first = chance.integers(0, arrival_days, customers)
    rate = chance.gamma(model.r, 1 / model.alpha, customers)
    stays = chance.exponential(1 / chance.gamma(model.s, 1 / model.beta, customers))
    span = np.minimum(stays, days - first)
    orders = chance.poisson(rate * span)
    who = np.repeat(np.arange(customers), orders)
    day = first[who] + np.floor(chance.random(len(who)) * span[who]).astype(np.int64)
    everybody = np.concatenate([np.arange(customers), who])
    amounts = chance.gamma(6.0, 5.0, len(everybody))
    return Purchases.of_orders(everybody, np.concatenate([first, day]), amounts, days)


@dataclass(frozen=True, slots=True, kw_only=True)
class FitMeasure:
    """How long one fit took, of how much, and how long processors worked on it where others use them too."""

    model: OrderModel
    customers: int
    distinct_rows: int
    seconds: float
    processor_seconds: float


def measure_fit(model: type[OrderModel], customers: int = 1_000_000, *, seed: int = 1) -> FitMeasure:
    """The time from the arrays of drawn customers, in days of two years, to the fitted model: pooling included.

    Fit a few customers first when loops that are not compiled yet should not count.
    """
    chance = np.random.default_rng(seed)
    drawn = draw_purchases(TYPICAL, customers, days=730, arrival_days=365, chance=chance)
    begin, processor_begin = perf_counter(), process_time()
    pooled = Pooled.of(drawn.frequency, drawn.recency, drawn.age)
    fitted = model.fit_pooled(pooled)
    return FitMeasure(
        model=fitted,
        customers=customers,
        distinct_rows=len(pooled.age),
        seconds=perf_counter() - begin,
        processor_seconds=process_time() - processor_begin,
    )
