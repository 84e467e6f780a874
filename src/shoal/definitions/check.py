"""Check: every problem of a workspace at once. Errors have no meaning; warnings have one that surprises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from shoal.definitions import nodes
from shoal.definitions.acting_checks import unseen_goals, warnings_about_acting
from shoal.definitions.catalog import Catalog, Seen, did_you_mean
from shoal.definitions.definition import (
    Definition,
    Definitions,
    FeatureDefinition,
    ScoreDefinition,
    SegmentDefinition,
    Written,
    read,
)
from shoal.definitions.implied import is_implied, what_it_is
from shoal.definitions.reasoning import Reasoning, operands_of
from shoal.definitions.resolve import Resolved
from shoal.definitions.settings import Settings
from shoal.definitions.workspace import Workspace
from shoal.errors import DefinitionError, Problem, Severity
from shoal.model.time import format_duration


@dataclass(frozen=True, slots=True)
class Part:
    """One expression of a definition."""

    definition: Definition
    name: str
    node: nodes.Node

    def walk(self) -> Iterator[tuple[nodes.Node, nodes.Place | None]]:
        """Every node with its place, or that of the word around it."""
        return _walk_with_place(self.node, self.node.place)

    def warning(self, place: nodes.Place | None, code: str, message: str, hint: str = "") -> Problem:
        """A warning at a place in the expression."""
        line, column = place or (None, None)
        problem = Problem(
            code=code,
            message=message,
            hint=hint,
            path=self.definition.name,
            line=line,
            column=column,
            severity=Severity.WARNING,
        )
        return self.definition.source.locate(problem, self.name)


def _walk_with_place(
    node: nodes.Node, around: nodes.Place | None
) -> Iterator[tuple[nodes.Node, nodes.Place | None]]:
    place = node.place or around
    yield node, place
    for child in node.children():
        yield from _walk_with_place(child, place)


def check(
    workspace: Workspace, catalog: Catalog | None = None, sizes: Mapping[str, int] | None = None
) -> list[Problem]:
    """Every problem of the files, of their meaning, and of how they fit what was seen.

    `sizes` is how many members each segment has. Errors come first, then by file and line.
    """
    resolved, problems = workspace.resolve_acting_readable()
    parts = list(_parts(workspace.acting_definitions()))
    found = [*workspace.problems, *problems]
    if catalog is not None and catalog.events:
        found += _unseen(parts, Seen(catalog))
        found += unseen_goals(workspace.triggers, Seen(catalog))
    found += warnings_about_acting(workspace.triggers, workspace.slots, workspace.settings)
    found += _beyond_retention(parts, workspace.settings)
    found += _without_choice(parts, resolved)
    found += _small(workspace, sizes or {})
    return sorted(dict.fromkeys(found), key=_order)


def _order(problem: Problem) -> tuple[bool, str, int, int]:
    return problem.severity is Severity.WARNING, problem.path, problem.line or 0, problem.column or 0


def _parts(definitions: Definitions) -> Iterator[Part]:
    """Every expression that somebody wrote and that can be read; the others are errors already."""
    for definition in definitions:
        if is_implied(definition.name) and not definition.source.path:
            continue
        for name, written in _written(definition):
            try:
                yield Part(definition, name, read(written))
            except DefinitionError:
                continue


def _written(definition: Definition) -> Iterator[tuple[str, Written]]:
    match definition:
        case FeatureDefinition(value=value):
            yield "value", value
        case SegmentDefinition(when=when):
            yield "when", when
        case ScoreDefinition(parts=parts):
            for part in parts:
                yield part.name, part.value


# Names that have not been seen


def _unseen(parts: list[Part], seen: Seen) -> Iterator[Problem]:
    for part in parts:
        for node, place in part.walk():
            for name in _event_names(node):
                if not seen.has_event(name):
                    hint = seen.similar_event(name)
                    yield part.warning(place, "SH013", f'no event named "{name}" has been seen', hint)
            for path, names in _paths(node):
                yield from _unseen_path(part, place, path, names, seen)


def _event_names(node: nodes.Node) -> tuple[str, ...]:
    return node.names if isinstance(node, nodes.Selection | nodes.Step) else ()


def _paths(node: nodes.Node) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The paths that a node reads, and of which events: its own, and those in its `where`."""
    match node:
        case nodes.LastStated(path=path):
            yield path, ()
        case nodes.Aggregate(path=str() as path) | nodes.PurchaseForecast(path=str() as path):
            yield path, node.selection.names
        case nodes.Selection(where=nodes.Node() as where) | nodes.Step(where=nodes.Node() as where):
            yield from ((each.path, node.names) for each in where.walk() if isinstance(each, nodes.Property))


