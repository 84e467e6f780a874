"""Columns of identifiers as numbers: each distinct usable value gets a code, in the order of its first event."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from shoal.identity.rules import KindRule

Codes = NDArray[np.int32]
Rows = NDArray[np.int64]


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
    raw_codes, first_rows = _distinct(stated)
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


def _distinct(stated: pl.Series) -> tuple[Codes, Rows]:
    """The code of each text in the order of first appearance, and the row of that appearance.

    Coding 64-bit hashes is several times faster than coding the texts. A second hash with another seed shows
    whether two texts share the first one; then, once in the life of a universe, the texts are coded themselves.
    """
    codes, first_rows = _code(pa.array(stated.hash(seed=1).to_numpy()))
    check = stated.hash(seed=2).to_numpy()
    if (check[first_rows][codes] != check).any():
        return _code(stated.to_arrow())
    return codes, first_rows


def _code(keys: pa.Array) -> tuple[Codes, Rows]:
    coded = keys.dictionary_encode()
    codes: Codes = coded.indices.to_numpy().astype(np.int32, copy=False)
    first_rows: Rows = np.empty(len(coded.dictionary), dtype=np.int64)
    first_rows[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    return codes, first_rows
