"""Forecasts: a model of orders together with one of spend, as evaluation reads them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shoal.evaluate.purchases.beta_geometric import BGNBD, MBGNBD
from shoal.evaluate.purchases.gamma_gamma import GammaGamma
from shoal.evaluate.purchases.order_model import OrderModel
from shoal.evaluate.purchases.pareto_nbd import ParetoNBD
from shoal.evaluate.purchases.summary import Purchases

Numbers = NDArray[np.float64]

ORDER_MODELS: dict[str, type[OrderModel]] = {"bg_nbd": BGNBD, "mbg_nbd": MBGNBD, "pareto_nbd": ParetoNBD}
"""The models of orders by the names that definitions use."""


@dataclass(frozen=True, slots=True)
class PurchaseModel:
    """What evaluation asks: orders, and their worth when there is a model of spend. Satisfies `Forecaster`.

    Times are in the unit of the data that the model was fitted on; in a workspace, whole days.
    """

    orders: OrderModel
    spend: GammaGamma | None = None

    @classmethod
    def fit(cls, model: str, purchases: Purchases, *, with_spend: bool) -> PurchaseModel:
        """The model of that name. Raises TooFewPurchases when there is too little to fit it, or the spend."""
        orders = ORDER_MODELS[model].fit(purchases.frequency, purchases.recency, purchases.age)
        return cls(orders, GammaGamma.fit(purchases.frequency, purchases.spend) if with_spend else None)

    def expected_orders(self, frequency: Numbers, recency: Numbers, age: Numbers, horizon: float) -> Numbers:
        """How many orders of the next `horizon` are expected."""
        return self.orders.expected_orders(frequency, recency, age, horizon)

    def probability_alive(self, frequency: Numbers, recency: Numbers, age: Numbers) -> Numbers:
        """How probable it is that a customer still buys."""
        return self.orders.probability_alive(frequency, recency, age)

    def customer_value(
        self, frequency: Numbers, recency: Numbers, age: Numbers, spend: Numbers, horizon: float
    ) -> Numbers:
        """Expected orders times the expected spend on one, not discounted; nan without a model of spend."""
        if self.spend is None:
            return np.full(len(frequency), np.nan)
        orders = self.expected_orders(frequency, recency, age, horizon)
        return orders * self.spend.expected_spend(frequency, spend)
