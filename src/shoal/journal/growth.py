"""Which files grow together, so that many small appends neither leave many files nor rewrite large ones often."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

FILES_OF_A_SIZE = 16
"""A new file takes in the others of about its size when there are this many."""


class Sized(Protocol):
    """Anything that knows how many rows it has."""

    @property
    def rows(self) -> int: ...


S = TypeVar("S", bound=Sized)


def taken_in(new_rows: int, files: Iterable[S], *, largest: int) -> Sequence[S]:
    """The files whose rows a new file of `new_rows` rows takes over. None of them has `largest` rows or more.

    Sizes are powers of 16, so a row is rewritten once for every 16-fold growth of its file.
    """
    left, taken, rows = [file for file in files if file.rows < largest], list[S](), new_rows
    while rows < largest:
        peers = [file for file in left if _size(file.rows) == _size(rows)]
        if len(peers) < FILES_OF_A_SIZE:
            break
        taken += peers
        left = [file for file in left if file not in peers]
        rows += sum(file.rows for file in peers)
    return taken


def _size(rows: int) -> int:
    return (rows.bit_length() - 1) // 4
