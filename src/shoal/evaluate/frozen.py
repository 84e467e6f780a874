"""What evaluation reads and never changes: reference distributions of ranks and fitted purchase models.

Batch refreshes them; until then live and batch read the same ones, so the same profile gets the same values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from shoal.evaluate.ranks import ReferenceDistribution

from shoal.definitions import nodes
from shoal.definitions.render import render

Numbers = NDArray[np.float64]


class Forecaster(Protocol):
    """A fitted purchase model; times in whole days, as arrays of equal length."""

    def expected_orders(self, frequency: Numbers, recency: Numbers, age: Numbers, horizon: float) -> Numbers: ...

    def probability_alive(self, frequency: Numbers, recency: Numbers, age: Numbers) -> Numbers: ...

    def customer_value(
        self, frequency: Numbers, recency: Numbers, age: Numbers, spend: Numbers, horizon: float
    ) -> Numbers: ...


@dataclass(frozen=True, slots=True)
class Frozen:
    """Distributions and models by the canonical text of what they were made from."""

    distributions: Mapping[str, ReferenceDistribution] = field(default_factory=dict)
    forecasters: Mapping[str, Forecaster] = field(default_factory=dict)

    def distribution(self, node: nodes.Rank) -> ReferenceDistribution | None:
        """The distribution that a rank reads; None before the first refresh."""
        return self.distributions.get(distribution_key(node))

    def forecaster(self, node: nodes.PurchaseForecast) -> Forecaster | None:
        """The model that a forecast reads; None before the first refresh."""
        return self.forecasters.get(forecaster_key(node))


def distribution_key(node: nodes.Rank) -> str:
    """Ranks of the same value share a distribution."""
    return render(node.operand)


def forecaster_key(node: nodes.PurchaseForecast) -> str:
    """Forecasts of the same purchases by the same model share its parameters."""
    orders = render(nodes.Aggregate("count", node.selection))
    return f"{node.model} of {orders}" + (f" by {node.path}" if node.path else "")
