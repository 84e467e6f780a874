"""Chance: every draw of the simulation, the same on every machine.

Only uniform doubles of PCG64 and exact arithmetic are used: logarithms differ between C libraries in the last
bit, and one such bit would change a file.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from hashlib import blake2b
from itertools import accumulate, chain, count
from threading import Lock
from typing import Generic, TypeVar

import numpy as np

T = TypeVar("T")

_DRAWS_AT_ONCE = 192
_BITS = np.random.PCG64(0)
_GENERATOR = np.random.Generator(_BITS)
_LOCK = Lock()


class Chance:
    """One stream of draws, which depends on its key alone: people can be simulated in any order."""

    __slots__ = ("uniform",)

    uniform: Callable[[], float]
    """The next number in [0, 1)."""

    def __init__(self, *key: int) -> None:
        # Drawing one number at a time from numpy costs ten times as much as taking it from a list.
        self.uniform = chain.from_iterable(_draws(key, block) for block in count()).__next__

    def between(self, low: float, high: float) -> float:
        """A number in [low, high)."""
        return low + (high - low) * self.uniform()

    def whole(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + int(self.uniform() * (high - low + 1))

    def happens(self, probability: float) -> bool:
        """True with this probability."""
        return self.uniform() < probability

    def pick(self, choices: Sequence[T]) -> T:
        """One of the choices, each as likely as the others."""
        return choices[int(self.uniform() * len(choices))]

    def some(self, choices: Sequence[T], number: int) -> list[T]:
        """`number` different choices, or all of them, in random order."""
        left = list(choices)
        return [left.pop(int(self.uniform() * len(left))) for _ in range(min(number, len(left)))]


def _draws(key: tuple[int, ...], block: int) -> list[float]:
    """The numbers of one block. Putting a generator into another state is faster than making another one."""
    digest = blake2b(repr((key, block)).encode()).digest()
    state, increment = int.from_bytes(digest[:16], "little"), int.from_bytes(digest[16:32], "little") | 1
    with _LOCK:
        _BITS.state = {
            "bit_generator": "PCG64",
            "state": {"state": state, "inc": increment},
            "has_uint32": 0,
            "uinteger": 0,
        }
        numbers: list[float] = _GENERATOR.random(_DRAWS_AT_ONCE).tolist()
    return numbers


class Weighted(Generic[T]):
    """Choices of which some are likelier than others."""

    __slots__ = ("_bounds", "_choices")

    def __init__(self, weights: Sequence[tuple[T, float]]) -> None:
        self._choices = [choice for choice, _ in weights]
        self._bounds = list(accumulate(weight for _, weight in weights))

    def pick(self, chance: Chance) -> T:
        """One choice, as likely as its weight says."""
        place = bisect_right(self._bounds, chance.uniform() * self._bounds[-1])
        return self._choices[min(place, len(self._choices) - 1)]


def stable_tag(*parts: object) -> str:
    """Sixteen hexadecimal digits that stand for the parts, the same in every run and on every machine."""
    return blake2b("\x1f".join(map(str, parts)).encode(), digest_size=8).hexdigest()


def stable_share(*parts: object) -> float:
    """A number in [0, 1) that stands for the parts: who falls into which arm of an experiment."""
    return int(stable_tag(*parts)[:13], 16) / 16**13
