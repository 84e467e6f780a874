"""Message ids made from rows: the same row of the same source always has the same one."""

from __future__ import annotations

import hashlib
from functools import cached_property

import numba
import numpy as np
import polars as pl
from numpy.typing import NDArray

from shoal.collect.csv_rows import text_series
from shoal.collect.rows import Raw
from shoal.model.text_hash import Words

_compiled = numba.njit(cache=True, nogil=True)


class RowIds:
    """Ids of the rows of one file, 32 hexadecimal digits of their bytes and the name of the mapping.

    With `keeps_duplicates` the second of two equal rows gets `~1`, the third `~2`. For that it remembers 16 bytes
    of every row of the file, and every row must be shown to it, also those that need no ids.
    """

    def __init__(self, name: str, *, keeps_duplicates: bool) -> None:
        self._key = hashlib.blake2b(name.encode(), digest_size=16).digest()
        self._seen = _Seen() if keeps_duplicates else None

    def of(self, raw: Raw) -> Ids:
        """The ids of some rows, in order."""
        return Ids(
            raw, self._key, None if self._seen is None else self._seen.times_before(raw.hashes(self._key)[0])
        )

    def show(self, raw: Raw) -> None:
        """Lets it see rows that need no ids."""
        if self._seen is not None:
            self._seen.times_before(raw.hashes(self._key)[0])


class Ids:
    """The ids of some rows; they are made when they are asked for, because many rows have one of their own."""

    def __init__(self, raw: Raw, key: bytes, times: NDArray[np.uint32] | None) -> None:
        self._raw, self._key, self._times = raw, key, times

    def from_row(self, first: int) -> Ids:
        """Those from the `first` on."""
        return Ids(self._raw.from_row(first), self._key, None if self._times is None else self._times[first:])

    @cached_property
    def all(self) -> pl.Series:
        high, low = self._raw.hashes(self._key)
        ids = _hexadecimal(high, low)
        if self._times is None or not self._times.any():
            return ids
        again = pl.Series(self._times)
        return ids.zip_with(again == 0, ids + "~" + again.cast(pl.String))


class _Seen:
    """How often each 64-bit word has been seen: an open table that doubles."""

    def __init__(self) -> None:
        self._words, self._times, self._count = np.zeros(2**16, np.uint64), np.zeros(2**16, np.uint32), 0

    def times_before(self, words: Words) -> NDArray[np.uint32]:
        """For each word how often it came before, those earlier in `words` included."""
        while (self._count + len(words)) * 2 > len(self._words):
            self._grow()
        before = np.empty(len(words), np.uint32)
        self._count += _count(self._words, self._times, words, before)
        return before

    def _grow(self) -> None:
        words, times = np.zeros(2 * len(self._words), np.uint64), np.zeros(2 * len(self._words), np.uint32)
        _move(self._words, self._times, words, times)
        self._words, self._times = words, times


def _hexadecimal(high: Words, low: Words) -> pl.Series:
    content = np.empty(32 * len(high), np.uint8)
    _write_digits(high, low, content)
    return text_series(np.arange(0, len(content) + 1, 32, dtype=np.int64), content)


_ONE, _FOUR, _FIFTEEN, _SIXTY = np.uint64(1), np.uint64(4), np.uint64(15), np.uint64(60)


@_compiled
def _write_digits(high, low, content):  # type: ignore[no-untyped-def]
    place = 0
    for row in range(len(high)):
        for word in (high[row], low[row]):
            shift = _SIXTY
            for _ in range(16):
                digit = np.uint8((word >> shift) & _FIFTEEN)
                content[place] = digit + 48 if digit < 10 else digit + 87
                place += 1
                shift -= _FOUR


@_compiled
def _place_of(words, times, word):  # type: ignore[no-untyped-def]
    mask = np.uint64(len(words) - 1)
    place = word & mask
    while times[place] and words[place] != word:
        place = (place + _ONE) & mask
    return place


@_compiled
def _count(words, times, new, before):  # type: ignore[no-untyped-def]
    added = 0
    for row in range(len(new)):
        place = _place_of(words, times, new[row])
        before[row] = times[place]
        if times[place] == 0:
            words[place] = new[row]
            added += 1
        times[place] += 1
    return added


@_compiled
def _move(old_words, old_times, words, times):  # type: ignore[no-untyped-def]
    for index in range(len(old_words)):
        if old_times[index]:
            place = _place_of(words, times, old_words[index])
            words[place], times[place] = old_words[index], old_times[index]
