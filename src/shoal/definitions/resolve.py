"""From definitions to one meaning: references found, units filled in, order fixed; every problem at once.

References stay references in the result: a value that several definitions use is computed once, and a
chain of definitions cannot grow without bound by being copied into each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from shoal.definitions import nodes
from shoal.definitions.definition import (
    Definition,
    Definitions,
    FeatureDefinition,
    ListDefinition,
    ScoreDefinition,
    SegmentDefinition,
    read,
)
from shoal.definitions.kinds import Kind, KindError, Typed, Typing
from shoal.definitions.names import NAME_HINT, is_name
from shoal.definitions.settings import Settings
from shoal.definitions.source import Source
from shoal.errors import DefinitionError, Problem
from shoal.model.consent import PSYCHOGRAPHIC_PATHS, Purpose
from shoal.model.identifier import Identifier
from shoal.model.value import is_number

Key = tuple[str, str]
"""Kind and name of a definition."""


@dataclass(frozen=True, slots=True)
class Feature:
    """A resolved feature."""

    name: str
    node: nodes.Node
    kind: Kind
    title: str
    description: str


@dataclass(frozen=True, slots=True)
class Score:
    """A resolved score; its node is a ScoreTotal."""

    name: str
    node: nodes.ScoreTotal
    title: str
    description: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A resolved segment; its node is `everyone() and consents(purpose) and when`.

    One that looks at tone or motive also has `consents("personalisation")`.
    """

    name: str
    node: nodes.Node
    when: nodes.Node
    purpose: Purpose
    title: str
    description: str
    is_momentary: bool = False


@dataclass(frozen=True, slots=True)
class Resolved:
    """The definitions of a workspace with one meaning, each after those that it refers to."""

    features: tuple[Feature, ...]
    scores: tuple[Score, ...]
    segments: tuple[Segment, ...]
    lists: Mapping[str, frozenset[Identifier]]
    settings: Settings

    def roots(self) -> Iterator[tuple[Key, nodes.Node]]:
        """Every definition's node by its key, in an order in which references come first."""
        for key in self.order:
            yield key, self._nodes()[key]

    order: tuple[Key, ...] = ()

    def _nodes(self) -> dict[Key, nodes.Node]:
        found: dict[Key, nodes.Node] = {("feature", each.name): each.node for each in self.features}
        found |= {("score", each.name): each.node for each in self.scores}
        return found | {("segment", each.name): each.node for each in self.segments}


def resolve(definitions: Definitions, settings: Settings | None = None) -> Resolved:
    """The definitions with one meaning. Raises DefinitionError with every problem of all of them."""
    resolved, problems = resolve_readable(definitions, settings)
    if problems:
        raise DefinitionError(problems)
    return resolved


def resolve_readable(definitions: Definitions, settings: Settings | None = None) -> tuple[Resolved, list[Problem]]:
    """The definitions that have a meaning, and every problem of those that have none."""
    resolver = _Resolver(definitions, settings or Settings())
    return resolver.run(), resolver.problems


