"""Lines of JSON as columns: which values stand at which path, for many lines at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from shoal.collect import json_scan
from shoal.collect.json_scan import ESCAPED, FALSE, ITEMS, LONGEST_NAMES, MOST_PATHS, NOTHING, NUMBER, TEXT, TRUE
from shoal.collect.rows import Letters, Raw
from shoal.model.value import EXACT_INTEGER_LIMIT

Ints = NDArray[np.integer[Any]]
Flags = NDArray[np.bool_]

_POWERS = 10.0 ** np.arange(23)


@dataclass(frozen=True, slots=True)
class Found:
    """The values at one path: their rows (ascending), types and places."""

    rows: Ints
    kinds: Ints
    starts: Ints
    ends: Ints

    def __getitem__(self, chosen: Flags) -> Found:
        return Found(self.rows[chosen], self.kinds[chosen], self.starts[chosen], self.ends[chosen])

    def present(self) -> Found:
        """Without nulls."""
        is_null = self.kinds == NOTHING
        return self[~is_null] if is_null.any() else self


def are_of(found: Ints, *kinds: int) -> Flags:
    """Which of the types found are among `kinds`."""
    chosen = np.zeros(8, np.bool_)
    chosen[list(kinds)] = True
    return chosen[found]


class JsonPaths:
    """The paths seen in one file. It is asked block after block."""

    def __init__(self) -> None:
        self._paths = np.zeros((6, MOST_PATHS), np.int64)
        self._paths[5, 0] = 1
        self._names = np.zeros(LONGEST_NAMES, np.uint8)
        self._table = np.zeros(4 * MOST_PATHS, np.int32)
        self.keys: list[tuple[str, ...]] = [()]

    def scan(self, raw: Raw, odd: Flags) -> dict[tuple[str, ...], Found]:
        """The values of each path (the keys that lead to it). Rows that are odd are marked, and left out.

        A row that says the same dotted path in two ways is odd as well.
        """
        self._paths[3] = -1
        tokens = np.empty((5, len(raw.letters) // 4 + 2), np.int32)
        count = json_scan.scan(
            raw.letters, raw.starts, raw.ends, self._paths, self._names, self._table, tokens, odd
        )
        self._name_new_paths()
        ordered, ends = np.empty((4, count), np.int32), np.zeros(len(self.keys) + 1, np.int64)
        json_scan.by_path(tokens[:, :count], ordered, ends)
        found = {
            self.keys[path]: Found(*ordered[:, first:last])
            for path, (first, last) in enumerate(pairwise([0, *ends.tolist()]))
            if last > first
        }
        _mark_ambiguous(found, odd)
        if not odd.any():
            return found
        return {keys: values[~odd[values.rows]] for keys, values in found.items()}

    def _name_new_paths(self) -> None:
        for path in range(len(self.keys), int(self._paths[5, 0])):
            parent, start, end = self._paths[:3, path].tolist()
            self.keys.append((*self.keys[parent], self._names[start:end].tobytes().decode(errors="replace")))


def _mark_ambiguous(found: dict[tuple[str, ...], Found], odd: Flags) -> None:
    by_name: dict[str, tuple[str, ...]] = {}
    for keys, values in found.items():
        other = by_name.setdefault(".".join(keys), keys)
        if other != keys:
            odd[np.intersect1d(values.rows, found[other].rows)] = True


class Dense:
    """The values of one field in `size` rows; what is put later replaces what is there."""

    def __init__(self, size: int) -> None:
        self.kinds = np.zeros(size, np.int8)
        self.starts, self.ends = np.zeros(size, np.int64), np.zeros(size, np.int64)

    def put(self, found: Found) -> None:
        self.kinds[found.rows] = found.kinds
        self.starts[found.rows], self.ends[found.rows] = found.starts, found.ends

    def has(self, *kinds: int) -> Flags:
        return are_of(self.kinds, *kinds)

    def texts(self, letters: Letters, chosen: Flags) -> pl.Series:
        """What stands at the chosen rows, null at others: texts as they are, anything else as it is written."""
        offsets = np.empty(len(chosen) + 1, np.int64)
        content = np.empty(int((self.ends - self.starts).sum()), np.uint8)
        size = json_scan.gather(letters, self.starts, self.ends, self.kinds, chosen, offsets, content)
        return _series(pa.large_string(), chosen, [pa.py_buffer(offsets), pa.py_buffer(content[:size])])

    def numbers(self, letters: Letters) -> tuple[pl.Series | None, Ints]:
        """The numbers, and the rows whose number is beyond all doubles. Integers beyond 2**53 become texts."""
        rows = np.flatnonzero(self.kinds == NUMBER)
        numbers, exact = np.zeros(len(rows)), np.zeros(len(rows), np.bool_)
        json_scan.read_numbers(letters, self.starts[rows], self.ends[rows], _POWERS, numbers, exact)
        bad = list[int]()
        for index in np.flatnonzero(~exact).tolist():
            row = rows[index]
            literal = letters[self.starts[row] : self.ends[row]].tobytes().decode()
            numbers[index] = float(literal)
            if abs(numbers[index]) > EXACT_INTEGER_LIMIT and literal.lstrip("-").isdigit():
                self.kinds[row] = TEXT
            elif np.isinf(numbers[index]):
                bad.append(int(row))
        is_number = self.kinds == NUMBER
        if not is_number.any():
            return None, np.array(bad, np.int64)
        dense = np.zeros(len(self.kinds))
        dense[rows] = numbers + 0.0
        return _series(pa.float64(), is_number, [pa.py_buffer(dense)]), np.array(bad, np.int64)

    def truths(self) -> pl.Series:
        return pl.Series(self.kinds == TRUE).set(pl.Series(~self.has(TRUE, FALSE)), None)

    def items(self, letters: Letters) -> tuple[pl.Series, Ints]:
        """Lists as canonical JSON, and the rows whose list is not JSON."""
        rows = np.flatnonzero(self.kinds == ITEMS)
        found: list[str | None] = [None] * len(self.kinds)
        bad = []
        for row in rows.tolist():
            value = _canonical(letters[self.starts[row] : self.ends[row]].tobytes())
            found[row] = value
            if value is None:
                bad.append(row)
        return pl.Series(found, dtype=pl.String), np.array(bad, np.int64)


def _canonical(literal: bytes) -> str | None:
    try:
        return _encode(_decode(literal)).decode()
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder(order="deterministic").encode


def _series(dtype: pa.DataType, valid: Flags, buffers: Sequence[pa.Buffer]) -> pl.Series:
    mask = None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little"))
    series = pl.from_arrow(pa.Array.from_buffers(dtype, len(valid), [mask, *buffers]))
    assert isinstance(series, pl.Series)
    return series


def typed_columns(dense: Dense, letters: Letters) -> tuple[Iterator[tuple[str, pl.Series]], Ints]:
    """(type, column) for each type that the values have, and the rows that have a value nobody can keep."""
    columns: list[tuple[str, pl.Series]] = []
    bad: list[Ints] = [np.zeros(0, np.int64)]
    if dense.has(NUMBER).any():
        numbers, rows = dense.numbers(letters)
        bad.append(rows)
        if numbers is not None:
            columns.append(("number", numbers))
    is_text = dense.has(TEXT, ESCAPED)
    if is_text.any():
        columns.append(("text", dense.texts(letters, is_text)))
    if dense.has(TRUE, FALSE).any():
        columns.append(("truth", dense.truths()))
    if dense.has(ITEMS).any():
        items, rows = dense.items(letters)
        bad.append(rows)
        columns.append(("items", items))
    return iter(columns), np.concatenate(bad)


def text_at(message: Any, path: str) -> str | None:
    """What stands at a dotted path of a decoded object, as text. The slow way."""
    found = _at(message, path)
    if found is None or isinstance(found, str):
        return found
    return msgspec.json.encode(found).decode()


def _at(message: Any, path: str) -> Any:
    if not isinstance(message, dict):
        return None
    if path in message:
        return message[path]
    key, point, rest = path.partition(".")
    while point:
        if key in message:
            found = _at(message[key], rest)
            if found is not None:
                return found
        more, point, rest = rest.partition(".")
        key = f"{key}.{more}"
    return None
