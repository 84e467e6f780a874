"""Texts as numbers: each distinct text of a column gets a code in the order of its first appearance."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

Codes = NDArray[np.int32]
Rows = NDArray[np.int64]


def code_texts(texts: pl.Series) -> tuple[Codes, Rows]:
    """The code of each text (none may be null), and for each code the row of its first appearance.

    Coding 64-bit hashes is several times faster than coding the texts. A second hash with another seed shows
    whether two texts share the first one; then, once in the life of a universe, the texts are coded themselves.
    """
    codes, first_rows = _code(pa.array(texts.hash(seed=1).to_numpy()))
    check = texts.hash(seed=2).to_numpy()
    if (check[first_rows][codes] != check).any():
        return _code(texts.to_arrow())
    return codes, first_rows


def _code(keys: pa.Array) -> tuple[Codes, Rows]:
    coded = keys.dictionary_encode()
    codes: Codes = coded.indices.to_numpy().astype(np.int32, copy=False)
    first_rows: Rows = np.empty(len(coded.dictionary), dtype=np.int64)
    first_rows[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    return codes, first_rows
