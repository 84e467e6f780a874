"""How loops are compiled: once for all plans, without the interpreter lock, kept on disk between runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba

_P = ParamSpec("_P")
_R = TypeVar("_R")


def compiled(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """The function, compiled on its first call and cached. Floating point stays in order and exact."""
    made: Callable[_P, _R] = numba.njit(cache=True, nogil=True, fastmath=False, error_model="numpy")(function)
    return made
