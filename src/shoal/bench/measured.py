"""What one measurement found."""

from __future__ import annotations

import msgspec


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """The seconds of each step, the seconds that processors worked on it, other figures, and the most memory held.

    Where others use the processors too, their seconds say more than the clock. They leave out what processes of
    their own did.
    """

    seconds: dict[str, float]
    processor: dict[str, float] = {}
    figures: dict[str, float] = {}
    peak_bytes: int | None = None
