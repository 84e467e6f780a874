"""Possible: every value that an expression could have, as a range of numbers, a set of texts and so on.

It may hold values that never come, but never lacks one that can: what it rules out is certain.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce

from shoal.definitions import nodes

INFINITY = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Possible:
    """Numbers from `low` to `high` (`whole` ones only), texts (None: any), truths, lists, or missing."""

    missing: bool = False
    low: float = INFINITY
    high: float = -INFINITY
    whole: bool = False
    texts: frozenset[str] | None = frozenset()
    truths: frozenset[bool] = frozenset()
    items: bool = False

    @property
    def has_numbers(self) -> bool:
        return self.low <= self.high

    @property
    def only_numbers(self) -> bool:
        return self.has_numbers and not self.missing and not self._has_others

    @property
    def _has_others(self) -> bool:
        return self.items or bool(self.truths) or self.texts is None or bool(self.texts)

    @property
    def is_nothing(self) -> bool:
        """No value is left: what led here contradicts itself."""
        return not (self.missing or self.has_numbers or self._has_others)

    @property
    def is_present(self) -> bool:
        """Whether the value can be there at all."""
        return self.has_numbers or self._has_others

    def __or__(self, other: Possible) -> Possible:
        texts = None if self.texts is None or other.texts is None else self.texts | other.texts
        return Possible(
            missing=self.missing or other.missing,
            low=min(self.low, other.low),
            high=max(self.high, other.high),
            whole=(self.whole or not self.has_numbers) and (other.whole or not other.has_numbers),
            texts=texts,
            truths=self.truths | other.truths,
            items=self.items or other.items,
        )

    def __and__(self, other: Possible) -> Possible:
        texts = other.texts if self.texts is None else self.texts
        if self.texts is not None and other.texts is not None:
            texts = self.texts & other.texts
        return replace(
            self,
            missing=self.missing and other.missing,
            texts=texts,
            truths=self.truths & other.truths,
            items=self.items and other.items,
            whole=self.whole or other.whole,
        ).between(other.low, other.high)

    def between(self, low: float, high: float) -> Possible:
        """With no numbers outside of `low` to `high`."""
        low, high = max(self.low, low), min(self.high, high)
        if self.whole:
            low, high = _ceiling(low), _floor(high)
        return replace(self, low=low, high=high) if low <= high else replace(self, low=INFINITY, high=-INFINITY)

    def numbers(self) -> Possible:
        """Its numbers only."""
        return Possible(low=self.low, high=self.high, whole=self.whole)

    def present(self) -> Possible:
        """All but missing."""
        return replace(self, missing=False)

    def without(self, other: Possible) -> Possible:
        """Without the one value that `other` is, when it is exactly one."""
        left = replace(self, truths=self.truths - other.truths) if len(other.truths) == 1 else self
        if other.texts is not None and len(other.texts) == 1 and left.texts is not None:
            left = replace(left, texts=left.texts - other.texts)
        if other.low == other.high:
            left = left._without_number(other.low)
        return left

    def _without_number(self, number: float) -> Possible:
        if self.low == number:
            return self.between(math.nextafter(number, INFINITY), INFINITY)
        return self.between(-INFINITY, math.nextafter(number, -INFINITY)) if self.high == number else self

    @property
    def is_single(self) -> bool:
        """Exactly one value, and it is there."""
        kinds = (self.low == self.high) + len(self.truths) + (2 if self.texts is None else len(self.texts))
        is_range = self.has_numbers and self.low != self.high
        return kinds == 1 and not (is_range or self.items or self.missing)


NOTHING = Possible()
MISSING = Possible(missing=True)
TRUTH = Possible(truths=frozenset({True, False}))
NUMBER = Possible(low=-INFINITY, high=INFINITY)
ANYTHING = replace(NUMBER, missing=True, texts=None, truths=TRUTH.truths, items=True)


def numbers(low: float, high: float, *, whole: bool = False, missing: bool = False) -> Possible:
    """The numbers from low to high, both included."""
    return Possible(low=low, high=high, whole=whole, missing=missing)


def just(value: float | str | bool) -> Possible:
    """One value."""
    if isinstance(value, bool):
        return Possible(truths=frozenset({value}))
    return Possible(texts=frozenset({value})) if isinstance(value, str) else numbers(value, value)


def any_of(several: Iterable[Possible]) -> Possible:
    """All that one of several can be."""
    return reduce(Possible.__or__, several, NOTHING)


def _ceiling(number: float) -> float:
    return float(math.ceil(number)) if math.isfinite(number) else number


def _floor(number: float) -> float:
    return float(math.floor(number)) if math.isfinite(number) else number


# Arithmetic on ranges


def arithmetic(operator: str, left: Possible, right: Possible) -> Possible:
    """What `left operator right` can be; missing when a side is no number, or on division by zero."""
    can_fail = left != left.numbers() or right != right.numbers()
    divides_by_zero = operator == "/" and right.low <= 0 <= right.high
    if not left.has_numbers or not right.has_numbers or (operator == "/" and right.low == right.high == 0):
        return MISSING
    if divides_by_zero:
        return replace(NUMBER, missing=True)
    ends = [_apply(operator, a, b) for a in (left.low, left.high) for b in (right.low, right.high)]
    low, high = (min(ends), max(ends)) if not any(map(math.isnan, ends)) else (-INFINITY, INFINITY)
    whole = left.whole and right.whole and operator in "+-*"
    return numbers(low, high, whole=whole, missing=can_fail)


def _apply(operator: str, left: float, right: float) -> float:
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case _:
            return left / right


def compared(operator: str, left: Possible, right: Possible) -> tuple[Possible, Possible]:
    """What is left of both sides where `left operator right` holds."""
    if operator == "==":
        both = (left & right).present()
        return both, both
    left, right = left.numbers(), right.numbers()
    match operator:
        case "<":
            low, high = math.nextafter(left.low, INFINITY), math.nextafter(right.high, -INFINITY)
        case "<=":
            low, high = left.low, right.high
        case _:
            right, left = compared({">": "<", ">=": "<="}[operator], right, left)
            return left, right
    return left.between(-INFINITY, high), right.between(low, INFINITY)


NEGATED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}


def not_compared(operator: str, left: Possible, right: Possible) -> tuple[Possible, Possible]:
    """What is left of both sides where `left operator right` does not hold."""
    if operator == "==":
        return (
            left.without(right) if right.is_single else left,
            right.without(left) if left.is_single else right,
        )
    less, more = compared(NEGATED[operator], left, right)
    new_left = replace(left, low=less.low, high=less.high) if right.only_numbers else left
    new_right = replace(right, low=more.low, high=more.high) if left.only_numbers else right
    return new_left, new_right


def constant(node: nodes.Node) -> Possible | None:
    """The one value of a constant; None for all else."""
    match node:
        case nodes.Literal(value=value):
            return just(value)
        case nodes.Duration(milliseconds=length) | nodes.Moment(milliseconds=length):
            return just(float(length))
        case _:
            return None
