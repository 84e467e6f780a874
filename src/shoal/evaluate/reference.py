"""The judge: slow and obvious evaluation of one profile's events at one moment, in plain Python.

Every rule of `docs/semantics.md` can be read here. The kernel is faster and must agree with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache, partial
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from shoal.definitions import nodes
from shoal.definitions.kinds import constant_of
from shoal.definitions.resolve import Key, Resolved
from shoal.evaluate.frozen import Frozen
from shoal.model.consent import REFUSED_BY_GPC, Purpose, consent_path
from shoal.model.event import Event
from shoal.model.identifier import Identifier
from shoal.model.time import DAY, SECOND, to_datetime, to_milliseconds
from shoal.model.value import Items, Value, are_equal, flatten, is_number, normalise
from shoal.model.zone import load_zone


@dataclass(frozen=True, slots=True)
class Instant:
    """A moment, and the order of the event that it is the moment of, if it is one's."""

    at: float
    order: tuple[int, int] | None = None


Answer = Value | Instant | None
"""Durations are milliseconds as numbers; None is missing."""


class Reference:
    """Evaluates the definitions of a workspace for one profile after another."""

    def __init__(self, resolved: Resolved, frozen: Frozen | None = None) -> None:
        self.resolved = resolved
        self.frozen = frozen or Frozen()

    def evaluate(self, events: Iterable[Event], now: int) -> dict[Key, Answer]:
        """The value of every definition for a profile with these events (in order), at `now`."""
        profile = ReferenceProfile(self, [event for event in events if event.occurred_at <= now], now)
        return {key: profile.of_definition(key) for key in self.resolved.order}

    def memberships(self, events: Iterable[Event], now: int) -> frozenset[str]:
        """The segments that the profile is in at `now`."""
        answers = self.evaluate(events, now)
        return frozenset(name for (kind, name), answer in answers.items() if kind == "segment" and answer is True)


