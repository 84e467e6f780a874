"""Slots and segments as the flags of OpenFeature: `slot`, `slot.field`, and for servers `segment.name`.

Every answer has a reason and a variant, and numbers are floats: OpenFeature's Python provider takes nothing less.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from shoal.decide.context import Context
from shoal.decide.decider import Decider
from shoal.decide.decision import Cause, Decision, Person
from shoal.definitions.slot import Content, SlotDefinition

SEGMENT = "segment."
DEFAULT_VARIANT = "default"
MEMBER, NOT_MEMBER = "member", "not_member"

REASONS = {
    Cause.AUDIENCE: "TARGETING_MATCH",
    Cause.CONTEXT: "TARGETING_MATCH",
    Cause.EVERYBODY: "STATIC",
    Cause.NONE_FITS: "DEFAULT",
    Cause.NO_CONSENT: "DEFAULT",
    Cause.NOT_READY: "DEFAULT",
}
"""The reasons of OpenFeature that decisions have (openfeature.dev/specification/types#resolution-reason)."""

Flag = dict[str, Any]


class Flags:
    """Evaluates flags for one person in one context. Each slot is decided once, however many flags ask for it."""

    def __init__(self, decider: Decider, segments: Sequence[str], person: Person | None, context: Context) -> None:
        """`segments` are those that may be asked about."""
        self._decider, self._segments = decider, segments
        self._person, self._context = person, context
        self._decisions: dict[str, Decision] = {}

    def find(self, key: str) -> Flag | None:
        """The flag of a key; None when there is none."""
        if key.startswith(SEGMENT):
            name = key.removeprefix(SEGMENT)
            return self._segment(name) if name in self._segments else None
        name, dot, field = key.partition(".")
        slot = self._decider.find_slot(name)
        if slot is None or (dot and field not in fields_of(slot)):
            return None
        return self._field(slot, field) if dot else self._slot(slot)

    def all(self) -> Iterator[Flag]:
        """Every flag, in the order of the definitions."""
        for slot in self._decider.slots:
            yield self._slot(slot)
            yield from (self._field(slot, field) for field in fields_of(slot))
        yield from map(self._segment, self._segments)

    def _slot(self, slot: SlotDefinition) -> Flag:
        decision = self._decided(slot)
        return {**_described(slot.name, decision), "value": values_of(decision.content)}

    def _field(self, slot: SlotDefinition, field: str) -> Flag:
        """A field that the chosen content lacks has no value: then the program's own default holds (ADR 6)."""
        decision = self._decided(slot)
        flag = _described(f"{slot.name}.{field}", decision)
        values = values_of(decision.content)
        return {**flag, "value": values[field]} if field in values else flag

    def _decided(self, slot: SlotDefinition) -> Decision:
        decision = self._decisions.get(slot.name)
        if decision is None:
            decision = self._decider.decide(slot, self._person, self._context)
            self._decisions[slot.name] = decision
        return decision

    def _segment(self, name: str) -> Flag:
        key = f"{SEGMENT}{name}"
        if self._person is None:
            details = "segments are being loaded; ask again a little later"
            return {"key": key, "errorCode": "GENERAL", "errorDetails": details}
        is_member = self._person.memberships is not None and name in self._person.memberships
        reason, variant = ("TARGETING_MATCH", MEMBER) if is_member else ("DEFAULT", NOT_MEMBER)
        return {"key": key, "reason": reason, "variant": variant, "metadata": {}, "value": is_member}


def fields_of(slot: SlotDefinition) -> list[str]:
    """Every field that any content of a slot has."""
    contents = (slot.default, *(choice.content for choice in slot.choices))
    return list(dict.fromkeys(field for content in contents for field in content))


def values_of(content: Content) -> dict[str, str | float | bool]:
    """Content in which numbers are floats, whatever they were written as: 10 is sent as 10.0."""
    return {field: value if isinstance(value, str | bool) else float(value) for field, value in content.items()}


def _described(key: str, decision: Decision) -> Flag:
    return {
        "key": key,
        "reason": REASONS[decision.cause],
        "variant": decision.choice or DEFAULT_VARIANT,
        "metadata": {"cause": decision.cause.value, "reason": decision.reason},
    }
