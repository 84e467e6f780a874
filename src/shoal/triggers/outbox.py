"""The outbox, as those see it who deliver: what is due, in which order, and what became of it.

Deliveries are written by the trigger machine, in one transaction with the change that they come from. Everything
here may be called from another thread or process than the one that writes them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from shoal.model.firing import Delivery, Firing, Outcome, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What became of an attempt at a delivery.

    `status` is READY to try again at `not_before`, and otherwise where it ends: DELIVERED, DEAD, NO_CONSENT,
    EXPIRED or UNREACHABLE. `attempts` counts this one, when something was sent. `at` is the moment of the result.
    """

    id: str
    status: Status
    at: int
    attempts: int
    reason: str = ""
    not_before: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which firings or deliveries people want to see. What is left empty chooses nothing out."""

    trigger: str = ""
    person: str = ""
    destination: str = ""
    status: Status | None = None
    outcome: Outcome | None = None


class Outbox(Protocol):
    """Deliveries in their lines. A line is what waits for one person at one destination: first in, first out.

    Only the head of a line is ever due. The second is due when the first is settled for good, so that one
    destination sees what concerns a person in order, and nobody waits for somebody else. Every method raises
    StoreError when the disk fails; then nothing of that call has happened.
    """

    def due(self, destination: str, now: int, limit: int, *, leave_out: Collection[str] = ()) -> list[Delivery]:
        """The heads of lines of a destination that may be sent now, the longest due first.

        READY, `not_before` has come, not expired. `leave_out` are ids that are being sent at the moment.
        """
        ...

    def due_for(self, destination: str, persons: Collection[str], now: int) -> list[Delivery]:
        """The same, only for some persons: a page can be reached only while somebody looks at it."""
        ...

    def next_due(self, destination: str) -> int:
        """From when on a head of a line of the destination may be sent: it may have passed. NEVER without any."""
        ...

    def destinations(self) -> list[str]:
        """Those for which something is READY."""
        ...

    def settle(self, results: Iterable[Settlement]) -> None:
        """Writes results down, all in one transaction.

        Results for what is not READY any more (erased, or settled by somebody else meanwhile) are left out.
        """
        ...

    def expire(self, now: int) -> int:
        """Settles what is READY and pointless since `expires_at` as EXPIRED; how many there were."""
        ...

    def replay(self, ids: Iterable[str], now: int) -> int:
        """Puts DEAD deliveries at the end of their lines again, as if never tried; how many there were."""
        ...

    def find(self, wanted: Wanted, limit: int) -> list[Delivery]:
        """Deliveries for people to see, the latest first."""
        ...

    def find_firings(self, wanted: Wanted, limit: int) -> list[Firing]:
        """Firings for people to see, the latest first."""
        ...

    def counts(self) -> Mapping[tuple[str, str, Status], int]:
        """How many deliveries there are, by trigger, destination and status."""
        ...

    def count_firings(self) -> Mapping[tuple[str, Outcome], int]:
        """How many firings there are, by trigger and outcome."""
        ...

    def find_persons(self, names: Collection[str]) -> list[str]:
        """Who is or was called by one of these names of profiles, by the names of now."""
        ...

    def close(self) -> None:
        """Ends the use of it from this thread."""
        ...