class _Resolver:
    def __init__(self, definitions: Definitions, settings: Settings) -> None:
        self.definitions = definitions
        self.settings = settings
        self.problems: list[Problem] = []
        self.known: dict[Key, Definition] = {}
        self.unreadable: set[Key] = set()
        self.written: dict[Key, nodes.Node] = {}
        self.typed: dict[Key, Typed] = {}
        self.named: dict[Key, Typed] = {}
        """What is typed and can be referred to: what is implied cannot."""

    def run(self) -> Resolved:
        self._collect()
        self._read_all()
        order = self._order()
        for key in order:
            self._type(key)
        return self._result(order)

    def _collect(self) -> None:
        """Definitions by key; a name is unique among features, scores and segments, and among lists."""
        owners: dict[str, Definition] = {}
        for definition in self.definitions:
            self._check_name(definition)
            space = "list" if isinstance(definition, ListDefinition) else "value"
            first = owners.setdefault(f"{space}:{definition.name}", definition)
            if first is not definition:
                before = f" in {first.source.path}" if first.source.path else ""
                self._note(
                    definition,
                    "SH010",
                    f"{definition.name} is already defined as a {first.kind}{before}",
                    "rename one",
                )
                continue
            self.known[(definition.kind, definition.name)] = definition

    def _check_name(self, definition: Definition) -> None:
        if not _is_implied(definition) and not is_name(definition.name):
            self._note(definition, "SH020", f'"{str(definition.name)[:80]}" is not a name', NAME_HINT)

    def _read_all(self) -> None:
        for key, definition in self.known.items():
            match definition:
                case FeatureDefinition():
                    self._read_part(key, definition.source, "value", definition.value)
                case SegmentDefinition():
                    self._read_part(key, definition.source, "when", definition.when)
                case ScoreDefinition():
                    self._read_score(key, definition)

    def _read_part(self, key: Key, source: Source, part: str, written: object) -> nodes.Node | None:
        try:
            node = read(written)  # type: ignore[arg-type]
        except DefinitionError as error:
            self.problems.extend(source.locate(problem, part) for problem in error.problems)
            self.unreadable.add(key)
            return None
        self.written[key] = node
        return node

    def _read_score(self, key: Key, score: ScoreDefinition) -> None:
        faults = [*_faults_of_parts(score)]
        for fault in faults:
            self._note(score, "SH022", fault, "a part is {weight: 40, value: ..., missing: 0.5}")
        read_parts = [(part, self._read_part(key, score.source, part.name, part.value)) for part in score.parts]
        if faults:
            self.unreadable.add(key)
            return
        self.written[key] = nodes.ScoreTotal(
            tuple(
                nodes.ScorePart(part.name, float(part.weight), node, part.missing)
                for part, node in read_parts
                if node is not None
            )
        )

    def _order(self) -> list[Key]:
        """Every readable definition after those it refers to; cycles are reported and left out."""
        graph = {key: self._references(node) for key, node in self.written.items() if key not in self.unreadable}
        while True:
            try:
                return [key for key in TopologicalSorter(graph).static_order() if key in graph]
            except CycleError as error:
                cycle: list[Key] = list(error.args[1])
                path = " -> ".join(name for _, name in reversed(cycle))
                self._note(self.known[cycle[0]], "SH011", f"a cycle of references: {path}", "take one of them out")
                graph.pop(cycle[0])
                self.unreadable.add(cycle[0])

    def _references(self, node: nodes.Node) -> list[Key]:
        """Sorted, so that the order of evaluation never depends on chance."""
        keys = set()
        for part in node.walk():
            if isinstance(part, nodes.Reference):
                kinds = ("feature", "score", "segment") if part.kind == "any" else (part.kind,)
                keys |= {(kind, part.name) for kind in kinds if self._can_be_referred_to((kind, part.name))}
        return sorted(keys)

    def _can_be_referred_to(self, key: Key) -> bool:
        return key in self.known and not _is_implied(self.known[key])

    def _type(self, key: Key) -> None:
        node, definition = self.written[key], self.known[key]
        broken = [reference for reference in self._references(node) if reference not in self.typed]
        if broken:
            return  # the reason is reported where it is
        typing = Typing(self.settings.time_zone, self.named)
        problems = list(self._problems_of_kind(typing, key, node, definition))
        self.problems.extend(problems)

    def _problems_of_kind(
        self, typing: Typing, key: Key, node: nodes.Node, definition: Definition
    ) -> Iterator[Problem]:
        for name in sorted(_list_names(node) - {name for kind, name in self.known if kind == "list"}):
            yield self._located(
                definition,
                _first_list(node, name),
                "SH009",
                f"there is no list named {name}",
                f"lists/{name}.csv or .txt",
            )
        try:
            self.typed[key] = self._typed(typing, node, definition)
            if not _is_implied(definition):
                self.named[key] = self.typed[key]
        except KindError as error:
            yield self._located(definition, error.node, error.code, error.message, error.hint)

    def _typed(self, typing: Typing, node: nodes.Node, definition: Definition) -> Typed:
        if isinstance(definition, SegmentDefinition):
            return Typed(typing.condition(node), Kind.TRUTH)
        return typing.of(node)

    def _located(
        self, definition: Definition, node: nodes.Node, code: str, message: str, hint: str = ""
    ) -> Problem:
        place = next((part.place for part in node.walk() if part.place), None)
        line, column = (
            place or _place_around(self.written.get((definition.kind, definition.name)), node) or (None, None)
        )
        problem = Problem(code=code, message=message, hint=hint, path=definition.name, line=line, column=column)
        return definition.source.locate(problem, _part_holding(definition, self.written, node))

    def _note(self, definition: Definition, code: str, message: str, hint: str = "") -> None:
        problem = Problem(code=code, message=message, hint=hint, path=definition.name)
        self.problems.append(definition.source.locate(problem, ""))

    def _result(self, order: list[Key]) -> Resolved:
        features, scores, segments = [], [], []
        readable = [key for key in order if key in self.typed]
        for key in readable:
            definition, typed = self.known[key], self.typed[key]
            match definition, typed.node:
                case FeatureDefinition(name=name), node:
                    features.append(Feature(name, node, typed.kind, definition.title, definition.description))
                case ScoreDefinition(name=name), nodes.ScoreTotal() as total:
                    scores.append(Score(name, total, definition.title, definition.description))
                case SegmentDefinition() as segment, node:
                    segments.append(_segment(segment, node, self._purposes_of_words(node)))
        lists = {each.name: each.identifiers for each in self.definitions.lists}
        return Resolved(tuple(features), tuple(scores), tuple(segments), lists, self.settings, tuple(readable))

    def _purposes_of_words(self, node: nodes.Node) -> Iterator[Purpose]:
        """What a condition looks at may need purposes, in itself and in the definitions that it refers to."""
        waiting, seen = [node], set[Key]()
        while waiting:
            for part in waiting.pop().walk():
                if getattr(part, "path", None) in PSYCHOGRAPHIC_PATHS:
                    yield Purpose.PERSONALISATION
                if isinstance(part, nodes.Reference) and (key := (part.kind, part.name)) not in seen:
                    seen.add(key)
                    waiting.append(self.typed[key].node)


