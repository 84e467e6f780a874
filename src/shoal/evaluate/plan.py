"""The plan: what the definitions of a workspace need of events, and the expressions to evaluate, each once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

from shoal.definitions import nodes
from shoal.definitions.resolve import Key, Resolved
from shoal.model.consent import REFUSED_BY_GPC, Purpose, consent_path
from shoal.model.frame import FIELD_TYPES, field_column
from shoal.model.identifier import Identifier

ENGAGED_PATH, SCROLL_PATH = "properties.engaged_ms", "properties.scroll_percent"
ZONE_PATH, GPC_PATH = "context.timezone", "context.gpc"
PAGE_NAMES = ("Page Viewed", "Screen Viewed")
BITS_PER_WORD = 64


@dataclass(frozen=True, slots=True)
class Matcher:
    """Which activity events count: their names (none: all of them) and a condition on each."""

    names: tuple[str, ...] = ()
    where: nodes.Node | None = None

    def names_event(self, name: str) -> bool:
        """Whether an event of this name can match."""
        return not self.names or any(
            name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern for pattern in self.names
        )


@dataclass(frozen=True, slots=True)
class ListMatcher:
    """Events, activity or not, that state an identifier of a list."""

    name: str


ACTIVITY = Matcher()
PAGES = Matcher(PAGE_NAMES)


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What to keep of events, and what to compute from it.

    `matchers` are the bits of `History.words`, in order. Equal parts of `roots` are one object.
    """

    resolved: Resolved
    roots: dict[Key, nodes.Node]
    matchers: tuple[Matcher | ListMatcher, ...]
    number_paths: frozenset[str]
    value_paths: frozenset[str]
    where_paths: frozenset[str]
    purposes: tuple[Purpose, ...]
    needs_days: bool
    needs_zones: bool
    _places: dict[Matcher | ListMatcher, int]

    def bit_of(self, matcher: Matcher | ListMatcher) -> tuple[int, int]:
        """The word and the bit of a matcher."""
        return divmod(self._places[matcher], BITS_PER_WORD)

    def narrowed(self, keys: Iterable[Key]) -> Plan:
        """The same plan, which reads the same histories, for some definitions and those that they refer to."""
        wanted = _with_references(self.roots, keys)
        return replace(self, roots={key: root for key, root in self.roots.items() if key in wanted})

    @property
    def spans(self) -> tuple[int, ...]:
        """The lengths of time that expressions speak of, in milliseconds: so long after an event, much changes."""
        parts = [part for root in self.roots.values() for part in root.walk()]
        found = {part.milliseconds for part in parts if isinstance(part, nodes.Duration | nodes.Ago)}
        found |= {part.within for part in parts if isinstance(part, nodes.Window) and part.within is not None}
        return tuple(sorted(span for span in found if span > 0))

    @property
    def word_count(self) -> int:
        return (len(self.matchers) - 1) // BITS_PER_WORD + 1

    @property
    def lists(self) -> dict[str, frozenset[Identifier]]:
        """The identifiers of each list that is asked for."""
        names = [matcher.name for matcher in self.matchers if isinstance(matcher, ListMatcher)]
        return {name: self.resolved.lists[name] for name in names}

    @property
    def columns(self) -> frozenset[str]:
        """The field columns of a frame of events that evaluation reads, besides the envelope."""
        found = {field_column(path, "number") for path in self.number_paths}
        found |= {
            field_column(path, type_name)
            for path in self.value_paths | self.where_paths
            for type_name in FIELD_TYPES
        }
        if self.needs_zones:
            found.add(field_column(ZONE_PATH, "text"))
        for purpose in self.purposes:
            found.add(field_column(consent_path(purpose), "truth"))
            if purpose in REFUSED_BY_GPC:
                found.add(field_column(GPC_PATH, "truth"))
        kinds = {identifier.kind for listed in self.lists.values() for identifier in listed}
        found |= {field_column(f"traits.{kind}", "text") for kind in kinds & {"email", "phone"}}
        return frozenset(found)


