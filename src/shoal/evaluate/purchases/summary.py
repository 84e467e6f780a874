"""Summaries of purchases: three or four numbers for each customer, all that the models look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from shoal.errors import InputError

Numbers = NDArray[np.float64]


class TooFewPurchases(InputError):
    """There are too few purchases to fit a model."""


@dataclass(frozen=True, slots=True, eq=False)
class Purchases:
    """One row for each customer.

    `frequency`: on how many days they ordered after the first one; `recency`: from the first order to the last;
    `age`: from the first order to the moment of looking; `spend`: mean revenue of the days after the first one,
    nan where there is none. Times are in one unit, which the caller chooses: days in a workspace, weeks in the
    literature.
    """

    frequency: Numbers
    recency: Numbers
    age: Numbers
    spend: Numbers

    @classmethod
    def of_orders(cls, customers: ArrayLike, days: ArrayLike, amounts: ArrayLike, today: int) -> Self:
        """The summaries of all who ordered up to `today`, customers in ascending order.

        Orders of one day are one order; days are whole numbers.
        """
        orders = pl.DataFrame(
            {
                "customer": np.asarray(customers),
                "day": np.asarray(days, dtype=np.int64),
                "amount": np.asarray(amounts, dtype=np.float64),
            }
        ).filter(pl.col("day") <= today)
        by_day = orders.group_by("customer", "day", maintain_order=True).agg(pl.col("amount").sum())
        is_repeat = pl.col("day") > pl.col("day").min()
        table = by_day.group_by("customer", maintain_order=True).agg(
            frequency=is_repeat.sum().cast(pl.Float64),
            recency=(pl.col("day").max() - pl.col("day").min()).cast(pl.Float64),
            age=(today - pl.col("day").min()).cast(pl.Float64),
            spend=pl.col("amount").filter(is_repeat).mean().fill_null(float("nan")),
        )
        columns = table.sort("customer").drop("customer")
        return cls(*(column.to_numpy() for column in columns))


@dataclass(frozen=True, slots=True, eq=False)
class Pooled:
    """Customers with equal rows as one row and their number: 23,570 customers of CDNOW are 8,685 rows."""

    frequency: Numbers
    recency: Numbers
    age: Numbers
    customers: Numbers

    @classmethod
    def of(cls, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> Self:
        """The pooled rows. Raises InputError for rows that no history of orders can have."""
        given = (frequency, recency, age)
        columns = [np.asarray(each, dtype=np.float64) for each in given]
        if len({each.shape for each in columns}) > 1 or columns[0].ndim != 1:
            raise InputError("frequency, recency and age are lists of equal length, with a row for each customer")
        _refuse_impossible(*columns)
        table = pl.DataFrame(dict(zip(("frequency", "recency", "age"), columns, strict=True)))
        rows = table.group_by("frequency", "recency", "age").len().sort("frequency", "recency", "age")
        return cls(*(rows[name].to_numpy().astype(np.float64) for name in rows.columns))

    @property
    def repeat_buyers(self) -> int:
        """How many customers ordered again."""
        return int(self.customers[self.frequency > 0].sum())

    def take(self, rows: NDArray[np.int64]) -> Pooled:
        """Only these rows."""
        return Pooled(self.frequency[rows], self.recency[rows], self.age[rows], self.customers[rows])

    @property
    def count(self) -> int:
        """How many customers there are."""
        return int(self.customers.sum())

    def drawn(self, customers: int, chance: np.random.Generator) -> Pooled:
        """So many customers, drawn with replacement; as many as there are is one round of a bootstrap."""
        counts = chance.multinomial(customers, self.customers / self.count).astype(np.float64)
        drawn = Pooled(self.frequency, self.recency, self.age, counts)
        return drawn.take(np.flatnonzero(counts))


def _refuse_impossible(frequency: Numbers, recency: Numbers, age: Numbers) -> None:
    """Raises InputError naming the first row that is wrong, and what is wrong with it."""
    with np.errstate(invalid="ignore"):
        rules = (
            ("a value is missing or not finite", ~np.isfinite(frequency + recency + age)),
            ("a value is negative", (frequency < 0) | (recency < 0) | (age < 0)),
            ("frequency counts orders, so it is a whole number", frequency != np.floor(frequency)),
            ("recency is longer than age", recency > age),
            ("a customer with no repeat order has recency 0", (frequency == 0) & (recency > 0)),
            ("a customer with repeat orders has a recency above 0", (frequency > 0) & (recency == 0)),
        )
    for what, is_wrong in rules:
        if is_wrong.any():
            row = int(np.argmax(is_wrong))
            values = f"frequency {frequency[row]:g}, recency {recency[row]:g}, age {age[row]:g}"
            raise InputError(
                f"{int(is_wrong.sum())} customers cannot be used: {what} (first in row {row}: {values})",
                hint="recency is the time from the first order to the last, age the time from the first to now",
            )
