"""Triggers as they are written: on which occasion, for whom, within which bounds, and what is then done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shoal.definitions.definition import Written, keep_node, keep_purpose, kept
from shoal.definitions.source import Source
from shoal.model.consent import Purpose
from shoal.model.firing import Channel
from shoal.model.time import DAY, MINUTE


@dataclass(frozen=True, slots=True)
class Enters:
    """A profile enters a segment."""

    segment: str


@dataclass(frozen=True, slots=True)
class Leaves:
    """A profile leaves a segment."""

    segment: str


@dataclass(frozen=True, slots=True)
class Changes:
    """A profile enters or leaves a segment: what another system needs to hold the same audience."""

    segment: str


@dataclass(frozen=True, slots=True)
class Happens:
    """An event happens. `where` narrows which, as inside `count(..., where=...)`."""

    event: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class RunsOut:
    """`span` milliseconds have passed since an event, and another one has not happened after it."""

    after: Happens
    without: Happens
    span: int


@dataclass(frozen=True, slots=True)
class SessionEnds:
    """A profile's session is over: the gap of the settings has passed without an event."""


@dataclass(frozen=True, slots=True)
class Becomes:
    """A condition becomes true for a profile."""

    when: Written

    def __post_init__(self) -> None:
        keep_node(self, "when")


Occasion = Enters | Leaves | Changes | Happens | RunsOut | SessionEnds | Becomes


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionDefinition:
    """One thing that a trigger does. `destination` names one of `destinations` in shoal.yaml; pages need none.

    `content` holds templates by the names that the channel knows. `values` are expressions whose values, when the
    trigger fires, fill the templates and go along. `price` is what one such action costs, for the backtest.
    """

    channel: Channel
    destination: str = "page"
    content: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Written] = field(default_factory=dict)
    price: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", {name: kept(written) for name, written in self.values.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What the trigger is for: an event that is hoped for within so many milliseconds."""

    event: str = "Order Completed"
    within: int = DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerDefinition:
    """A named rule: on this occasion, when this holds, do these things."""

    name: str
    on: Occasion
    actions: tuple[ActionDefinition, ...]
    condition: Written | None = None
    """Has to hold at the moment of the change, too: `if` in files."""
    purpose: Purpose = Purpose.PERSONALISATION
    valid_for: int = 15 * MINUTE
    cooldown: int = 0
    """The trigger fires for the same person again only after so many milliseconds."""
    include_present: bool = False
    """Whether it also fires for those who are in the segment when the trigger is switched on."""
    is_dry_run: bool = False
    """It is noted when the trigger would have fired, and nothing is sent."""
    is_transactional: bool = False
    """People expect it, as a receipt: caps, quiet hours and the hold-out do not apply. Consent does."""
    goal: Goal = field(default_factory=Goal)
    title: str = ""
    description: str = ""
    source: Source = field(default_factory=Source, compare=False)

    kind = "trigger"

    def __post_init__(self) -> None:
        keep_node(self, "condition")
        keep_purpose(self, self.purpose)
