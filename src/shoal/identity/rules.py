"""The rules by which identifiers become profiles: kinds, their priority, limits, blocked values, kept apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from shoal.identity.blocked import (
    LONGEST_IDENTIFIER,
    is_blocked_email,
    is_blocked_phone,
    is_blocked_word,
    matches_any,
)
from shoal.model.event import Event, EventKind
from shoal.model.identifier import Identifier, normalised

DEVICE = "anonymous_id"
SHARED = "#shared"
"""Ends the id of the node that holds the anonymous events of a device of many owners."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KindRule:
    """One kind of identifier: how many of it one profile may have (None: any number), and what is blocked.

    `blocked` and `blocked_patterns` come on top of the shipped list; both ignore case.
    """

    name: str
    limit: int | None = None
    blocked: frozenset[str] = frozenset()
    blocked_patterns: tuple[str, ...] = ()

    def normalise(self, value: str) -> str:
        """The form in which two statements of one identifier are the same text."""
        return normalised(self.name, value)

    def usable(self, value: str) -> str | None:
        """The normalised value, or None when it is blocked."""
        return self.usable_many([value])[0]

    def usable_many(self, values: Sequence[str]) -> list[str | None]:
        """`usable` of each value. The cost of patterns is paid once."""
        usable = [self._usable_by_words(value) for value in values]
        if self.blocked_patterns:
            texts = [value or "" for value in usable]
            matched = matches_any(texts, self.blocked_patterns)
            usable = [None if hit else value for value, hit in zip(usable, matched, strict=True)]
        return usable

    def _usable_by_words(self, raw: str) -> str | None:
        if len(raw) > LONGEST_IDENTIFIER:
            return None
        value = self.normalise(raw)
        if is_blocked_word(value, self.blocked):
            return None
        if self.name == "email":
            return None if is_blocked_email(value, self.blocked) else value
        if self.name == "phone":
            return None if is_blocked_phone(value) else value
        # Such a device would share its profile id with the shared part of another one.
        return None if self.name == DEVICE and value.endswith(SHARED) else value


SHIPPED_KINDS = (
    KindRule(name="user_id", limit=1),
    KindRule(name="email", limit=5),
    KindRule(name="phone", limit=5),
)
"""Person-level kinds, highest priority first."""


@dataclass(frozen=True, kw_only=True)
class IdentityRules:
    """How a workspace turns identifiers into profiles.

    `people` are the person-level kinds, highest priority first, `user_id` before all. A device with more
    than `shared_device_owners` owners is shared. A pair in `separate` is never in one profile.
    """

    people: tuple[KindRule, ...] = SHIPPED_KINDS
    device: KindRule = field(default_factory=lambda: KindRule(name=DEVICE))
    shared_device_owners: int = 5
    separate: tuple[tuple[Identifier, Identifier], ...] = ()

    @cached_property
    def kinds(self) -> tuple[KindRule, ...]:
        """Every kind, highest priority first."""
        return (*self.people, self.device)

    @cached_property
    def priority(self) -> dict[str, int]:
        """The place of each kind in `kinds`."""
        return {kind.name: place for place, kind in enumerate(self.kinds)}

    def usable(self, stated: Identifier) -> Identifier | None:
        """The normalised identifier; None when it is blocked or of a kind that is not an identifier here."""
        place = self.priority.get(stated.kind)
        value = None if place is None else self.kinds[place].usable(stated.value)
        return None if value is None else Identifier(stated.kind, value)

    def stated(self, event: Event) -> Iterator[Identifier]:
        """The identifiers an event states, as written: those of `Event.identifiers` and of the kinds added here.

        An added kind is a trait of that name, stated as text by an identify event.
        """
        for identifier in event.identifiers():
            if identifier.kind in self.priority:
                yield identifier
        if event.kind is EventKind.IDENTIFY:
            for kind in self.people:
                value = event.fields.get(f"traits.{kind.name}")
                if kind.name in self._added and isinstance(value, str):
                    yield Identifier(kind.name, value)

    @cached_property
    def _added(self) -> frozenset[str]:
        return frozenset(kind.name for kind in self.people) - {kind.name for kind in SHIPPED_KINDS}

    def kept_apart(self) -> Iterator[tuple[Identifier, Identifier]]:
        """The pairs of `separate`, normalised. A pair with a blocked identifier, or of one identifier
        written in two ways, keeps nothing apart."""
        for left, right in self.separate:
            pair = self.usable(left), self.usable(right)
            if pair[0] is not None and pair[1] is not None and pair[0] != pair[1]:
                yield pair[0], pair[1]

    def in_priority(self, identifiers: Iterable[Identifier]) -> list[Identifier]:
        """Identifiers by priority of their kind."""
        return sorted(identifiers, key=lambda identifier: self.priority[identifier.kind])