class ReferenceProfile:
    """One profile at one moment. `events` are the visible ones, in order."""

    def __init__(self, reference: Reference, events: Sequence[Event], now: int) -> None:
        self.events = events
        self.now = now
        self.resolved = reference.resolved
        self.settings = reference.resolved.settings
        self.frozen = reference.frozen
        self._roots = dict(reference.resolved.roots())
        self._known: dict[Key, Answer] = {}

    def of_definition(self, key: Key) -> Answer:
        if key not in self._known:
            self._known[key] = self.value(self._roots[key])
        return self._known[key]

    def value(self, node: nodes.Node) -> Answer:
        """The value of a node for this profile now."""
        return _VALUES[type(node)](self, node)

    def number(self, node: nodes.Node) -> float | None:
        """The value as a number; missing when it is none."""
        answer = self.value(node)
        if isinstance(answer, Instant):
            return answer.at
        return float(answer) if is_number(answer) else None

    # Which events

    def select(self, selection: nodes.Selection) -> list[Event]:
        """The activity events that a selection leaves, in order."""
        found = self.matching(selection.names, selection.where)
        found = [event for event in found if self.in_window(event.order, selection.window)]
        latest = selection.window.latest
        return found if latest is None else found[-latest:]

    def matching(self, names: Sequence[str], where: nodes.Node | None) -> list[Event]:
        return [event for event in self.events if self.matches(event, names, where)]

    def matches(self, event: Event, names: Sequence[str], where: nodes.Node | None) -> bool:
        named = not names or any(_is_named(event.name, name) for name in names)
        return event.is_activity and named and (where is None or self.of_event(where, event) is True)

    def of_event(self, node: nodes.Node, event: Event) -> Answer:
        """The value of a node inside `where`, for one event."""
        zone = self.zone_of(event)
        return _value_in_scope(node, lambda part: _value_of_event(part, event, zone))

    def in_window(self, order: tuple[int, int], window: nodes.Window) -> bool:
        """Whether an event of this order lies in a window; `latest` is not looked at."""
        at = order[0]
        if window.within is not None and not self.now - window.within < at:
            return False
        if window.calendar is not None and not self.calendar_start(window.calendar) <= at:
            return False
        return (
            self._is_since(at, window.since) and self._is_until(at, window.until) and self._is_after(order, window)
        )

    def _is_since(self, at: int, since: nodes.Node | None) -> bool:
        if since is None:
            return True
        limit = self.number(since)
        return limit is not None and limit <= at

    def _is_until(self, at: int, until: nodes.Node | None) -> bool:
        if until is None:
            return True
        limit = self.number(until)
        return limit is not None and at < limit

    def _is_after(self, order: tuple[int, int], window: nodes.Window) -> bool:
        if window.after is None:
            return True
        limit, at = self.value(window.after), self.number(window.after)
        if isinstance(limit, Instant) and limit.order is not None:
            return limit.order < order
        return at is not None and at < order[0]

    # Clocks

    def zone_of(self, event: Event) -> tzinfo:
        """The event's own zone, or the workspace's when it states none."""
        return _known_zone(event.fields.get("context.timezone")) or load_zone(self.settings.time_zone)

    def zone(self) -> tzinfo:
        """The zone that the profile stated last, or the workspace's."""
        stated = [_known_zone(event.fields.get("context.timezone")) for event in self.events]
        return next((zone for zone in reversed(stated) if zone), load_zone(self.settings.time_zone))

    def calendar_start(self, calendar: str) -> int:
        """The moment at which today, this week, this month or this year began."""
        zone = self.zone() if self.settings.calendar == "profile" else load_zone(self.settings.time_zone)
        local = to_datetime(self.now, zone)
        day = datetime(local.year, local.month, local.day)
        if calendar == "this week":
            day -= timedelta(days=day.weekday())
        elif calendar == "this month":
            day = day.replace(day=1)
        elif calendar == "this year":
            day = day.replace(month=1, day=1)
        return to_milliseconds(day.replace(tzinfo=zone, fold=0).astimezone(UTC))

    # Sessions

    def sessions(self) -> list[list[Event]]:
        """The profile's activity, cut where it paused for more than the session gap."""
        found: list[list[Event]] = []
        for event in self.events:
            if not event.is_activity:
                continue
            if found and event.occurred_at - found[-1][-1].occurred_at <= self.settings.session_gap:
                found[-1].append(event)
            else:
                found.append([event])
        return found

    def sessions_in(self, window: nodes.Window) -> list[list[Event]]:
        """The sessions that began in a window."""
        return [session for session in self.sessions() if self.in_window(session[0].order, window)]


