"""News of a fold: what it did, as lines of numbers, for whoever is interested."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Log = NDArray[np.int64]

KEPT_APART: Final = -1
"""The reason of a refusal that no limit explains."""

MERGES, REFUSALS, OWNERS, SHARED = 0, 1, 2, 3
"""Places in `used`."""


class News(NamedTuple):
    """Lines of each kind, `used` of them; `row` is whatever the caller numbers events by.

    merges: at, row, old root, new root, the linked node and the leaf it was linked to. refusals: at, row, the node
    that was left out, the leaf it would have joined, and the kind whose limit was in the way or KEPT_APART.
    owners: row, device, its owner from here on. shared: at, row, device, its node for anonymous events.
    """

    merges: Log
    refusals: Log
    owners: Log
    shared: Log
    used: Log


def no_news() -> News:
    """A log of each kind, without lines."""
    merges, refusals, owners, shared = (np.empty((0, width), np.int64) for width in (6, 5, 3, 4))
    return News(merges, refusals, owners, shared, np.zeros(4, np.int64))


def take(news: News) -> News:
    """The lines so far, for keeps; none are left."""
    taken = News(
        news.merges[: news.used[MERGES]].copy(),
        news.refusals[: news.used[REFUSALS]].copy(),
        news.owners[: news.used[OWNERS]].copy(),
        news.shared[: news.used[SHARED]].copy(),
        news.used.copy(),
    )
    news.used[:] = 0
    return taken


def with_room(news: News, lines: int) -> News:
    """The same with room for so many more lines of each kind."""
    used = news.used
    return News(
        _with_room(news.merges, used[MERGES] + lines),
        _with_room(news.refusals, used[REFUSALS] + lines),
        _with_room(news.owners, used[OWNERS] + lines),
        _with_room(news.shared, used[SHARED] + lines),
        used,
    )


def _with_room(log: Log, length: int) -> Log:
    if len(log) >= length:
        return log
    longer = np.empty((max(length, 2 * len(log)), log.shape[1]), np.int64)
    longer[: len(log)] = log
    return longer
