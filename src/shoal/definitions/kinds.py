"""Kinds of values, and the pass that gives every literal its unit and refuses what has no meaning.

Text next to a duration is a duration, text next to a moment is a moment; all else must be of one kind.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from shoal.definitions import nodes
from shoal.definitions.expression import LanguageError, duration
from shoal.model.time import parse_moment
from shoal.model.zone import load_zone


class Kind(StrEnum):
    """The kind of a node's value. VALUE is a property or trait, whose type is known only when it is seen."""

    TRUTH = "condition"
    NUMBER = "number"
    DURATION = "duration"
    MOMENT = "moment"
    VALUE = "value of a property"


@dataclass(frozen=True, slots=True)
class Typed:
    """A node with its units filled in, its kind, and how fast its value moves while no event comes in.

    `slope` is 0 for a value that stands still, 1 for one that moves with now, and nan when it depends.
    """

    node: nodes.Node
    kind: Kind
    slope: float = 0.0

    @property
    def moves(self) -> bool:
        return self.slope != 0


class KindError(LanguageError):
    """What an expression says has no meaning; `node` is the part to look at."""

    def __init__(self, node: nodes.Node, message: str, hint: str = "", code: str = "SH007") -> None:
        super().__init__(message, hint, code)
        self.node = node


NUMERIC = (Kind.NUMBER, Kind.VALUE)
SESSION_FIELD_KINDS = {
    "events": Kind.NUMBER,
    "pages": Kind.NUMBER,
    "duration": Kind.DURATION,
    "engaged_time": Kind.DURATION,
    "max_scroll": Kind.NUMBER,
    "bounced": Kind.TRUTH,
}


class Typing:
    """Types the expressions of one workspace. `references` holds what is already typed, by kind and name."""

    def __init__(self, zone: str, references: Mapping[tuple[str, str], Typed]) -> None:
        self._zone = load_zone(zone)
        self._references = references

    def of(self, node: nodes.Node) -> Typed:
        """The typed form of a node. Raises KindError at the first part that has no meaning."""
        typing = _TYPINGS.get(type(node))
        if typing is None:
            raise KindError(
                node, "this has no value of its own", "step(...) and absent(...) stand inside sequence(...)"
            )
        return typing(self, node)

    def condition(self, node: nodes.Node) -> nodes.Node:
        """The typed form of a node that must be a condition."""
        typed = self.of(node)
        if typed.kind is not Kind.TRUTH:
            hint = "compare it, for example with >= 1" if typed.kind is not Kind.VALUE else "write == true"
            raise KindError(node, f"a condition is needed here, not a {typed.kind}", hint, code="SH008")
        return typed.node

    def moment(self, node: nodes.Node, *, may_move: bool) -> nodes.Node:
        """The typed form of a window's limit, which stands still or moves with now."""
        typed = self.of(node)
        if typed.kind is not Kind.MOMENT:
            raise KindError(
                node, f"a moment is needed here, not a {typed.kind}", 'moment("2026-01-31"), ago("3 days")'
            )
        if typed.moves and not may_move:
            raise KindError(node, "after= takes a moment that stands still", "use since= for a moving one")
        if typed.slope not in (0.0, 1.0):
            raise KindError(
                node, "a window's limit stands still or moves with now", 'such as ago("3 days")', "SH019"
            )
        return typed.node

    def selection(self, selection: nodes.Selection) -> nodes.Selection:
        where = None if selection.where is None else self.condition(selection.where)
        return replace(selection, where=where, window=self.window(selection.window))

    def window(self, window: nodes.Window) -> nodes.Window:
        return replace(
            window,
            since=None if window.since is None else self.moment(window.since, may_move=True),
            until=None if window.until is None else self.moment(window.until, may_move=True),
            after=None if window.after is None else self.moment(window.after, may_move=False),
        )

    def steps(self, steps: tuple[nodes.Step, ...]) -> tuple[nodes.Step, ...]:
        return tuple(replace(s, where=None if s.where is None else self.condition(s.where)) for s in steps)

    def reference(self, node: nodes.Reference) -> Typed:
        kinds = ("feature", "score", "segment") if node.kind == "any" else (node.kind,)
        for kind in kinds:
            found = self._references.get((kind, node.name))
            if found is not None:
                return Typed(nodes.Reference(kind, node.name, place=node.place), found.kind, found.slope)
        wanted = "definition" if node.kind == "any" else node.kind
        raise KindError(node, f"there is no {wanted} named {node.name}", _similar(node, self._references), "SH009")

    def local_moment(self, node: nodes.LocalMoment) -> Typed:
        return Typed(nodes.Moment(_moment_of(node, node.text, self), place=node.place), Kind.MOMENT)

    def pair(self, left: nodes.Node, right: nodes.Node) -> tuple[Typed, Typed]:
        """Two sides that meet in an operator, a text constant read in the other side's unit."""
        one, other = self.of(left), self.of(right)
        return self._in_unit_of(one, other.kind), self._in_unit_of(other, one.kind)

    def shifted(self, left: nodes.Node, right: nodes.Node) -> tuple[Typed, Typed]:
        """Two sides of arithmetic: next to a moment, a text that can be read as a length of time is one."""
        one, other = self.of(left), self.of(right)
        return self._in_unit_of(one, _shift(one, other.kind)), self._in_unit_of(other, _shift(other, one.kind))

    def _in_unit_of(self, typed: Typed, kind: Kind) -> Typed:
        node = typed.node
        if not isinstance(node, nodes.Literal) or not isinstance(node.value, str):
            return typed
        if kind is Kind.DURATION:
            return Typed(nodes.Duration(_length_of(node), place=node.place), kind)
        if kind is Kind.MOMENT:
            return Typed(nodes.Moment(_moment_of(node, node.value, self), place=node.place), kind)
        return typed