def compile_plan(resolved: Resolved, keys: Iterable[Key] | None = None) -> Plan:
    """The plan of all definitions, or of some and those that they refer to."""
    shared: dict[nodes.Node, nodes.Node] = {}
    written = dict(resolved.roots())
    wanted = set(written) if keys is None else _with_references(written, keys)
    roots = {key: _shared(root, shared) for key, root in written.items() if key in wanted}
    parts = [part for root in roots.values() for part in root.walk()]
    matchers = list(dict.fromkeys(_matchers(parts)))
    return Plan(
        resolved=resolved,
        roots=roots,
        matchers=tuple(matchers),
        number_paths=frozenset(_number_paths(parts)),
        value_paths=frozenset(_value_paths(parts)),
        where_paths=frozenset(part.path for part in parts if isinstance(part, nodes.Property)),
        purposes=tuple(sorted({Purpose(part.purpose) for part in parts if isinstance(part, nodes.Consents)})),
        needs_days=any(isinstance(part, nodes.Aggregate) and part.word == "active_days" for part in parts),
        needs_zones=any(_reads_zone(part, resolved) for part in parts),
        _places={matcher: place for place, matcher in enumerate(matchers)},
    )


def _with_references(roots: dict[Key, nodes.Node], keys: Iterable[Key]) -> set[Key]:
    found: set[Key] = set()
    waiting = list(keys)
    while waiting:
        key = waiting.pop()
        if key not in found:
            found.add(key)
            waiting += [(part.kind, part.name) for part in roots[key].walk() if isinstance(part, nodes.Reference)]
    return found


def _shared(node: nodes.Node, known: dict[nodes.Node, nodes.Node]) -> nodes.Node:
    """The node with equal parts, here and in all other trees, made the same object."""
    found = known.get(node)
    if found is None:
        parts = {item.name: _shared_in(getattr(node, item.name), known) for item in fields(node)}
        found = known[node] = replace(node, **parts)
    return found


def _shared_in(value: Any, known: dict[nodes.Node, nodes.Node]) -> Any:
    if isinstance(value, nodes.Node):
        return _shared(value, known)
    if isinstance(value, tuple) and type(value) is tuple:
        return tuple(_shared_in(each, known) for each in value)
    return value


def _matchers(parts: Iterable[nodes.Node]) -> Iterator[Matcher | ListMatcher]:
    yield ACTIVITY
    yield PAGES
    for part in parts:
        match part:
            case nodes.Selection() | nodes.Step():
                yield Matcher(part.names, part.where)
            case nodes.InList(name=name):
                yield ListMatcher(name)


def _number_paths(parts: Iterable[nodes.Node]) -> Iterator[str]:
    for part in parts:
        match part:
            case nodes.Aggregate(word=word, path=str() as path) if word in _NUMBERS_ONLY:
                yield path
            case nodes.PurchaseForecast(path=str() as path):
                yield path
            case nodes.SessionField(name=name) | nodes.SessionValue(name=name) | nodes.SessionAggregate(name=name):
                if name in _PATH_OF_SESSIONS:
                    yield _PATH_OF_SESSIONS[name]


_PATH_OF_SESSIONS = {"engaged_time": ENGAGED_PATH, "bounced": ENGAGED_PATH, "max_scroll": SCROLL_PATH}
"""What the fields of sessions read of events, besides their moments and names."""

_NUMBERS_ONLY = ("sum", "average", "minimum", "maximum")


def _value_paths(parts: Iterable[nodes.Node]) -> Iterator[str]:
    for part in parts:
        match part:
            case nodes.Aggregate(word=word, path=str() as path) if word not in _NUMBERS_ONLY:
                yield path
            case nodes.LastStated(path=path):
                yield path


def _reads_zone(part: nodes.Node, resolved: Resolved) -> bool:
    match part:
        case nodes.LocalTime() | nodes.EventLocalTime() | nodes.Aggregate(word="active_days"):
            return True
        case nodes.Window(calendar=str()):
            return resolved.settings.calendar == "profile"
        case _:
            return False
