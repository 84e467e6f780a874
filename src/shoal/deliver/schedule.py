"""When a delivery is tried again, and when it is given up. In: attempts, now. Out: a moment."""

from __future__ import annotations

import hashlib

from shoal.model.time import DAY, HOUR, MINUTE, SECOND

DELAYS = (
    0,
    5 * SECOND,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
)
"""How long after the attempt before each one is made: the schedule that Standard Webhooks recommends."""

JITTER = 0.1
"""Each wait is longer by up to this share, so that what failed together is not tried again together."""

LONGEST_ASKED = DAY
"""A destination can ask for no longer rest than this."""


def next_attempt(delivery: str, attempts: int, now: int, *, asked_ms: int | None = None) -> int | None:
    """When to try a delivery again after so many attempts; None when it is given up.

    A destination that asks to be left alone (`Retry-After`) is left alone at least so long. The jitter follows
    from the delivery's id, so that the same is always said of the same.
    """
    if attempts >= len(DELAYS):
        return None
    wait = DELAYS[attempts]
    wait += int(wait * JITTER * _share(delivery, attempts))
    return now + max(wait, min(asked_ms or 0, LONGEST_ASKED))


def _share(delivery: str, attempts: int) -> float:
    """From 0 to 1, evenly spread over deliveries."""
    digest = hashlib.blake2b(f"{delivery} {attempts}".encode(), digest_size=4).digest()
    return int.from_bytes(digest) / 2**32
