"""Columns: the values of one expression for many rows at once, be they profiles, events, sessions or things."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shoal.definitions.kinds import Kind
from shoal.history.dictionary import FALSE, MISSING, TRUE, Dictionary
from shoal.model.value import Items, Value

Numbers = NDArray[np.float64]
Truths = NDArray[np.int8]
Flags = NDArray[np.bool_]
Indices = NDArray[np.int64]
Codes = NDArray[np.int32]

UNKNOWN = -1
"""A truth that is missing."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Column:
    """The values of one kind of each row.

    A condition has `truths`: 1, 0 or UNKNOWN. Numbers, durations and moments have `numbers`, nan where missing.
    A value of a property has both `numbers` and `codes`, of which a row has at most one. `index` is, for a
    moment, the event that it is the moment of (-1: of none). `slope` is how fast the numbers change with each
    millisecond; None: they stand still.
    """

    kind: Kind
    numbers: Numbers | None = None
    codes: Codes | None = None
    truths: Truths | None = None
    index: Indices | None = None
    slope: Numbers | None = None

    def __len__(self) -> int:
        held = self.truths if self.numbers is None else self.numbers
        assert held is not None
        return len(held)

    @property
    def is_present(self) -> Flags:
        """Where there is a value."""
        if self.truths is not None:
            known: Flags = self.truths != UNKNOWN
            return known
        assert self.numbers is not None
        has_number = ~np.isnan(self.numbers)
        return has_number if self.codes is None else has_number | (self.codes != MISSING)

    @property
    def holds(self) -> Flags:
        """Where a condition is true."""
        assert self.truths is not None
        true: Flags = self.truths == 1
        return true

    @property
    def amounts(self) -> Numbers:
        """The numbers; of a condition none."""
        return np.full(len(self), np.nan) if self.numbers is None else self.numbers

    @property
    def slopes(self) -> Numbers:
        return np.zeros(len(self)) if self.slope is None else self.slope

    def coded(self) -> Codes:
        """The codes of what is no number, truths included."""
        if self.truths is not None:
            return np.where(self.truths == 1, TRUE, np.where(self.truths == 0, FALSE, MISSING)).astype(np.int32)
        return np.full(len(self), MISSING, np.int32) if self.codes is None else self.codes

    def fractions(self) -> Numbers:
        """Numbers, with 1 and 0 for truths: what a part of a score weighs."""
        codes = self.coded()
        truths = np.where(codes == TRUE, 1.0, np.where(codes == FALSE, 0.0, np.nan))
        return truths if self.numbers is None else np.where(np.isnan(self.numbers), truths, self.numbers)

    def values(self, dictionary: Dictionary) -> list[Value | None]:
        """The values as Python's; None where missing."""
        numbers, codes = self.amounts.tolist(), self.coded().tolist()
        return [
            dictionary.values[code] if code != MISSING else (None if isnan(number) else number)
            for number, code in zip(numbers, codes, strict=True)
        ]

    def to_series(self, name: str, dictionary: Dictionary) -> pl.Series:
        """As a Polars series: Boolean, Int64 (ms of durations, moments), Float64, or String when it has texts."""
        if self.truths is not None:
            return pl.Series(name, self.truths == 1).set(pl.Series(self.truths == UNKNOWN), None)
        numbers = pl.Series(name, self.amounts, nan_to_null=True)
        if self.kind in (Kind.DURATION, Kind.MOMENT):
            return numbers.round().cast(pl.Int64)
        codes = self.coded()
        if (codes == MISSING).all():
            return numbers
        return pl.Series(name, [_text(each) for each in self.values(dictionary)], dtype=pl.String)


def _text(value: Value | None) -> str | None:
    if isinstance(value, Items):
        return value.json
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return value


def truth_column(holds: Flags) -> Column:
    """A condition that is known for each row."""
    return Column(kind=Kind.TRUTH, truths=holds.astype(np.int8))


def number_column(numbers: Numbers, kind: Kind = Kind.NUMBER, slope: Numbers | None = None) -> Column:
    return Column(kind=kind, numbers=numbers, slope=slope)
