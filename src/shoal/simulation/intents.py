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

    Visits are laid backwards from the last one, whole `gap_days` apart. `last_days` is how long before the end of
    the simulation the last visit is, for those of whom `recent` is the share; the last visit of the others is on
    any day. `last_share` says it as a share of all days instead, for everyone. `slowing` makes the gaps grow with
    time; `mornings` puts all visits before breakfast, and the last one in the evening after a morning. `account`
    is the share that ever signs in, `tone` the middle of their tones, `mobile` the share with a phone in the hand.
    """

    visits: tuple[int, int]
    gap_days: tuple[int, int]
    last_days: tuple[int, int] = (0, 6)
    last_share: tuple[float, float] | None = None
    recent: float = 0.75
    slowing: bool = False
    mornings: bool = False
    account: float = 1.0
    tone: float = 0.2
    mobile: float = 0.45
    apps: bool = True


RHYTHMS: dict[Intent, Rhythm] = {
    Intent.PRICE_SENSITIVE: Rhythm(visits=(2, 3), gap_days=(1, 2), last_days=(0, 3), account=0.85, tone=0.0),
    Intent.REPEAT_VISITOR: Rhythm(
        visits=(4, 6), gap_days=(1, 2), last_days=(0, 1), recent=0.85, account=0.5, apps=False
    ),
    Intent.DEEP_ENGAGER: Rhythm(visits=(2, 3), gap_days=(1, 4), recent=0.9, account=0.7, tone=0.5),
    Intent.PRIME_CONVERTER: Rhythm(visits=(2, 3), gap_days=(1, 5), tone=0.5),
    Intent.CHECKOUT_ABANDONER: Rhythm(visits=(2, 3), gap_days=(1, 2), last_days=(0, 4), account=0.9),
    Intent.BOUNCING_MOBILE: Rhythm(
        visits=(2, 4), gap_days=(1, 3), recent=0.9, account=0.0, tone=-0.1, mobile=1.0, apps=False
    ),
    Intent.NEW_EXPLORER: Rhythm(visits=(1, 2), gap_days=(1, 1), last_days=(0, 4), recent=1.0, account=0.3),
    Intent.DORMANT: Rhythm(visits=(2, 3), gap_days=(1, 4), last_share=(0.66, 0.9)),
    Intent.HIGH_VALUE: Rhythm(visits=(3, 4), gap_days=(3, 8), last_days=(0, 9), recent=0.9, tone=0.6, mobile=0.3),
    Intent.HIGH_RISK: Rhythm(visits=(4, 5), gap_days=(1, 4), last_share=(0.15, 0.3), slowing=True, tone=-0.7),
    Intent.MORNING_INSPIRED: Rhythm(
        visits=(3, 3), gap_days=(1, 2), recent=0.9, mornings=True, tone=0.3, mobile=0.6
    ),
    Intent.CONTENT_AFFINE: Rhythm(visits=(2, 3), gap_days=(1, 4), account=0.6, tone=0.3),
}

_COMMON = {
    Intent.PRICE_SENSITIVE: 12,
    Intent.REPEAT_VISITOR: 8,
    Intent.DEEP_ENGAGER: 8,
    Intent.PRIME_CONVERTER: 9,
    Intent.CHECKOUT_ABANDONER: 10,
    Intent.BOUNCING_MOBILE: 9,
    Intent.NEW_EXPLORER: 9,
    Intent.DORMANT: 7,
    Intent.HIGH_VALUE: 7,
    Intent.HIGH_RISK: 7,
    Intent.MORNING_INSPIRED: 7,
    Intent.CONTENT_AFFINE: 7,
}

SHARES: dict[str, dict[Intent, int]] = {
    "ecommerce": _COMMON,
    "saas": {**_COMMON, Intent.CHECKOUT_ABANDONER: 11, Intent.NEW_EXPLORER: 8},
    "travel": {**_COMMON, Intent.CHECKOUT_ABANDONER: 12, Intent.PRIME_CONVERTER: 8, Intent.NEW_EXPLORER: 8},
    "dtc": {**_COMMON, Intent.CONTENT_AFFINE: 8, Intent.BOUNCING_MOBILE: 8},
}
"""Of 100 people of each business, how many have which intent."""

INTENTS_OF = {business: Weighted(list(shares.items())) for business, shares in SHARES.items()}