def _shift(typed: Typed, kind: Kind) -> Kind:
    """The unit of a text constant that meets a value of `kind` in arithmetic."""
    if kind is not Kind.MOMENT or not isinstance(typed.node, nodes.Literal):
        return kind
    try:
        duration(typed.node.value)
    except LanguageError:
        return kind
    return Kind.DURATION


def _length_of(node: nodes.Literal) -> int:
    try:
        return duration(node.value)
    except LanguageError as error:
        raise KindError(node, error.message, error.hint, error.code) from None


def _moment_of(node: nodes.Node, text: str, typing: Typing) -> int:
    try:
        return parse_moment(text, typing._zone)
    except (ValueError, OverflowError) as error:
        raise KindError(node, str(error), code="SH006") from None


def _similar(node: nodes.Reference, references: Mapping[tuple[str, str], Typed]) -> str:
    import difflib  # noqa: PLC0415  (only when something is wrong)

    close = difflib.get_close_matches(node.name, [name for _, name in references], 1)
    return f"did you mean {close[0]}?" if close else ""


# Operators


def _type_compare(typing: Typing, node: nodes.Compare) -> Typed:
    left, right = typing.pair(node.left, node.right)
    if (
        left.kind is not right.kind
        and not (left.kind in NUMERIC and right.kind in NUMERIC)
        and not _truth_and_value(left, right)
    ):
        hint = 'write the length as a text: "30 minutes"' if Kind.DURATION in (left.kind, right.kind) else ""
        raise KindError(node, f"a {left.kind} cannot be compared with a {right.kind}", hint)
    _refuse_text_and_number(node, left, right)
    if node.operator != "==":
        _refuse_unordered(node, left, right)
    return Typed(replace(node, left=left.node, right=right.node), Kind.TRUTH)


def _truth_and_value(left: Typed, right: Typed) -> bool:
    return {left.kind, right.kind} == {Kind.TRUTH, Kind.VALUE}


def _refuse_text_and_number(node: nodes.Compare, *sides: Typed) -> None:
    has_text = any(isinstance(side.node, nodes.Literal) and isinstance(side.node.value, str) for side in sides)
    if has_text and any(side.kind is Kind.NUMBER for side in sides):
        raise KindError(node, "a number is never equal to a text", '10 is not "10": write it without quotes')