def _segment(written: SegmentDefinition, when: nodes.Node, also_needed: Iterable[Purpose]) -> Segment:
    purposes = dict.fromkeys((written.purpose, *also_needed))
    guarded = nodes.And((nodes.Everyone(), *(nodes.Consents(each.value) for each in purposes), when))
    return Segment(
        name=written.name,
        node=guarded,
        when=when,
        purpose=written.purpose,
        title=written.title,
        description=written.description,
        is_momentary=written.is_momentary,
    )


def _is_implied(definition: Definition) -> bool:
    return isinstance(definition, FeatureDefinition | SegmentDefinition) and definition.is_implied


def _faults_of_parts(score: ScoreDefinition) -> Iterator[str]:
    """What is wrong with the names, the weights and the substitutes of a score's parts."""
    names = [part.name for part in score.parts]
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        yield f"{score.name} has two parts named {name}"
    weights = [part.weight for part in score.parts]
    if not all(is_number(weight) and 0 <= weight < math.inf for weight in weights) or not any(weights):
        yield f"the weights of {score.name} must be 0 or more, and not all 0"
    substitutes = [part.missing for part in score.parts if part.missing is not None]
    if not all(is_number(each) and 0 <= each <= 1 for each in substitutes):
        yield f"what stands in for a missing part of {score.name} is a number from 0 to 1"


def _place_around(written: nodes.Node | None, node: nodes.Node) -> nodes.Place | None:
    """The place of the nearest part around a node: constants have none of their own."""
    if written is None:
        return None
    for child in written.children():
        found = child.place if child is node else _place_around(child, node)
        if found is not None or child is node:
            return found or written.place
    return None


def _part_holding(definition: Definition, written: Mapping[Key, nodes.Node], node: nodes.Node) -> str:
    """Which expression of a definition a node stands in, so that its line can be found."""
    if isinstance(definition, SegmentDefinition):
        return "when"
    total = written.get((definition.kind, definition.name))
    if isinstance(total, nodes.ScoreTotal):
        for part in total.parts:
            if any(each is node for each in part.walk()):
                return part.name
    return "value"


def _list_names(node: nodes.Node) -> set[str]:
    return {part.name for part in node.walk() if isinstance(part, nodes.InList)}


def _first_list(node: nodes.Node, name: str) -> nodes.Node:
    return next(part for part in node.walk() if isinstance(part, nodes.InList) and part.name == name)
