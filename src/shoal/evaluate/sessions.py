"""Sessions of profiles as a table: one row for each session of each profile asked about."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from shoal.definitions import nodes
from shoal.definitions.kinds import SESSION_FIELD_KINDS, Kind
from shoal.evaluate.column import UNKNOWN, Column, Flags, Indices, Numbers, number_column, truth_column
from shoal.evaluate.kernels.sessions import BOUNCE_ENGAGEMENT, cut_sessions, describe_sessions, reduce_sessions
from shoal.evaluate.plan import ACTIVITY, ENGAGED_PATH, PAGES, SCROLL_PATH
from shoal.evaluate.scope import StillScope
from shoal.evaluate.windows import Range

if TYPE_CHECKING:
    from shoal.evaluate.profiles import ProfileScope


class SessionTable:
    """The sessions of the profiles of a scope, and their values brought back to profiles."""

    def __init__(self, scope: ProfileScope) -> None:
        history, gap = scope.history, scope.settings.session_gap
        words, mask = scope.bits(ACTIVITY.names, ACTIVITY.where)
        self._scope = scope
        self._of_profile, self._first, self._last = cut_sessions(
            words, mask, scope.begin, scope.end, history.times, gap
        )

    def fields(self, name: str) -> Column:
        """A field of every session."""
        return self._rows.value(nodes.SessionField(name))

    def count(self, window: Range, where: nodes.Node | None) -> tuple[Numbers, Indices]:
        """Per profile how many sessions that began in a window fulfil a condition, and where the first began."""
        chosen = self._began_in(window)
        if where is not None:
            chosen = chosen & self._rows.holds(where)
        counts, _, _, _, earliest = reduce_sessions(self._of_profile, chosen, np.ones(len(self._first)))
        return counts, self._first_events(earliest)

    def reduce(self, word: str, name: str, window: Range) -> tuple[Column, Indices]:
        """Per profile a field reduced over the sessions that began in a window, and where the first began."""
        present, total, low, high, earliest = reduce_sessions(
            self._of_profile, self._began_in(window), self.fields(name).fractions()
        )
        kind = SESSION_FIELD_KINDS[name]
        with np.errstate(invalid="ignore", divide="ignore"):
            numbers = {"sum": total, "average": total / present, "minimum": low, "maximum": high}[word]
        return number_column(numbers, Kind.NUMBER if kind is Kind.TRUTH else kind), self._first_events(earliest)

    def of_last(self, name: str) -> tuple[Column, Indices]:
        """Per profile a field of the last session, and the moment from which that session is over."""
        column, places = self.fields(name), self._of_profile[1:] - 1
        has_any = self._of_profile[1:] > self._of_profile[:-1]
        gap, times = self._scope.settings.session_gap, self._scope.history.times
        if not len(self._first):
            return _nothing(column, self._scope.size), np.zeros(self._scope.size, np.int64)
        ended_at = np.where(has_any, times[self._last[places]] + gap + 1, 0)
        if column.truths is not None:
            truths = np.where(has_any, column.truths[places], np.int8(UNKNOWN))
            return Column(kind=Kind.TRUTH, truths=truths), ended_at
        return number_column(np.where(has_any, column.amounts[places], np.nan), column.kind), ended_at

    @cached_property
    def _rows(self) -> SessionScope:
        scope, history = self._scope, self._scope.history
        activity, page = (scope.plan.bit_of(matcher) for matcher in (ACTIVITY, PAGES))
        events, pages, attention, stated, depth = describe_sessions(
            history.words,
            (activity[0], np.uint64(1) << np.uint64(activity[1])),
            (page[0], np.uint64(1) << np.uint64(page[1])),
            self._first,
            self._last,
            history.numbers_of(ENGAGED_PATH),
            history.numbers_of(SCROLL_PATH),
        )
        times = history.times
        duration = (times[self._last] - times[self._first]).astype(np.float64)
        attended = np.where(stated > 0, attention, duration)
        columns = {
            "events": number_column(events),
            "pages": number_column(pages),
            "duration": number_column(duration, Kind.DURATION),
            "engaged_time": number_column(attention, Kind.DURATION),
            "max_scroll": number_column(depth),
            "bounced": truth_column((pages < 2) & (attended < BOUNCE_ENGAGEMENT)),
        }
        return SessionScope(columns, scope)

    def _began_in(self, window: Range) -> Flags:
        sizes = np.diff(self._of_profile)
        return (self._first >= np.repeat(window.start, sizes)) & (self._first < np.repeat(window.stop, sizes))

    def _first_events(self, sessions: Indices) -> Indices:
        if not len(self._first):
            return sessions
        return np.where(sessions >= 0, self._first[np.maximum(sessions, 0)], -1)


def _nothing(column: Column, size: int) -> Column:
    if column.truths is not None:
        return Column(kind=Kind.TRUTH, truths=np.full(size, UNKNOWN, np.int8))
    return number_column(np.full(size, np.nan), column.kind)


class SessionScope(StillScope):
    """One row for each session."""

    def __init__(self, columns: dict[str, Column], scope: ProfileScope) -> None:
        super().__init__(len(columns["events"]), scope.dictionary)
        self._columns = columns

    def _leaf(self, node: nodes.Node) -> Column:
        assert isinstance(node, nodes.SessionField)
        return self._columns[node.name]
