"""Firings and deliveries: what a trigger did for a profile, and what is on its way because of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from shoal.model.change import Direction
from shoal.model.consent import Purpose
from shoal.model.time import NEVER

Fact = str | float | bool | None
"""A value of a profile as it is told to the world outside. None: the profile does not have it."""


class Channel(StrEnum):
    """The ways on which an action reaches a person, or the people who serve that person."""

    PAGE = "page"
    EMAIL = "email"
    WEBHOOK = "webhook"
    SLACK = "slack"
    AUDIENCE = "audience"


class Outcome(StrEnum):
    """What became of an occasion on which a trigger could fire."""

    FIRED = "fired"
    DRY_RUN = "dry_run"
    HELD_OUT = "held_out"
    """The person is in the global hold-out: nothing is done, so that what triggers bring can be measured."""
    COOLING_DOWN = "cooling_down"
    NO_CONSENT = "no_consent"
    NO_LONGER = "no_longer"
    """The person was no longer in the segment when the trigger would have fired."""
    TOO_LATE = "too_late"
    """It was known only after `valid_for` had passed since the change."""


class Status(StrEnum):
    """Where a delivery stands."""

    READY = "ready"
    HELD = "held"
    """Until quiet hours are over in the person's zone."""
    DELIVERED = "delivered"
    DEAD = "dead"
    """Given up after the last attempt, or refused for good by the destination; it can be replayed."""
    CAPPED = "capped"
    NO_CONSENT = "no_consent"
    NO_LONGER = "no_longer"
    EXPIRED = "expired"
    UNREACHABLE = "unreachable"
    """The person has no address on this channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """One occasion of a trigger and what became of it. `profile` is the profile's name at that moment.

    `effective_at` is the exact moment of the change, `seen_at` when it was acted on; both in milliseconds.
    """

    trigger: str
    profile: str
    effective_at: int
    direction: Direction
    seen_at: int
    outcome: Outcome
    reason: str = ""
    facts: Mapping[str, Fact] = field(default_factory=dict)

    id: str = field(init=False, compare=False)
    """The same for the same occasion, whoever finds it and however often."""

    def __post_init__(self) -> None:
        id_ = firing_id(self.trigger, self.profile, self.effective_at, self.direction)
        object.__setattr__(self, "id", id_)


def firing_id(trigger: str, profile: str, effective_at: int, direction: Direction) -> str:
    """The id of the firing of an occasion."""
    key = "\0".join((trigger, profile, str(effective_at), direction.value))
    return f"fir_{hashlib.sha256(key.encode()).hexdigest()[:24]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One action of a firing on its way to a destination.

    `person` is who the profile is at present: merges change it, and caps count by it. `not_before` is when it may
    be sent first, `expires_at` from when on it is pointless, `attempts` how often it was tried. `content` is what
    its channel says, with templates filled in; e-mail has the address in `to`. `facts` are the values that the
    action states, as they were when the trigger fired.
    """

    id: str
    """The firing's id and the number of the action. The same at every attempt: receivers can tell repetitions."""
    firing: str
    trigger: str
    purpose: Purpose
    """Whose consent is asked for again just before it is sent."""
    person: str
    channel: Channel
    destination: str
    status: Status
    created_at: int
    not_before: int
    expires_at: int = NEVER
    content: Mapping[str, object] = field(default_factory=dict)
    facts: Mapping[str, Fact] = field(default_factory=dict)
    reason: str = ""
    attempts: int = 0
