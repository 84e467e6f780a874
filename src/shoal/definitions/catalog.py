"""What has been seen: event names, properties, traits and context, for `check` to compare definitions with."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol


class EventSeen(Protocol):
    """One event name: how often it came, and the types that each of its properties was seen with."""

    @property
    def count(self) -> int: ...

    @property
    def properties(self) -> Mapping[str, Collection[str]]: ...


class Catalog(Protocol):
    """Names of everything that has come in. Paths are without their root: `price`, `device.type`."""

    @property
    def events(self) -> Mapping[str, EventSeen]: ...

    @property
    def traits(self) -> Collection[str]: ...

    @property
    def context(self) -> Collection[str]: ...


@dataclass(frozen=True, slots=True)
class Seen:
    """A catalog with ways to ask it."""

    catalog: Catalog
    _folded: dict[str, str] = field(default_factory=dict)

    def has_event(self, pattern: str) -> bool:
        """Whether an event by this name, or by a name with this beginning, was seen."""
        return bool(self.events_named(pattern))

    def events_named(self, pattern: str) -> list[EventSeen]:
        if pattern.endswith("*"):
            return [seen for name, seen in self.catalog.events.items() if name.startswith(pattern[:-1])]
        seen = self.catalog.events.get(pattern)
        return [] if seen is None else [seen]

    def similar_event(self, name: str) -> str:
        return did_you_mean(name, self.catalog.events)

    def known_paths(self, root: str, names: Iterable[str]) -> set[str] | None:
        """The paths seen under a root (on any of these events); None when that cannot be said."""
        match root:
            case "traits":
                return set(self.catalog.traits)
            case "context":
                return set(self.catalog.context)
            case "properties":
                events = [seen for name in names for seen in self.events_named(name)]
                return {path for seen in events for path in seen.properties} if events else None
            case _:
                return None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint with the nearest known name, upper and lower case aside; empty when none is near."""
    by_folded = {each.casefold(): each for each in known}
    close = difflib.get_close_matches(name.rstrip("*").casefold(), by_folded, 1)
    return f'did you mean "{by_folded[close[0]]}"?' if close else ""
