"""The dictionary: every text, truth and list that histories hold, as a small number."""

from __future__ import annotations

from threading import Lock

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shoal.model.text_codes import code_texts
from shoal.model.value import Items

Codes = NDArray[np.int32]
Coded = str | bool | Items

FALSE, TRUE = 0, 1
"""The codes of the two truths, the same in every dictionary."""

MISSING = -1


class Dictionary:
    """Codes of values that are no numbers. It only grows, and equal values have equal codes."""

    def __init__(self) -> None:
        self.values: list[Coded] = [False, True]
        self._texts: dict[str, int] = {}
        self._items: dict[str, int] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self.values)

    def code(self, value: Coded) -> int:
        """The code of a value, which is taken in when it is new."""
        if isinstance(value, bool):
            return int(value)
        codes, key = (self._items, value.json) if isinstance(value, Items) else (self._texts, value)
        code = codes.get(key)
        if code is None:
            with self._lock:
                code = codes.setdefault(key, len(self.values))
                if code == len(self.values):
                    self.values.append(value)
        return code

    def code_column(self, column: pl.Series, type_name: str) -> Codes:
        """The codes of a field column (`text`, `truth` or `items`), MISSING where it is null."""
        if type_name == "truth":
            return column.cast(pl.Int32).fill_null(MISSING).to_numpy()
        codes = np.full(len(column), MISSING, np.int32)
        present = column.is_not_null().to_numpy()
        stated = column.drop_nulls()
        if len(stated):
            local, first_rows = code_texts(stated)
            texts = stated.gather(first_rows).to_list()
            known = [self.code(Items(text) if type_name == "items" else text) for text in texts]
            codes[present] = np.array(known, np.int32)[local]
        return codes
