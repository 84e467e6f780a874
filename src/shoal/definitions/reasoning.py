"""Reasoning: whether a condition can be true, and whether it can be false, for any profile at any moment.

`assume` narrows down what the values in a condition can be, as if it held. When nothing is left of one of them,
it never holds. It misses some contradictions, but never sees one that is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from shoal.definitions import nodes
from shoal.definitions.kinds import constant_of
from shoal.definitions.possible import (
    ANYTHING,
    INFINITY,
    MISSING,
    NUMBER,
    TRUTH,
    Possible,
    any_of,
    arithmetic,
    compared,
    constant,
    just,
    not_compared,
    numbers,
)
from shoal.definitions.resolve import Key, Resolved
from shoal.model.consent import Purpose

Known = Mapping[nodes.Node, Possible]
"""What is already known of some values."""

MAXIMUM_STEPS = 3_000
"""Definitions that refer to each other could be walked without end; beyond this nothing more is ruled out."""

COUNTS = numbers(0, INFINITY, whole=True)
SESSION_FIELDS = {
    "events": numbers(1, INFINITY, whole=True),
    "pages": COUNTS,
    "duration": COUNTS,
    "engaged_time": NUMBER,
    "max_scroll": replace(NUMBER, missing=True),
    "bounced": TRUTH,
}


class Reasoning:
    """Reasons about the definitions of a workspace: for every profile, or for one with no events (`of_nobody`)."""

    def __init__(self, resolved: Resolved, *, of_nobody: bool = False) -> None:
        self.settings = resolved.settings
        self.of_nobody = of_nobody
        self._roots: dict[Key, nodes.Node] = dict(resolved.roots())
        self._steps = 0

    def can_be_true(self, condition: nodes.Node) -> bool:
        self._steps = 0
        return self.assume(condition, True, {}) is not None

    def can_be_false(self, condition: nodes.Node) -> bool:
        self._steps = 0
        return self.assume(condition, False, {}) is not None

    # Conditions

    def assume(self, node: nodes.Node, holds: bool, known: Known) -> Known | None:
        """What is known if `node` holds, or does not hold; None when that contradicts what is known."""
        self._steps += 1
        if self._steps > MAXIMUM_STEPS:
            return known
        match node:
            case nodes.Not(operand=operand):
                return self.assume(operand, not holds, known)
            case nodes.And(operands=operands) if holds:
                return self._assume_all(operands, True, known)
            case nodes.And(operands=operands) | nodes.Or(operands=operands):
                if isinstance(node, nodes.Or) and not holds:
                    return self._assume_all(operands, False, known)
                return self._assume_one(operands, holds, known)
            case nodes.Compare():
                return self._assume_compare(node, holds, known)
            case nodes.In(operand=operand, options=options):
                return self._assume_in(operand, options, holds, known)
            case nodes.Has(operand=operand):
                value = self.possible(operand, known)
                return self._learn(known, operand, value.present() if holds else value & MISSING)
            case nodes.Aggregate(word="happened", selection=selection):
                counted = nodes.Aggregate("count", selection)
                value = self.possible(counted, known)
                return self._learn(known, counted, value.between(1, INFINITY) if holds else value.between(0, 0))
            case nodes.Reference(kind=kind, name=name) if (kind, name) in self._roots:
                return self.assume(self._root(kind, name), holds, known)
            case _:
                value = self.possible(node, known)
                truths = value.truths & {True} if holds else value.truths - {True}
                left = Possible(truths=truths) if holds else replace(value, truths=truths)
                return self._learn(known, node, left)

    def _assume_all(self, operands: tuple[nodes.Node, ...], holds: bool, known: Known) -> Known | None:
        """Twice, so that what a later condition says is also held against an earlier one."""
        for operand in operands * 2:
            learnt = self.assume(operand, holds, known)
            if learnt is None:
                return None
            known = learnt
        return known

    def _assume_one(self, operands: tuple[nodes.Node, ...], holds: bool, known: Known) -> Known | None:
        """What all ways in which one of the operands holds have in common."""
        ways = [way for each in operands if (way := self.assume(each, holds, known)) is not None]
        if not ways:
            return None
        shared = set(ways[0]).intersection(*ways[1:])
        return {node: any_of(way[node] for way in ways) for node in shared}

    def _assume_compare(self, node: nodes.Compare, holds: bool, known: Known) -> Known | None:
        narrowed = compared if holds else not_compared
        left, right = self.possible(node.left, known), self.possible(node.right, known)
        new_left, new_right = narrowed(node.operator, left, right)
        learnt = self._learn(known, node.left, new_left)
        return None if learnt is None else self._learn(learnt, node.right, new_right)

    def _assume_in(
        self, operand: nodes.Node, options: tuple[nodes.Node, ...], holds: bool, known: Known
    ) -> Known | None:
        value = self.possible(operand, known)
        constants = [self.possible(option, {}) for option in options]
        if holds:
            return self._learn(known, operand, value & any_of(constants))
        for each in constants:
            value = value.without(each)
        return self._learn(known, operand, value)

    def _learn(self, known: Known, node: nodes.Node, value: Possible) -> Known | None:
        if value.is_nothing:
            return None
        return known if isinstance(node, nodes.Literal) else {**known, node: value}

    def _root(self, kind: str, name: str) -> nodes.Node:
        return self._roots[(kind, name)]

    # Values

    def possible(self, node: nodes.Node, known: Known) -> Possible:
        """What a value can be, as far as its parts and what is known tell."""
        self._steps += 1
        if self._steps > MAXIMUM_STEPS:
            return ANYTHING
        if isinstance(node, nodes.Compare | nodes.Not | nodes.And | nodes.Or | nodes.In | nodes.Has):
            return self._truth(node, known)
        found = constant(node)
        if found is None:
            found = _POSSIBLE.get(type(node), _anything)(self, node, known)
        return found & known[node] if node in known else found

    def _truth(self, node: nodes.Node, known: Known) -> Possible:
        truths = (truth for truth in (True, False) if self.assume(node, truth, known) is not None)
        return Possible(truths=frozenset(truths))

    def can_match(self, where: nodes.Node | None) -> bool:
        """Whether any event, item or session can fulfil a `where`."""
        return where is None or self.assume(where, True, {}) is not None

    def count(self, selection: nodes.Selection, known: Known) -> Possible:
        """How many events a selection can leave, also seen from wider and narrower selections that are known."""
        latest = selection.window.latest
        found = COUNTS.between(0, INFINITY if latest is None else latest)
        if self.of_nobody or not self.can_match(selection.where):
            found = found.between(0, 0)
        for node, value in known.items():
            if isinstance(node, nodes.Aggregate) and node.word == "count":
                if _holds_all(node.selection, selection):
                    found = found.between(0, value.high)
                if _holds_all(selection, node.selection):
                    found = found.between(value.low, INFINITY)
        return found

    def no_events(self, selection: nodes.Selection, known: Known) -> bool:
        return self.count(selection, known).high <= 0


def _holds_all(wide: nodes.Selection, narrow: nodes.Selection) -> bool:
    """Whether every event of the narrow selection is certainly one of the wide one."""
    names = not wide.names or (set(narrow.names) <= set(wide.names) and bool(narrow.names))
    where = wide.where is None or wide.where == narrow.where
    one, other = wide.window, narrow.window
    within = one.within is None or (other.within is not None and other.within <= one.within)
    rest = replace(one, within=None) == replace(other, within=None) or one == nodes.Window()
    return names and where and within and rest and one.latest is None


# What each kind of value can be


def _anything(_reasoning: Reasoning, _node: nodes.Node, _known: Known) -> Possible:
    return ANYTHING


def _aggregate(reasoning: Reasoning, node: nodes.Aggregate, known: Known) -> Possible:
    if node.word == "count":
        return reasoning.count(node.selection, known)
    counted = reasoning.possible(nodes.Aggregate("count", node.selection), known)
    is_empty, can_be_empty = counted.high <= 0, counted.low <= 0
    match node.word:
        case "happened":
            return Possible(truths=frozenset(t for t in (True, False) if (not is_empty if t else can_be_empty)))
        case "active_days":
            return COUNTS.between(min(counted.low, 1), counted.high)
        case "distinct":
            return COUNTS.between(0, counted.high)
        case "sum":
            return just(0.0) if is_empty else NUMBER
    if is_empty:
        return MISSING
    if node.word in nodes.VALUE_WORDS:
        return ANYTHING
    if node.path is not None:
        return replace(NUMBER, missing=True)
    return replace(_moment_or_age(node), missing=can_be_empty)


def _moment_or_age(node: nodes.Aggregate) -> Possible:
    if node.word in nodes.MOMENT_WORDS:
        return NUMBER
    within = node.selection.window.within
    return COUNTS.between(0, INFINITY if within is None else within - 1)


def _selected(reasoning: Reasoning, node: Any, known: Known) -> Possible:
    return just(False) if reasoning.no_events(node.selection, known) else TRUTH


def _first_time(reasoning: Reasoning, node: nodes.FirstTime, known: Known) -> Possible:
    # `latest` has no meaning for the first event ever, so only names and where can rule it out.
    return _selected(reasoning, replace(node, selection=replace(node.selection, window=nodes.Window())), known)


def _share(reasoning: Reasoning, node: nodes.Share, known: Known) -> Possible:
    if reasoning.no_events(node.whole, known):
        return MISSING
    if reasoning.no_events(node.part, known):
        return numbers(0, 0, missing=True)
    return numbers(0, 1 if node.part.names == node.whole.names else INFINITY, missing=True)


def _steps(reasoning: Reasoning, node: nodes.Sequence | nodes.Funnel, _known: Known) -> Possible:
    possible = 0
    for step in node.steps:
        if not step.is_absent and (reasoning.of_nobody or not reasoning.can_match(step.where)):
            break
        possible += 1
    if isinstance(node, nodes.Funnel):
        return numbers(0, possible, whole=True)
    return TRUTH if possible == len(node.steps) else just(False)


def _session_count(reasoning: Reasoning, node: nodes.SessionCount, _known: Known) -> Possible:
    return COUNTS if not reasoning.of_nobody and reasoning.can_match(node.where) else just(0.0)


def _session_value(reasoning: Reasoning, node: nodes.SessionValue, _known: Known) -> Possible:
    return MISSING if reasoning.of_nobody else replace(SESSION_FIELDS[node.name], missing=True)


def _session_aggregate(reasoning: Reasoning, node: nodes.SessionAggregate, _known: Known) -> Possible:
    if reasoning.of_nobody:
        return just(0.0) if node.word == "sum" else MISSING
    found = numbers(0, 1) if node.name == "bounced" else SESSION_FIELDS[node.name]
    if node.word == "sum":
        return numbers(min(0.0, found.low), INFINITY)
    return replace(found, whole=False, missing=True)


def _consents(reasoning: Reasoning, node: nodes.Consents, _known: Known) -> Possible:
    return just(reasoning.settings.consent[Purpose(node.purpose)]) if reasoning.of_nobody else TRUTH


def _reference(reasoning: Reasoning, node: nodes.Reference, known: Known) -> Possible:
    root = reasoning._roots.get((node.kind, node.name))
    return ANYTHING if root is None else reasoning.possible(root, known)


def _default(reasoning: Reasoning, node: nodes.Default, known: Known) -> Possible:
    value = reasoning.possible(node.operand, known)
    return value.present() | reasoning.possible(node.fallback, known) if value.missing else value


def _text_match(reasoning: Reasoning, node: nodes.TextMatch, known: Known) -> Possible:
    texts = reasoning.possible(node.operand, known).texts
    return TRUTH if texts is None or texts else just(False)


def _any_item(reasoning: Reasoning, node: nodes.AnyItem, _known: Known) -> Possible:
    return TRUTH if reasoning.can_match(node.where) else just(False)


def _clock(_reasoning: Reasoning, node: nodes.LocalTime | nodes.EventLocalTime, _known: Known) -> Possible:
    return numbers(0, 23, whole=True) if node.part == "hour" else numbers(1, 7, whole=True)


def _decay(reasoning: Reasoning, node: nodes.Decay, known: Known) -> Possible:
    return _shaped(reasoning.possible(node.operand, known), numbers(0, 1))


def _scale(reasoning: Reasoning, node: nodes.Scale, known: Known) -> Possible:
    value = reasoning.possible(node.operand, known)
    low, high = constant_of(node.low), constant_of(node.high)
    ends = [min(1.0, max(0.0, (end - low) / (high - low))) for end in (value.low, value.high)]
    return _shaped(value, numbers(min(ends), max(ends)))


def _shaped(value: Possible, shape: Possible) -> Possible:
    """The shape where the value is a number, missing where it is not."""
    return replace(shape, missing=not value.only_numbers) if value.has_numbers else MISSING


def _mean(reasoning: Reasoning, node: nodes.Mean, known: Known) -> Possible:
    values = [reasoning.possible(each, known) for each in node.operands]
    found = any_of(value.numbers() for value in values)
    can_be_missing = not any(value.only_numbers for value in values)
    return replace(found, whole=False, missing=can_be_missing)


def _rank(reasoning: Reasoning, node: nodes.Rank, known: Known) -> Possible:
    # Where nobody ranks is not known before the reference is frozen; nothing is held against the author for it.
    if reasoning.of_nobody or not reasoning.possible(node.operand, known).is_present:
        return MISSING
    return numbers(0, 1, missing=True) if node.into is None else numbers(1, node.into, whole=True, missing=True)


def _forecast(reasoning: Reasoning, node: nodes.PurchaseForecast, known: Known) -> Possible:
    if reasoning.no_events(node.selection, known):
        return MISSING
    return numbers(0, 1, missing=True) if node.word == "probability_alive" else replace(NUMBER, missing=True)


def _score(reasoning: Reasoning, node: nodes.ScoreTotal, known: Known) -> Possible:
    parts = [(part.weight, _part(reasoning.possible(part.value, known), part.missing)) for part in node.parts]
    whole_weight = sum(weight for weight, _ in parts)
    present = [(weight, value) for weight, value in parts if value.has_numbers]
    can_be_missing = not any(weight > 0 and not value.missing for weight, value in parts)
    if not any(weight > 0 for weight, _ in present):
        return MISSING
    if any(value.missing for _, value in present):
        # A part that comes and goes moves the weights of all others; a mean still lies between its ends.
        ends = any_of(value.numbers() for _, value in present)
        return numbers(ends.low * whole_weight, ends.high * whole_weight, missing=can_be_missing)
    present_weight = sum(weight for weight, _ in present)
    low = sum(weight * value.low for weight, value in present) / present_weight * whole_weight
    high = sum(weight * value.high for weight, value in present) / present_weight * whole_weight
    return numbers(low, high, missing=can_be_missing)


def _part(value: Possible, missing: float | None) -> Possible:
    """A part of a score as a number from 0 to 1; truths count as 0 and 1."""
    found = any_of((value.numbers(), *(just(float(truth)) for truth in value.truths)))
    if missing is not None and found != value:
        found = found | just(missing)
    elif value.missing or value.texts is None or value.texts or value.items:
        found = replace(found, missing=True)
    clipped = (min(1.0, max(0.0, end)) for end in (found.low, found.high))
    return replace(numbers(*clipped), missing=found.missing) if found.has_numbers else found


def _nothing_for_nobody(reasoning: Reasoning, _node: nodes.Node, _known: Known) -> Possible:
    return MISSING if reasoning.of_nobody else ANYTHING


def _false_for_nobody(reasoning: Reasoning, _node: nodes.Node, _known: Known) -> Possible:
    return just(False) if reasoning.of_nobody else TRUTH


_POSSIBLE: dict[type[nodes.Node], Callable[[Reasoning, Any, Known], Possible]] = {
    nodes.Ago: lambda _reasoning, _node, _known: NUMBER,
    nodes.Arithmetic: lambda reasoning, node, known: arithmetic(
        node.operator, reasoning.possible(node.left, known), reasoning.possible(node.right, known)
    ),
    nodes.Default: _default,
    nodes.TextMatch: _text_match,
    nodes.AnyItem: _any_item,
    nodes.SessionField: lambda _reasoning, node, _known: SESSION_FIELDS[node.name],
    nodes.EventLocalTime: _clock,
    nodes.LocalTime: _clock,
    nodes.Aggregate: _aggregate,
    nodes.FirstTime: _first_time,
    nodes.Share: _share,
    nodes.Regularly: _selected,
    nodes.Stopped: _selected,
    nodes.Restarted: _selected,
    nodes.Sequence: _steps,
    nodes.Funnel: _steps,
    nodes.SessionCount: _session_count,
    nodes.SessionValue: _session_value,
    nodes.SessionAggregate: _session_aggregate,
    nodes.LastStated: _nothing_for_nobody,
    nodes.InList: _false_for_nobody,
    nodes.Everyone: lambda reasoning, _node, _known: just(not reasoning.of_nobody),
    nodes.Consents: _consents,
    nodes.Reference: _reference,
    nodes.Decay: _decay,
    nodes.Scale: _scale,
    nodes.Mean: _mean,
    nodes.Rank: _rank,
    nodes.PurchaseForecast: _forecast,
    nodes.ScoreTotal: _score,
}


def operands_of(condition: nodes.Node) -> Iterator[nodes.Node]:
    """The conditions that `and` joins, to say which of them it is."""
    yield from condition.operands if isinstance(condition, nodes.And) else (condition,)
