"""The scope of profiles: the words of the language, each for many profiles at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.definitions import nodes
from shoal.definitions.kinds import Kind
from shoal.evaluate.column import Column, Flags, Indices, Numbers, number_column, truth_column
from shoal.evaluate.events import clock_part
from shoal.evaluate.frozen import Frozen
from shoal.evaluate.kernels.consent import consent_given
from shoal.evaluate.kernels.periods import last_return, order_days, periods_with_match
from shoal.evaluate.kernels.properties import (
    count_distinct,
    distinct_days,
    last_present,
    most_frequent_value,
    reduce_numbers,
)
from shoal.evaluate.kernels.selection import (
    count_matches,
    first_at_or_after,
    first_match,
    last_match,
    note_leaving,
    start_of_latest,
)
from shoal.evaluate.kernels.sequences import NO_LIMIT, stayed_away, steps_reached
from shoal.evaluate.motion import next_crossing
from shoal.evaluate.plan import ListMatcher, Matcher, Plan
from shoal.evaluate.scope import Scope
from shoal.evaluate.sessions import SessionTable, last_session_of_each, sessions_in
from shoal.evaluate.windows import Range, range_of
from shoal.history.dictionary import MISSING
from shoal.history.history import NO_NUMBERS, History
from shoal.model.consent import Purpose
from shoal.model.time import DAY, HOUR, NEVER
from shoal.model.zone import ZoneTable, zone_table

Moments = NDArray[np.int64]


class ProfileScope(Scope):
    """One row for each profile asked about, at its own `now`.

    `begin` and `end` are its events up to now. `moments` gathers when anything can change next: between now and
    then every condition and every value that does not move stays as it is, unless an event comes in.
    """

    def __init__(self, plan: Plan, history: History, profiles: Indices, now: Moments, frozen: Frozen) -> None:
        super().__init__(len(profiles), history.dictionary)
        self.plan, self.history, self.frozen, self.now = plan, history, frozen, now
        self.settings = plan.resolved.settings
        self.begin = history.begin[profiles]
        all_end = history.end[profiles]
        self.end = first_at_or_after(history.times, self.begin, all_end, now + 1)
        self.moments = np.full(self.size, NEVER)
        if len(history.times):
            upcoming = history.times[np.minimum(self.end, len(history.times) - 1)]
            self.note(np.where(self.end < all_end, upcoming, NEVER))

    def _leaf(self, node: nodes.Node) -> Column:
        return _WORDS[type(node)](self, node)

    # Moments

    def note(self, moments: Moments) -> None:
        """Something can change at these moments."""
        np.minimum(self.moments, moments, out=self.moments)

    def note_crossing(self, distance: Numbers, slope: Numbers) -> None:
        self.note(next_crossing(self.now, distance, slope))

    def note_leaving(self, events: Indices, window: Range) -> None:
        """Something changes when these events (-1: none) leave a window."""
        note_leaving(self.moments, events, self.history.times, window.stay, window.leaves_at)

    # Which events

    def bits(self, names: tuple[str, ...], where: nodes.Node | None) -> tuple[Any, np.uint64]:
        """The word and the mask of a matcher."""
        return self.row_and_mask(Matcher(names, where))

    def row_and_mask(self, matcher: Matcher | ListMatcher) -> tuple[Any, np.uint64]:
        word, bit = self.plan.bit_of(matcher)
        return self.history.words[word], np.uint64(1) << np.uint64(bit)

    def range(self, window: nodes.Window) -> Range:
        """The events of a window, whatever its `latest`."""
        known = self._ranges.get(id(window))
        if known is None:
            known = self._ranges[id(window)] = range_of(self, window)
        return known

    @cached_property
    def _ranges(self) -> dict[int, Range]:
        return {}

    def select(self, selection: nodes.Selection) -> tuple[Any, np.uint64, Range]:
        """The word, the mask and the range of a selection."""
        words, mask = self.bits(selection.names, selection.where)
        window = self.range(selection.window)
        if selection.window.latest is not None:
            start = start_of_latest(words, mask, window.start, window.stop, selection.window.latest)
            window = Range(start, window.stop, window.stay, window.leaves_at)
        return words, mask, window

    def moments_of(self, events: Indices) -> Numbers:
        """When events happened, nan for none."""
        if not len(self.history.times):
            return np.full(self.size, np.nan)
        return np.where(events >= 0, self.history.times[np.maximum(events, 0)].astype(np.float64), np.nan)

    def property_of(self, events: Indices, path: str) -> Column:
        """A property of one event for each profile."""
        numbers, codes = self.history.numbers_of(path), self.history.codes_of(path)
        places, found = np.maximum(events, 0), events >= 0
        return Column(
            kind=Kind.VALUE,
            numbers=np.where(found, numbers[places], np.nan) if len(numbers) else np.full(self.size, np.nan),
            codes=np.where(found, codes[places], np.int32(MISSING))
            if len(codes)
            else np.full(self.size, MISSING, np.int32),
        )

    # Clocks

    def calendar_zones(self) -> Iterator[tuple[ZoneTable, Flags]]:
        """The zones in which calendar windows are read, each with its profiles."""
        if self.settings.calendar == "profile":
            yield from self.zones()
        else:
            yield zone_table(self.settings.time_zone), np.ones(self.size, np.bool_)

    def zones(self) -> Iterator[tuple[ZoneTable, Flags]]:
        """The zones that profiles stated last, or the workspace's, each with its profiles."""
        stated = last_present(self.begin, self.end, NO_NUMBERS, self.history.zones)
        codes = np.full(self.size, MISSING, np.int32)
        if len(self.history.zones):
            codes = np.where(stated >= 0, self.history.zones[np.maximum(stated, 0)], np.int32(MISSING))
        for code in np.unique(codes).tolist():
            name = self.settings.time_zone if code == MISSING else str(self.dictionary.values[code])
            yield zone_table(name), codes == code

    # Sessions

    def sessions_in(self, window: nodes.Window) -> SessionTable:
        """The sessions that began in a window."""
        known = self._sessions.get(id(window))
        if known is None:
            known = self._sessions[id(window)] = sessions_in(self, self.range(window))
        return known

    @cached_property
    def _sessions(self) -> dict[int, SessionTable]:
        return {}

    @cached_property
    def last_sessions(self) -> SessionTable:
        """The last session of each profile."""
        return last_session_of_each(self)


