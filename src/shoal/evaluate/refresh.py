"""Refresh: everybody is looked at once, and distributions and purchase models are made from what is seen.

In: the roots of definitions, and a population that can be asked for values. Out: `Frozen`, read by every
evaluation until the next refresh.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from graphlib import TopologicalSorter
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from shoal.definitions import nodes
from shoal.definitions.resolve import Key
from shoal.evaluate.frozen import (
    Forecaster,
    Frozen,
    distribution_key,
    forecasts_in,
    meanings_of,
    parts_below,
    ranks_in,
)
from shoal.evaluate.kernel import CHUNK
from shoal.evaluate.kernels.periods import order_days
from shoal.evaluate.plan import Matcher, Plan
from shoal.evaluate.profiles import ProfileScope
from shoal.evaluate.purchases import OrderModel, PurchaseModel, Purchases, TooFewPurchases
from shoal.evaluate.purchases.forecast import ORDER_MODELS
from shoal.evaluate.purchases.gamma_gamma import GammaGamma
from shoal.evaluate.ranks import ReferenceDistribution
from shoal.history.history import NO_NUMBERS, History
from shoal.model.time import DAY

Numbers = NDArray[np.float64]


class Population(Protocol):
    """Everybody at one moment."""

    def values(self, operands: Mapping[str, nodes.Node], frozen: Frozen) -> Mapping[str, Numbers]:
        """The value of each operand for every profile, nan where missing; ranks in it are read from `frozen`."""
        ...

    def purchases(self, forecast: nodes.PurchaseForecast) -> Purchases:
        """The purchases of all profiles that have any, in whole days."""
        ...


def refresh(roots: Mapping[Key, nodes.Node], population: Population, as_of: int) -> Frozen:
    """Everything that definitions with these roots read.

    What cannot be made for want of data is left out, and its reason stands in the result: the ranks and forecasts
    that would read it are then missing values.
    """
    frozen = Frozen(meanings=meanings_of(roots), as_of=as_of)
    frozen = _with_models(frozen, roots, population)
    return _with_distributions(frozen, roots, population)


def refresh_from_history(plan: Plan, history: History, as_of: int) -> Frozen:
    """The same from the histories of all profiles, as they were at `as_of`."""
    return refresh(plan.roots, EveryHistory(plan, history, as_of), as_of)


def _with_models(frozen: Frozen, roots: Mapping[Key, nodes.Node], population: Population) -> Frozen:
    forecasters: dict[str, Forecaster] = {}
    reasons: dict[str, str] = {}
    fitted: dict[tuple[str, nodes.Selection], OrderModel] = {}
    for key, forecast in forecasts_in(roots).items():
        purchases = population.purchases(forecast)
        try:
            asked = forecast.model, forecast.selection
            if asked not in fitted:  # one model of orders serves all revenues
                rows = purchases.frequency, purchases.recency, purchases.age
                fitted[asked] = ORDER_MODELS[forecast.model].fit(*rows)
            spend = GammaGamma.fit(purchases.frequency, purchases.spend) if forecast.path else None
            forecasters[key] = PurchaseModel(fitted[asked], spend)
        except TooFewPurchases as error:
            reasons[key] = error.message
    return replace(frozen, forecasters=forecasters, reasons=reasons)


def _with_distributions(frozen: Frozen, roots: Mapping[Key, nodes.Node], population: Population) -> Frozen:
    """Distributions in rounds: the rank of a value that reads a rank comes after that one."""
    ranks, reasons = ranks_in(roots), dict(frozen.reasons)
    distributions: dict[str, ReferenceDistribution] = {}
    rounds = TopologicalSorter({key: _ranks_below(rank, roots) for key, rank in ranks.items()})
    rounds.prepare()
    while rounds.is_active():
        ready = rounds.get_ready()
        known = replace(frozen, distributions=distributions)
        values = population.values({key: ranks[key].operand for key in sorted(ready)}, known)
        for key in sorted(ready):
            distribution = ReferenceDistribution.of(values[key])
            if distribution.size:
                distributions[key] = distribution
            else:
                reasons[key] = "nobody has a value to rank"
        rounds.done(*ready)
    return replace(frozen, distributions=distributions, reasons=reasons)


def _ranks_below(rank: nodes.Rank, roots: Mapping[Key, nodes.Node]) -> set[str]:
    """The distributions that the value of a rank reads itself."""
    parts = parts_below(rank.operand, roots)
    return {distribution_key(part) for part in parts if isinstance(part, nodes.Rank)}


class EveryHistory:
    """The population of all histories. Profiles without an event up to the moment are not there yet."""

    def __init__(self, plan: Plan, history: History, as_of: int) -> None:
        self.plan, self.history, self.as_of = plan, history, as_of

    def values(self, operands: Mapping[str, nodes.Node], frozen: Frozen) -> Mapping[str, Numbers]:
        """The values of all profiles, evaluated a part of them at a time."""
        found: dict[str, list[Numbers]] = {key: [] for key in operands}
        for scope in self._scopes(frozen):
            is_there = scope.end > scope.begin
            for key, operand in operands.items():
                found[key].append(scope.value(operand).amounts[is_there])
        return {key: np.concatenate(pieces) for key, pieces in found.items()}

    def purchases(self, forecast: nodes.PurchaseForecast) -> Purchases:
        """The purchases that a forecast looks at, of all profiles that have any."""
        selection, today = forecast.selection, self.as_of // DAY
        amounts = NO_NUMBERS if forecast.path is None else self.history.numbers_of(forecast.path)
        pieces: list[tuple[Numbers, ...]] = []
        for scope in self._scopes(Frozen()):
            words, mask = scope.row_and_mask(Matcher(selection.names, selection.where))
            days, first, last, repeat_amount = order_days(
                words, mask, scope.begin, scope.end, self.history.times, amounts
            )
            buys = days > 0
            repeats = days[buys] - 1
            spend = np.divide(repeat_amount[buys], repeats, out=np.full(len(repeats), np.nan), where=repeats > 0)
            pieces.append((repeats, (last - first)[buys], (today - first)[buys], spend))
        return Purchases(*map(np.concatenate, zip(*pieces, strict=True)))

    def _scopes(self, frozen: Frozen) -> Iterator[ProfileScope]:
        count = self.history.profile_count
        for start in range(0, max(count, 1), CHUNK):
            profiles = np.arange(start, min(start + CHUNK, count))
            now = np.full(len(profiles), self.as_of, np.int64)
            yield ProfileScope(self.plan, self.history, profiles, now, frozen)
