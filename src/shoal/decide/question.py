"""POST /v1/decide: what the slots of a page show to one person, as one JSON object."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from shoal.collect.http.answers import Refused, Scope
from shoal.decide.access import refuse_about
from shoal.decide.context import Context, InvalidContext
from shoal.decide.decider import Decider
from shoal.decide.decision import Person
from shoal.decide.endpoint import Answer, Endpoint
from shoal.decide.gate import Gate, Request
from shoal.model.identifier import Identifier

DECIDE_PATH = "/v1/decide"
MOST_SLOTS = 100
UNKNOWN_SLOT: dict[str, Any] = {
    "choice": None,
    "content": {},
    "cause": "unknown_slot",
    "reason": "this workspace has no such slot",
}
"""A page may be of another version than the workspace: its other slots are shown nevertheless."""


class Question(msgspec.Struct, rename="camel"):
    """What is sent. Without slots, all of the workspace are decided."""

    slots: list[str] | None = None
    slot: str | None = None
    anonymous_id: str | None = None
    user_id: str | None = None
    context: dict[str, Any] = msgspec.field(default_factory=dict)
    write_key: str | None = None

    @property
    def identifier(self) -> Identifier:
        """Whom it is about. Raises Refused when it says nobody."""
        if self.user_id:
            return Identifier("user_id", self.user_id)
        if self.anonymous_id:
            return Identifier("anonymous_id", self.anonymous_id)
        raise Refused(400, "missing_id", "say whom it is about: anonymousId, or userId with a server key")


_QUESTIONS = msgspec.json.Decoder(Question)


class DecideEndpoint(Endpoint):
    """Answers questions about slots."""

    def __init__(self, decider: Decider, gate: Gate, clock: Callable[[], int]) -> None:
        super().__init__(gate)
        self._decider, self._clock = decider, clock

    def answer(self, request: Request, scope: Scope, body: bytes) -> Answer:
        del scope
        question = _read(body)
        asker = self.gate.asker(request, question.write_key)
        identifier = question.identifier
        refuse_about(asker, identifier)
        try:
            context = self._decider.terms.contexts.read(question.context, request.circumstances, self._clock())
        except InvalidContext as error:
            raise Refused(400, "invalid_context", str(error)) from None
        person = self._decider.find_person(identifier, self.gate.refusals(request, question.context))
        decided = {name: self._told(name, person, context) for name in self._names(question)}
        return Answer(msgspec.json.encode({"slots": decided}))

    def _names(self, question: Question) -> list[str]:
        names = [question.slot] if question.slot is not None else question.slots
        if names is None:
            return [slot.name for slot in self._decider.slots]
        if len(names) > MOST_SLOTS:
            raise Refused(400, "too_many_slots", f"one question is about at most {MOST_SLOTS} slots")
        return names

    def _told(self, name: str, person: Person | None, context: Context) -> dict[str, Any]:
        slot = self._decider.find_slot(name)
        if slot is None:
            return UNKNOWN_SLOT
        decision = self._decider.decide(slot, person, context)
        return {
            "choice": decision.choice or None,
            "content": dict(decision.content),
            "cause": decision.cause.value,
            "reason": decision.reason,
        }


def _read(body: bytes) -> Question:
    try:
        return _QUESTIONS.decode(body)
    except msgspec.ValidationError as error:
        raise Refused(400, "invalid_question", f"the question cannot be read: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(400, "invalid_json", f"the body is not JSON: {error}") from None
