"""A column that grows at its end, with room for more so that it is seldom copied."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FEWEST = 64


def lengthened(column: NDArray[Any], length: int) -> NDArray[Any]:
    """The same column, so long; what is in its new part is not said."""
    longer = np.empty((*column.shape[:-1], length), column.dtype)
    longer[..., : column.shape[-1]] = column
    return longer


class GrowingColumn:
    """Numbers of one type, one after the other."""

    def __init__(self, values: NDArray[Any]) -> None:
        self._held = values
        self._count = len(values)

    def __len__(self) -> int:
        return self._count

    @property
    def values(self) -> NDArray[Any]:
        """The numbers; those of the same column, so what is written here stays."""
        return self._held[: self._count]

    def extend(self, more: NDArray[Any]) -> None:
        count = self._count + len(more)
        if count > len(self._held):
            self._held = lengthened(self._held, max(count + count // 4, FEWEST))
        self._held[self._count : count] = more
        self._count = count