def _is_named(name: str, pattern: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


@cache
def _known_zone(name: Value | None) -> tzinfo | None:
    if not isinstance(name, str):
        return None
    try:
        return load_zone(name)
    except ValueError:
        return None


# Values of one event, one item, one session


def _value_of_event(node: nodes.Node, event: Event, zone: tzinfo) -> Answer:
    match node:
        case nodes.Property(path=path):
            return event.fields.get(path)
        case nodes.EventLocalTime(part=part):
            return _clock(event.occurred_at, zone, part)
        case nodes.AnyItem(items=items, where=where):
            listed = event.fields.get(items.path)
            things = listed.decoded() if isinstance(listed, Items) else []
            return any(_value_in_scope(where, partial(_value_of_item, thing=thing)) is True for thing in things)
        case _:
            raise AssertionError(f"{type(node).__name__} inside where")


def _value_of_item(node: nodes.Node, thing: object) -> Answer:
    assert isinstance(node, nodes.ItemField)
    if not node.path:
        return None if isinstance(thing, dict) else normalise(thing)
    return dict(flatten(thing, "")).get(f".{node.path}") if isinstance(thing, dict) else None


def _clock(at: int, zone: tzinfo, part: str) -> float:
    local = to_datetime(at, zone)
    return float(local.hour if part == "hour" else local.isoweekday())


def _value_in_scope(node: nodes.Node, leaf: Callable[[nodes.Node], Answer]) -> Answer:
    """The value of a node made of operators over leaves; also used for the profile's own operators."""
    operator = _OPERATORS.get(type(node))
    if operator is None:
        return leaf(node)
    return operator(node, lambda part: _value_in_scope(part, leaf))


# Operators, the same in every scope

Valued = Callable[[nodes.Node], Answer]


def _plain(answer: Answer) -> Value | None:
    return answer.at if isinstance(answer, Instant) else answer


def _compare(node: nodes.Compare, value: Valued) -> bool:
    left, right = _plain(value(node.left)), _plain(value(node.right))
    if node.operator == "==":
        return are_equal(left, right)
    if not is_number(left) or not is_number(right):
        return False
    match node.operator:
        case "<":
            return left < right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case _:
            return left >= right


def _arithmetic(node: nodes.Arithmetic, value: Valued) -> float | Instant | None:
    left, right = _plain(value(node.left)), _plain(value(node.right))
    if not is_number(left) or not is_number(right):
        return None
    match node.operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case _:
            return left / right if right != 0 else None


@cache
def _matches_pattern(text: str, pattern: str) -> bool:
    return bool(pl.Series([text]).str.contains(pattern).item())


def _text_match(node: nodes.TextMatch, value: Valued) -> bool:
    text = value(node.operand)
    if not isinstance(text, str):
        return False
    match node.operator:
        case "contains":
            return node.text in text
        case "starts_with":
            return text.startswith(node.text)
        case "ends_with":
            return text.endswith(node.text)
        case _:
            return _matches_pattern(text, node.text)


def _default(node: nodes.Default, value: Valued) -> Answer:
    found = value(node.operand)
    return found if found is not None else value(node.fallback)


_OPERATORS: dict[type[nodes.Node], Callable[[Any, Valued], Answer]] = {
    nodes.Literal: lambda node, _: node.value,
    nodes.Duration: lambda node, _: float(node.milliseconds),
    nodes.Moment: lambda node, _: Instant(float(node.milliseconds)),
    nodes.Not: lambda node, value: value(node.operand) is not True,
    nodes.And: lambda node, value: all(value(each) is True for each in node.operands),
    nodes.Or: lambda node, value: any(value(each) is True for each in node.operands),
    nodes.Compare: _compare,
    nodes.In: lambda node, value: any(
        are_equal(_plain(value(node.operand)), _plain(value(o))) for o in node.options
    ),
    nodes.Arithmetic: _arithmetic,
    nodes.Has: lambda node, value: value(node.operand) is not None,
    nodes.Default: _default,
    nodes.TextMatch: _text_match,
}


# Values of a profile


def _aggregate(profile: ReferenceProfile, node: nodes.Aggregate) -> Answer:
    events = profile.select(node.selection)
    if node.path is not None:
        return _of_property(node.word, [event.fields.get(node.path) for event in events])
    match node.word:
        case "count":
            return float(len(events))
        case "happened":
            return bool(events)
        case "active_days":
            return float(len({to_datetime(event.occurred_at, profile.zone_of(event)).date() for event in events}))
    if not events:
        return None
    event = events[-1] if node.word in ("time_since", "time_of_last") else events[0]
    if node.word in nodes.DURATION_WORDS:
        return float(profile.now - event.occurred_at)
    return Instant(float(event.occurred_at), event.order)


def _of_property(word: str, values: list[Value | None]) -> Answer:
    numbers = [value for value in values if is_number(value)]
    present = [value for value in values if value is not None]
    match word:
        case "first":
            return values[0] if values else None
        case "last":
            return values[-1] if values else None
        case "distinct":
            return float(len({(type(value), value) for value in present}))
        case "most_frequent":
            return _most_frequent(present)
        case "sum":
            return float(sum(numbers))
    if not numbers:
        return None
    return {"average": sum(numbers) / len(numbers), "minimum": min(numbers), "maximum": max(numbers)}[word]


def _most_frequent(values: list[Value]) -> Value | None:
    """The value seen most often; of several, the one seen last."""
    counts = Counter((type(value), value) for value in values)
    if not counts:
        return None
    most = max(counts.values())
    return next(value for value in reversed(values) if counts[(type(value), value)] == most)


def _first_time(profile: ReferenceProfile, node: nodes.FirstTime) -> bool:
    events = profile.matching(node.selection.names, node.selection.where)
    return bool(events) and profile.in_window(events[0].order, node.selection.window)


def _share(profile: ReferenceProfile, node: nodes.Share) -> float | None:
    whole = len(profile.select(node.whole))
    return len(profile.select(node.part)) / whole if whole else None


def _regularly(profile: ReferenceProfile, node: nodes.Regularly) -> bool:
    ages = [profile.now - event.occurred_at for event in profile.select(node.selection)]
    return len({age // node.each for age in ages if age < node.of * node.each}) >= node.periods


def _stopped(profile: ReferenceProfile, node: nodes.Stopped) -> bool:
    ages = [profile.now - event.occurred_at for event in profile.select(node.selection)]
    return bool(ages) and min(ages) >= node.idle and min(ages) < node.idle + node.active


def _restarted(profile: ReferenceProfile, node: nodes.Restarted) -> bool:
    moments = [event.occurred_at for event in profile.select(node.selection)]
    recent = profile.now - node.back
    return any(later - earlier >= node.idle and later > recent for earlier, later in pairwise(moments))


def _sequence(profile: ReferenceProfile, node: nodes.Sequence) -> bool:
    steps = node.steps
    closing = steps[-1] if steps[-1].is_absent else None
    chains = _chains(profile, steps[:-1] if closing else steps, node.span, node.gap, node.window)
    if closing is None:
        return any(chains)
    absent = profile.matching(closing.names, closing.where)
    return any(_stayed_away(profile, node, first, last, absent) for first, last in chains)


def _stayed_away(
    profile: ReferenceProfile, node: nodes.Sequence, first: Event, last: Event, absent: list[Event]
) -> bool:
    """Whether the closing step has not happened until the span or the gap ran out, and that is now over."""
    ends = [first.occurred_at + node.span] if node.span is not None else []
    ends += [last.occurred_at + node.gap] if node.gap is not None else []
    deadline = min(ends)
    came = any(event.order > last.order and event.occurred_at <= deadline for event in absent)
    return deadline <= profile.now and not came


def _chains(
    profile: ReferenceProfile,
    steps: Sequence[nodes.Step],
    span: int | None,
    gap: int | None,
    window: nodes.Window,
) -> list[tuple[Event, Event]]:
    """(first, last) event of every way in which the steps happened in order."""
    inside = [event for event in profile.events if event.is_activity and profile.in_window(event.order, window)]
    chains: list[tuple[Event, Event]] = []
    for start in inside:
        if not profile.matches(start, steps[0].names, steps[0].where):
            continue
        ends, absent = [start], None
        for step in steps[1:]:
            if step.is_absent:
                absent = step
                continue
            between = [] if absent is None else profile.matching(absent.names, absent.where)
            ends = [
                event
                for event in inside
                if profile.matches(event, step.names, step.where)
                and (span is None or event.occurred_at - start.occurred_at <= span)
                and any(_follows(event, end, between, gap) for end in ends)
            ]
            absent = None
        chains.extend((start, end) for end in ends)
    return chains


def _follows(event: Event, end: Event, between: list[Event], gap: int | None) -> bool:
    if not end.order < event.order or (gap is not None and event.occurred_at - end.occurred_at > gap):
        return False
    return not any(end.order < other.order < event.order for other in between)


def _funnel(profile: ReferenceProfile, node: nodes.Funnel) -> float:
    for reached in range(len(node.steps), 0, -1):
        if _chains(profile, node.steps[:reached], node.span, None, node.window):
            return float(reached)
    return 0.0


BOUNCE_ENGAGEMENT = 10 * SECOND
PAGE_NAMES = ("Page Viewed", "Screen Viewed")


def session_field(session: Sequence[Event], name: str) -> Value | None:
    """A field of a session; `docs/semantics.md` says what each one means."""
    duration = float(session[-1].occurred_at - session[0].occurred_at)
    engaged = [event.fields.get("properties.engaged_ms") for event in session]
    engaged_numbers = [value for value in engaged if is_number(value)]
    match name:
        case "events":
            return float(len(session))
        case "pages":
            return float(sum(event.name in PAGE_NAMES for event in session))
        case "duration":
            return duration
        case "engaged_time":
            return float(sum(engaged_numbers))
        case "max_scroll":
            scrolls = [event.fields.get("properties.scroll_percent") for event in session]
            return max((value for value in scrolls if is_number(value)), default=None)
        case _:
            attention = sum(engaged_numbers) if engaged_numbers else duration
            pages = sum(event.name in PAGE_NAMES for event in session)
            return pages < 2 and attention < BOUNCE_ENGAGEMENT


def _session_count(profile: ReferenceProfile, node: nodes.SessionCount) -> float:
    def holds(session: list[Event]) -> bool:
        if node.where is None:
            return True
        return _value_in_scope(node.where, lambda part: session_field(session, part.name)) is True  # type: ignore[attr-defined]

    return float(sum(holds(session) for session in profile.sessions_in(node.window)))


def _session_value(profile: ReferenceProfile, node: nodes.SessionValue) -> Value | None:
    sessions = profile.sessions()
    if not sessions:
        return None
    is_over = profile.now - sessions[-1][-1].occurred_at > profile.settings.session_gap
    return None if node.of == "current" and is_over else session_field(sessions[-1], node.name)


def _session_aggregate(profile: ReferenceProfile, node: nodes.SessionAggregate) -> Answer:
    values = [session_field(session, node.name) for session in profile.sessions_in(node.window)]
    return _of_property(node.word, [float(value) if isinstance(value, bool) else value for value in values])


def _last_stated(profile: ReferenceProfile, node: nodes.LastStated) -> Value | None:
    stated = [event.fields[node.path] for event in profile.events if node.path in event.fields]
    return stated[-1] if stated else None


def _in_list(profile: ReferenceProfile, node: nodes.InList) -> bool:
    listed = profile.resolved.lists[node.name]
    return any(identifier in listed for event in profile.events for identifier in stated_identifiers(event))


def stated_identifiers(event: Event) -> list[Identifier]:
    """The identifiers of an event in the form in which lists hold them: e-mail addresses in lower case."""
    return [
        Identifier(kind, value.strip().lower() if kind == "email" else value)
        for kind, value in event.identifiers()
    ]


def consents(profile: ReferenceProfile, purpose: Purpose) -> bool:
    """Whether the profile may be used: of several devices and sources, one refusal is enough."""
    latest: dict[str | None, bool] = {}
    for event in profile.events:
        stated = consent_statement(event, purpose)
        if stated is not None:
            latest[event.anonymous_id or event.user_id] = stated
    return all(latest.values()) if latest else profile.settings.consent[purpose]


def consent_statement(event: Event, purpose: Purpose) -> bool | None:
    """What one event states about a purpose; Global Privacy Control refuses advertising and sharing."""
    if purpose in REFUSED_BY_GPC and event.fields.get("context.gpc") is True:
        return False
    stated = event.fields.get(consent_path(purpose))
    return stated if isinstance(stated, bool) else None


# Shaping values


def _decay(profile: ReferenceProfile, node: nodes.Decay) -> float | None:
    age = profile.number(node.operand)
    if age is None:
        return None
    steps = max(age, 0.0) // node.step  # what lies in the future has not begun to fade
    return float(0.5 ** (steps * node.step / node.half_life))


def _scale(profile: ReferenceProfile, node: nodes.Scale) -> float | None:
    value, low, high = profile.number(node.operand), constant_of(node.low), constant_of(node.high)
    return None if value is None else min(1.0, max(0.0, (value - low) / (high - low)))


def _mean(profile: ReferenceProfile, node: nodes.Mean) -> float | None:
    values = [value for each in node.operands if (value := profile.number(each)) is not None]
    return sum(values) / len(values) if values else None


def _rank(profile: ReferenceProfile, node: nodes.Rank) -> float | None:
    distribution, value = profile.frozen.distribution(node), profile.number(node.operand)
    if distribution is None or value is None:
        return None
    values = np.array([value])
    if node.into is None:
        ranked = distribution.percentile(values, descending=node.descending)
    else:
        ranked = distribution.group(values, into=node.into, descending=node.descending)
    return None if np.isnan(ranked[0]) else float(ranked[0])


def _forecast(profile: ReferenceProfile, node: nodes.PurchaseForecast) -> float | None:
    forecaster, events = profile.frozen.forecaster(node), profile.select(node.selection)
    if forecaster is None or not events:
        return None
    days = sorted({event.occurred_at // DAY for event in events})
    frequency, recency = np.array([len(days) - 1.0]), np.array([float(days[-1] - days[0])])
    age = np.array([float(profile.now // DAY - days[0])])
    horizon = 0.0 if node.horizon is None else node.horizon / DAY
    match node.word:
        case "expected_orders":
            return float(forecaster.expected_orders(frequency, recency, age, horizon)[0])
        case "probability_alive":
            return float(forecaster.probability_alive(frequency, recency, age)[0])
    spend = np.array([_repeat_spend(events, days[0], node.path or "", len(days) - 1)])
    return float(forecaster.customer_value(frequency, recency, age, spend, horizon)[0])


def _repeat_spend(events: list[Event], first_day: int, path: str, frequency: int) -> float:
    """Mean revenue of the days with an order after the first one; nan without such a day."""
    amounts = [event.fields.get(path) for event in events if event.occurred_at // DAY > first_day]
    return sum(amount for amount in amounts if is_number(amount)) / frequency if frequency else float("nan")


def part_value(profile: ReferenceProfile, part: nodes.ScorePart) -> float | None:
    """A part of a score, 0..1; what stands in for a missing one, or None when the part is left out."""
    answer = profile.value(part.value)
    value = float(answer) if is_number(answer) or isinstance(answer, bool) else part.missing
    return None if value is None else min(1.0, max(0.0, value))


def _score_total(profile: ReferenceProfile, node: nodes.ScoreTotal) -> float | None:
    values = [(part.weight, part_value(profile, part)) for part in node.parts]
    present = [(weight, value) for weight, value in values if value is not None]
    weight_present = sum(weight for weight, _ in present)
    if weight_present == 0:
        return None
    total = sum(weight * value for weight, value in present)
    return total / weight_present * sum(weight for weight, _ in values)


def _profile_operator(profile: ReferenceProfile, node: nodes.Node) -> Answer:
    return _OPERATORS[type(node)](node, profile.value)


_VALUES: dict[type[nodes.Node], Callable[[ReferenceProfile, Any], Answer]] = {
    **dict.fromkeys(_OPERATORS, _profile_operator),
    nodes.Ago: lambda profile, node: Instant(float(profile.now - node.milliseconds)),
    nodes.Aggregate: _aggregate,
    nodes.FirstTime: _first_time,
    nodes.Share: _share,
    nodes.Regularly: _regularly,
    nodes.Stopped: _stopped,
    nodes.Restarted: _restarted,
    nodes.Sequence: _sequence,
    nodes.Funnel: _funnel,
    nodes.SessionCount: _session_count,
    nodes.SessionValue: _session_value,
    nodes.SessionAggregate: _session_aggregate,
    nodes.LastStated: _last_stated,
    nodes.LocalTime: lambda profile, node: _clock(profile.now, profile.zone(), node.part),
    nodes.InList: _in_list,
    nodes.Everyone: lambda profile, _: bool(profile.events),
    nodes.Consents: lambda profile, node: consents(profile, Purpose(node.purpose)),
    nodes.Reference: lambda profile, node: profile.of_definition((node.kind, node.name)),
    nodes.Decay: _decay,
    nodes.Scale: _scale,
    nodes.Mean: _mean,
    nodes.Rank: _rank,
    nodes.PurchaseForecast: _forecast,
    nodes.ScoreTotal: _score_total,
}