# Aggregates


def _aggregate(scope: ProfileScope, node: nodes.Aggregate) -> Column:
    words, mask, window = scope.select(node.selection)
    return _AGGREGATES[node.word](scope, node, words, mask, window)


def _count(scope: ProfileScope, _: nodes.Aggregate, words: Any, mask: np.uint64, window: Range) -> Column:
    counts, firsts = count_matches(words, mask, window.start, window.stop)
    scope.note_leaving(firsts, window)
    return number_column(counts)


def _happened(scope: ProfileScope, _: nodes.Aggregate, words: Any, mask: np.uint64, window: Range) -> Column:
    lasts = last_match(words, mask, window.start, window.stop)
    scope.note_leaving(lasts, window)
    return truth_column(lasts >= 0)


def _active_days(scope: ProfileScope, _: nodes.Aggregate, words: Any, mask: np.uint64, window: Range) -> Column:
    counts, firsts = distinct_days(words, mask, window.start, window.stop, scope.history.days)
    scope.note_leaving(firsts, window)
    return number_column(counts)


def _chosen_event(
    scope: ProfileScope, node: nodes.Aggregate, words: Any, mask: np.uint64, window: Range
) -> Indices:
    find = first_match if node.word in ("first", "time_since_first", "time_of_first") else last_match
    events: Indices = find(words, mask, window.start, window.stop)
    scope.note_leaving(events, window)
    return events


def _moment(scope: ProfileScope, node: nodes.Aggregate, words: Any, mask: np.uint64, window: Range) -> Column:
    events = _chosen_event(scope, node, words, mask, window)
    return Column(kind=Kind.MOMENT, numbers=scope.moments_of(events), index=events)


def _age(scope: ProfileScope, node: nodes.Aggregate, words: Any, mask: np.uint64, window: Range) -> Column:
    events = _chosen_event(scope, node, words, mask, window)
    ages = scope.now - scope.moments_of(events)
    return number_column(ages, Kind.DURATION, slope=np.where(np.isnan(ages), 0.0, 1.0))


