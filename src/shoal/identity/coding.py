"""Columns of identifiers as numbers: each distinct usable value gets a code, in the order of its first event."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from shoal.identity.rules import KindRule
from shoal.model.text_codes import Codes, Rows, code_texts

__all__ = ["Coded", "Codes", "Rows", "code_column"]


@dataclass(frozen=True, slots=True)
class Coded:
    """The rows that state a usable identifier of one kind, and which; and what was blocked, by value as stated."""

    rows: Rows
    codes: Codes
    values: list[str]
    blocked: dict[str, int]

    def spread(self, height: int) -> Codes:
        """The code of every row, -1 where there is none."""
        codes = np.full(height, -1, dtype=np.int32)
        codes[self.rows] = self.codes
        return codes


def code_column(column: pl.Series, rule: KindRule) -> Coded:
    """The codes of a column of texts; missing and blocked values have none."""
    stated, rows = column, np.arange(len(column))
    if column.null_count():
        stated, rows = column.drop_nulls(), np.flatnonzero(column.is_not_null().to_numpy())
    raw_codes, first_rows = code_texts(stated)
    raw_values = stated.gather(first_rows).to_list()
    usable = rule.usable_many(raw_values)
    places: dict[str, int] = {}
    code_of = np.array(
        [-1 if value is None else places.setdefault(value, len(places)) for value in usable], dtype=np.int32
    )
    codes = code_of[raw_codes]
    if (code_of < 0).any():
        rows, blocked = rows[codes >= 0], _count_blocked(raw_codes, raw_values, code_of)
        return Coded(rows, codes[codes >= 0], list(places), blocked)
    return Coded(rows, codes, list(places), {})


def _count_blocked(raw_codes: Codes, raw_values: list[str], code_of: Codes) -> dict[str, int]:
    counts = np.bincount(raw_codes, minlength=len(raw_values))
    return {raw_values[code]: int(counts[code]) for code in np.flatnonzero(code_of < 0)}
