"""Worlds to try: settings, definitions of every kind of node, events, and moments at which something happens.

Everything is drawn from small alphabets, so that what is rare in life is common here: ties, events exactly on the
edge of a window, sessions that pause for exactly the gap, clocks that are put forward, texts that look like
numbers. `Scale` says how long things last: the tiny one makes worlds that can be looked at in every millisecond.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from random import Random
from typing import Any

import numpy as np
from hypothesis import strategies as st

from shoal.definitions import nodes
from shoal.definitions.definition import (
    Definition,
    Definitions,
    FeatureDefinition,
    ListDefinition,
    PartDefinition,
    ScoreDefinition,
    SegmentDefinition,
)
from shoal.definitions.kinds import Kind, KindError, Typed, Typing
from shoal.definitions.resolve import Resolved, resolve
from shoal.definitions.settings import Settings
from shoal.evaluate import frozen as frozen_module
from shoal.evaluate.frozen import Frozen
from shoal.model.consent import Purpose, consent_path
from shoal.model.event import NAME_OF_KIND, Event, EventKind
from shoal.model.identifier import Identifier
from shoal.model.time import DAY, HOUR, MINUTE, SECOND, parse_moment
from shoal.model.value import Items, Value
from tests.engines import in_order

Draw = Callable[[st.SearchStrategy[Any]], Any]


@dataclass(frozen=True, slots=True)
class Scale:
    """How long windows and pauses last, and where in time events begin."""

    durations: tuple[int, ...]
    steps: tuple[int, ...]
    session_gaps: tuple[int, ...]
    bases: tuple[int, ...]


HUMAN = Scale(
    durations=(1, SECOND, MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 90 * MINUTE, 12 * HOUR, DAY, 7 * DAY, 30 * DAY),
    steps=(30 * MINUTE, HOUR, 12 * HOUR, DAY),  # someone looks at each of them, over days
    session_gaps=(30 * MINUTE, 10 * MINUTE),
    bases=tuple(
        map(
            parse_moment,
            (
                "2026-01-31T23:30:00Z",  # the end of a month, on a Saturday
                "2026-03-29T00:30:00Z",  # half an hour before Europe puts its clocks forward
                "2026-04-04T14:30:00Z",  # Lord Howe puts them back, by half an hour
                "2026-04-23T21:30:00Z",  # Cairo skips midnight
                "2026-11-01T04:30:00Z",  # Havana repeats midnight, then New York an hour
                "2025-12-31T12:00:00Z",
            ),
        )
    ),
)
TINY = Scale(
    durations=(1, 2, 3, 5, 8),
    steps=(1, 2, 3),
    session_gaps=(3, 5),
    bases=(parse_moment("2026-03-29T00:59:59.990Z"),),
)

ZONES = (
    "UTC",
    "Europe/Paris",
    "America/New_York",
    "America/Havana",
    "Africa/Cairo",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
)
NAMES = ("A", "B", "Ab", "Page Viewed")
NAME_PATTERNS = (*NAMES, "A", "A*", "*", "Z")
NUMBERS = (-1.0, 0.0, 1.0, 2.0, 10.0, 10.5)
TEXTS = ("", "10", "free", "pro", "Prospect", "true")
TRUTHS = (False, True)
LISTS = (Items("[]"), Items('["free",10]'), Items('[{"price":10,"sku":"pro"},{"price":1}]'), Items('[{"sku":1}]'))
PROPERTIES = ("properties.price", "properties.plan", "properties.tags", "properties.engaged_ms")
EVENT_PATHS = (*PROPERTIES[:2], *PROPERTIES, "context.device.type", "traits.plan", "properties.scroll_percent")
STATED_PATHS = ("traits.plan", "context.device.type", "traits.absent")
DEVICES = ("d1", "d2")
LISTED = ListDefinition(
    name="vip",
    identifiers=frozenset(
        {Identifier("user_id", "u1"), Identifier("anonymous_id", "d2"), Identifier("email", "a@b.c")}
    ),
)


# Events


@st.composite
def histories(draw: Draw, scale: Scale = HUMAN, max_size: int = 12) -> list[Event]:
    """One profile's events, in order. They arrived in an order of their own, which breaks ties."""
    pauses = st.sampled_from((0, 0, *scale.durations, *scale.session_gaps, scale.session_gaps[0] + 1))
    least = draw(st.sampled_from((0, max_size // 2, max_size // 2, max_size // 2)))
    gaps = draw(st.lists(pauses, min_size=least, max_size=max_size))
    at, times = draw(st.sampled_from(scale.bases)), []
    for gap in gaps:
        at += gap
        times.append(at)
    arrivals = draw(st.permutations(range(1, len(times) + 1)))
    return in_order(draw(SHAPES).at(when, position) for when, position in zip(times, arrivals, strict=True))


@dataclass(frozen=True, slots=True)
class Shape:
    """What an event is, apart from when it happened."""

    kind: EventKind = EventKind.TRACK
    name: str = "A"
    user: str | None = None
    device: str | None = "d1"
    fields: Mapping[str, Value] = field(default_factory=dict)

    def at(self, moment: int, position: int) -> Event:
        """The event of this shape at a moment."""
        return Event(
            position=position,
            message_id=f"m{position}",
            kind=self.kind,
            name=self.name,
            occurred_at=moment,
            received_at=moment,
            user_id=self.user,
            anonymous_id=self.device,
            fields=self.fields,
        )


_KINDS = (*[EventKind.TRACK] * 6, EventKind.PAGE, EventKind.IDENTIFY, EventKind.CONSENT)
_WHO = (("u1", None), ("u1", "d1"), (None, "d1"), (None, "d2"), ("u2", "d2"))
_SCALARS = (*NUMBERS, *TEXTS, *TRUTHS)
_OFTEN: dict[str, tuple[Value, ...]] = {
    "properties.price": (*NUMBERS, *NUMBERS, "10", True),
    "properties.plan": (*TEXTS, *TEXTS, 10.0, False),
}
_SOMETIMES: dict[str, tuple[Value, ...]] = {
    "properties.tags": (*LISTS, "free"),
    "properties.engaged_ms": (0.0, 4_000.0, 6_000.0, 10_000.0, "10"),
    "properties.scroll_percent": (0.0, 50.0, 100.0, "100"),
    "context.timezone": (*ZONES, "Nowhere/At_All", 1.0),
    "context.device.type": ("mobile", "desktop", 1.0),
}
_STATEMENTS: dict[str, tuple[Value, ...]] = {
    "traits.plan": _SCALARS,
    "traits.email": (" A@B.c", "x@y.z", 1.0),
    "context.gpc": TRUTHS,
    **{consent_path(purpose): (True, False, "true") for purpose in Purpose},
}


def _shape(random: Random) -> Shape:
    """An event of any kind: mostly activity, sometimes a statement."""
    kind = random.choice(_KINDS)
    likely, possible = (_OFTEN, _SOMETIMES) if kind.is_activity else ({}, _STATEMENTS | _SOMETIMES)
    paths = {path for path in likely if random.random() < 0.75}
    paths |= set(random.sample(tuple(possible), random.randint(0, 2)))
    if random.random() < 0.1:
        paths.add(random.choice(tuple(_STATEMENTS)))
    values = _OFTEN | _SOMETIMES | _STATEMENTS
    user, device = random.choice(_WHO)
    return Shape(
        kind=kind,
        name=random.choice(NAMES) if kind is EventKind.TRACK else NAME_OF_KIND.get(kind, ""),
        user=user,
        device=device,
        fields={path: random.choice(values[path]) for path in sorted(paths)},
    )


def _shapes(size: int) -> tuple[Shape, ...]:
    """Many events of every sort, the simplest first: one choice among them is far quicker than ten small ones."""
    random = Random(1)
    drawn = sorted((_shape(random) for _ in range(size)), key=lambda shape: len(shape.fields))
    return Shape(), *drawn


SHAPES = st.sampled_from(_shapes(4_000))


# Settings


@st.composite
def workspace_settings(draw: Draw, scale: Scale = HUMAN) -> Settings:
    """Clocks, session gaps and consent defaults of all sorts."""
    return Settings(
        time_zone=draw(st.sampled_from(ZONES)),
        calendar=draw(st.sampled_from(("workspace", "profile"))),
        session_gap=draw(st.sampled_from(scale.session_gaps)),
        consent={purpose: draw(st.sampled_from((True, True, True, False))) for purpose in Purpose},
    )


# Definitions


@cache
def below(size: int) -> st.SearchStrategy[int]:
    """A whole number from 0, below `size`."""
    return st.integers(0, size - 1)


class Author:
    """Writes well-typed expressions, drawing every choice. `known` are the definitions that may be referred to."""

    def __init__(self, draw: Draw, scale: Scale = HUMAN) -> None:
        self.draw = draw
        self.scale = scale
        self.known: list[tuple[nodes.Reference, Typed]] = []

    def one_of(self, *choices: Any) -> Any:
        return choices[self.draw(below(len(choices)))]

    def chance(self, of: int = 2) -> bool:
        """True in about one of `of` draws; shrinks to false."""
        return bool(self.draw(below(of)) == of - 1)

    def length(self) -> int:
        """A duration in milliseconds."""
        return self.one_of(*self.scale.durations)

    def some(self, makers: Sequence[Callable[[int], nodes.Node]], depth: int) -> nodes.Node:
        return self.one_of(*makers)(depth)

    def reference(self, kind: Kind, *, still: bool = False) -> nodes.Node | None:
        """A definition of this kind, if there is one."""
        found = [ref for ref, typed in self.known if typed.kind is kind and not (still and typed.moves)]
        return self.one_of(*found) if found else None

    # Conditions

    def condition(self, depth: int) -> nodes.Node:
        leaves = [
            self.happened,
            self.happened,
            self.sequence,
            self.regularly,
            self.stopped,
            self.restarted,
            self.first_time,
            self.plain_condition,
            self.plain_condition,
        ]
        if depth <= 0:
            return self.some(leaves, depth)
        compared = [self.compare_numbers, self.compare_durations, self.compare_moments, self.compare_values]
        deep = [
            *compared,
            *compared,
            self.negation,
            self.junction,
            self.membership,
            self.presence,
            self.text_match,
        ]
        return self.some([*leaves, *deep], depth)

    def happened(self, depth: int) -> nodes.Node:
        return nodes.Aggregate("happened", self.selection(depth))

    def first_time(self, depth: int) -> nodes.Node:
        return nodes.FirstTime(self.selection(depth))

    def regularly(self, depth: int) -> nodes.Node:
        of = self.one_of(1, 2, 3, 5)
        periods = self.draw(st.integers(1, of))
        return nodes.Regularly(self.selection(depth, windowed=False), periods, of, self.length())

    def stopped(self, depth: int) -> nodes.Node:
        return nodes.Stopped(self.selection(depth, windowed=False), active=self.length(), idle=self.length())

    def restarted(self, depth: int) -> nodes.Node:
        return nodes.Restarted(self.selection(depth, windowed=False), idle=self.length(), back=self.length())

    def plain_condition(self, _depth: int) -> nodes.Node:
        known = self.reference(Kind.TRUTH)
        choices = [
            nodes.Everyone(),
            nodes.InList(LISTED.name),
            nodes.InList(LISTED.name),
            nodes.Consents(self.one_of(*Purpose).value),
            nodes.SessionValue("bounced", self.one_of("current", "last")),
            nodes.Literal(value=self.one_of(*TRUTHS)),
        ]
        return self.one_of(*choices, *([known, known] if known else []))

    def negation(self, depth: int) -> nodes.Node:
        return nodes.Not(self.condition(depth - 1))

    def junction(self, depth: int) -> nodes.Node:
        shape = self.one_of(nodes.And, nodes.Or)
        operands: list[nodes.Node] = []
        for _ in range(self.one_of(2, 3)):
            operand = self.condition(depth - 1)
            operands.extend(operand.operands if isinstance(operand, shape) else (operand,))
        return shape(tuple(operands))

    def operator(self) -> str:
        return self.one_of("<", "<=", ">", ">=", "==")

    def compare_numbers(self, depth: int) -> nodes.Node:
        other = self.number(depth - 1) if self.chance(4) else nodes.Literal(self.one_of(0.0, 0.5, 1.0, 2.0, 10.0))
        return nodes.Compare(self.operator(), self.number(depth - 1), other)

    def compare_durations(self, depth: int) -> nodes.Node:
        other = self.duration(depth - 1) if self.chance(4) else nodes.Duration(self.length())
        return nodes.Compare(self.operator(), self.duration(depth - 1), other)

    def compare_moments(self, depth: int) -> nodes.Node:
        return nodes.Compare(self.operator(), self.moving_moment(depth - 1), self.moving_moment(depth - 1))

    def compare_values(self, depth: int) -> nodes.Node:
        value = self.value(depth - 1)
        if self.chance(3):
            return nodes.Compare(self.operator(), value, nodes.Literal(self.one_of(*NUMBERS)))
        if self.chance(4):
            return nodes.Compare(self.operator(), value, self.value(depth - 1))
        constant = nodes.Literal(self.one_of(*TEXTS, *TRUTHS, *NUMBERS))
        return nodes.Compare("==", value, constant)

    def membership(self, depth: int) -> nodes.Node:
        operand = self.value(depth - 1) if self.chance() else self.number(depth - 1)
        return nodes.In(operand, self.options())

    def options(self) -> tuple[nodes.Node, ...]:
        return tuple(nodes.Literal(self.one_of(*NUMBERS, *TEXTS, *TRUTHS)) for _ in range(self.one_of(1, 2, 3)))

    def presence(self, depth: int) -> nodes.Node:
        return nodes.Has(self.some([self.number, self.duration, self.moving_moment, self.value], depth - 1))

    def text_match(self, depth: int) -> nodes.Node:
        return self.matching(self.value(depth - 1))

    def matching(self, value: nodes.Node) -> nodes.Node:
        operator = self.one_of("contains", "starts_with", "ends_with", "matches")
        text = (
            self.one_of("pro", "P", "", "1")
            if operator != "matches"
            else self.one_of("^pro", "o$", "[0-9]+", "(?i)P.o")
        )
        return nodes.TextMatch(operator, value, text)

    # Numbers

    def number(self, depth: int) -> nodes.Node:
        leaves = [self.counted, self.counted, self.computed, self.session_number, self.plain_number, self.forecast]
        if depth <= 0:
            return self.some(leaves, depth)
        deep = [
            self.shared,
            self.shared,
            self.funnel,
            self.session_count,
            self.session_count,
            self.session_total,
            self.arithmetic,
            self.ratio,
            self.default_number,
            self.decay,
            self.scaled,
            self.mean_number,
            self.rank,
            self.rank,
        ]
        return self.some([*leaves, *deep], depth)

    def counted(self, depth: int) -> nodes.Node:
        return nodes.Aggregate(self.one_of("count", "active_days"), self.selection(depth))

    def computed(self, depth: int) -> nodes.Node:
        return nodes.Aggregate(self.one_of(*nodes.NUMBER_WORDS), self.selection(depth), self.one_of(*EVENT_PATHS))

    def session_number(self, _depth: int) -> nodes.Node:
        return nodes.SessionValue(self.one_of("events", "pages", "max_scroll"), self.one_of("current", "last"))

    def plain_number(self, _depth: int) -> nodes.Node:
        known = self.reference(Kind.NUMBER)
        local = nodes.LocalTime(self.one_of("hour", "weekday"))
        return self.one_of(local, local, *([known, known] if known else []))

    def shared(self, depth: int) -> nodes.Node:
        window = self.window(depth - 1, latest=False)
        part = nodes.Selection(self.names(), self.where(1), window)
        names = part.names if self.chance() else self.names()
        return nodes.Share(part, nodes.Selection(names or part.names, None, window))

    def funnel(self, depth: int) -> nodes.Node:
        steps = tuple(self.step() for _ in range(self.one_of(1, 2, 3)))
        return nodes.Funnel(steps, self.optional_length(), self.window(depth - 1, latest=False))

    def session_count(self, depth: int) -> nodes.Node:
        return nodes.SessionCount(
            None if self.chance(3) else self.session_where(1), self.window(depth - 1, latest=False)
        )

    def session_total(self, depth: int) -> nodes.Node:
        name = self.one_of("events", "pages", "max_scroll", "bounced")
        return nodes.SessionAggregate(self.session_word(), name, self.window(depth - 1, latest=False))

    def session_word(self) -> str:
        return self.one_of("average", "sum", "minimum", "maximum")

    def arithmetic(self, depth: int) -> nodes.Node:
        operator = self.one_of("+", "-", "*", "/")
        if operator in "+-":
            left = nodes.Literal(self.one_of(*NUMBERS)) if self.chance(4) else self.numeric(depth - 1)
            return nodes.Arithmetic(operator, left, self.numeric(depth - 1))
        return nodes.Arithmetic(operator, self.numeric(depth - 1), nodes.Literal(self.one_of(*NUMBERS)))

    def numeric(self, depth: int) -> nodes.Node:
        return self.value(depth) if self.chance(4) else self.number(depth)

    def ratio(self, depth: int) -> nodes.Node:
        if self.chance():
            return nodes.Arithmetic("/", self.duration(depth - 1), nodes.Duration(self.length()))
        return nodes.Arithmetic("/", self.counted(depth - 1), self.counted(depth - 1))

    def default_number(self, depth: int) -> nodes.Node:
        return nodes.Default(self.number(depth - 1), nodes.Literal(self.one_of(*NUMBERS)))

    def decay(self, depth: int) -> nodes.Node:
        return nodes.Decay(self.duration(depth - 1), half_life=self.length(), step=self.one_of(*self.scale.steps))

    def scaled(self, depth: int) -> nodes.Node:
        if self.chance(6):
            low = self.fixed_moment()
            return nodes.Scale(self.moving_moment(depth - 1), nodes.Moment(low), nodes.Moment(low + self.length()))
        if self.chance():
            ends = self.draw(st.lists(st.sampled_from(self.scale.durations), min_size=2, max_size=2, unique=True))
            return nodes.Scale(self.duration(depth - 1), *map(nodes.Duration, ends))
        ends = self.draw(st.lists(st.sampled_from(NUMBERS), min_size=2, max_size=2, unique=True))
        return nodes.Scale(self.numeric(depth - 1), *map(nodes.Literal, ends))

    def mean_number(self, depth: int) -> nodes.Node:
        return nodes.Mean(tuple(self.numeric(depth - 1) for _ in range(self.one_of(1, 2, 3))))

    def rank(self, depth: int) -> nodes.Node:
        operand = self.some([self.number, self.duration, self.moving_moment, self.value], depth - 1)
        return nodes.Rank(operand, self.one_of(None, 2, 5), self.one_of(*TRUTHS))

    def forecast(self, _depth: int) -> nodes.Node:
        word = self.one_of("expected_orders", "probability_alive", "customer_value")
        path = "properties.price" if word == "customer_value" else None
        horizon = None if word == "probability_alive" else 30 * DAY
        names = self.names() or (self.one_of(*NAMES),)
        return nodes.PurchaseForecast(
            word, self.one_of("bg_nbd", "pareto_nbd"), nodes.Selection(names), path, horizon
        )

    # Durations and moments

    def duration(self, depth: int) -> nodes.Node:
        leaves = [self.age, self.age, self.session_duration, self.known_duration]
        if depth <= 0:
            return self.some(leaves, depth)
        deep = [self.shifted_duration, self.stretched_duration, self.distance, self.default_duration]
        return self.some([*leaves, *deep, self.session_time, self.mean_duration], depth)

    def still_duration(self, depth: int) -> nodes.Node:
        """A duration that does not move with now."""
        known = self.reference(Kind.DURATION, still=True)
        session = nodes.SessionValue(self.one_of("duration", "engaged_time"), self.one_of("current", "last"))
        if depth > 0 and self.chance(3):
            return nodes.Arithmetic("-", self.still_moment(depth - 1), self.still_moment(depth - 1))
        return self.one_of(session, *([known, known] if known else []))

    def length_or_still_duration(self, depth: int) -> nodes.Node:
        """What a moment may be moved by."""
        return nodes.Duration(self.length()) if self.chance() else self.still_duration(depth)

    def age(self, depth: int) -> nodes.Node:
        return nodes.Aggregate(self.one_of(*nodes.DURATION_WORDS), self.selection(depth))

    def session_duration(self, _depth: int) -> nodes.Node:
        return nodes.SessionValue(self.one_of("duration", "engaged_time"), self.one_of("current", "last"))

    def session_time(self, depth: int) -> nodes.Node:
        name = self.one_of("duration", "engaged_time")
        return nodes.SessionAggregate(self.session_word(), name, self.window(depth - 1, latest=False))

    def known_duration(self, _depth: int) -> nodes.Node:
        return self.reference(Kind.DURATION) or self.age(0)

    def shifted_duration(self, depth: int) -> nodes.Node:
        other = nodes.Duration(self.length()) if self.chance() else self.duration(depth - 1)
        return nodes.Arithmetic(self.one_of("+", "-"), self.duration(depth - 1), other)

    def stretched_duration(self, depth: int) -> nodes.Node:
        return nodes.Arithmetic(
            self.one_of("*", "/"), self.duration(depth - 1), nodes.Literal(self.one_of(0.0, 0.5, 2.0))
        )

    def distance(self, depth: int) -> nodes.Node:
        return nodes.Arithmetic("-", self.moving_moment(depth - 1), self.moving_moment(depth - 1))

    def default_duration(self, depth: int) -> nodes.Node:
        return nodes.Default(self.duration(depth - 1), nodes.Duration(self.length()))

    def mean_duration(self, depth: int) -> nodes.Node:
        return nodes.Mean(tuple(self.duration(depth - 1) for _ in range(self.one_of(1, 2))))

    def still_moment(self, depth: int) -> nodes.Node:
        """A moment that does not move with now, as `after` needs it."""
        last = nodes.Aggregate(self.one_of(*nodes.MOMENT_WORDS), self.selection(depth - 1))
        known = self.reference(Kind.MOMENT, still=True)
        fixed = nodes.Moment(self.fixed_moment())
        if depth > 0 and self.chance(4):
            return nodes.Arithmetic(self.one_of("+", "-"), last, self.length_or_still_duration(depth - 1))
        if depth > 0 and self.chance(6):
            return nodes.Default(last, fixed)
        return self.one_of(last, last, fixed, *([known] if known else []))

    def moving_moment(self, depth: int) -> nodes.Node:
        """A moment that may move with now, as `since` and `until` take it."""
        if self.chance():
            return self.still_moment(depth)
        ago = nodes.Ago(self.length())
        if depth > 0 and self.chance(4):
            return nodes.Arithmetic(self.one_of("+", "-"), ago, self.length_or_still_duration(depth - 1))
        if depth > 0 and self.chance(6):
            return nodes.Arithmetic("+", self.still_moment(depth - 1), self.age(depth - 1))
        return ago

    def fixed_moment(self) -> int:
        return self.one_of(*self.scale.bases) + self.one_of(0, *self.scale.durations) + self.one_of(-1, 0, 1)

    # Values of properties

    def value(self, depth: int) -> nodes.Node:
        path = self.one_of(*EVENT_PATHS)
        if self.chance(3):
            return nodes.LastStated(self.one_of(*STATED_PATHS))
        known = self.reference(Kind.VALUE)
        if known is not None and self.chance(3):
            return known
        picked = nodes.Aggregate(self.one_of(*nodes.VALUE_WORDS), self.selection(depth), path)
        if depth > 0 and self.chance(4):
            return nodes.Default(picked, nodes.Literal(self.one_of(*NUMBERS, *TEXTS, *TRUTHS)))
        return picked

    # Which events

    def names(self) -> tuple[str, ...]:
        return tuple(self.draw(st.lists(st.sampled_from(NAME_PATTERNS), max_size=2, unique=True)))

    def selection(self, depth: int, *, windowed: bool = True) -> nodes.Selection:
        where = self.where(1) if self.chance(4) else None
        return nodes.Selection(self.names(), where, self.window(depth - 1) if windowed else nodes.Window())

    def optional_length(self) -> int | None:
        return self.length() if self.chance() else None

    def window(self, depth: int, *, latest: bool = True) -> nodes.Window:
        """Mostly one limit, sometimes none or two."""
        window = nodes.Window()
        for limit in self.draw(st.sampled_from(_WINDOW_LIMITS)):
            window = self.limited(window, limit, depth)
        return replace(window, latest=None) if not latest else window

    def limited(self, window: nodes.Window, limit: str, depth: int) -> nodes.Window:
        match limit:
            case "within":
                return replace(window, within=self.length(), calendar=None)
            case "calendar":
                return replace(window, calendar=self.one_of(*CALENDARS), within=None)
            case "latest":
                return replace(window, latest=self.one_of(1, 2, 3))
            case "since":
                return replace(window, since=self.moving_moment(min(depth, 1)))
            case "until":
                return replace(window, until=self.moving_moment(min(depth, 1)))
            case _:
                return replace(window, after=self.still_moment(min(depth, 1)))

    def step(self) -> nodes.Step:
        return nodes.Step(self.names() or (self.one_of(*NAMES),), self.where(0) if self.chance(3) else None)

    def sequence(self, depth: int) -> nodes.Node:
        steps = [self.step()]
        for _ in range(self.one_of(0, 1, 2)):
            if self.chance(3):
                steps.append(replace(self.step(), is_absent=True))
            steps.append(self.step())
        span, gap = self.optional_length(), self.optional_length()
        if self.chance(3):
            steps.append(replace(self.step(), is_absent=True))
            span = span if span is not None or gap is not None else self.length()
        return nodes.Sequence(tuple(steps), span, gap, self.window(depth - 1, latest=False))

    # Inside where

    def where(self, depth: int) -> nodes.Node:
        """A condition on one event."""
        return self.in_scope(depth, self.event_leaf, self.event_condition)

    def event_leaf(self) -> nodes.Node:
        return nodes.Property(self.one_of(*EVENT_PATHS))

    def event_condition(self) -> nodes.Node:
        clock = nodes.Compare(
            self.operator(),
            nodes.EventLocalTime(self.one_of("hour", "weekday")),
            nodes.Literal(self.one_of(0.0, 1.0, 6.0, 7.0, 23.0)),
        )
        inside = self.in_scope(0, lambda: nodes.ItemField(self.one_of("", "price", "sku")), None)
        return self.one_of(clock, nodes.AnyItem(nodes.Property("properties.tags"), inside))

    def session_where(self, depth: int) -> nodes.Node:
        """A condition on one session."""
        match self.one_of("number", "duration", "bounced", "junction"):
            case "number":
                name = self.one_of("events", "pages", "max_scroll")
                return nodes.Compare(
                    self.operator(), nodes.SessionField(name), nodes.Literal(self.one_of(1.0, 2.0))
                )
            case "duration":
                name = self.one_of("duration", "engaged_time")
                return nodes.Compare(self.operator(), nodes.SessionField(name), nodes.Duration(self.length()))
            case "junction" if depth > 0:
                return nodes.Or((nodes.Not(self.session_where(0)), self.session_where(0)))
            case _:
                return nodes.SessionField("bounced")

    def in_scope(
        self, depth: int, leaf: Callable[[], nodes.Node], other: Callable[[], nodes.Node] | None
    ) -> nodes.Node:
        """A condition made of operators over leaves that are values of properties."""
        match self.one_of("compare", "compare", "equal", "in", "text", "has", "default", "sum", "logic", "other"):
            case "compare":
                return nodes.Compare(self.operator(), leaf(), nodes.Literal(self.one_of(*NUMBERS)))
            case "in":
                return nodes.In(leaf(), self.options())
            case "text":
                return self.matching(leaf())
            case "has":
                return nodes.Has(leaf())
            case "default":
                value = nodes.Default(leaf(), nodes.Literal(self.one_of(*NUMBERS, *TEXTS)))
                return nodes.Compare("==", value, nodes.Literal(self.one_of(*NUMBERS)))
            case "sum":
                total = nodes.Arithmetic(self.one_of("+", "-", "*", "/"), leaf(), leaf())
                return nodes.Compare(self.operator(), total, nodes.Literal(self.one_of(*NUMBERS)))
            case "logic" if depth > 0:
                both = (self.in_scope(0, leaf, other), nodes.Not(self.in_scope(0, leaf, other)))
                return self.one_of(nodes.And, nodes.Or)(both)
            case "other" if other is not None:
                return other()
            case _:
                right = leaf() if self.chance(4) else nodes.Literal(self.one_of(*NUMBERS, *TEXTS, *TRUTHS))
                return nodes.Compare("==", leaf(), right)


CALENDARS = ("today", "this week", "this month", "this year")
_WINDOW_LIMITS: tuple[tuple[str, ...], ...] = (
    (),
    (),
    (),
    ("within",),
    ("within",),
    ("within",),
    ("calendar",),
    ("latest",),
    ("since",),
    ("after",),
    ("until",),
    ("since", "until"),
    ("within", "latest"),
    ("within", "after"),
    ("after", "latest"),
    ("calendar", "until"),
)


# Worlds


@dataclass(frozen=True)
class World:
    """Definitions, people, and the moment at which to look at each of them."""

    definitions: Definitions
    settings: Settings
    profiles: dict[str, list[Event]]
    now: dict[str, int]
    frozen: Frozen = field(default_factory=Frozen)

    @cached_property
    def resolved(self) -> Resolved:
        return resolve(self.definitions, self.settings)


@st.composite
def definition_sets(draw: Draw, settings: Settings, scale: Scale = HUMAN, depth: int = 2) -> Definitions:
    """One to three features, perhaps a score, one or two segments, each of which may refer to those before it."""
    author = Author(draw, scale)
    made: list[Definition] = [LISTED]
    for index in range(draw(st.integers(1, 3))):
        maker = author.one_of(author.condition, author.number, author.duration, author.moving_moment, author.value)
        _add(author, made, settings, FeatureDefinition(name=f"feature_{index}", value=maker(depth)))
    if draw(st.booleans()):
        made.append(_score(author))
        typed = Typed(nodes.Literal(0.0), Kind.NUMBER, float("nan"))
        author.known.append((nodes.Reference("score", "score"), typed))
    for index in range(draw(st.integers(1, 2))):
        purpose = draw(st.sampled_from(tuple(Purpose)))
        segment = SegmentDefinition(name=f"segment_{index}", when=author.condition(depth), purpose=purpose)
        _add(author, made, settings, segment)
    return Definitions.of(*made)


def _add(
    author: Author, made: list[Definition], settings: Settings, definition: FeatureDefinition | SegmentDefinition
) -> None:
    """Adds a definition that later ones may refer to; one that does not resolve is left out (that is rare)."""
    written = definition.value if isinstance(definition, FeatureDefinition) else definition.when
    known = {(reference.kind, reference.name): typed for reference, typed in author.known}
    try:
        typed = Typing(settings.time_zone, known).of(written)  # type: ignore[arg-type]
    except KindError:
        return
    made.append(definition)
    author.known.append((nodes.Reference(definition.kind, definition.name), typed))


def _score(author: Author) -> ScoreDefinition:
    parts = tuple(
        PartDefinition(
            name=f"part_{index}",
            weight=author.one_of(1.0, 10.0, 40.0),
            value=author.some([author.number, author.scaled, author.decay, author.condition, author.value], 1),
            missing=author.one_of(None, None, 0.0, 0.5),
        )
        for index in range(author.one_of(1, 2, 3))
    )
    return ScoreDefinition(name="score", parts=parts)


@st.composite
def worlds(draw: Draw, scale: Scale = HUMAN, *, depth: int = 2, profiles: int = 3, size: int = 12) -> World:
    """Definitions that resolve, a few profiles (some of them empty), and an interesting moment for each."""
    settings = draw(workspace_settings(scale))
    definitions = draw(definition_sets(settings, scale, depth))
    resolved = resolve(definitions, settings)
    people = {f"p{i}": draw(histories(scale, size)) for i in range(draw(st.integers(1, profiles)))}
    now = {who: draw(interesting_moments(events, scale)) for who, events in people.items()}
    return World(definitions, settings, people, now, draw(frozen_values(resolved)))


@st.composite
def interesting_moments(draw: Draw, events: Sequence[Event], scale: Scale = HUMAN) -> int:
    """An event's moment, or the edge of a window of one or two lengths after it, to the millisecond."""
    starts = [event.occurred_at for event in (*events, *events[-3:], *events[-3:])] or list(scale.bases)
    lengths = st.sampled_from((0, 0, *scale.durations, *scale.session_gaps))
    nudge = draw(st.sampled_from((0, 0, 0, -1, 1)))
    return int(draw(st.sampled_from(starts)) + draw(lengths) + draw(lengths) + nudge)


# Frozen values


class ToyForecaster:
    """Forecasts that can be followed by hand; each argument of a purchase model changes the answer."""

    def expected_orders(self, frequency: Any, recency: Any, age: Any, horizon: float) -> Any:
        return (frequency + 1) * horizon / (age + recency + 1)

    def probability_alive(self, frequency: Any, recency: Any, age: Any) -> Any:
        return (recency + 1) / (age + frequency + 1)

    def customer_value(self, frequency: Any, recency: Any, age: Any, spend: Any, horizon: float) -> Any:
        return self.expected_orders(frequency, recency, age, horizon) * np.nan_to_num(spend, nan=5.0)


@dataclass(frozen=True)
class ToyDistribution:
    """A reference distribution that can be followed by hand: which part of it lies below a value."""

    values: Any

    def percentile(self, values: Any, *, descending: bool = False) -> Any:
        if len(self.values) == 0:
            return np.full(len(values), np.nan)
        below = np.searchsorted(self.values, values, side="left") / len(self.values)
        return np.where(np.isnan(values), np.nan, 1 - below if descending else below)

    def group(self, values: Any, *, into: int, descending: bool = False) -> Any:
        return np.minimum(np.floor(self.percentile(values, descending=descending) * into) + 1, into)


@st.composite
def frozen_values(draw: Draw, resolved: Resolved) -> Frozen:
    """Reference distributions and models for some of the ranks and forecasts; the others have none yet."""
    distributions, forecasters = {}, {}
    for _, root in resolved.roots():
        for node in root.walk():
            if isinstance(node, nodes.Rank) and draw(st.integers(0, 3)) > 0:
                distributions[frozen_module.distribution_key(node)] = draw(distribution_of_numbers())
            if isinstance(node, nodes.PurchaseForecast) and draw(st.integers(0, 3)) > 0:
                forecasters[frozen_module.forecaster_key(node)] = ToyForecaster()
    return Frozen(distributions, forecasters)


@st.composite
def distribution_of_numbers(draw: Draw) -> Any:
    """A distribution frozen from few values, with repeats."""
    values = draw(st.lists(st.sampled_from((*NUMBERS, float(HOUR), float(DAY))), max_size=8))
    return ToyDistribution(np.sort(np.array(values, dtype=np.float64)))
