"""Definitions: what someone wrote, by name. `resolve` checks them together and gives them one meaning."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from shoal.definitions import nodes
from shoal.definitions.expression import Expression, LanguageError, node_of
from shoal.definitions.parse import parse
from shoal.definitions.source import Source
from shoal.errors import DefinitionError, Problem
from shoal.model.consent import Purpose
from shoal.model.identifier import Identifier

Written = str | Expression | nodes.Node
"""An expression as text, as built in Python, or as already read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureDefinition:
    """A named value of a profile."""

    name: str
    value: Written
    title: str = ""
    description: str = ""
    source: Source = field(default_factory=Source, compare=False)
    is_implied: bool = False
    """Nobody wrote it: a trigger needs it. Its name holds a ":", and no definition can refer to it."""

    kind = "feature"

    def __post_init__(self) -> None:
        keep_node(self, "value")


@dataclass(frozen=True, slots=True, kw_only=True)
class PartDefinition:
    """One weighted part of a score; `missing` None leaves it out when the profile does not have it."""

    name: str
    weight: float
    value: Written
    missing: float | None = None

    def __post_init__(self) -> None:
        keep_node(self, "value")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreDefinition:
    """A named sum of weighted parts, each clipped to 0..1."""

    name: str
    parts: tuple[PartDefinition, ...]
    title: str = ""
    description: str = ""
    source: Source = field(default_factory=Source, compare=False)

    kind = "score"


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentDefinition:
    """A named group: the profiles for whom `when` holds and who allow its purpose."""

    name: str
    when: Written
    purpose: Purpose = Purpose.ANALYTICS
    title: str = ""
    description: str = ""
    source: Source = field(default_factory=Source, compare=False)
    is_implied: bool = False
    """Nobody wrote it: a trigger or a slot needs it. Its name holds a ":", and no definition can refer to it."""
    is_momentary: bool = False
    """It holds for single moments, those of events. Live, each is told, also of an event that took its time."""

    kind = "segment"

    def __post_init__(self) -> None:
        keep_node(self, "when")
        keep_purpose(self, self.purpose)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDefinition:
    """A named list of identifiers."""

    name: str
    identifiers: frozenset[Identifier]
    source: Source = field(default_factory=Source, compare=False)

    kind = "list"


Definition = FeatureDefinition | ScoreDefinition | SegmentDefinition | ListDefinition


@dataclass(frozen=True, slots=True)
class Definitions:
    """Everything a workspace defines."""

    features: tuple[FeatureDefinition, ...] = ()
    scores: tuple[ScoreDefinition, ...] = ()
    segments: tuple[SegmentDefinition, ...] = ()
    lists: tuple[ListDefinition, ...] = ()

    def __iter__(self) -> Iterator[Definition]:
        yield from self.features
        yield from self.scores
        yield from self.segments
        yield from self.lists

    @classmethod
    def of(cls, *definitions: Definition) -> Definitions:
        """Definitions in any order."""
        return cls(
            features=tuple(each for each in definitions if isinstance(each, FeatureDefinition)),
            scores=tuple(each for each in definitions if isinstance(each, ScoreDefinition)),
            segments=tuple(each for each in definitions if isinstance(each, SegmentDefinition)),
            lists=tuple(each for each in definitions if isinstance(each, ListDefinition)),
        )


def keep_node(definition: object, key: str) -> None:
    """Keeps an expression built in Python as its node: expressions cannot be compared, they build comparisons."""
    object.__setattr__(definition, key, kept(getattr(definition, key)))


def keep_purpose(definition: object, purpose: str) -> None:
    """Keeps a purpose that may have been given by its word. Raises LanguageError for any other word."""
    try:
        object.__setattr__(definition, "purpose", Purpose(purpose))
    except ValueError:
        raise LanguageError(f'"{purpose}" is not a purpose', ", ".join(Purpose)) from None


def kept(written: Written) -> str | nodes.Node:
    """What was written, an expression built in Python as its node."""
    return written.node if isinstance(written, Expression) else written


def read(written: Written) -> nodes.Node:
    """The node of an expression however it was written. Raises DefinitionError for what has no meaning."""
    if isinstance(written, str):
        return parse(written)
    if isinstance(written, nodes.Node):
        return written
    try:
        return node_of(written)
    except LanguageError as error:
        raise DefinitionError([Problem(code=error.code, message=error.message, hint=error.hint)]) from None
