"""Hidden intents: why people come, and the rhythm in which each of them does."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shoal.simulation.chance import Weighted


class Intent(StrEnum):
    """What moves a person. Nothing in the events says it; only the truth file does."""

    PRICE_SENSITIVE = "price_sensitive"
    REPEAT_VISITOR = "repeat_visitor"
    DEEP_ENGAGER = "deep_engager"
    PRIME_CONVERTER = "prime_converter"
    CHECKOUT_ABANDONER = "checkout_abandoner"
    BOUNCING_MOBILE = "bouncing_mobile"
    NEW_EXPLORER = "new_explorer"
    DORMANT = "dormant"
    HIGH_VALUE = "high_value"
    HIGH_RISK = "high_risk"
    MORNING_INSPIRED = "morning_inspired"
    CONTENT_AFFINE = "content_affine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How often and when people of one intent come.

    Visits are laid backwards from the last one, `gap_days` apart; `slowing` makes the gaps grow with time.
    `account` is the share that ever signs in, `tone` the middle of their tones.
    """

    visits: tuple[int, int]
    gap_days: tuple[float, float]
    slowing: bool = False
    account: float = 1.0
    tone: float = 0.2
    mobile: float = 0.45


RHYTHMS: dict[Intent, Rhythm] = {
    Intent.PRICE_SENSITIVE: Rhythm(visits=(6, 9), gap_days=(0.4, 1.6), account=0.85, tone=0.0),
    Intent.REPEAT_VISITOR: Rhythm(visits=(10, 15), gap_days=(0.5, 2.5), account=0.5),
    Intent.DEEP_ENGAGER: Rhythm(visits=(5, 7), gap_days=(1.0, 5.0), account=0.7, tone=0.5),
    Intent.PRIME_CONVERTER: Rhythm(visits=(4, 7), gap_days=(1.5, 6.0), tone=0.5),
    Intent.CHECKOUT_ABANDONER: Rhythm(visits=(5, 8), gap_days=(0.7, 3.0), account=0.9),
    Intent.BOUNCING_MOBILE: Rhythm(visits=(3, 6), gap_days=(1.0, 5.0), account=0.1, tone=-0.1, mobile=1.0),
    Intent.NEW_EXPLORER: Rhythm(visits=(3, 5), gap_days=(0.3, 1.0), account=0.3),
    Intent.DORMANT: Rhythm(visits=(6, 9), gap_days=(0.5, 2.5)),
    Intent.HIGH_VALUE: Rhythm(visits=(6, 9), gap_days=(2.0, 6.0), tone=0.6, mobile=0.3),
    Intent.HIGH_RISK: Rhythm(visits=(7, 10), gap_days=(0.8, 3.0), slowing=True, tone=-0.7),
    Intent.MORNING_INSPIRED: Rhythm(visits=(3, 5), gap_days=(1.0, 4.0), tone=0.3, mobile=0.6),
    Intent.CONTENT_AFFINE: Rhythm(visits=(6, 10), gap_days=(1.0, 4.0), account=0.6, tone=0.3),
}

_COMMON = {
    Intent.PRICE_SENSITIVE: 14,
    Intent.REPEAT_VISITOR: 9,
    Intent.DEEP_ENGAGER: 8,
    Intent.PRIME_CONVERTER: 10,
    Intent.CHECKOUT_ABANDONER: 9,
    Intent.BOUNCING_MOBILE: 10,
    Intent.NEW_EXPLORER: 9,
    Intent.DORMANT: 7,
    Intent.HIGH_VALUE: 6,
    Intent.HIGH_RISK: 6,
    Intent.MORNING_INSPIRED: 6,
    Intent.CONTENT_AFFINE: 6,
}

SHARES: dict[str, dict[Intent, int]] = {
    "ecommerce": _COMMON,
    "saas": {**_COMMON, Intent.REPEAT_VISITOR: 12, Intent.BOUNCING_MOBILE: 6, Intent.HIGH_RISK: 7},
    "travel": {**_COMMON, Intent.PRICE_SENSITIVE: 16, Intent.CHECKOUT_ABANDONER: 11, Intent.BOUNCING_MOBILE: 6},
    "dtc": {**_COMMON, Intent.CONTENT_AFFINE: 8, Intent.MORNING_INSPIRED: 8, Intent.PRICE_SENSITIVE: 10},
}
"""Of 100 people of each business, how many have which intent."""

INTENTS_OF = {business: Weighted(list(shares.items())) for business, shares in SHARES.items()}
