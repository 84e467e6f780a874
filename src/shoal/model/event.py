"""The event: one thing a person did, or one statement about a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from shoal.model.identifier import Identifier
from shoal.model.value import Value


class EventKind(StrEnum):
    """What an event is. The first three are activity; the others are statements about a person."""

    TRACK = "track"
    PAGE = "page"
    SCREEN = "screen"
    IDENTIFY = "identify"
    GROUP = "group"
    ALIAS = "alias"
    CONSENT = "consent"

    @property
    def is_activity(self) -> bool:
        """Whether a person did it: activity makes sessions and is counted, statements are not."""
        return self in ACTIVITY_KINDS


ACTIVITY_KINDS = frozenset({EventKind.TRACK, EventKind.PAGE, EventKind.SCREEN})

NAME_OF_KIND = {EventKind.PAGE: "Page Viewed", EventKind.SCREEN: "Screen Viewed"}
"""Page and screen calls are events by these names; the page's own name is `properties.name`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event as every stage sees it.

    `fields` holds every present value by its dotted path, which begins with `properties.`, `traits.`,
    `context.` or `consent.`. `position` is the place in the journal: it breaks ties of `occurred_at`.
    """

    position: int
    message_id: str
    kind: EventKind
    name: str
    occurred_at: int
    received_at: int
    user_id: str | None = None
    anonymous_id: str | None = None
    previous_id: str | None = None
    fields: Mapping[str, Value] = field(default_factory=dict)

    @property
    def order(self) -> tuple[int, int]:
        """Histories are sorted by this."""
        return self.occurred_at, self.position

    @property
    def is_activity(self) -> bool:
        return self.kind.is_activity

    def identifiers(self) -> Iterator[Identifier]:
        """The identifiers this event states, unchecked, highest priority first."""
        if self.user_id is not None:
            yield Identifier("user_id", self.user_id)
        if self.kind is EventKind.IDENTIFY:
            for kind in ("email", "phone"):
                stated = self.fields.get(f"traits.{kind}")
                if isinstance(stated, str):
                    yield Identifier(kind, stated)
        if self.anonymous_id is not None:
            yield Identifier("anonymous_id", self.anonymous_id)