def _end_value(scope: ProfileScope, node: nodes.Aggregate, words: Any, mask: np.uint64, window: Range) -> Column:
    assert node.path is not None
    return scope.property_of(_chosen_event(scope, node, words, mask, window), node.path)


def _reduced(scope: ProfileScope, node: nodes.Aggregate, words: Any, mask: np.uint64, window: Range) -> Column:
    assert node.path is not None
    numbers = scope.history.numbers_of(node.path)
    if not len(numbers):
        nothing = 0.0 if node.word == "sum" else np.nan
        return number_column(np.full(scope.size, nothing))
    present, total, low, high, firsts = reduce_numbers(words, mask, window.start, window.stop, numbers)
    scope.note_leaving(firsts, window)
    with np.errstate(invalid="ignore", divide="ignore"):
        return number_column(
            {"sum": total, "average": total / present, "minimum": low, "maximum": high}[node.word]
        )


def _distinct(scope: ProfileScope, node: nodes.Aggregate, words: Any, mask: np.uint64, window: Range) -> Column:
    assert node.path is not None
    numbers, codes = scope.history.numbers_of(node.path), scope.history.codes_of(node.path)
    different, firsts = count_distinct(words, mask, window.start, window.stop, numbers, codes)
    scope.note_leaving(firsts, window)
    return number_column(different)


def _most_frequent(
    scope: ProfileScope, node: nodes.Aggregate, words: Any, mask: np.uint64, window: Range
) -> Column:
    assert node.path is not None
    numbers, codes = scope.history.numbers_of(node.path), scope.history.codes_of(node.path)
    modes, firsts = most_frequent_value(words, mask, window.start, window.stop, numbers, codes)
    scope.note_leaving(firsts, window)
    return scope.property_of(modes, node.path)


_AGGREGATES: dict[str, Callable[[ProfileScope, nodes.Aggregate, Any, np.uint64, Range], Column]] = {
    "count": _count,
    "happened": _happened,
    "active_days": _active_days,
    **dict.fromkeys(nodes.MOMENT_WORDS, _moment),
    **dict.fromkeys(nodes.DURATION_WORDS, _age),
    **dict.fromkeys(("first", "last"), _end_value),
    **dict.fromkeys(("sum", "average", "minimum", "maximum"), _reduced),
    "distinct": _distinct,
    "most_frequent": _most_frequent,
}


def _first_time(scope: ProfileScope, node: nodes.FirstTime) -> Column:
    words, mask = scope.bits(node.selection.names, node.selection.where)
    firsts = first_match(words, mask, scope.begin, scope.end)
    window = scope.range(node.selection.window)
    is_inside = (firsts >= window.start) & (firsts < window.stop) & (firsts >= 0)
    scope.note_leaving(np.where(is_inside, firsts, MISSING), window)
    return truth_column(is_inside)


def _share(scope: ProfileScope, node: nodes.Share) -> Column:
    counts = []
    for selection in (node.part, node.whole):
        words, mask, window = scope.select(selection)
        found, firsts = count_matches(words, mask, window.start, window.stop)
        scope.note_leaving(firsts, window)
        counts.append(found)
    with np.errstate(invalid="ignore", divide="ignore"):
        part, whole = counts
        return number_column(np.where(whole > 0, part / whole, np.nan))


# Rhythm


def _regularly(scope: ProfileScope, node: nodes.Regularly) -> Column:
    words, mask = scope.bits(node.selection.names, node.selection.where)
    times = scope.history.times
    counts, moments = periods_with_match(words, mask, scope.begin, scope.end, times, scope.now, node.each, node.of)
    scope.note(moments)
    return truth_column(counts >= node.periods)


def _stopped(scope: ProfileScope, node: nodes.Stopped) -> Column:
    words, mask = scope.bits(node.selection.names, node.selection.where)
    last = scope.moments_of(last_match(words, mask, scope.begin, scope.end))
    age = scope.now - last
    for length in (node.idle, node.idle + node.active):
        scope.note_crossing(age - length, np.where(np.isnan(age), 0.0, 1.0))
    return truth_column((age >= node.idle) & (age < node.idle + node.active))


