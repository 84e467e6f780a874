"""Why a profile is in a segment, or not: every condition with what it found and the events that decided.

In: a segment and one profile's events. Out: a tree of reasons. It is built on the reference evaluation, so it can
say no other than what the reference says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from shoal.definitions import nodes
from shoal.definitions.kinds import Kind, Typed, Typing
from shoal.definitions.render import render
from shoal.definitions.resolve import Key, Resolved
from shoal.evaluate.frozen import distribution_key, forecaster_key
from shoal.evaluate.reference import (
    Instant,
    Reference,
    ReferenceProfile,
    consent_statement,
    part_value,
    stated_identifiers,
)
from shoal.evaluate.wording import worded
from shoal.model.consent import Purpose
from shoal.model.event import Event
from shoal.model.value import Value, is_number

MOST_WITNESSES = 5
"""Of many events that decided, this many are shown: the latest."""


@dataclass(frozen=True, slots=True)
class Witness:
    """An event that decided. What an explanation needs to point at it, and no more of what it holds."""

    at: int
    name: str
    message_id: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """The events that a value was made from: how many, and the latest of them."""

    count: int = 0
    latest: tuple[Witness, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one part brought to a score: `value` (0 to 1) of its `most` points.

    A part whose value is None is left out, and the others can bring more than their weight.
    """

    name: str
    weight: float
    value: float | None
    most: float

    @property
    def points(self) -> float:
        return 0.0 if self.value is None else self.value * self.most


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One part of an expression, what it came to, and the reasons below it.

    `joins` says how the answers below make this one: `all`, `any`, `not`, `compare`, or nothing. `wanted` is the
    constant that the one value below is compared with, such as `>= 3`. `answer` None is missing.
    """

    text: str
    kind: Kind
    answer: Value | None
    joins: str = ""
    wanted: str = ""
    note: str = ""
    evidence: Evidence | None = None
    share: Share | None = None
    below: tuple[Reason, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether a condition is true."""
        return self.answer is True

    @property
    def found(self) -> str:
        """The answer in words."""
        return worded(self.answer, self.kind)

    @property
    def about(self) -> Reason:
        """The reason whose facts stand on the line of this one: the value of a comparison, what a `not` denies."""
        is_one = self.joins == "compare" and len(self.below) == 1
        is_denied = self.joins == "not" and self.below[0].joins not in ("all", "any", "not", "compare")
        return self.below[0] if is_one or is_denied else self

    def walk(self) -> Iterator[Reason]:
        """This reason and every one below it."""
        yield self
        for reason in self.below:
            yield from reason.walk()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a profile is, or is not, in a segment at a moment. `root` holds exactly when it is.

    `changes_at` is when that changes without a new event: NEVER when it does not, None when nobody looked.
    """

    segment: str
    purpose: Purpose
    now: int
    root: Reason
    changes_at: int | None = None

    @property
    def is_member(self) -> bool:
        return self.root.holds


def explain(
    reference: Reference, events: Iterable[Event], now: int, segment: str, *, changes_at: int | None = None
) -> Explanation:
    """Why a profile with these events, in order, is or is not in a segment at `now`. KeyError: no such segment."""
    resolved = {each.name: each for each in reference.resolved.segments}[segment]
    visible = [event for event in events if event.occurred_at <= now]
    explainer = _Explainer(ReferenceProfile(reference, visible, now))
    root = explainer.reason(resolved.node)
    return Explanation(
        segment=segment,
        purpose=resolved.purpose,
        now=now,
        root=replace(root, text=render(resolved.when)),
        changes_at=changes_at,
    )


class _Explainer:
    """Reasons about one profile at one moment. A definition that is referred to twice is followed once."""

    def __init__(self, profile: ReferenceProfile) -> None:
        self.profile = profile
        self._typing = Typing(profile.settings.time_zone, dict(_typed_references(profile.resolved)))
        self._roots = dict(profile.resolved.roots())
        self._followed: set[Key] = set()

    def reason(self, node: nodes.Node) -> Reason:
        answer = self.profile.value(node)
        plain = Reason(
            text=_text(node),
            kind=self._typing.of(node).kind,
            answer=answer.at if isinstance(answer, Instant) else answer,
        )
        match node:
            case nodes.And(operands=operands):
                return replace(plain, joins="all", below=self._each(operands))
            case nodes.Or(operands=operands):
                return replace(plain, joins="any", below=self._each(operands))
            case nodes.Not(operand=operand):
                return replace(plain, joins="not", below=self._each([operand]))
            case nodes.Compare():
                return self._compared(plain, node)
            case nodes.Consents(purpose=purpose):
                return self._consent(plain, Purpose(purpose))
            case nodes.Reference():
                return self._followed_reference(plain, node)
            case nodes.ScoreTotal():
                return replace(plain, below=tuple(self._part(node, part) for part in node.parts))
            case _:
                return self._value(plain, node)

    def _each(self, operands: Iterable[nodes.Node]) -> tuple[Reason, ...]:
        return tuple(self.reason(each) for each in operands)

    def _each_value(self, operands: Iterable[nodes.Node]) -> tuple[Reason, ...]:
        """The values that a profile has; constants need no reason."""
        return self._each(each for each in operands if not _is_constant(each))

    def _compared(self, plain: Reason, node: nodes.Compare) -> Reason:
        below = self._each_value([node.left, node.right])
        wanted = ""
        if len(below) == 1:
            constant, turned = (node.left, True) if _is_constant(node.left) else (node.right, False)
            operator = _TURNED[node.operator] if turned else node.operator
            wanted = f"{operator} {render(constant)}"
        return replace(plain, joins="compare", wanted=wanted, below=below)

    def _value(self, plain: Reason, node: nodes.Node) -> Reason:
        """A word of the language, or an operator over values."""
        match node:
            case nodes.Aggregate(word=word, selection=selection, path=path):
                reason = self._aggregate(plain, word, path, self.profile.select(selection))
            case nodes.FirstTime(selection=selection):
                matching = self.profile.matching(selection.names, selection.where)
                reason = replace(plain, evidence=_evidence(matching[:1], len(matching)))
            case nodes.Share(part=part, whole=whole):
                note = f"{len(self.profile.select(part))} of {len(self.profile.select(whole))}"
                reason = replace(plain, note=note, evidence=_evidence(self.profile.select(part)))
            case nodes.Sequence() | nodes.Funnel():
                reason = self._steps(plain, node)
            case nodes.SessionCount() | nodes.SessionAggregate():
                sessions = self.profile.sessions_in(node.window)
                reason = replace(
                    plain,
                    note=f"{len(sessions)} session{'' if len(sessions) == 1 else 's'} began in that time",
                    evidence=_evidence([session[0] for session in sessions]),
                )
            case nodes.SessionValue():
                last = self.profile.sessions()[-1:]
                reason = replace(plain, evidence=_evidence(last[0] if last else []))
            case nodes.LastStated(path=path):
                stated = [event for event in self.profile.events if path in event.fields]
                reason = replace(plain, evidence=_evidence(stated[-1:], len(stated)))
            case nodes.InList(name=name):
                listed = self.profile.resolved.lists[name]
                naming = [e for e in self.profile.events if not listed.isdisjoint(stated_identifiers(e))]
                reason = replace(plain, evidence=_evidence(naming))
            case nodes.Regularly() | nodes.Stopped() | nodes.Restarted() | nodes.PurchaseForecast():
                reason = replace(plain, evidence=_evidence(self.profile.select(node.selection)))
            case nodes.Rank() if self.profile.frozen.distribution(node) is None:
                reason = replace(plain, note=self._why_not_frozen(distribution_key(node)))
            case _:
                reason = plain
        if isinstance(node, nodes.PurchaseForecast) and self.profile.frozen.forecaster(node) is None:
            reason = replace(reason, note=self._why_not_frozen(forecaster_key(node)))
        return replace(reason, below=self._each_value(_values_below(node)))

    def _why_not_frozen(self, key: str) -> str:
        return self.profile.frozen.reasons.get(key, "there was no refresh yet")

    def _aggregate(self, plain: Reason, word: str, path: str | None, events: Sequence[Event]) -> Reason:
        """A value of the selected events; those that lack the property cannot have decided."""
        having = [event for event in events if path is None or path in event.fields]
        note = f"{len(having)} of {len(events)} events have it" if len(having) < len(events) else ""
        return replace(plain, note=note, evidence=_evidence(_deciding(word, path, events), len(having)))

    def _steps(self, plain: Reason, node: nodes.Sequence | nodes.Funnel) -> Reason:
        """How far the steps were reached. What matters of the events are those that some step looks at."""
        steps = tuple(step for step in node.steps if not step.is_absent)
        reached = self.profile.value(nodes.Funnel(steps, node.span, node.window))
        assert isinstance(reached, float)
        matching = [
            event
            for event in self.profile.events
            if self.profile.in_window(event.order, node.window)
            and any(self.profile.matches(event, step.names, step.where) for step in node.steps)
        ]
        note = f"reached {int(reached)} of {len(steps)} steps in order"
        if reached == len(steps) and plain.answer is False:
            note += f", but {_why_not(node)}"
        return replace(plain, note=note, evidence=_evidence(matching))

    def _consent(self, plain: Reason, purpose: Purpose) -> Reason:
        """The statements that count: the last one of each device or source, and of these the refusals if any."""
        latest: dict[str | None, tuple[bool, Event]] = {}
        for event in self.profile.events:
            stated = consent_statement(event, purpose)
            if stated is not None:
                latest[event.anonymous_id or event.user_id] = stated, event
        if not latest:
            default = "granted" if self.profile.settings.consent[purpose] else "refused"
            return replace(plain, note=f"nothing stated; by default it is {default}")
        word = "granted" if plain.answer is True else "refused"
        deciding = sorted((event for stated, event in latest.values() if stated is plain.answer), key=_order)
        return replace(plain, note=f"{word} by the person", evidence=_evidence(deciding))

    def _followed_reference(self, plain: Reason, node: nodes.Reference) -> Reason:
        key = (node.kind, node.name)
        if key in self._followed:
            return replace(plain, note="told above")
        self._followed.add(key)
        root = self._roots[key]
        if isinstance(root, nodes.ScoreTotal):
            return replace(plain, below=self.reason(root).below)
        return replace(plain, joins="all" if plain.kind is Kind.TRUTH else "", below=(self.reason(root),))

    def _part(self, total: nodes.ScoreTotal, part: nodes.ScorePart) -> Reason:
        values = {each.name: part_value(self.profile, each) for each in total.parts}
        share = next(each for each in shares(total, values) if each.name == part.name)
        return replace(self.reason(part.value), share=share)


def shares(total: nodes.ScoreTotal, values: Mapping[str, float | None]) -> tuple[Share, ...]:
    """What each part brings to a score, by the values of the parts."""
    whole = sum(part.weight for part in total.parts)
    present = sum(part.weight for part in total.parts if values[part.name] is not None)
    return tuple(
        Share(
            name=part.name,
            weight=part.weight,
            value=values[part.name],
            most=0.0 if values[part.name] is None or present == 0 else part.weight / present * whole,
        )
        for part in total.parts
    )


_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "=="}
"""The operator as it reads with its two sides exchanged."""


def _typed_references(resolved: Resolved) -> Iterator[tuple[Key, Typed]]:
    for feature in resolved.features:
        yield ("feature", feature.name), Typed(feature.node, feature.kind)
    for score in resolved.scores:
        yield ("score", score.name), Typed(score.node, Kind.NUMBER)
    for segment in resolved.segments:
        yield ("segment", segment.name), Typed(segment.node, Kind.TRUTH)


def _text(node: nodes.Node) -> str:
    if isinstance(node, nodes.ScoreTotal):
        return " + ".join(f"{part.weight:g} x {part.name}" for part in node.parts)
    return render(node)


def _is_constant(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Literal | nodes.Duration | nodes.Moment | nodes.Ago)


def _values_below(node: nodes.Node) -> Iterator[nodes.Node]:
    """The values of the profile that a node is made from, those that limit its window included.

    What stands inside `where` belongs to single events, not to the profile.
    """
    match node:
        case nodes.Arithmetic(left=left, right=right):
            yield from (left, right)
        case nodes.In(operand=operand) | nodes.Has(operand=operand) | nodes.TextMatch(operand=operand):
            yield operand
        case nodes.Default(operand=operand) | nodes.Decay(operand=operand):
            yield operand
        case nodes.Scale(operand=operand) | nodes.Rank(operand=operand):
            yield operand
        case nodes.Mean(operands=operands):
            yield from operands
        case _:
            for window in _windows(node):
                yield from (each for each in (window.since, window.after, window.until) if each is not None)


def _windows(node: nodes.Node) -> Iterator[nodes.Window]:
    for child in node.children():
        if isinstance(child, nodes.Window):
            yield child
        elif isinstance(child, nodes.Selection):
            yield child.window


def _why_not(node: nodes.Sequence | nodes.Funnel) -> str:
    """What can still be wrong when every step was reached in order."""
    if node.steps[-1].is_absent:
        return "what must stay away came, or its time is not over"
    return "not close enough to each other"


def _deciding(word: str, path: str | None, events: Sequence[Event]) -> Sequence[Event]:
    """The selected events that made the value what it is."""
    if word in ("first", "time_of_first", "time_since_first"):
        return events[:1]
    if word in ("last", "time_of_last", "time_since"):
        return events[-1:]
    if path is None:
        return events
    present = [event for event in events if path in event.fields]
    numbers = [(value, event) for event in present if is_number(value := event.fields[path])]
    if word in ("minimum", "maximum") and numbers:
        edge = (min if word == "minimum" else max)(value for value, _ in numbers)
        return [event for value, event in numbers if value == edge][-1:]
    return present


def _evidence(events: Sequence[Event], count: int | None = None) -> Evidence:
    latest = [Witness(event.occurred_at, event.name or event.kind, event.message_id) for event in events]
    return Evidence(len(events) if count is None else count, tuple(latest[-MOST_WITNESSES:]))


def _order(event: Event) -> tuple[int, int]:
    return event.order