def _refuse_unordered(node: nodes.Compare, *sides: Typed) -> None:
    for side in sides:
        is_text = isinstance(side.node, nodes.Literal) and isinstance(side.node.value, str)
        if side.kind is Kind.TRUTH or is_text:
            what = "texts" if is_text else "conditions"
            raise KindError(node, f"{what} have no order, so {node.operator} never holds", "compare with == or !=")


def _type_arithmetic(typing: Typing, node: nodes.Arithmetic) -> Typed:
    left, right = typing.shifted(node.left, node.right)
    kind = _ARITHMETIC_KINDS.get((node.operator, _plain(left.kind), _plain(right.kind)))
    if kind is None:
        raise KindError(node, f"a {left.kind} {node.operator} a {right.kind} has no meaning")
    both_move, divides_by_moving = left.moves and right.moves, node.operator == "/" and right.moves
    if (node.operator == "*" and both_move) or divides_by_moving:
        raise KindError(node, "values that both move with time cannot be multiplied or divided", code="SH019")
    return Typed(replace(node, left=left.node, right=right.node), kind, _slope(node.operator, left, right))


def _slope(operator: str, left: Typed, right: Typed) -> float:
    if not left.moves and not right.moves:
        return 0.0
    if operator in "+-":
        return left.slope + right.slope if operator == "+" else left.slope - right.slope
    return math.nan


def _plain(kind: Kind) -> Kind:
    return Kind.NUMBER if kind is Kind.VALUE else kind


_N, _D, _M = Kind.NUMBER, Kind.DURATION, Kind.MOMENT
_ARITHMETIC_KINDS: dict[tuple[str, Kind, Kind], Kind] = {
    ("+", _N, _N): _N,
    ("-", _N, _N): _N,
    ("*", _N, _N): _N,
    ("/", _N, _N): _N,
    ("+", _D, _D): _D,
    ("-", _D, _D): _D,
    ("*", _D, _N): _D,
    ("*", _N, _D): _D,
    ("/", _D, _N): _D,
    ("/", _D, _D): _N,
    ("+", _M, _D): _M,
    ("+", _D, _M): _M,
    ("-", _M, _D): _M,
    ("-", _M, _M): _D,
}


def _type_in(typing: Typing, node: nodes.In) -> Typed:
    operand = typing.of(node.operand)
    if operand.kind in (Kind.DURATION, Kind.MOMENT):
        raise KindError(node, f"in does not look for a {operand.kind}", "compare with < and >")
    return Typed(replace(node, operand=operand.node), Kind.TRUTH)


def _type_default(typing: Typing, node: nodes.Default) -> Typed:
    operand, fallback = typing.pair(node.operand, node.fallback)
    kind = Kind.VALUE if Kind.VALUE in (operand.kind, fallback.kind) else operand.kind
    if kind is not Kind.VALUE and operand.kind is not fallback.kind:
        raise KindError(node, f"the default of a {operand.kind} cannot be a {fallback.kind}")
    slope = math.nan if operand.moves else 0.0
    return Typed(replace(node, operand=operand.node, fallback=fallback.node), kind, slope)


def _type_logic(typing: Typing, node: nodes.And | nodes.Or) -> Typed:
    return Typed(replace(node, operands=tuple(typing.condition(each) for each in node.operands)), Kind.TRUTH)


def _type_text_match(typing: Typing, node: nodes.TextMatch) -> Typed:
    operand = typing.of(node.operand)
    if operand.kind is not Kind.VALUE:
        raise KindError(node, f"{node.operator} looks into texts, not into a {operand.kind}")
    if node.operator == "matches":
        _refuse_unsafe_pattern(node)
    return Typed(replace(node, operand=operand.node), Kind.TRUTH)


def _refuse_unsafe_pattern(node: nodes.TextMatch) -> None:
    import polars as pl  # noqa: PLC0415  (the same engine that evaluates it judges the pattern)

    try:
        pl.Series([""]).str.contains(node.text)
    except pl.exceptions.PolarsError as error:
        hint = "look-around and back-references do not work in linear time"
        raise KindError(node, f"the pattern cannot be used: {_reason(error)}", hint, "SH021") from None


