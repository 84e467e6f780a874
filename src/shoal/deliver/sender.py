"""What the worker asks of whoever sends: try one delivery once, and say how it went."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from shoal.model.firing import Delivery


class Result(StrEnum):
    """How one attempt went."""

    DELIVERED = "delivered"
    AGAIN = "again"
    """It failed in a way that may pass. The schedule says when it is tried again."""
    REFUSED = "refused"
    """This delivery will never be taken: its address does not exist, say."""
    GONE = "gone"
    """The destination wants nothing any more."""
    AWAY = "away"
    """Nobody was there, as when a page was closed just now. It does not count as an attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """How an attempt went, and why, in words that hold no secret and nobody's address.

    `retry_after_ms` is how long the destination asked to be left alone. `is_destinations_fault` says whether a
    failure speaks against the destination, or only of this delivery.
    """

    result: Result
    reason: str = ""
    retry_after_ms: int | None = None
    is_destinations_fault: bool = True

    @classmethod
    def delivered(cls) -> Sent:
        """It is there."""
        return cls(result=Result.DELIVERED)

    @classmethod
    def again(cls, reason: str, *, after_ms: int | None = None, is_destinations_fault: bool = True) -> Sent:
        """It failed, and may be tried again: after what the destination asked for, if it did."""
        return cls(
            result=Result.AGAIN,
            reason=reason,
            retry_after_ms=after_ms,
            is_destinations_fault=is_destinations_fault,
        )

    @classmethod
    def refused(cls, reason: str) -> Sent:
        """It will never be taken."""
        return cls(result=Result.REFUSED, reason=reason)

    @classmethod
    def gone(cls, reason: str) -> Sent:
        """Neither this one nor any other will be taken."""
        return cls(result=Result.GONE, reason=reason)

    @classmethod
    def away(cls, reason: str = "nobody was there") -> Sent:
        """There was nobody to send it to just now."""
        return cls(result=Result.AWAY, reason=reason)


class Sender(Protocol):
    """Sends to one destination. Everything happens on the worker's loop."""

    async def send(self, delivery: Delivery) -> Sent:
        """One attempt. What is raised counts as a failure that may pass; nobody's address may be in a log."""
        ...

    async def close(self) -> None:
        """Ends connections."""
        ...


@runtime_checkable
class PageHub(Protocol):
    """Reaches pages that people look at. It lives with the web server and is called from the worker's loop."""

    def persons(self) -> Collection[str]:
        """Who looks at a page at the moment, by the names that deliveries use. Called from any thread."""
        ...

    async def send(self, delivery: Delivery) -> Sent:
        """Hands an offer to the person's pages. AWAY when there is none any more."""
        ...
