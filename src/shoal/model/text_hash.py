"""128-bit hashes of texts, such as message ids: SipHash-2-4 with 128 bits (Aumasson and Bernstein, 2012).

The same on every machine and with every version of our libraries, because stored indexes depend on it.
"""

from __future__ import annotations

import numba
import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Spans = NDArray[np.int64]

KEY = b"shoal message id"
"""Fixed: whoever could make a collision with somebody's message id could as well send that id itself."""

_compiled = numba.njit(cache=True, nogil=True)


def hash_texts(texts: pl.Series, key: bytes = KEY) -> tuple[Words, Words]:
    """The first and the second 64 bits of the hash of each text (as UTF-8)."""
    assert texts.null_count() == 0, "every event has a message id"
    return hash_arrow(texts.rechunk().to_arrow(), key)


def hash_arrow(texts: pa.LargeStringArray, key: bytes) -> tuple[Words, Words]:
    """The same of texts as Arrow has them; none may be null."""
    high, low = np.empty(len(texts), np.uint64), np.empty(len(texts), np.uint64)
    if len(texts):
        _, offsets, content = texts.buffers()
        ends = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
        letters = np.frombuffer(content or b"", np.uint8)
        _hash_all(letters, ends, np.frombuffer(key, "<u8").astype(np.uint64), high, low)
    return high, low


def hash_spans(letters: NDArray[np.uint8], starts: Spans, ends: Spans, key: bytes) -> tuple[Words, Words]:
    """The hash of each span of `letters`, as `hash_texts` would give it for that text."""
    high, low = np.empty(len(starts), np.uint64), np.empty(len(starts), np.uint64)
    _hash_spans(letters, starts, ends, np.frombuffer(key, "<u8").astype(np.uint64), high, low)
    return high, low


# An integer literal beside an unsigned number makes a float in Numba, so every constant is a uint64.
_V0, _V1 = np.uint64(0x736F6D6570736575), np.uint64(0x646F72616E646F6D)
_V2, _V3 = np.uint64(0x6C7967656E657261), np.uint64(0x7465646279746573)
_LONG, _SECOND = np.uint64(0xEE), np.uint64(0xDD)
_8, _13, _16, _17, _21, _32, _64 = (np.uint64(bits) for bits in (8, 13, 16, 17, 21, 32, 64))


@_compiled
def _turned(word, bits):  # type: ignore[no-untyped-def]
    return (word << bits) | (word >> (_64 - bits))


@_compiled
def _round(v0, v1, v2, v3):  # type: ignore[no-untyped-def]
    v0, v2 = v0 + v1, v2 + v3
    v1, v3 = _turned(v1, _13) ^ v0, _turned(v3, _16) ^ v2
    v0 = _turned(v0, _32)
    v2, v0 = v2 + v1, v0 + v3
    v1, v3 = _turned(v1, _17) ^ v2, _turned(v3, _21) ^ v0
    return v0, v1, _turned(v2, _32), v3


@_compiled
def _word(letters, start, end):  # type: ignore[no-untyped-def]
    """Up to eight bytes as a little-endian number."""
    word, shift = np.uint64(0), np.uint64(0)
    for place in range(start, end):
        word |= np.uint64(letters[place]) << shift
        shift += _8
    return word


@_compiled
def _hash_one(letters, start, end, key):  # type: ignore[no-untyped-def]
    v0, v1, v2, v3 = key[0] ^ _V0, key[1] ^ _V1 ^ _LONG, key[0] ^ _V2, key[1] ^ _V3
    whole = (end - start) // 8
    for index in range(whole + 1):
        begin = start + 8 * index
        if index < whole:
            word = _word(letters, begin, begin + 8)
        else:
            word = _word(letters, begin, end) | (np.uint64((end - start) & 255) << np.uint64(56))
        v3 ^= word
        for _ in range(2):
            v0, v1, v2, v3 = _round(v0, v1, v2, v3)
        v0 ^= word
    v2 ^= _LONG
    for _ in range(4):
        v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    first = v0 ^ v1 ^ v2 ^ v3
    v1 ^= _SECOND
    for _ in range(4):
        v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    return first, v0 ^ v1 ^ v2 ^ v3


@_compiled
def _hash_all(letters, ends, key, high, low):  # type: ignore[no-untyped-def]
    for index in range(len(high)):
        high[index], low[index] = _hash_one(letters, ends[index], ends[index + 1], key)


@_compiled
def _hash_spans(letters, starts, ends, key, high, low):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    for index in range(len(high)):
        high[index], low[index] = _hash_one(letters, starts[index], ends[index], key)
