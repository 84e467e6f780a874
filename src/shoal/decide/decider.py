"""The decider: decisions for people by their identifiers, as of the last step of the live engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from shoal.decide.context import Context, ContextReader
from shoal.decide.decision import Chooser, Decision, Person, not_ready
from shoal.definitions.slot import SlotDefinition
from shoal.model.consent import Purpose
from shoal.model.identifier import Identifier


class Standing(Protocol):
    """The segments that a person is in, by name."""

    def __contains__(self, segment: object) -> bool: ...


class Standings(Protocol):
    """Where everybody stands at present. Asking takes microseconds and waits for nothing."""

    def find(self, identifier: Identifier) -> Standing | None: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Terms:
    """What the definitions of a workspace say about decisions.

    `segments` are those that may be asked about, `kinds` the kinds of identifiers that there are.
    """

    chooser: Chooser
    contexts: ContextReader = field(default_factory=ContextReader)
    segments: tuple[str, ...] = ()
    kinds: Collection[str] = ("user_id", "anonymous_id")


class Decider:
    """Decides, and counts what it decided by slot and choice.

    `terms` may be replaced at any time, by any thread: whoever asks next is decided for by the new ones.
    """

    def __init__(self, terms: Terms, standings: Callable[[], Standings | None]) -> None:
        """`standings` gives None as long as segments are being loaded."""
        self.terms, self._standings = terms, standings
        self.decided = Counter[tuple[str, str]]()

    @property
    def slots(self) -> Iterable[SlotDefinition]:
        return self.terms.chooser.slots.values()

    def find_slot(self, name: str) -> SlotDefinition | None:
        """The slot of a name; None when there is none."""
        return self.terms.chooser.slots.get(name)

    def find_person(self, identifier: Identifier, refuses: frozenset[Purpose]) -> Person | None:
        """Who it is, as far as is known; None as long as nothing can be known."""
        standings = self._standings()
        return None if standings is None else Person(memberships=standings.find(identifier), refuses=refuses)

    def state_of(self, identifier: Identifier) -> object:
        """Something that is equal as long as nothing about the person, and no definition, has changed."""
        standings = self._standings()
        return self.terms, None if standings is None else standings.find(identifier)

    def decide(self, slot: SlotDefinition, person: Person | None, context: Context) -> Decision:
        """What the slot shows to a person whom `find_person` found."""
        decision = not_ready(slot) if person is None else self.terms.chooser.choose(slot, person, context)
        self.decided[decision.slot, decision.choice] += 1
        return decision