def _restarted(scope: ProfileScope, node: nodes.Restarted) -> Column:
    words, mask = scope.bits(node.selection.names, node.selection.where)
    since = scope.now - node.back + 1
    events = last_return(words, mask, scope.begin, scope.end, scope.history.times, since, node.idle)
    age = scope.now - scope.moments_of(events)
    scope.note_crossing(age - node.back, np.where(np.isnan(age), 0.0, 1.0))
    return truth_column((events >= 0) & (age < node.back))


def _forecast(scope: ProfileScope, node: nodes.PurchaseForecast) -> Column:
    forecaster = scope.frozen.forecaster(node)
    forecast = np.full(scope.size, np.nan)
    if forecaster is None:
        return number_column(forecast)
    words, mask = scope.bits(node.selection.names, node.selection.where)
    amounts = NO_NUMBERS if node.path is None else scope.history.numbers_of(node.path)
    days, first, last, repeat_amount = order_days(
        words, mask, scope.begin, scope.end, scope.history.times, amounts
    )
    buys = days > 0
    today = scope.now // DAY
    scope.note(np.where(buys, (today + 1) * DAY, NEVER))
    frequency, recency, age = (days - 1)[buys], (last - first)[buys], (today - first)[buys]
    horizon = 0.0 if node.horizon is None else node.horizon / DAY
    match node.word:
        case "expected_orders":
            forecast[buys] = forecaster.expected_orders(frequency, recency, age, horizon)
        case "probability_alive":
            forecast[buys] = forecaster.probability_alive(frequency, recency, age)
        case _:
            with np.errstate(invalid="ignore", divide="ignore"):
                spend = np.where(frequency > 0, repeat_amount[buys] / frequency, np.nan)
            forecast[buys] = forecaster.customer_value(frequency, recency, age, spend, horizon)
    return number_column(forecast)


# Sequences


def _sequence(scope: ProfileScope, node: nodes.Sequence) -> Column:
    span = NO_LIMIT if node.span is None else node.span
    gap = NO_LIMIT if node.gap is None else node.gap
    closing = node.steps[-1] if node.steps[-1].is_absent else None
    steps = _step_table(scope, node.steps[:-1] if closing else node.steps)
    window = _range_of_steps(scope, node.steps[0], node.window)
    words, times = scope.history.words, scope.history.times
    if closing is None:
        reached = steps_reached(words, steps, window.start, window.stop, times, span, gap)
        return truth_column(reached == len(steps))
    word, bit = scope.plan.bit_of(Matcher(closing.names, closing.where))
    passed, moments = stayed_away(
        words, steps, word, bit, window.start, window.stop, scope.end, times, scope.now, span, gap
    )
    scope.note(moments)
    return truth_column(passed)


def _funnel(scope: ProfileScope, node: nodes.Funnel) -> Column:
    span = NO_LIMIT if node.span is None else node.span
    window = _range_of_steps(scope, node.steps[0], node.window)
    steps, history = _step_table(scope, node.steps), scope.history
    return number_column(
        steps_reached(history.words, steps, window.start, window.stop, history.times, span, NO_LIMIT)
    )


def _range_of_steps(scope: ProfileScope, first: nodes.Step, window: nodes.Window) -> Range:
    """The range of a window, noting when the first event leaves that can begin a chain."""
    found = scope.range(window)
    words, mask = scope.bits(first.names, first.where)
    scope.note_leaving(first_match(words, mask, found.start, found.stop), found)
    return found


def _step_table(scope: ProfileScope, steps: tuple[nodes.Step, ...]) -> NDArray[np.int64]:
    """For each step that happens: its word and bit, and those of what must not happen before it (-1: nothing)."""
    table, absent = [], (-1, -1)
    for step in steps:
        place = scope.plan.bit_of(Matcher(step.names, step.where))
        if step.is_absent:
            absent = place
        else:
            table.append((*place, *absent))
            absent = (-1, -1)
    return np.array(table, np.int64).reshape(-1, 4)


# Sessions


