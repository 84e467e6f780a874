"""Expressions: what the words of the language take and give, and how their arguments become nodes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta, timezone
from math import isfinite
from typing import Never, TypedDict

from shoal.definitions import nodes
from shoal.model.time import parse_duration, parse_moment
from shoal.model.value import EXACT_INTEGER_LIMIT, is_number

_ANOTHER_ZONE = timezone(timedelta(hours=1))
"""A moment that reads differently here than in UTC was written without an offset."""


class LanguageError(ValueError):
    """A word was used in a way that has no meaning."""

    def __init__(self, message: str, hint: str = "", code: str = "SH004") -> None:
        self.message, self.hint, self.code = message, hint, code
        super().__init__(f"{message} ({hint})" if hint else message)


class Expression:
    """A value or a condition of the language. Operators build larger expressions; nothing is computed here."""

    __slots__ = ("node",)

    def __init__(self, node: nodes.Node) -> None:
        self.node = node

    def __lt__(self, other: Operand) -> Expression:
        return compare("<", self, other)

    def __le__(self, other: Operand) -> Expression:
        return compare("<=", self, other)

    def __gt__(self, other: Operand) -> Expression:
        return compare(">", self, other)

    def __ge__(self, other: Operand) -> Expression:
        return compare(">=", self, other)

    def __eq__(self, other: Operand) -> Expression:  # type: ignore[override]
        return compare("==", self, other)

    def __ne__(self, other: Operand) -> Expression:  # type: ignore[override]
        return ~compare("==", self, other)

    __hash__ = None  # type: ignore[assignment]

    def __and__(self, other: Expression | bool) -> Expression:
        return Expression(nodes.And((*_operands(nodes.And, self), *_operands(nodes.And, other))))

    def __or__(self, other: Expression | bool) -> Expression:
        return Expression(nodes.Or((*_operands(nodes.Or, self), *_operands(nodes.Or, other))))

    def __invert__(self) -> Expression:
        return Expression(nodes.Not(self.node))

    def __add__(self, other: Operand) -> Expression:
        return arithmetic("+", self, other)

    def __radd__(self, other: Operand) -> Expression:
        return arithmetic("+", other, self)

    def __sub__(self, other: Operand) -> Expression:
        return arithmetic("-", self, other)

    def __rsub__(self, other: Operand) -> Expression:
        return arithmetic("-", other, self)

    def __mul__(self, other: Operand) -> Expression:
        return arithmetic("*", self, other)

    def __rmul__(self, other: Operand) -> Expression:
        return arithmetic("*", other, self)

    def __truediv__(self, other: Operand) -> Expression:
        return arithmetic("/", self, other)

    def __rtruediv__(self, other: Operand) -> Expression:
        return arithmetic("/", other, self)

    def is_in(self, *options: Constant) -> Expression:
        """Whether the value equals one of the options; `x in ("a", "b")` in text."""
        return contained_in(self, options)

    def contains(self, text: str) -> Expression:
        return text_match("contains", self, text)

    def starts_with(self, text: str) -> Expression:
        return text_match("starts_with", self, text)

    def ends_with(self, text: str) -> Expression:
        return text_match("ends_with", self, text)

    def matches(self, pattern: str) -> Expression:
        return text_match("matches", self, pattern)

    def __bool__(self) -> Never:
        raise LanguageError("a condition has no truth while it is being written", "combine with & | ~ in Python")

    def __repr__(self) -> str:
        from shoal.definitions.render import render  # noqa: PLC0415  (render reads the vocabulary below)

        return render(self.node)


Constant = float | str | bool
Operand = Expression | Constant
StepLike = str | nodes.Step
MomentLike = Expression | str


class WindowWords(TypedDict, total=False):
    """The limits that every word over events takes; see `docs/semantics.md`."""

    within: str
    since: MomentLike
    after: Expression
    until: MomentLike
    between: tuple[MomentLike, MomentLike]
    latest: int


class PeriodWords(TypedDict, total=False):
    """The limits that words over sessions and sequences take."""

    within: str
    since: MomentLike
    after: Expression
    until: MomentLike
    between: tuple[MomentLike, MomentLike]


# Operators


def compare(operator: str, left: Operand, right: Operand) -> Expression:
    return Expression(nodes.Compare(operator, node_of(left), node_of(right)))


def arithmetic(operator: str, left: Operand, right: Operand) -> Expression:
    return Expression(nodes.Arithmetic(operator, node_of(left), node_of(right)))


def contained_in(value: Expression, options: Iterable[Constant]) -> Expression:
    constants = tuple(node_of(option) for option in options)
    if not all(isinstance(constant, nodes.Literal) for constant in constants):
        raise LanguageError("in takes constants", 'write plan in ("free", "pro")')
    return Expression(nodes.In(value.node, constants))


# How arguments become nodes


def node_of(value: object) -> nodes.Node:
    """The node of an expression or of a constant."""
    if isinstance(value, Expression):
        return value.node
    if is_number(value):
        return nodes.Literal(_number(value))
    if isinstance(value, bool):
        return nodes.Literal(value)
    if isinstance(value, str):
        return nodes.Literal(unbroken(value))
    if isinstance(value, nodes.Step):
        raise LanguageError("a step is not a value", "step(...) and absent(...) stand inside sequence(...)")
    raise LanguageError(f"a {type(value).__name__} is not a value", "use a number, a text, true or false")


def unbroken(text: str) -> str:
    """The text, unless it holds half of a character, which no event can."""
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise LanguageError("a text holds half of a character", "write the character itself, not \\u and a code")
    return text


def _number(value: float) -> float:
    too_large = abs(value) > EXACT_INTEGER_LIMIT and isinstance(value, int)
    if too_large or not isfinite(value):
        raise LanguageError("a number too large to be exact", "an id is written as a text in quotes", code="SH006")
    return float(value) + 0.0


def event_path(path: str) -> str:
    """The full path of what is written in `where`: a bare name is a property."""
    known = ("properties.", "context.", "traits.", "consent.")
    return path if path.startswith(known) else f"properties.{path}"


def duration(text: object) -> int:
    """Milliseconds of a duration's text. Raises LanguageError."""
    if not isinstance(text, str):
        raise LanguageError("a duration is written as a text", 'for example "30 minutes"', code="SH006")
    try:
        return parse_duration(text)
    except ValueError as error:
        raise LanguageError(str(error), code="SH006") from None


