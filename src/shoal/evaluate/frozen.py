"""What evaluation reads and never changes: reference distributions of ranks and fitted purchase models.

Batch refreshes them; until then live and batch read the same ones, so the same profile gets the same values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from shoal.definitions import nodes
from shoal.definitions.render import render
from shoal.definitions.resolve import Key
from shoal.evaluate.ranks import ReferenceDistribution

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
    """Distributions and models by the canonical text of what they were made from.

    `as_of` is the moment at which everybody was looked at, `version` the number under which it is kept (0: it is
    not), `reasons` why something that was asked for could not be made, and `meanings` what the canonical texts
    meant then.
    """

    distributions: Mapping[str, ReferenceDistribution] = field(default_factory=dict)
    forecasters: Mapping[str, Forecaster] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    meanings: Mapping[str, str] = field(default_factory=dict)
    as_of: int | None = None
    version: int = 0

    def distribution(self, node: nodes.Rank) -> ReferenceDistribution | None:
        """The distribution that a rank reads; None before the first refresh."""
        return self.distributions.get(distribution_key(node))

    def forecaster(self, node: nodes.PurchaseForecast) -> Forecaster | None:
        """The model that a forecast reads; None before the first refresh."""
        return self.forecasters.get(forecaster_key(node))

    def for_roots(self, roots: Mapping[Key, nodes.Node]) -> Frozen:
        """What definitions with these roots may read, and for everything else that they ask for the reason.

        A rank of a feature is kept under the feature's name. When the feature has come to mean something else,
        its old distribution is not read any more.
        """
        asked = meanings_of(roots)
        known = {key for key, meaning in asked.items() if self.meanings.get(key) == meaning}
        reasons = {key: self.reasons[key] for key in known & self.reasons.keys()}
        reasons |= {key: self._stale(key) for key in asked.keys() - known}
        return replace(
            self,
            distributions={key: each for key, each in self.distributions.items() if key in known},
            forecasters={key: each for key, each in self.forecasters.items() if key in known},
            reasons=reasons,
            meanings={key: asked[key] for key in known},
        )

    def _stale(self, key: str) -> str:
        if key in self.meanings:
            return "its definition has changed since the last refresh"
        return "there was no refresh yet" if self.as_of is None else "it was not asked for at the last refresh"


def distribution_key(node: nodes.Rank) -> str:
    """Ranks of the same value share a distribution."""
    return render(node.operand)


def forecaster_key(node: nodes.PurchaseForecast) -> str:
    """Forecasts of the same purchases by the same model share its parameters."""
    orders = render(nodes.Aggregate("count", node.selection))
    return f"{node.model} of {orders}" + (f" by {node.path}" if node.path else "")


def ranks_in(roots: Mapping[Key, nodes.Node]) -> dict[str, nodes.Rank]:
    """One rank for each distribution that definitions read."""
    found = (part for root in roots.values() for part in root.walk() if isinstance(part, nodes.Rank))
    return {distribution_key(rank): rank for rank in found}


def forecasts_in(roots: Mapping[Key, nodes.Node]) -> dict[str, nodes.PurchaseForecast]:
    """One forecast for each model that definitions read."""
    found = (part for root in roots.values() for part in root.walk() if isinstance(part, nodes.PurchaseForecast))
    return {forecaster_key(forecast): forecast for forecast in found}


def meanings_of(roots: Mapping[Key, nodes.Node]) -> dict[str, str]:
    """A fingerprint of what each distribution and model is made from, with all that it refers to."""
    found = {key: _meaning(rank.operand, roots) for key, rank in ranks_in(roots).items()}
    return found | {key: _meaning(forecast.selection, roots) for key, forecast in forecasts_in(roots).items()}


def parts_below(node: nodes.Node, roots: Mapping[Key, nodes.Node]) -> Iterator[nodes.Node]:
    """The node, all nodes below it, and all those of the definitions that it refers to; each definition once."""
    waiting, seen = [node], set()
    while waiting:
        for part in waiting.pop().walk():
            yield part
            if isinstance(part, nodes.Reference) and (key := (part.kind, part.name)) not in seen:
                seen.add(key)
                waiting.append(roots[key])


def _meaning(node: nodes.Node, roots: Mapping[Key, nodes.Node]) -> str:
    references = (part for part in parts_below(node, roots) if isinstance(part, nodes.Reference))
    below = sorted({(part.kind, part.name) for part in references})
    texts = [repr(node), *(f"{key}: {roots[key]!r}" for key in below)]
    return blake2b("\n".join(texts).encode(), digest_size=8).hexdigest()