def _session_count(scope: ProfileScope, node: nodes.SessionCount) -> Column:
    window = scope.range(node.window)
    counts, firsts = scope.sessions_in(node.window).count(node.where)
    scope.note_leaving(firsts, window)
    return number_column(counts)


def _session_value(scope: ProfileScope, node: nodes.SessionValue) -> Column:
    column, ended_at = scope.last_sessions.of_last(node.name)
    if node.of == "last":
        return column
    is_current = scope.now < ended_at
    scope.note(np.where(is_current, ended_at, NEVER))
    if column.truths is not None:
        return Column(kind=column.kind, truths=np.where(is_current, column.truths, np.int8(-1)))
    return number_column(np.where(is_current, column.amounts, np.nan), column.kind)


def _session_aggregate(scope: ProfileScope, node: nodes.SessionAggregate) -> Column:
    window = scope.range(node.window)
    column, firsts = scope.sessions_in(node.window).reduce(node.word, node.name)
    scope.note_leaving(firsts, window)
    return column


# The person


def _last_stated(scope: ProfileScope, node: nodes.LastStated) -> Column:
    numbers, codes = scope.history.numbers_of(node.path), scope.history.codes_of(node.path)
    return scope.property_of(last_present(scope.begin, scope.end, numbers, codes), node.path)


def _local_time(scope: ProfileScope, node: nodes.LocalTime) -> Column:
    parts = np.empty(scope.size)
    length = HOUR if node.part == "hour" else DAY
    for zone, here in scope.zones():
        now = scope.now[here]
        local = zone.local(now)
        parts[here] = clock_part(local, node.part)
        moments = np.full(scope.size, NEVER)
        moments[here] = np.minimum(now + length - local % length, zone.next_change(now))
        scope.note(moments)
    return number_column(parts)


def _in_list(scope: ProfileScope, node: nodes.InList) -> Column:
    words, mask = scope.row_and_mask(ListMatcher(node.name))
    return truth_column(first_match(words, mask, scope.begin, scope.end) >= 0)


def _consents(scope: ProfileScope, node: nodes.Consents) -> Column:
    statements = scope.history.consents[node.purpose]
    default = scope.settings.consent[Purpose(node.purpose)]
    return truth_column(consent_given(scope.begin, scope.end, statements, scope.history.sources, default))


def _reference(scope: ProfileScope, node: nodes.Reference) -> Column:
    return scope.value(scope.plan.roots[node.kind, node.name])


def _ago(scope: ProfileScope, node: nodes.Ago) -> Column:
    return number_column(
        (scope.now - node.milliseconds).astype(np.float64), Kind.MOMENT, slope=np.ones(scope.size)
    )


def _rank(scope: ProfileScope, node: nodes.Rank) -> Column:
    operand, distribution = scope.value(node.operand), scope.frozen.distribution(node)
    if distribution is None:
        return number_column(np.full(scope.size, np.nan))
    values = operand.amounts
    if operand.slope is not None and len(distribution.values):
        _note_passing(scope, values, operand.slope, distribution.values)
    if node.into is None:
        return number_column(distribution.percentile(values, descending=node.descending))
    return number_column(distribution.group(values, into=node.into, descending=node.descending))


def _note_passing(scope: ProfileScope, values: Numbers, slope: Numbers, marks: Numbers) -> None:
    """A rank changes when a moving value reaches or leaves one of the marks of its distribution."""
    above = np.searchsorted(marks, values, side="left")
    below = np.searchsorted(marks, values, side="right") - 1
    for places in (above, below):
        is_mark = (places >= 0) & (places < len(marks))
        mark = np.where(is_mark, marks[np.clip(places, 0, len(marks) - 1)], np.nan)
        scope.note_crossing(values - mark, slope)


_WORDS: dict[type[nodes.Node], Callable[[Any, Any], Column]] = {
    nodes.Ago: _ago,
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
    nodes.LocalTime: _local_time,
    nodes.InList: _in_list,
    nodes.Everyone: lambda scope, _: truth_column(scope.end > scope.begin),
    nodes.Consents: _consents,
    nodes.Reference: _reference,
    nodes.Rank: _rank,
    nodes.PurchaseForecast: _forecast,
}
