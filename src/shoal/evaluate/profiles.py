"""The scope of profiles: their events up to now, what of them is selected, and when anything changes next."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.definitions import nodes
from shoal.definitions.kinds import Kind
from shoal.evaluate.column import Column, Flags, Indices, Numbers
from shoal.evaluate.frozen import Frozen
from shoal.evaluate.kernels.properties import (
    last_present,
)
from shoal.evaluate.kernels.selection import (
    first_at_or_after,
    note_leaving,
    start_of_latest,
)
from shoal.evaluate.motion import next_crossing
from shoal.evaluate.plan import ListMatcher, Matcher, Plan
from shoal.evaluate.scope import Scope
from shoal.evaluate.sessions import SessionTable, last_session_of_each, sessions_in
from shoal.evaluate.windows import Range, range_of
from shoal.evaluate.words import WORDS
from shoal.history.dictionary import MISSING
from shoal.history.history import NO_NUMBERS, History
from shoal.model.time import NEVER
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
        return WORDS[type(node)](self, node)

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