def _reason(error: Exception) -> str:
    """What the engine of patterns says in one line, without the lines around it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    stated = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return (stated or [lines[0].removeprefix("regex error: ") if lines else "it cannot be read"])[0][:200]


# Values of a profile


def _type_aggregate(typing: Typing, node: nodes.Aggregate) -> Typed:
    typed = replace(node, selection=typing.selection(node.selection))
    return Typed(typed, _AGGREGATE_KINDS[node.word], slope=float(node.word in nodes.DURATION_WORDS))


_AGGREGATE_KINDS = {
    **dict.fromkeys(("count", "active_days", *nodes.NUMBER_WORDS), Kind.NUMBER),
    **dict.fromkeys(nodes.MOMENT_WORDS, Kind.MOMENT),
    **dict.fromkeys(nodes.DURATION_WORDS, Kind.DURATION),
    **dict.fromkeys(nodes.VALUE_WORDS, Kind.VALUE),
    "happened": Kind.TRUTH,
}


def _type_share(typing: Typing, node: nodes.Share) -> Typed:
    return Typed(replace(node, part=typing.selection(node.part), whole=typing.selection(node.whole)), Kind.NUMBER)


def _type_selected(
    typing: Typing, node: nodes.FirstTime | nodes.Regularly | nodes.Stopped | nodes.Restarted
) -> Typed:
    return Typed(replace(node, selection=typing.selection(node.selection)), Kind.TRUTH)


def _type_forecast(typing: Typing, node: nodes.PurchaseForecast) -> Typed:
    return Typed(replace(node, selection=typing.selection(node.selection)), Kind.NUMBER)


def _type_steps(typing: Typing, node: nodes.Sequence | nodes.Funnel) -> Typed:
    typed = replace(node, steps=typing.steps(node.steps), window=typing.window(node.window))
    return Typed(typed, Kind.TRUTH if isinstance(node, nodes.Sequence) else Kind.NUMBER)


def _type_session_count(typing: Typing, node: nodes.SessionCount) -> Typed:
    where = None if node.where is None else typing.condition(node.where)
    return Typed(replace(node, where=where, window=typing.window(node.window)), Kind.NUMBER)


def _type_session_aggregate(typing: Typing, node: nodes.SessionAggregate) -> Typed:
    kind = SESSION_FIELD_KINDS[node.name]
    return Typed(replace(node, window=typing.window(node.window)), Kind.NUMBER if kind is Kind.TRUTH else kind)


# Shaping values


def _type_decay(typing: Typing, node: nodes.Decay) -> Typed:
    operand = typing.of(node.operand)
    if operand.kind is not Kind.DURATION:
        raise KindError(node, f"decay takes a duration, not a {operand.kind}", "for example time_since_any()")
    return Typed(replace(node, operand=operand.node), Kind.NUMBER)


def _type_scale(typing: Typing, node: nodes.Scale) -> Typed:
    operand = typing.of(node.operand)
    low, high = (typing._in_unit_of(typing.of(bound), operand.kind) for bound in (node.low, node.high))
    for bound in (low, high):
        if bound.kind is not _plain(operand.kind) or not isinstance(
            bound.node, nodes.Literal | nodes.Duration | nodes.Moment
        ):
            raise KindError(node, f"the ends of a scale of a {operand.kind} are constants of the same kind")
    if constant_of(low.node) == constant_of(high.node):
        raise KindError(node, "the two ends of a scale are equal")
    slope = math.nan if operand.moves else 0.0
    return Typed(replace(node, operand=operand.node, low=low.node, high=high.node), Kind.NUMBER, slope)


def constant_of(node: nodes.Node) -> float:
    """The number of a constant: itself, or its milliseconds."""
    match node:
        case nodes.Literal(value=float() as value):
            return value
        case nodes.Duration(milliseconds=value) | nodes.Moment(milliseconds=value):
            return float(value)
        case _:
            raise AssertionError("typing let a constant through that is none")


def _type_mean(typing: Typing, node: nodes.Mean) -> Typed:
    operands = [typing.of(each) for each in node.operands]
    kinds = {_plain(each.kind) for each in operands}
    if len(kinds) > 1 or not kinds <= {Kind.NUMBER, Kind.DURATION}:
        raise KindError(node, "mean takes numbers, or durations")
    slope = math.nan if any(each.moves for each in operands) else 0.0
    return Typed(replace(node, operands=tuple(each.node for each in operands)), kinds.pop(), slope)


def _type_rank(typing: Typing, node: nodes.Rank) -> Typed:
    operand = typing.of(node.operand)
    if operand.kind is Kind.TRUTH:
        raise KindError(node, "a condition cannot be ranked")
    return Typed(replace(node, operand=operand.node), Kind.NUMBER)


def _type_score(typing: Typing, node: nodes.ScoreTotal) -> Typed:
    return Typed(
        replace(node, parts=tuple(_typed_part(typing, part) for part in node.parts)),
        Kind.NUMBER,
        slope=math.nan if _any_moves(typing, node) else 0.0,
    )


def _typed_part(typing: Typing, part: nodes.ScorePart) -> nodes.ScorePart:
    value = typing.of(part.value)
    if value.kind not in (*NUMERIC, Kind.TRUTH):
        raise KindError(
            part.value, f"a part of a score is a number, not a {value.kind}", "decay(...) or scale(...) it"
        )
    return replace(part, value=value.node)


def _any_moves(typing: Typing, node: nodes.ScoreTotal) -> bool:
    return any(typing.of(part.value).moves for part in node.parts)


def _always(kind: Kind, *, slope: float = 0.0) -> Callable[[Typing, nodes.Node], Typed]:
    return lambda _, node: Typed(node, kind, slope)


def _type_literal(_typing: Typing, node: nodes.Literal) -> Typed:
    if isinstance(node.value, bool):
        return Typed(node, Kind.TRUTH)
    return Typed(node, Kind.VALUE if isinstance(node.value, str) else Kind.NUMBER)


_TYPINGS: dict[type[nodes.Node], Callable[[Typing, Any], Typed]] = {
    nodes.Literal: _type_literal,
    nodes.Duration: _always(Kind.DURATION),
    nodes.Moment: _always(Kind.MOMENT),
    nodes.LocalMoment: Typing.local_moment,
    nodes.Ago: _always(Kind.MOMENT, slope=1.0),
    nodes.Not: lambda typing, node: Typed(replace(node, operand=typing.condition(node.operand)), Kind.TRUTH),
    nodes.And: _type_logic,
    nodes.Or: _type_logic,
    nodes.Compare: _type_compare,
    nodes.In: _type_in,
    nodes.Arithmetic: _type_arithmetic,
    nodes.Has: lambda typing, node: Typed(replace(node, operand=typing.of(node.operand).node), Kind.TRUTH),
    nodes.Default: _type_default,
    nodes.Property: _always(Kind.VALUE),
    nodes.ItemField: _always(Kind.VALUE),
    nodes.SessionField: lambda _, node: Typed(node, SESSION_FIELD_KINDS[node.name]),
    nodes.TextMatch: _type_text_match,
    nodes.AnyItem: lambda typing, node: Typed(replace(node, where=typing.condition(node.where)), Kind.TRUTH),
    nodes.EventLocalTime: _always(Kind.NUMBER),
    nodes.Aggregate: _type_aggregate,
    nodes.FirstTime: _type_selected,
    nodes.Share: _type_share,
    nodes.Regularly: _type_selected,
    nodes.Stopped: _type_selected,
    nodes.Restarted: _type_selected,
    nodes.Sequence: _type_steps,
    nodes.Funnel: _type_steps,
    nodes.SessionCount: _type_session_count,
    nodes.SessionValue: lambda _, node: Typed(node, SESSION_FIELD_KINDS[node.name]),
    nodes.SessionAggregate: _type_session_aggregate,
    nodes.LastStated: _always(Kind.VALUE),
    nodes.LocalTime: _always(Kind.NUMBER),
    nodes.InList: _always(Kind.TRUTH),
    nodes.Everyone: _always(Kind.TRUTH),
    nodes.Consents: _always(Kind.TRUTH),
    nodes.Reference: Typing.reference,
    nodes.Decay: _type_decay,
    nodes.Scale: _type_scale,
    nodes.Mean: _type_mean,
    nodes.Rank: _type_rank,
    nodes.PurchaseForecast: _type_forecast,
    nodes.ScoreTotal: _type_score,
}
