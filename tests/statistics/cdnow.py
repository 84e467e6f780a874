"""CDNOW: the orders of 2,357 new customers of a music shop, 39 weeks to fit on and 39 weeks held out.

The file holds each order of 1997-01-01 to 1998-06-30: customer, day, number of records, amount.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from shoal.evaluate.purchases import Purchases

Numbers = NDArray[np.float64]

CUSTOMERS, WEEKS_HELD_OUT = 2357, 39
LAST_FITTED_DAY = (date(1997, 9, 30) - date(1997, 1, 1)).days


@dataclass(frozen=True)
class Cdnow:
    """The first 39 weeks as the literature counts them, in weeks; the orders and the spend of the next 39."""

    fitted: Purchases
    in_days: Purchases
    held_out_orders: Numbers
    held_out_spend: Numbers

    @property
    def rows(self) -> tuple[Numbers, Numbers, Numbers]:
        return self.fitted.frequency, self.fitted.recency, self.fitted.age

    @property
    def returned(self) -> NDArray[np.bool_]:
        return self.held_out_orders > 0


def load_cdnow(folder: Path) -> Cdnow:
    """The sample, from its file of single orders."""
    orders = [line.split() for line in (folder / "CDNOW_sample.txt").read_text().splitlines()]
    customers = np.array([int(order[1]) for order in orders]) - 1
    days = np.array([(date.fromisoformat(order[2]) - date(1997, 1, 1)).days for order in orders])
    amounts = np.array([float(order[4]) for order in orders])
    seen = Purchases.of_orders(customers, days, amounts, LAST_FITTED_DAY)
    is_later = days > LAST_FITTED_DAY
    days_with_order = np.unique(np.stack([customers[is_later], days[is_later]]), axis=1)
    return Cdnow(
        fitted=Purchases(seen.frequency, seen.recency / 7, seen.age / 7, seen.spend),
        in_days=seen,
        held_out_orders=np.bincount(days_with_order[0], minlength=CUSTOMERS).astype(float),
        held_out_spend=np.bincount(customers[is_later], amounts[is_later], minlength=CUSTOMERS),
    )


def auc(score: Numbers, happened: NDArray[np.bool_]) -> float:
    """How often somebody to whom it happened scores above somebody to whom it did not; ties count half."""
    ranks, hits = rankdata(score), int(happened.sum())
    return float((ranks[happened].sum() - hits * (hits + 1) / 2) / (hits * (len(score) - hits)))
