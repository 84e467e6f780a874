"""Values: what a property, a trait or a piece of context can be, and when two of them are equal.

A value is a number (an IEEE double), a text, a truth, or a list kept as canonical JSON. Types never mix:
10 is not "10" and 1 is not true. A missing value is None.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

import msgspec

EXACT_INTEGER_LIMIT = 2**53
"""Integers beyond this lose digits as doubles; they are kept as texts (they are ids, not amounts)."""

MAXIMUM_DEPTH = 16
"""Objects nested deeper than this are refused when they come in."""


class ValueRejected(ValueError):
    """A value that no event may carry, with the reason."""


@dataclass(frozen=True, slots=True)
class Items:
    """A list of things, as canonical JSON (sorted keys). `any_item` looks inside."""

    json: str

    def decoded(self) -> list[Any]:
        items: list[Any] = msgspec.json.decode(self.json)
        return items


Value = float | str | bool | Items
"""One present value. Missing is None."""


def is_number(value: object) -> TypeGuard[float]:
    """True for numbers; false for truths, although Python counts them as integers."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def same_type(left: Value, right: Value) -> bool:
    """Whether two values may be compared at all."""
    return type(left) is type(right)


def are_equal(left: Value | None, right: Value | None) -> bool:
    """Equality of the language: a missing side is never equal, types never mix."""
    return left is not None and right is not None and same_type(left, right) and left == right


def normalise(raw: object) -> Value | None:
    """A decoded JSON scalar or list as a value; None, NaN and null are missing.

    Raises ValueRejected for infinities and for objects (flatten those first).
    """
    if raw is None or isinstance(raw, (bool, str, Items)):
        return raw
    if isinstance(raw, int):
        return float(raw) if abs(raw) <= EXACT_INTEGER_LIMIT else str(raw)
    if isinstance(raw, float):
        return _normalise_float(raw)
    if isinstance(raw, list):
        return Items(msgspec.json.encode(raw, order="deterministic").decode())
    raise ValueRejected(f"a {type(raw).__name__} is not a value")


def _normalise_float(raw: float) -> float | None:
    if math.isnan(raw):
        return None
    if math.isinf(raw):
        raise ValueRejected("an infinite number cannot be kept")
    return raw + 0.0  # -0.0 and 0.0 are one value


def flatten(mapping: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Value]]:
    """The present values of a nested object as (dotted path, value), in order.

    `{"a": {"b": 1}}` and `{"a.b": 1}` are the same path `a.b`; the last one stated wins.
    """
    yield from _flatten(mapping, prefix, MAXIMUM_DEPTH)


def _flatten(mapping: Mapping[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, Value]]:
    if depth == 0:
        raise ValueRejected(f"{prefix} is nested more than {MAXIMUM_DEPTH} levels deep")
    for key, raw in mapping.items():
        path = f"{prefix}.{key}"
        if isinstance(raw, Mapping):
            yield from _flatten(raw, path, depth - 1)
            continue
        value = normalise(raw)
        if value is not None:
            yield path, value
