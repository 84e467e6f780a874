"""Scope: the rows that an expression is evaluated for, and the operators that mean the same for all of them.

Rows are profiles, events, sessions, or the things in a list. A scope knows its own leaves (`_leaf`); operators
over them are here, once. Only profiles have values that move, so only they take note of moments.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl

from shoal.definitions import nodes
from shoal.definitions.kinds import Kind, constant_of
from shoal.evaluate.column import Codes, Column, Flags, Indices, Numbers, number_column, truth_column
from shoal.history.dictionary import MISSING, Dictionary
from shoal.model.value import Value


class Scope(ABC):
    """Gives every node its column of `size` rows. A node is asked once: columns are kept by node."""

    def __init__(self, size: int, dictionary: Dictionary) -> None:
        self.size = size
        self.dictionary = dictionary
        # By identity, which is quick; the node is kept so that no other takes its place.
        self._known: dict[int, tuple[nodes.Node, Column]] = {}

    def value(self, node: nodes.Node) -> Column:
        """The value of a node for every row."""
        known = self._known.get(id(node))
        if known is None:
            operator = _OPERATORS.get(type(node))
            known = node, self._leaf(node) if operator is None else operator(self, node)
            self._known[id(node)] = known
        return known[1]

    def holds(self, node: nodes.Node) -> Flags:
        """Where a condition is true."""
        return self.value(node).holds

    @abstractmethod
    def _leaf(self, node: nodes.Node) -> Column:
        """The value of a node that is no operator."""

    @abstractmethod
    def note_crossing(self, distance: Numbers, slope: Numbers) -> None:
        """Takes note that something changes when a moving distance passes zero."""

    def constant(self, value: Value) -> Column:
        """The same value for every row."""
        if isinstance(value, bool):
            return Column(kind=Kind.TRUTH, truths=np.broadcast_to(np.int8(value), self.size))
        if isinstance(value, float):
            return number_column(np.broadcast_to(value, self.size))
        return Column(
            kind=Kind.VALUE,
            numbers=np.broadcast_to(np.nan, self.size),
            codes=np.broadcast_to(np.int32(self.dictionary.code(value)), self.size),
        )


class StillScope(Scope):
    """Rows whose values do not move with time: all but profiles."""

    def note_crossing(self, distance: Numbers, slope: Numbers) -> None:
        raise AssertionError(f"only values of profiles move, not {distance} by {slope}")


# Logic


def _not(scope: Scope, node: nodes.Not) -> Column:
    return truth_column(~scope.holds(node.operand))


def _and(scope: Scope, node: nodes.And) -> Column:
    return truth_column(np.logical_and.reduce([scope.holds(each) for each in node.operands]))


def _or(scope: Scope, node: nodes.Or) -> Column:
    return truth_column(np.logical_or.reduce([scope.holds(each) for each in node.operands]))


# Comparison


def _compare(scope: Scope, node: nodes.Compare) -> Column:
    left, right = scope.value(node.left), scope.value(node.right)
    if left.slope is not None or right.slope is not None:
        scope.note_crossing(left.amounts - right.amounts, left.slopes - right.slopes)
    if node.operator == "==":
        return truth_column(equal(left, right))
    return truth_column(_ORDERINGS[node.operator](left.amounts, right.amounts))


_ORDERINGS: dict[str, Callable[[Numbers, Numbers], Flags]] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}


def equal(left: Column, right: Column) -> Flags:
    """Where both values are present, of one type, and the same."""
    same: Flags = left.amounts == right.amounts
    if left.kind in _UNCODED and right.kind in _UNCODED:
        return same
    codes = left.coded()
    either: Flags = same | ((codes == right.coded()) & (codes != MISSING))
    return either


_UNCODED = (Kind.NUMBER, Kind.DURATION, Kind.MOMENT)


def _in(scope: Scope, node: nodes.In) -> Column:
    operand = scope.value(node.operand)
    options = [option.value for option in node.options if isinstance(option, nodes.Literal)]
    numbers = [option for option in options if isinstance(option, float)]
    codes = [scope.dictionary.code(option) for option in options if not isinstance(option, float)]
    found = np.isin(operand.amounts, numbers)
    if codes and operand.kind not in _UNCODED:
        found |= np.isin(operand.coded(), codes)
    return truth_column(found)


# Arithmetic


def _arithmetic(scope: Scope, node: nodes.Arithmetic) -> Column:
    left, right = scope.value(node.left), scope.value(node.right)
    kind = _kind_of_arithmetic(node.operator, left.kind, right.kind)
    with np.errstate(all="ignore"):
        result = _ARITHMETIC[node.operator](left.amounts, right.amounts)
        numbers = np.where(np.isfinite(result), result, np.nan)
        slope = _slope(node.operator, left, right)
    return number_column(numbers, kind, slope)


_ARITHMETIC: dict[str, Callable[[Numbers, Numbers], Numbers]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
}


def _slope(operator: str, left: Column, right: Column) -> Numbers | None:
    if left.slope is None and right.slope is None:
        return None
    match operator:
        case "+":
            return left.slopes + right.slopes
        case "-":
            return left.slopes - right.slopes
        case "*":
            return left.slopes * right.amounts + right.slopes * left.amounts
        case _:
            return left.slopes / right.amounts


def _kind_of_arithmetic(operator: str, left: Kind, right: Kind) -> Kind:
    """What typing said before; only the unit of the result matters here."""
    kinds = {left, right}
    if kinds == {Kind.MOMENT} or (operator == "/" and left is right):
        return Kind.DURATION if kinds == {Kind.MOMENT} else Kind.NUMBER
    if Kind.MOMENT in kinds:
        return Kind.MOMENT
    return Kind.DURATION if Kind.DURATION in kinds else Kind.NUMBER


# Presence


def _has(scope: Scope, node: nodes.Has) -> Column:
    return truth_column(scope.value(node.operand).is_present)


def _default(scope: Scope, node: nodes.Default) -> Column:
    operand, fallback = scope.value(node.operand), scope.value(node.fallback)
    return chosen(operand.is_present, operand, fallback)


def chosen(where: Flags, one: Column, other: Column) -> Column:
    """The rows of one column where a flag is set, and of another elsewhere."""
    if one.kind is Kind.TRUTH and other.kind is Kind.TRUTH:
        assert one.truths is not None
        assert other.truths is not None
        return Column(kind=Kind.TRUTH, truths=np.where(where, one.truths, other.truths))
    is_value = one.kind is not other.kind or one.kind is Kind.VALUE
    moves = one.slope is not None or other.slope is not None
    return Column(
        kind=Kind.VALUE if is_value else one.kind,
        numbers=np.where(where, one.amounts, other.amounts),
        codes=np.where(where, one.coded(), other.coded()) if is_value else None,
        index=_chosen_index(where, one, other),
        slope=np.where(where, one.slopes, other.slopes) if moves else None,
    )


def _chosen_index(where: Flags, one: Column, other: Column) -> Indices | None:
    if one.index is None and other.index is None:
        return None
    nowhere = np.full(len(where), MISSING, np.int64)
    return np.where(
        where,
        nowhere if one.index is None else one.index,
        nowhere if other.index is None else other.index,
    )


# Texts


def _text_match(scope: Scope, node: nodes.TextMatch) -> Column:
    codes = scope.value(node.operand).coded()
    return truth_column(_matching_codes(scope.dictionary, codes, node.operator, node.text))


def _matching_codes(dictionary: Dictionary, codes: Codes, operator: str, text: str) -> Flags:
    """Where a code stands for a text that matches; each distinct text is looked at once."""
    distinct, places = np.unique(codes, return_inverse=True)
    values = [dictionary.values[code] if code != MISSING else None for code in distinct.tolist()]
    texts = pl.Series("texts", [each if isinstance(each, str) else None for each in values], dtype=pl.String)
    matched: Flags = _TEXT_MATCHES[operator](texts, text).fill_null(False).to_numpy()[places]
    return matched


_TEXT_MATCHES: dict[str, Callable[[pl.Series, str], pl.Series]] = {
    "contains": lambda texts, text: texts.str.contains(text, literal=True),
    "starts_with": lambda texts, text: texts.str.starts_with(text),
    "ends_with": lambda texts, text: texts.str.ends_with(text),
    "matches": lambda texts, text: texts.str.contains(text),
}


# Shaping values


def _decay(scope: Scope, node: nodes.Decay) -> Column:
    operand = scope.value(node.operand)
    age = operand.amounts
    steps = np.floor(np.maximum(age, 0.0) / node.step)
    if operand.slope is not None:
        # Growing, the next step begins at its end; shrinking, the present one ends just before its beginning.
        edge = np.where(operand.slope > 0, steps + 1, steps) * node.step
        scope.note_crossing(age - edge, np.where((operand.slope < 0) & (age <= 0), 0.0, operand.slope))
    return number_column(0.5 ** (steps * node.step / node.half_life))


def _scale(scope: Scope, node: nodes.Scale) -> Column:
    operand, low, high = scope.value(node.operand), constant_of(node.low), constant_of(node.high)
    scaled = (operand.amounts - low) / (high - low)
    slope = None
    if operand.slope is not None:
        slope = _clipped_slope(scope, scaled, operand.slope / (high - low))
    return number_column(_clipped(scaled), slope=slope)


def _clipped(values: Numbers) -> Numbers:
    return np.minimum(1.0, np.maximum(0.0, values))


def _clipped_slope(scope: Scope, values: Numbers, slope: Numbers) -> Numbers:
    """The slope of a moving value that is clipped to 0..1; noted are the moments at which it bends."""
    scope.note_crossing(values, slope)
    scope.note_crossing(values - 1.0, slope)
    is_inside = (values > 0) & (values < 1)
    is_entering = ((values == 0) & (slope > 0)) | ((values == 1) & (slope < 0))
    return np.where(is_inside | is_entering, slope, 0.0)


def _mean(scope: Scope, node: nodes.Mean) -> Column:
    columns = [scope.value(each) for each in node.operands]
    total, present = np.zeros(scope.size), np.zeros(scope.size)
    slope = np.zeros(scope.size)
    for column in columns:
        is_present = ~np.isnan(column.amounts)
        total += np.where(is_present, column.amounts, 0.0)
        slope += np.where(is_present, column.slopes, 0.0)
        present += is_present
    with np.errstate(invalid="ignore", divide="ignore"):
        moves = any(column.slope is not None for column in columns)
        return number_column(total / present, _mean_kind(columns), slope / present if moves else None)


def _mean_kind(columns: Sequence[Column]) -> Kind:
    return Kind.DURATION if columns[0].kind is Kind.DURATION else Kind.NUMBER


def part_column(scope: Scope, part: nodes.ScorePart) -> tuple[Numbers, Numbers]:
    """A part of a score for each row, 0..1 or nan where it is left out; and its slope."""
    column = scope.value(part.value)
    values = column.fractions()
    slope = column.slopes
    if part.missing is not None:
        slope = np.where(np.isnan(values), 0.0, slope)
        values = np.where(np.isnan(values), part.missing, values)
    if column.slope is not None:
        slope = _clipped_slope(scope, values, slope)
    return _clipped(values), slope


def _score_total(scope: Scope, node: nodes.ScoreTotal) -> Column:
    total, weight_present, slope = np.zeros(scope.size), np.zeros(scope.size), np.zeros(scope.size)
    weight_of_all = 0.0
    for part in node.parts:
        values, part_slope = part_column(scope, part)
        is_present = ~np.isnan(values)
        total += np.where(is_present, part.weight * values, 0.0)
        slope += np.where(is_present, part.weight * part_slope, 0.0)
        weight_present += np.where(is_present, part.weight, 0.0)
        weight_of_all += part.weight
    weight = np.where(weight_present > 0, weight_present, np.nan)
    moves = any(scope.value(part.value).slope is not None for part in node.parts)
    return number_column(total / weight * weight_of_all, slope=slope / weight * weight_of_all if moves else None)


def _constant_number(scope: Scope, node: nodes.Duration | nodes.Moment) -> Column:
    kind = Kind.DURATION if isinstance(node, nodes.Duration) else Kind.MOMENT
    return number_column(np.broadcast_to(float(node.milliseconds), scope.size), kind)


_OPERATORS: dict[type[nodes.Node], Callable[[Any, Any], Column]] = {
    nodes.Literal: lambda scope, node: scope.constant(node.value),
    nodes.Duration: _constant_number,
    nodes.Moment: _constant_number,
    nodes.Not: _not,
    nodes.And: _and,
    nodes.Or: _or,
    nodes.Compare: _compare,
    nodes.In: _in,
    nodes.Arithmetic: _arithmetic,
    nodes.Has: _has,
    nodes.Default: _default,
    nodes.TextMatch: _text_match,
    nodes.Decay: _decay,
    nodes.Scale: _scale,
    nodes.Mean: _mean,
    nodes.ScoreTotal: _score_total,
}
