"""The circuit breaker of a destination: after failures in a row it is left alone, then tried with one delivery.

Closed, everything is sent. Open, nothing is, until a moment. Half-open, one delivery is tried: it closes the
breaker, or opens it for longer. While it is open deliveries wait without using their attempts up.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shoal.model.time import SECOND

FAILURES_UNTIL_OPEN = 5

PAUSES = tuple(seconds * SECOND for seconds in (10, 20, 40, 80, 160, 300))
"""How long it stays open the first time, the second time in a row, and so on; the last one from then on."""


class Condition(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(slots=True)
class Breaker:
    """What is known of a destination. Moments are milliseconds."""

    _open_until: int = 0
    _rests_until: int = 0
    _failures: int = 0
    _opened: int = 0
    """How often in a row it was opened; 0 when it is closed."""
    _is_tried: bool = False

    @property
    def until(self) -> int:
        """Nothing is sent before this moment."""
        return max(self._open_until, self._rests_until)

    def condition(self, now: int) -> Condition:
        """How it is now."""
        if now < self.until:
            return Condition.OPEN
        return Condition.HALF_OPEN if self._opened else Condition.CLOSED

    def lets_through(self, now: int) -> bool:
        """Whether a delivery may be sent now."""
        match self.condition(now):
            case Condition.OPEN:
                return False
            case Condition.HALF_OPEN:
                return not self._is_tried
        return True

    def begin(self) -> None:
        """A delivery is being sent. Half-open, no other is until this one has a result."""
        self._is_tried = self._opened > 0

    def succeed(self) -> None:
        """A delivery was taken, or refused by somebody who is well: the destination works."""
        self._open_until = self._failures = self._opened = 0
        self._is_tried = False

    def fail(self, now: int) -> None:
        """A delivery failed by the destination's fault."""
        self._failures += 1
        if self._opened and not self._is_tried:
            return  # it was on its way when the breaker opened, and says nothing new
        if self._opened or self._failures >= FAILURES_UNTIL_OPEN:
            self._opened += 1
            self._is_tried = False
            self._open_until = now + PAUSES[min(self._opened, len(PAUSES)) - 1]

    def rest(self, until: int) -> None:
        """The destination asked to be left alone, however well it is otherwise."""
        self._rests_until = max(self._rests_until, until)

    def know_nothing(self) -> None:
        """What was begun did not come to a result."""
        self._is_tried = False
