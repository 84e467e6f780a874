"""The outbox: a person's messages with all that can go wrong between a hand and a server.

In: what happened, when, on which device. Out: lines with the moment each arrives. Next: sorting.
"""

from __future__ import annotations

from shoal.model.time import HOUR, MINUTE, SECOND
from shoal.simulation.chance import Chance
from shoal.simulation.config import Simulation
from shoal.simulation.messages import Message, encode, moment_text

LATE_MS = 5 * MINUTE
"""A message is late when it arrives longer than this after it happened."""

_LATEST_MS = 36 * HOUR
_LONGEST_RETRY_MS = HOUR


class Outbox:
    """Turns what one person does into lines. `lines` holds (moment of arrival, line) in no order."""

    __slots__ = ("_count", "_duplicates", "_end", "_late", "_prefix", "_uniform", "lines")

    def __init__(self, simulation: Simulation, chance: Chance, prefix: str) -> None:
        self.lines: list[tuple[int, bytes]] = []
        self._late, self._duplicates = simulation.late, simulation.duplicates
        self._uniform = chance.uniform
        self._prefix = prefix
        self._count = 0
        self._end = simulation.end_ms

    def send(self, at: int, skew_ms: int, message: Message) -> None:
        """Sends a message about something that happened `at`, perhaps late, perhaps twice.

        The moment that a server can correct for skew is `receivedAt - (sentAt - originalTimestamp)`, as it has
        only the device's clock to go by; so `timestamp` is the true moment plus the time on the way.
        """
        uniform = self._uniform
        way_ms = 20 + int(uniform() * 180)
        self._count += 1
        message.message_id = f"{self._prefix}-{self._count:04x}"
        message.timestamp = moment_text(at + way_ms)
        message.original_timestamp = moment_text(at + skew_ms)
        if uniform() >= self._late:
            sent, message.received_at, message.sent_at = at, message.timestamp, message.original_timestamp
        else:
            sent = at + self._delay(at)
            message.received_at, message.sent_at = moment_text(sent + way_ms), moment_text(sent + skew_ms)
        self.lines.append((sent + way_ms, encode(message)))
        if uniform() < self._duplicates:
            self._send_again(message, sent, way_ms, skew_ms)

    def _delay(self, at: int) -> int:
        """How long a device keeps a late message. Most are minutes late, few a day."""
        share = self._uniform()
        delay = LATE_MS + int((_LATEST_MS - LATE_MS) * share * share * share)
        return min(delay, self._end - at - 2 * SECOND)

    def _send_again(self, message: Message, sent: int, way_ms: int, skew_ms: int) -> None:
        """The same message once more, as a device does that did not hear the server's answer."""
        share = self._uniform()
        wait = SECOND + int(_LONGEST_RETRY_MS * share * share * share)
        again = min(sent + wait, self._end - way_ms - 1)
        message.received_at = moment_text(again + way_ms)
        message.sent_at = moment_text(again + skew_ms)
        self.lines.append((again + way_ms, encode(message)))
