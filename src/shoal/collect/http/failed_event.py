"""A failed event: a message that came in and is no event, with everything that is needed to try it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from shoal.journal.journal import Arrival

REPLAYED_FROM = "replayed-from"
"""Kept like a header, but not sent: which failed event a request is a replay of."""

_NOT_OF_THE_BODY = ("content-encoding",)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedEvent:
    """Which message of which request, why it is no event, and what it was.

    `shared` is what its batch says for all its messages, None for a request that is one message.
    """

    position: int
    index: int
    reason: str
    arrival: Arrival
    message: bytes
    shared: Mapping[str, Any] | None = None

    @property
    def key(self) -> str:
        """`7.0`: the first message of the request at position 7."""
        return f"{self.position}.{self.index}"

    def again(self, message: bytes | None = None) -> Arrival:
        """The request that tries it again, or a corrected message in its place: received when it was first."""
        written = self.message if message is None else message
        headers = {name: value for name, value in self.arrival.headers.items() if name not in _NOT_OF_THE_BODY}
        body = written
        if self.shared is not None:
            said = {key: value for key, value in self.shared.items() if value is not None}
            rest = b"".join(
                b',"%s":%s' % (key.encode(), msgspec.json.encode(value)) for key, value in said.items()
            )
            body = b'{"batch":[%s]%s}' % (written, rest)
        return replace(self.arrival, body=body, headers={**headers, REPLAYED_FROM: self.key})