def _unseen_path(
    part: Part, place: nodes.Place | None, path: str, names: tuple[str, ...], seen: Seen
) -> Iterator[Problem]:
    root, _, rest = path.partition(".")
    known = seen.known_paths(root, names or ("*",))
    if known is None or rest in known:
        return
    what = {"properties": "property", "traits": "trait", "context": "context"}[root]
    where = f" on {' or '.join(names)}" if names and root == "properties" else ""
    yield part.warning(place, "SH014", f'no {what} "{rest}" has been seen{where}', did_you_mean(rest, known))


# Windows


def _beyond_retention(parts: list[Part], settings: Settings) -> Iterator[Problem]:
    if settings.retention is None:
        return
    for part in parts:
        for node, place in part.walk():
            length = _look_back(node)
            if length > settings.retention:
                message = f"looks back {format_duration(length)}, but events are kept for "
                yield part.warning(
                    place,
                    "SH018",
                    message + format_duration(settings.retention),
                    "shorten it, or set retention in shoal.yaml",
                )


def _look_back(node: nodes.Node) -> int:
    """How far back a node looks by a length of its own; 0 for one that looks at everything there is."""
    match node:
        case nodes.Window(within=int() as within):
            return within
        case nodes.Regularly(of=of, each=each):
            return of * each
        case nodes.Stopped(active=active, idle=idle):
            return active + idle
        case nodes.Restarted(idle=idle, back=back):
            return idle + back
        case nodes.Ago(milliseconds=length):
            return length
        case _:
            return 0


# Segments that say too much or too little


def _without_choice(parts: list[Part], resolved: Resolved) -> Iterator[Problem]:
    """Segments that hold for everyone, for no one, or for people who did nothing."""
    everybody, nobody = Reasoning(resolved), Reasoning(resolved, of_nobody=True)
    segments = {segment.name: segment for segment in resolved.segments}
    for part in parts:
        if not isinstance(part.definition, SegmentDefinition) or part.definition.name not in segments:
            continue
        when = segments[part.definition.name].when
        is_told_already = isinstance(when, nodes.Reference) and is_implied(part.definition.name)
        if isinstance(when, nodes.Everyone) or is_told_already:
            continue
        yield from _without_choice_of(replace(part, node=when), everybody, nobody)


def _without_choice_of(part: Part, everybody: Reasoning, nobody: Reasoning) -> Iterator[Problem]:
    name, when = what_it_is(part.definition.name), part.node
    if not everybody.can_be_true(when):
        culprit = next((each for each in operands_of(when) if not everybody.can_be_true(each)), None)
        hint = "this part can never hold" if culprit else "its conditions contradict each other"
        yield part.warning(_place(culprit or when), "SH015", f"{name} is never true", hint)
    elif not everybody.can_be_false(when):
        hint = "leave it out" if is_implied(part.definition.name) else "write everyone() if that is meant"
        yield part.warning(_place(when), "SH015", f"{name} is always true", hint)
    elif not is_implied(part.definition.name) and nobody.can_be_true(when):
        hint = "say what they did, or for whom it is: has(...) and ..., everyone() and ..."
        yield part.warning(_place(when), "SH016", f"{name} also holds for people who did nothing at all", hint)


def _place(node: nodes.Node) -> nodes.Place | None:
    return next((each.place for each in node.walk() if each.place), None)


def _small(workspace: Workspace, sizes: Mapping[str, int]) -> Iterator[Problem]:
    minimum = workspace.settings.minimum_members
    for definition in workspace.definitions.segments:
        size = sizes.get(definition.name)
        if size is not None and size < minimum:
            message = f"{definition.name} has {size} members; below {minimum} its numbers are mostly chance"
            hint = "widen it, or set minimum_members in shoal.yaml"
            problem = Problem(
                code="SH017", message=message, hint=hint, path=definition.name, severity=Severity.WARNING
            )
            yield definition.source.locate(problem, "")
