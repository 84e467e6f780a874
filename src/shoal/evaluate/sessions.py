"""Sessions of profiles as a table: one row for each session, found where they are asked for."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from shoal.definitions import nodes
from shoal.definitions.kinds import SESSION_FIELD_KINDS, Kind
from shoal.evaluate.column import UNKNOWN, Column, Flags, Indices, Numbers, number_column, truth_column
from shoal.evaluate.kernels.properties import reduce_numbers
from shoal.evaluate.kernels.selection import count_matches
from shoal.evaluate.kernels.sessions import BOUNCE_ENGAGEMENT, cut_sessions, last_sessions, reduce_sessions
from shoal.evaluate.plan import ACTIVITY, ENGAGED_PATH, PAGES, SCROLL_PATH, Matcher
from shoal.evaluate.scope import StillScope
from shoal.evaluate.windows import Range

if TYPE_CHECKING:
    from shoal.evaluate.profiles import ProfileScope


def sessions_in(scope: ProfileScope, window: Range) -> SessionTable:
    """The sessions that began in a window."""
    words, mask = scope.bits(ACTIVITY.names, ACTIVITY.where)
    times, gap = scope.history.times, scope.settings.session_gap
    return SessionTable(
        scope, *cut_sessions(words, mask, scope.begin, scope.end, window.start, window.stop, times, gap)
    )


def last_session_of_each(scope: ProfileScope) -> SessionTable:
    """The last session of each profile that has one."""
    words, mask = scope.bits(ACTIVITY.names, ACTIVITY.where)
    times, gap = scope.history.times, scope.settings.session_gap
    first, last = last_sessions(words, mask, scope.begin, scope.end, times, gap)
    has_any = last >= 0
    of_profile = np.concatenate([[0], np.cumsum(has_any)])
    return SessionTable(scope, of_profile, first[has_any], last[has_any])


class SessionTable:
    """Some sessions of the profiles of a scope, and their values brought back to profiles.

    Profile p has the sessions `of_profile[p]` to `of_profile[p + 1]` (excluded).
    """

    def __init__(self, scope: ProfileScope, of_profile: Indices, first: Indices, last: Indices) -> None:
        self._scope = scope
        self._of_profile, self._first, self._last = of_profile, first, last
        self._rows = SessionScope(scope, first, last)

    def count(self, where: nodes.Node | None) -> tuple[Numbers, Indices]:
        """Per profile how many sessions fulfil a condition, and with which event the first of them began."""
        chosen = self._all if where is None else self._rows.holds(where)
        counts, _, _, _, earliest = reduce_sessions(self._of_profile, chosen, np.zeros(len(chosen)))
        return counts, self._first_events(earliest)

    def reduce(self, word: str, name: str) -> tuple[Column, Indices]:
        """Per profile a field reduced over its sessions, and with which event the first of them began."""
        field = self._rows.value(nodes.SessionField(name))
        present, total, low, high, earliest = reduce_sessions(self._of_profile, self._all, field.fractions())
        kind = SESSION_FIELD_KINDS[name]
        with np.errstate(invalid="ignore", divide="ignore"):
            numbers = {"sum": total, "average": total / present, "minimum": low, "maximum": high}[word]
        return number_column(numbers, Kind.NUMBER if kind is Kind.TRUTH else kind), self._first_events(earliest)

    def of_last(self, name: str) -> tuple[Column, Indices]:
        """Per profile a field of its last session, and the moment from which that session is over."""
        column, places = self._rows.value(nodes.SessionField(name)), self._of_profile[1:] - 1
        has_any = self._of_profile[1:] > self._of_profile[:-1]
        gap, times = self._scope.settings.session_gap, self._scope.history.times
        if not len(self._first):
            return _nothing(column, self._scope.size), np.zeros(self._scope.size, np.int64)
        ended_at = np.where(has_any, times[self._last[places]] + gap + 1, 0)
        if column.truths is not None:
            truths = np.where(has_any, column.truths[places], np.int8(UNKNOWN))
            return Column(kind=Kind.TRUTH, truths=truths), ended_at
        return number_column(np.where(has_any, column.amounts[places], np.nan), column.kind), ended_at

    @property
    def _all(self) -> Flags:
        return np.ones(len(self._first), np.bool_)

    def _first_events(self, sessions: Indices) -> Indices:
        if not len(self._first):
            return sessions
        return np.where(sessions >= 0, self._first[np.maximum(sessions, 0)], -1)


def _nothing(column: Column, size: int) -> Column:
    if column.truths is not None:
        return Column(kind=Kind.TRUTH, truths=np.full(size, UNKNOWN, np.int8))
    return number_column(np.full(size, np.nan), column.kind)


class SessionScope(StillScope):
    """One row for each session. Only the fields that are asked for are made."""

    def __init__(self, scope: ProfileScope, first: Indices, last: Indices) -> None:
        super().__init__(len(first), scope.dictionary)
        self._scope, self._first, self._last = scope, first, last

    def _leaf(self, node: nodes.Node) -> Column:
        assert isinstance(node, nodes.SessionField)
        match node.name:
            case "events":
                return number_column(self._count(ACTIVITY))
            case "pages":
                return number_column(self._pages)
            case "duration":
                return number_column(self._duration, Kind.DURATION)
            case "engaged_time":
                return number_column(self._attention[1], Kind.DURATION)
            case "max_scroll":
                return number_column(self._reduced(SCROLL_PATH)[3])
            case _:
                stated, attention = self._attention
                attended = np.where(stated > 0, attention, self._duration)
                return truth_column((self._pages < 2) & (attended < BOUNCE_ENGAGEMENT))

    @cached_property
    def _pages(self) -> Numbers:
        return self._count(PAGES)

    @cached_property
    def _duration(self) -> Numbers:
        times = self._scope.history.times
        return (times[self._last] - times[self._first]).astype(np.float64)

    @cached_property
    def _attention(self) -> tuple[Numbers, Numbers]:
        """How many events state engaged time, and the sum of it."""
        stated, attention, _, _, _ = self._reduced(ENGAGED_PATH)
        return stated, attention

    def _count(self, matcher: Matcher) -> Numbers:
        words, mask = self._scope.bits(matcher.names, matcher.where)
        counts: Numbers = count_matches(words, mask, self._first, self._last + 1)[0]
        return counts

    def _reduced(self, path: str) -> tuple[Numbers, Numbers, Numbers, Numbers, Indices]:
        """Over the activity of each session: how many have the number, sum, minimum, maximum, and the first."""
        words, mask = self._scope.bits(ACTIVITY.names, ACTIVITY.where)
        numbers = self._scope.history.numbers_of(path)
        if not len(numbers):
            none, missing = np.zeros(self.size), np.full(self.size, np.nan)
            return none, none, missing, missing, np.full(self.size, -1)
        return reduce_numbers(words, mask, self._first, self._last + 1, numbers)
