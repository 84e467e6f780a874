"""The events of a shop, drawn by seed straight into the layout in which events are stored.

People differ in how much they do (the busiest tenth does about half of it), come in visits, prefer a device, and
some stop coming. Rows stand in the order of their moments, as an archive has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shoal.bench.sizes import Sizes
from shoal.model.time import DAY, MINUTE, SECOND, parse_moment

NOW = parse_moment("2026-06-30T12:00:00Z")
"""The moment that questions are asked about. The last visits go on beyond it."""

DAYS = 90

EVENT_SHARES = {
    "Page Viewed": 0.36,
    "Product Viewed": 0.37,
    "Products Searched": 0.08,
    "Product Added": 0.07,
    "Product Removed": 0.02,
    "Checkout Started": 0.04,
    "Order Completed": 0.02,
    "Video Played": 0.04,
}
PRODUCT_EVENTS = ("Product Viewed", "Product Added", "Product Removed", "Order Completed")
DEVICES = ("mobile", "desktop", "tablet")
PRODUCT_COUNT = 5_000
EVENTS_PER_VISIT = 6

Moments = NDArray[np.int64]
Places = NDArray[np.int64]


def draw_events(sizes: Sizes) -> pl.DataFrame:
    """As many events as `sizes` says, of as many people, with the columns of stored events."""
    chance = np.random.default_rng(sizes.seed)
    person, visit = _visits(chance, sizes)
    moments = _moments(chance, sizes, person, visit)
    order = np.argsort(moments, kind="stable")
    return _frame(chance, moments[order], person[order], visit[order])


def write_events(sizes: Sizes, path: Path) -> None:
    """The events of `draw_events` as one Parquet file, packed like an archive's parts."""
    draw_events(sizes).write_parquet(path, compression="zstd", compression_level=1, row_group_size=2**18)


def _visits(chance: np.random.Generator, sizes: Sizes) -> tuple[Places, Places]:
    """The person and the visit of each event; the first event of everyone comes first, so that nobody has none."""
    activity = chance.lognormal(0.0, 1.3, sizes.profiles)
    everyone = np.arange(sizes.profiles)
    lengths = chance.geometric(1 / EVENTS_PER_VISIT, sizes.events // 3 + 100)
    owners = chance.choice(sizes.profiles, len(lengths), p=activity / activity.sum())
    visit = np.repeat(np.arange(len(lengths)), lengths)[: sizes.events - sizes.profiles]
    return (
        np.concatenate([everyone, owners[visit]]),
        np.concatenate([len(lengths) + everyone, visit]),
    )


def _moments(chance: np.random.Generator, sizes: Sizes, person: Places, visit: Places) -> Moments:
    """When each event happens: visits anywhere in a person's time, pauses of seconds, now and then of minutes."""
    stays = np.where(chance.random(sizes.profiles) < 0.7, 1.0, chance.random(sizes.profiles))
    starts = chance.random(visit.max() + 1)[visit] * stays[person] * (DAYS * DAY)
    pauses = chance.exponential(40 * SECOND, len(visit)) * np.where(chance.random(len(visit)) < 0.02, 60, 1)
    begins = np.concatenate([[True], visit[1:] != visit[:-1]])
    pauses[begins] = 0
    passed = np.cumsum(pauses)
    since_begin = passed - passed[begins][np.cumsum(begins) - 1]
    moments: Moments = NOW + 10 * MINUTE - DAYS * DAY + (starts + since_begin).astype(np.int64)
    return moments


def _frame(chance: np.random.Generator, moments: Moments, person: Places, visit: Places) -> pl.DataFrame:
    names = list(EVENT_SHARES)
    name = chance.choice(len(names), len(moments), p=list(EVENT_SHARES.values()))
    has_product = np.isin(name, [names.index(each) for each in PRODUCT_EVENTS])
    is_page = name == names.index("Page Viewed")
    product = (PRODUCT_COUNT * chance.random(len(moments)) ** 2.5).astype(np.int64)
    prices = np.round(4 * chance.lognormal(3.5, 1.0, PRODUCT_COUNT)) / 4  # sums of quarters have no rounding
    products = [f"product-{each}" for each in range(PRODUCT_COUNT)]
    favourite = chance.choice(len(DEVICES), person.max() + 1, p=[0.6, 0.34, 0.06])
    device = np.where(chance.random(visit.max() + 1)[visit] < 0.85, favourite[person], (person + visit) % 3)
    return pl.DataFrame(
        {
            "position": np.arange(len(moments)),
            "message_id": _numbered("m", np.arange(len(moments))),
            "kind": _chosen(("track", "page"), is_page.astype(np.int64)),
            "name": _chosen(names, name),
            "occurred_at": moments,
            "received_at": moments + chance.integers(20, 2_000, len(moments)),
            "user_id": _numbered("user-", person),
            "anonymous_id": _numbered("device-", 3 * person + device),
            "previous_id": pl.repeat(None, len(moments), dtype=pl.String, eager=True),
            "context.device.type:text": _chosen(DEVICES, device),
            "properties.engaged_ms:number": _where(is_page, np.round(chance.exponential(20_000, len(moments)))),
            "properties.price:number": _where(has_product, prices[product]),
            "properties.product_id:text": _chosen(products, product).set(pl.Series(~has_product), None),
            "properties.scroll_percent:number": _where(is_page, chance.integers(0, 101, len(moments))),
        }
    )


def _numbered(word: str, numbers: Places) -> pl.Series:
    return word + pl.Series(numbers).cast(pl.String)


def _chosen(texts: Sequence[str], places: Places) -> pl.Series:
    return pl.Series(list(texts)).gather(places)


def _where(present: NDArray[np.bool_], numbers: NDArray[np.float64] | Places) -> pl.Series:
    return pl.Series(numbers.astype(np.float64)).set(pl.Series(~present), None)