def optional_duration(text: object) -> int | None:
    return None if text is None else duration(text)


def positive_duration(text: object, what: str) -> int:
    """Milliseconds of a duration that is longer than nothing."""
    length = duration(text)
    if length == 0:
        raise LanguageError(f"{what} must be longer than nothing")
    return length


def whole_number(value: object, least: int, most: float, message: str) -> int:
    """A whole number within limits, both included; `message` says which is meant."""
    if is_number(value) and isfinite(value) and value == int(value) and least <= value <= most:
        return int(value)
    raise LanguageError(message)


def text_of(value: object, what: str) -> str:
    if not isinstance(value, str) or not value:
        raise LanguageError(f"{what} is named by a text in quotes")
    return unbroken(value)


def value_of(value: object) -> Expression:
    if not isinstance(value, Expression):
        raise LanguageError("a value of the profile is needed here, not a constant")
    return value


def condition_of(where: object) -> nodes.Node:
    if isinstance(where, bool):
        return nodes.Literal(where)
    if not isinstance(where, Expression):
        raise LanguageError("where takes a condition", "for example where=price > 100")
    return where.node


def _operands(shape: type[nodes.And] | type[nodes.Or], value: Expression | bool) -> tuple[nodes.Node, ...]:
    node = node_of(value)
    return node.operands if isinstance(node, shape) else (node,)


def text_match(operator: str, value: object, text: object) -> Expression:
    if not isinstance(text, str):
        raise LanguageError(f"{operator} looks for a text in quotes")
    return Expression(nodes.TextMatch(operator, value_of(value).node, unbroken(text)))


def event_names(events: object) -> tuple[str, ...]:
    names = (events,) if isinstance(events, str) else tuple(events)  # type: ignore[arg-type]
    for name in names:
        if not isinstance(name, str) or not name:
            raise LanguageError("an event is named by a text in quotes", 'for example "Order Completed"')
        if "*" in name[:-1]:
            raise LanguageError(f'"{name}" has a * that is not at its end')
        unbroken(name)
    return names


MOST_EVENTS = 1_000_000
_LATEST = f"latest is a whole number of events from 1 to {MOST_EVENTS}"
CALENDAR_WINDOWS = ("today", "this week", "this month", "this year")


def window_of(words: WindowWords | PeriodWords) -> nodes.Window:
    within, calendar = words.get("within"), None
    if within in CALENDAR_WINDOWS:
        within, calendar = None, within
    since, until = words.get("since"), words.get("until")
    between = words.get("between")
    if between is not None:
        if since is not None or until is not None or not isinstance(between, tuple | list) or len(between) != 2:
            raise LanguageError("between takes two moments, and no since or until beside it")
        since, until = between
    latest = words.get("latest")
    return nodes.Window(
        within=optional_duration(within),
        calendar=calendar,
        since=moment_node(since),
        after=moment_node(words.get("after")),
        until=moment_node(until),
        latest=None if latest is None else whole_number(latest, 1, MOST_EVENTS, _LATEST),
    )


def moment_node(value: object) -> nodes.Node | None:
    if value is None or isinstance(value, Expression):
        return None if value is None else value.node
    return moment_text(value)


def moment_text(text: object) -> nodes.Node:
    if not isinstance(text, str):
        raise LanguageError("a moment is written as a text", 'for example "2026-01-31"', code="SH006")
    try:
        earlier, later = parse_moment(text), parse_moment(text, _ANOTHER_ZONE)
    except (ValueError, OverflowError) as error:
        raise LanguageError(str(error), code="SH006") from None
    return nodes.Moment(earlier) if earlier == later else nodes.LocalMoment(text)
