"""Blocks: a stream of bytes cut into pieces that end where a record ends, in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from shoal.collect.rows import KEPT_OF_LONG_ROW
from shoal.collect.source import CHUNK, Bytes

T = TypeVar("T")

LONGEST_BLOCK = 4 * CHUNK
"""A record for which more bytes would have to be held is given up and passed over."""

Scan = Callable[[bytes, bool], tuple[T, int]]
"""(bytes, whether they are the last) -> (what was found, how many bytes it took)."""


def iter_blocks(stream: Bytes, scan: Scan[T], give_up: Callable[[bytes], T]) -> Iterator[T]:
    """What `scan` finds in one block after the other.

    What follows the last whole record of a file that broke off is not a record: it is left out.
    `give_up` gets the beginning of a record that never ends.
    """
    rest, is_passing = b"", False
    for chunk in stream.chunks():
        if is_passing:
            _, newline, chunk = chunk.partition(b"\n")  # noqa: PLW2901
            is_passing = not newline
            if is_passing:
                continue
        block = rest + chunk
        found, taken = scan(block, False)
        rest = block[taken:]
        yield found
        if len(rest) > LONGEST_BLOCK:
            yield give_up(rest[: 2 * KEPT_OF_LONG_ROW])
            rest, is_passing = b"", True
    if rest and stream.broken is None:
        yield scan(rest, True)[0]
