"""What deliveries have come to in this process: counted on the worker's loop, read by whoever asks."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict

from shoal.deliver.sender import Result

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)
"""Upper ends of the classes of the durations of attempts."""


class DeliveryFigures:
    """Attempts by destination and result, and how long they took."""

    def __init__(self) -> None:
        self.attempts = Counter[tuple[str, str]]()
        self.durations = defaultdict[str, list[int]](lambda: [0] * (len(SECONDS) + 1))
        self.seconds = defaultdict[str, float](float)

    def attempted(self, destination: str, result: Result, seconds: float) -> None:
        """Counts an attempt."""
        self.attempts[destination, result.value] += 1
        self.durations[destination][bisect_left(SECONDS, seconds)] += 1
        self.seconds[destination] += seconds
