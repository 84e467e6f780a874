"""How the loops of identity are compiled: on their first call, and kept on the disk between runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba

_P = ParamSpec("_P")
_R = TypeVar("_R")


def compiled(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """The function, compiled and cached; it does not hold the interpreter."""
    made: Callable[_P, _R] = numba.njit(cache=True, nogil=True)(function)
    return made
