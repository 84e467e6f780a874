"""The rows of a frame of events as arrays: numbers and codes by path, clocks, consent."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import polars as pl

from shoal.evaluate.column import Codes, Numbers
from shoal.evaluate.plan import GPC_PATH, ZONE_PATH, Plan
from shoal.history.dictionary import MISSING, Dictionary
from shoal.history.history import Moments, Statements
from shoal.model.consent import REFUSED_BY_GPC, Purpose, consent_path
from shoal.model.frame import FIELD_TYPES, field_column
from shoal.model.time import DAY
from shoal.model.zone import is_zone, zone_table


class EventRows:
    """What definitions read of each row of a frame, looked up when it is asked for."""

    def __init__(self, plan: Plan, frame: pl.DataFrame, dictionary: Dictionary | None = None) -> None:
        self.plan = plan
        self.frame = frame
        self.dictionary = Dictionary() if dictionary is None else dictionary
        self.times: Moments = frame["occurred_at"].to_numpy()
        self._numbers: dict[str, Numbers] = {}
        self._codes: dict[str, Codes] = {}

    # Fields

    def numbers(self, path: str) -> Numbers | None:
        """The numbers of a path, nan where missing; None when no row has one."""
        if path not in self._numbers:
            column = self.column(path, "number")
            if column is None:
                return None
            self._numbers[path] = column.fill_null(np.nan).to_numpy()
        return self._numbers[path]

    def codes(self, path: str) -> Codes | None:
        """The codes of a path's texts, truths and lists, MISSING elsewhere; None when no row has one."""
        if path not in self._codes:
            columns = [(name, self.column(path, name)) for name in FIELD_TYPES if name != "number"]
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

    def column(self, path: str, type_name: str) -> pl.Series | None:
        name = field_column(path, type_name)
        if name not in self.frame.columns or self.frame[name].null_count() == len(self.frame):
            return None
        return self.frame[name]

    # Clocks

    @cached_property
    def zones(self) -> Codes:
        """The code of the name of each row's own zone; MISSING where it states none that is known."""
        column = self.column(ZONE_PATH, "text")
        if column is None:
            return np.full(len(self.frame), MISSING, np.int32)
        codes = self.dictionary.code_column(column, "text")
        unknown = [code for code in self._distinct(codes) if not is_zone(str(self.dictionary.values[code]))]
        codes[np.isin(codes, unknown)] = MISSING
        return codes

    @cached_property
    def local(self) -> Moments:
        """The local clock of each row, in its own zone or the workspace's."""
        local = zone_table(self.plan.resolved.settings.time_zone).local(self.times)
        for code in self._distinct(self.zones):
            here = self.zones == code
            local[here] = zone_table(str(self.dictionary.values[code])).local(self.times[here])
        return local

    @staticmethod
    def _distinct(codes: Codes) -> list[int]:
        return [code for code in np.unique(codes).tolist() if code != MISSING]

    @property
    def days(self) -> Codes:
        return (self.local // DAY).astype(np.int32)

    # Consent

    def consent(self, purpose: Purpose) -> Statements:
        """What each row states about a purpose: 1 granted, 0 refused, -1 nothing."""
        column = self.column(consent_path(purpose), "truth")
        stated = np.full(len(self.frame), -1, np.int8)
        if column is not None:
            stated = column.cast(pl.Int8).fill_null(-1).to_numpy().copy()
        gpc = self.column(GPC_PATH, "truth") if purpose in REFUSED_BY_GPC else None
        if gpc is not None:
            stated[gpc.fill_null(False).to_numpy()] = 0
        return stated

    def sources(self) -> Codes:
        """Who states something about consent in each row: its device, or else its user; MISSING in other rows."""
        states = np.logical_or.reduce([self.consent(purpose) >= 0 for purpose in self.plan.purposes])
        device, user = self.frame["anonymous_id"], self.frame["user_id"]
        source = self.frame.select(
            pl.when(pl.Series(states)).then(
                pl.when(device.str.len_bytes() > 0).then(device).otherwise(user).fill_null("")
            )
        ).to_series()
        return self.dictionary.code_column(source, "text")
