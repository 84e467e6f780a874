"""Limits on how often one may ask: a bucket of tokens for each key and for each address.

A bucket holds at most `burst` tokens and gets `per_second` more each second. Who finds none is told how long it is
until there is one.
"""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from functools import lru_cache

MOST_BUCKETS = 50_000
"""Buckets that are remembered; the one not used for longest is forgotten, and is full again when it comes back."""


class Throttle:
    """Buckets by name. `per_second` 0 is no limit."""

    def __init__(self, per_second: float, *, burst: float | None = None, most: int = MOST_BUCKETS) -> None:
        self.per_second = per_second
        self.burst = max(burst if burst is not None else 2 * per_second, 1.0)
        self._most = most
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str, now_s: float) -> int:
        """Takes a token. 0, or in how many seconds there will be one; then none is taken."""
        if self.per_second <= 0:
            return 0
        tokens = self._tokens(name, now_s)
        is_free = tokens >= 1
        self._buckets[name] = (tokens - 1 if is_free else tokens, now_s)
        self._buckets.move_to_end(name)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return 0 if is_free else self._wait(tokens)

    def must_wait(self, name: str, now_s: float) -> int:
        """The same answer without taking a token."""
        if self.per_second <= 0 or name not in self._buckets:
            return 0
        tokens = self._tokens(name, now_s)
        return 0 if tokens >= 1 else self._wait(tokens)

    def _tokens(self, name: str, now_s: float) -> float:
        tokens, since = self._buckets.get(name, (self.burst, now_s))
        return min(self.burst, tokens + max(now_s - since, 0.0) * self.per_second)

    def _wait(self, tokens: float) -> int:
        return max(math.ceil((1 - tokens) / self.per_second), 1)


@lru_cache(4096)
def network_of(address: str) -> str:
    """Who is counted together: an IPv4 address, or the /64 of an IPv6 address, which one subscriber has whole."""
    try:
        read = ipaddress.ip_address(address)
    except ValueError:
        return address
    if read.version == 6 and read.ipv4_mapped is not None:
        return str(read.ipv4_mapped)
    return str(ipaddress.ip_network(f"{read}/64", strict=False)) if read.version == 6 else str(read)
