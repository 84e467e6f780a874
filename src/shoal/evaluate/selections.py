"""Words over selected events: counts, sums, moments, rhythms, forecasts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from shoal.definitions import nodes
from shoal.definitions.kinds import Kind
from shoal.evaluate.column import Column, Indices, number_column, truth_column
from shoal.evaluate.kernels.periods import last_return, order_days, periods_with_match
from shoal.evaluate.kernels.properties import (
    count_distinct,
    distinct_days,
    most_frequent_value,
    reduce_numbers,
)
from shoal.evaluate.kernels.selection import (
    count_matches,
    first_match,
    last_match,
)
from shoal.evaluate.windows import Range
from shoal.history.dictionary import MISSING
from shoal.history.history import NO_NUMBERS
from shoal.model.time import DAY, NEVER

if TYPE_CHECKING:
    from shoal.evaluate.profiles import ProfileScope


def aggregate(scope: ProfileScope, node: nodes.Aggregate) -> Column:
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


def first_time(scope: ProfileScope, node: nodes.FirstTime) -> Column:
    words, mask = scope.bits(node.selection.names, node.selection.where)
    firsts = first_match(words, mask, scope.begin, scope.end)
    window = scope.range(node.selection.window)
    is_inside = (firsts >= window.start) & (firsts < window.stop) & (firsts >= 0)
    scope.note_leaving(np.where(is_inside, firsts, MISSING), window)
    return truth_column(is_inside)


def share(scope: ProfileScope, node: nodes.Share) -> Column:
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


def regularly(scope: ProfileScope, node: nodes.Regularly) -> Column:
    words, mask = scope.bits(node.selection.names, node.selection.where)
    times = scope.history.times
    counts, moments = periods_with_match(words, mask, scope.begin, scope.end, times, scope.now, node.each, node.of)
    scope.note(moments)
    return truth_column(counts >= node.periods)


def stopped(scope: ProfileScope, node: nodes.Stopped) -> Column:
    words, mask = scope.bits(node.selection.names, node.selection.where)
    last = scope.moments_of(last_match(words, mask, scope.begin, scope.end))
    age = scope.now - last
    for length in (node.idle, node.idle + node.active):
        scope.note_crossing(age - length, np.where(np.isnan(age), 0.0, 1.0))
    return truth_column((age >= node.idle) & (age < node.idle + node.active))


def restarted(scope: ProfileScope, node: nodes.Restarted) -> Column:
    words, mask = scope.bits(node.selection.names, node.selection.where)
    since = scope.now - node.back + 1
    events = last_return(words, mask, scope.begin, scope.end, scope.history.times, since, node.idle)
    age = scope.now - scope.moments_of(events)
    scope.note_crossing(age - node.back, np.where(np.isnan(age), 0.0, 1.0))
    return truth_column((events >= 0) & (age < node.back))


def forecast(scope: ProfileScope, node: nodes.PurchaseForecast) -> Column:
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
