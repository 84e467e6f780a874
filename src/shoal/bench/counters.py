"""Eight windowed counters of everyone, kept live: what every contender of the live benchmark has at the end."""

from __future__ import annotations

from typing import Final

import polars as pl

from shoal.bench.shop import draw_events
from shoal.bench.sizes import Sizes
from shoal.definitions.definition import Definitions, FeatureDefinition, SegmentDefinition
from shoal.definitions.resolve import Resolved, resolve
from shoal.model.time import DAY, HOUR

HISTORY = 50
"""Events of each profile, on average, that are there before the clock starts."""

REPLAYED = 10
"""Events of each profile, on average, that come while it runs."""

COUNTERS: Final = {
    "pages_1h": ("Page Viewed", HOUR, 5),
    "pages_1d": ("Page Viewed", DAY, 10),
    "views_1d": ("Product Viewed", DAY, 5),
    "views_7d": ("Product Viewed", 7 * DAY, 15),
    "searches_1d": ("Products Searched", DAY, 3),
    "carts_7d": ("Product Added", 7 * DAY, 3),
    "checkouts_7d": ("Checkout Started", 7 * DAY, 2),
    "orders_30d": ("Order Completed", 30 * DAY, 2),
}
"""By name: which events, how far back, and from how many on a profile is in the segment of that counter."""


def counter_definitions() -> Definitions:
    """The counters as features, and a segment for each."""
    features = [
        FeatureDefinition(name=name, value=f'count("{event}", within="{window // HOUR} hours")')
        for name, (event, window, _) in COUNTERS.items()
    ]
    segments = [
        SegmentDefinition(name=f"many_{name}", when=f"{name} >= {least}")
        for name, (_, _, least) in COUNTERS.items()
    ]
    return Definitions.of(*features, *segments)


def counter_questions() -> Resolved:
    """The same with one meaning."""
    return resolve(counter_definitions())


def draw_stream(profiles: int, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Events of the shop in the order of their moments: those of the past, and those that are to come."""
    events = draw_events(Sizes(events=profiles * (HISTORY + REPLAYED), profiles=profiles, seed=seed))
    return events[: profiles * HISTORY], events[profiles * HISTORY :]


def rows_of_stream(events: pl.DataFrame) -> list[tuple[str, str, int]]:
    """The user, the name and the moment of each event: what a program that was written for this would be given."""
    return list(events.select("user_id", "name", "occurred_at").iter_rows())
