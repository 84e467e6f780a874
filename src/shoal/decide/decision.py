"""The rule of slots: which choice is shown to a person in a context, and why. A pure function.

In: a slot, the person's memberships, the context of the request. Out: a decision with its reason.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from shoal.decide.context import Context
from shoal.definitions.implied import choice_segment, consent_segment
from shoal.definitions.slot import ChoiceDefinition, Content, SlotDefinition
from shoal.model.consent import GRANTED_BY_DEFAULT, Purpose


class Cause(StrEnum):
    """Why a decision is as it is, for programs. Never changes."""

    AUDIENCE = "audience"
    """The person is one of those for whom the choice is meant."""
    CONTEXT = "context"
    """The choice is for everybody in such a context: a device, a place, a time."""
    EVERYBODY = "everybody"
    """The choice asks for nothing."""
    NONE_FITS = "none_fits"
    NO_CONSENT = "no_consent"
    NOT_READY = "not_ready"
    """Segments are being loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Whom a decision is for, as far as it is known.

    `memberships` is None for somebody of whom there is no event. `refuses` is what the request itself refuses,
    which stands before anything that was said before.
    """

    memberships: Container[str] | None
    refuses: frozenset[Purpose] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a slot shows. `choice` is empty for the default of the slot; `reason` is for people."""

    slot: str
    content: Content
    choice: str
    cause: Cause
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chooser:
    """Decides for the slots of one workspace. `consent` is its default by purpose."""

    slots: Mapping[str, SlotDefinition]
    consent: Mapping[Purpose, bool] = field(default_factory=lambda: GRANTED_BY_DEFAULT)

    def choose(self, slot: SlotDefinition, person: Person, context: Context) -> Decision:
        """The first choice that fits; the default without consent, and when none does."""
        refusal = self._refusal(slot.purpose, person)
        if refusal:
            return _default(slot, Cause.NO_CONSENT, refusal)
        passed = list[str]()
        for choice in slot.choices:
            obstacle = _obstacle(slot, choice, person, context)
            if not obstacle:
                return _chosen(slot, choice, passed)
            passed.append(f'"{choice.name}" {obstacle}')
        return _default(slot, Cause.NONE_FITS, "; ".join(passed) or "the slot has no choices")

    def _refusal(self, purpose: Purpose, person: Person) -> str:
        """Why the person may not be chosen for; empty when there is consent."""
        if purpose in person.refuses:
            return f"this request refuses {purpose.value}"
        if person.memberships is None:
            granted = self.consent.get(purpose, False)
            return "" if granted else f"nothing is known of this person, and {purpose.value} needs consent first"
        granted = consent_segment(purpose) in person.memberships
        return "" if granted else f"there is no consent to {purpose.value}"


def not_ready(slot: SlotDefinition) -> Decision:
    """The decision as long as nobody's memberships are known."""
    return _default(slot, Cause.NOT_READY, "segments are being loaded")


def _obstacle(slot: SlotDefinition, choice: ChoiceDefinition, person: Person, context: Context) -> str:
    """Why a choice does not fit; empty when it does. Who comes first: it is what a choice is mostly made for."""
    if choice.when is not None:
        if person.memberships is None:
            return "is for some, and nothing is known of this person"
        if choice_segment(slot.name, choice.name) not in person.memberships:
            return "is for others"
    return context.obstacle(choice.context)


def _chosen(slot: SlotDefinition, choice: ChoiceDefinition, passed: list[str]) -> Decision:
    if choice.when is not None:
        cause, because = Cause.AUDIENCE, "is for this person"
    elif choice.context:
        cause, because = Cause.CONTEXT, "is for everybody in this context"
    else:
        cause, because = Cause.EVERYBODY, "is for everybody"
    reason = "; ".join([f'"{choice.name}" {because}', *passed])
    return Decision(slot=slot.name, content=choice.content, choice=choice.name, cause=cause, reason=reason)


def _default(slot: SlotDefinition, cause: Cause, reason: str) -> Decision:
    return Decision(slot=slot.name, content=slot.default, choice="", cause=cause, reason=reason)
