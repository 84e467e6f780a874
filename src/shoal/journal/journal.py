"""What a journal is: requests in the order in which they came, each with a position that never changes.

`SqliteJournal` is the embedded one. Whatever else keeps a log that lasts can be one too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from shoal.errors import StoreError

EVENTS_PER_ENTRY = 4096
"""Positions kept free for the events of one request. No request has as many."""


class JournalFull(StoreError):
    """More is waiting to be written than memory is set aside for. It is safe to send it again."""


class JournalInUse(StoreError):
    """Another process is collecting into this journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A request as it came: its body untouched, when, by whose key, to which path, and a few of its headers."""

    received_at: int
    write_key: str
    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An arrival at its place. `is_whole` is false when the disk gives back other bytes than were written."""

    position: int
    arrival: Arrival
    is_whole: bool = True

    def event_position(self, index: int) -> int:
        """The position of the event number `index` of this request: the tie-breaker of `occurred_at`."""
        return self.position * EVENTS_PER_ENTRY + index


class Journal(Protocol):
    """A durable, ordered record of arrivals."""

    @property
    def position(self) -> int:
        """The position of the last entry that certainly lasts; 0 when there is none."""

    @property
    def trouble(self) -> str | None:
        """Why nothing can be written at present, for people to read; None when all is well."""

    def append(self, arrival: Arrival) -> Future[int]:
        """The arrival's position, given once it survives a loss of power; else a StoreError.

        Raises JournalFull at once when too much is waiting.
        """

    def read(self, after: int, limit: int) -> Iterator[Entry]:
        """At most `limit` entries with positions beyond `after`, in order."""

    def wait_beyond(self, position: int, timeout_s: float) -> bool:
        """Waits until there is an entry beyond `position`. False when none came in time."""

    def forget(self, through: int) -> None:
        """Entries up to `through` are kept elsewhere and may go. Some may stay for a while."""

    def close(self) -> None:
        """Writes what is waiting, then takes no more."""


def position_of_entry(event_position: int) -> int:
    """The position of the request that an event came with."""
    return event_position // EVENTS_PER_ENTRY
