"""Every word of the language that speaks of a profile, and how the kernel evaluates it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from shoal.definitions import nodes
from shoal.definitions.kinds import Kind
from shoal.evaluate import selections, sequences
from shoal.evaluate.column import Column, Numbers, number_column, truth_column
from shoal.evaluate.events import clock_part
from shoal.evaluate.kernels.consent import consent_given
from shoal.evaluate.kernels.properties import (
    last_present,
)
from shoal.evaluate.kernels.selection import (
    first_match,
)
from shoal.evaluate.plan import ListMatcher
from shoal.model.consent import Purpose
from shoal.model.time import DAY, HOUR, NEVER

if TYPE_CHECKING:
    from shoal.evaluate.profiles import ProfileScope


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


WORDS: dict[type[nodes.Node], Callable[[Any, Any], Column]] = {
    nodes.Ago: _ago,
    nodes.Aggregate: selections.aggregate,
    nodes.FirstTime: selections.first_time,
    nodes.Share: selections.share,
    nodes.Regularly: selections.regularly,
    nodes.Stopped: selections.stopped,
    nodes.Restarted: selections.restarted,
    nodes.Sequence: sequences.sequence,
    nodes.Funnel: sequences.funnel,
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
    nodes.PurchaseForecast: selections.forecast,
}
