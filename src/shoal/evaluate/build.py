"""From a frame of events to a history: what definitions read of each event, in runs of profiles."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shoal.evaluate.column import Codes, Flags, Numbers
from shoal.evaluate.events import EventScope
from shoal.evaluate.kernels.layout import place_events
from shoal.evaluate.plan import BITS_PER_WORD, GPC_PATH, ZONE_PATH, ListMatcher, Matcher, Plan
from shoal.history.dictionary import MISSING, Dictionary
from shoal.history.history import History, Moments, Statements, Words
from shoal.model.consent import REFUSED_BY_GPC, Purpose, consent_path
from shoal.model.event import ACTIVITY_KINDS, EventKind
from shoal.model.frame import FIELD_TYPES, field_column
from shoal.model.text_codes import code_texts
from shoal.model.time import DAY
from shoal.model.zone import zone_table

Owners = NDArray[np.int32]


def build_history(plan: Plan, frame: pl.DataFrame, owners: Owners, profile_count: int) -> History:
    """The history of `profile_count` profiles.

    `frame` has the columns of stored events and those of `plan.columns` that any event has. `owners` says which
    profile each row belongs to; rows with -1 belong to nobody.
    """
    if not _is_in_order(frame):
        order = frame.select(pl.arg_sort_by("occurred_at", "position")).to_series()
        frame, owners = frame[order], owners[order.to_numpy()]
    rows = EventRows(plan, frame)
    begin, end, order_of_events = place_events(owners.astype(np.int32, copy=False), profile_count)
    placed = partial(np.take, indices=order_of_events)
    return History(
        begin=begin,
        end=end,
        times=placed(rows.times),
        words=rows.words().take(order_of_events, axis=1),
        dictionary=rows.dictionary,
        numbers={path: placed(each) for path, each in rows.kept_numbers()},
        codes={path: placed(each) for path, each in rows.kept_codes()},
        days=placed(rows.days) if plan.needs_days else np.empty(0, np.int32),
        zones=placed(rows.zones) if plan.needs_zones else np.empty(0, np.int32),
        zone_names=rows.zone_names,
        consents={purpose.value: placed(rows.consent(purpose)) for purpose in plan.purposes},
        sources=placed(rows.sources()) if plan.purposes else np.empty(0, np.int32),
    )


def _is_in_order(frame: pl.DataFrame) -> bool:
    moments, positions = frame["occurred_at"].to_numpy(), frame["position"].to_numpy()
    later = moments[1:] > moments[:-1]
    return bool((later | ((moments[1:] == moments[:-1]) & (positions[1:] >= positions[:-1]))).all())


class EventRows:
    """The rows of a frame as arrays: numbers and codes by path, clocks, matchers, consent."""

    def __init__(self, plan: Plan, frame: pl.DataFrame) -> None:
        self.plan = plan
        self.frame = frame
        self.dictionary = Dictionary()
        self.times: Moments = frame["occurred_at"].to_numpy()
        self.zones, self.zone_names = self._zones()
        self._numbers: dict[str, Numbers] = {}
        self._codes: dict[str, Codes] = {}

    # Fields

    def numbers(self, path: str) -> Numbers | None:
        """The numbers of a path, nan where missing; None when no row has one."""
        if path not in self._numbers:
            column = self._column(path, "number")
            if column is None:
                return None
            self._numbers[path] = column.fill_null(np.nan).to_numpy()
        return self._numbers[path]

    def codes(self, path: str) -> Codes | None:
        """The codes of a path's texts, truths and lists, MISSING elsewhere; None when no row has one."""
        if path not in self._codes:
            columns = [(name, self._column(path, name)) for name in FIELD_TYPES if name != "number"]
            coded = [self.dictionary.code_column(each, name) for name, each in columns if each is not None]
            if not coded:
                return None
            self._codes[path] = np.maximum.reduce(coded)
        return self._codes[path]

    def kept_numbers(self) -> Iterator[tuple[str, Numbers]]:
        for path in sorted(self.plan.number_paths | self.plan.value_paths):
            if (numbers := self.numbers(path)) is not None:
                yield path, numbers

    def kept_codes(self) -> Iterator[tuple[str, Codes]]:
        for path in sorted(self.plan.value_paths):
            if (codes := self.codes(path)) is not None:
                yield path, codes

    def _column(self, path: str, type_name: str) -> pl.Series | None:
        name = field_column(path, type_name)
        if name not in self.frame.columns or self.frame[name].null_count() == len(self.frame):
            return None
        return self.frame[name]

    # Clocks

    def _zones(self) -> tuple[Codes, tuple[str, ...]]:
        """The place of each row's own zone among the known zones that rows state; MISSING for none."""
        column = self._column(ZONE_PATH, "text") if self.plan.needs_zones else None
        zones = np.full(len(self.frame), MISSING, np.int32)
        if column is None:
            return zones, ()
        stated = column.drop_nulls()
        local, first_rows = code_texts(stated)
        names = stated.gather(first_rows).to_list()
        known = [name for name in names if _is_zone(name)]
        place_of = np.array([known.index(name) if name in known else MISSING for name in names], np.int32)
        zones[column.is_not_null().to_numpy()] = place_of[local]
        return zones, tuple(known)

    @property
    def local(self) -> Moments:
        """The local clock of each row, in its own zone or the workspace's."""
        local = zone_table(self.plan.resolved.settings.time_zone).local(self.times)
        for place, name in enumerate(self.zone_names):
            here = self.zones == place
            local[here] = zone_table(name).local(self.times[here])
        return local

    @property
    def days(self) -> Codes:
        return (self.local // DAY).astype(np.int32)

    # Matchers

    def words(self) -> Words:
        """The bits of all matchers; those that look at names only are one table for each distinct name."""
        words = np.zeros((self.plan.word_count, len(self.frame)), np.uint64)
        names, name_codes = self._activity_names()
        scope = EventScope(self)
        for word in range(self.plan.word_count):
            matchers = self.plan.matchers[word * BITS_PER_WORD : (word + 1) * BITS_PER_WORD]
            plain = np.zeros(len(names) + 1, np.uint64)
            for bit, matcher in enumerate(matchers):
                if isinstance(matcher, Matcher) and matcher.where is None:
                    plain[:-1] |= _named(matcher, names).astype(np.uint64) << np.uint64(bit)
            words[word] = plain[name_codes]
            for bit, matcher in enumerate(matchers):
                if isinstance(matcher, ListMatcher):
                    words[word] |= self._in_list(matcher).astype(np.uint64) << np.uint64(bit)
                elif matcher.where is not None:
                    named = np.append(_named(matcher, names), False)[name_codes]
                    words[word] |= (named & scope.holds(matcher.where)).astype(np.uint64) << np.uint64(bit)
        return words

    def _activity_names(self) -> tuple[list[str], Codes]:
        """The distinct names of activity, and the place of each row's name; the place after them for statements."""
        is_activity = self.frame["kind"].is_in(sorted(kind.value for kind in ACTIVITY_KINDS))
        name_codes, first_rows = code_texts(self.frame["name"].fill_null(""))
        names: list[str] = self.frame["name"].fill_null("").gather(first_rows).to_list()
        return names, np.where(is_activity.to_numpy(), name_codes, len(names)).astype(np.int32)

    def _in_list(self, matcher: ListMatcher) -> Flags:
        listed = self.plan.resolved.lists[matcher.name]
        found = np.zeros(len(self.frame), np.bool_)
        for kind in {identifier.kind for identifier in listed}:
            stated = self._stated(kind)
            if stated is not None:
                values = [value for other, value in listed if other == kind]
                found |= stated.is_in(values).fill_null(False).to_numpy()
        return found

    def _stated(self, kind: str) -> pl.Series | None:
        """The identifiers of a kind as lists hold them."""
        if kind in ("user_id", "anonymous_id"):
            return self.frame[kind]
        column = self._column(f"traits.{kind}", "text") if kind in ("email", "phone") else None
        if column is None:
            return None
        identifies = self.frame["kind"] == EventKind.IDENTIFY.value
        stated = column.set(~identifies, None)
        return stated.str.strip_chars().str.to_lowercase() if kind == "email" else stated

    # Consent

    def consent(self, purpose: Purpose) -> Statements:
        """What each row states about a purpose: 1 granted, 0 refused, -1 nothing."""
        column = self._column(consent_path(purpose), "truth")
        stated = np.full(len(self.frame), -1, np.int8)
        if column is not None:
            stated = column.cast(pl.Int8).fill_null(-1).to_numpy().copy()
        gpc = self._column(GPC_PATH, "truth") if purpose in REFUSED_BY_GPC else None
        if gpc is not None:
            stated[gpc.fill_null(False).to_numpy()] = 0
        return stated

    def sources(self) -> Codes:
        """Who makes a row's statements: its device, or else its user."""
        device, user = self.frame["anonymous_id"], self.frame["user_id"]
        source = self.frame.select(
            pl.when(device.str.len_bytes() > 0).then(device).otherwise(user).fill_null("")
        ).to_series()
        return code_texts(source)[0]


def _named(matcher: Matcher, names: list[str]) -> Flags:
    return np.array([matcher.names_event(name) for name in names], np.bool_)


def _is_zone(name: str) -> bool:
    try:
        zone_table(name)
    except ValueError:
        return False
    return True
