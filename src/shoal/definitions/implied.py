"""Implied definitions: the segments and features that triggers and slots need, kept true like all the others.

Each trigger becomes one segment, whose changes are its occasions; so triggers mean the same live, in batch and in
a backtest. Implied names hold a ":", which no name that somebody wrote can; nobody ever sees them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, replace
from typing import Any

from shoal.definitions import nodes
from shoal.definitions.definition import Definitions, FeatureDefinition, SegmentDefinition, Written
from shoal.definitions.parse import parse
from shoal.definitions.slot import SlotDefinition
from shoal.definitions.source import Row, Source
from shoal.definitions.trigger import (
    Becomes,
    Changes,
    Enters,
    Happens,
    Leaves,
    RunsOut,
    SessionEnds,
    TriggerDefinition,
)
from shoal.definitions.vocabulary import Scope
from shoal.errors import DefinitionError, Problem
from shoal.model.consent import Purpose
from shoal.model.time import MILLISECOND

# Names


def trigger_segment(trigger: str) -> str:
    """The segment whose changes are the occasions of a trigger."""
    return f"trigger:{trigger}"


def condition_segment(trigger: str) -> str:
    """The segment of those for whom the `if` of a trigger holds; there is none for a trigger without."""
    return f"trigger:{trigger}:if"


def consent_segment(purpose: Purpose) -> str:
    """The segment of everyone who consents to a purpose that a trigger or a slot has."""
    return f"consent:{purpose.value}"


def choice_segment(slot: str, choice: str) -> str:
    """The segment of those for whom a choice of a slot is meant, the context of the request aside."""
    return f"slot:{slot}:{choice}"


def value_feature(trigger: str, action_number: int, value: str) -> str:
    """The feature that is a value of an action. Actions are numbered from 1, as they are written."""
    return f"trigger:{trigger}:{action_number}:{value}"


ZONE_FEATURE = "person:zone"
"""The feature that is a person's time zone, as that person's events state it; there when there are triggers."""

ADDRESS_FEATURE = "person:email"
"""The feature that is a person's e-mail address; there when there are triggers."""


def is_implied(name: str) -> bool:
    """Whether a segment or feature of this name was made here."""
    return ":" in name


def what_it_is(name: str) -> str:
    """A segment in words that whoever wrote the trigger or the slot understands; a named one by its name."""
    match name.split(":"):
        case ["trigger", trigger]:
            return f"when {trigger} fires"
        case ["trigger", trigger, "if"]:
            return f"the if of {trigger}"
        case ["slot", slot, choice]:
            return f"the when of {choice} in {slot}"
    return name


# Definitions


def with_implied(
    definitions: Definitions,
    *,
    triggers: Sequence[TriggerDefinition] = (),
    slots: Sequence[SlotDefinition] = (),
) -> Definitions:
    """The definitions with those that triggers and slots imply. Raises DefinitionError for what cannot be read."""
    found, problems = with_implied_readable(definitions, triggers=triggers, slots=slots)
    if problems:
        raise DefinitionError(problems)
    return found


def with_implied_readable(
    definitions: Definitions,
    *,
    triggers: Sequence[TriggerDefinition] = (),
    slots: Sequence[SlotDefinition] = (),
) -> tuple[Definitions, list[Problem]]:
    """The definitions with what can be read of those that triggers and slots imply, and every other problem.

    Of two triggers of one name the first one counts here: that there are two is a problem of another kind.
    """
    problems: list[Problem] = []
    segments, features = list(definitions.segments), list(definitions.features)
    for trigger in _firsts(triggers):
        segments += _segments_of_trigger(trigger, problems)
        features += _values(trigger)
    features += _facts_of_persons() if triggers else ()
    for slot in _firsts(slots):
        segments += _choices(slot)
    purposes = sorted({*(each.purpose for each in triggers), *(each.purpose for each in slots)})
    segments += [_segment(consent_segment(purpose), nodes.Everyone(), purpose, Source()) for purpose in purposes]
    return replace(definitions, segments=tuple(segments), features=tuple(features)), problems


def _firsts(several: Iterable[Any]) -> Iterator[Any]:
    """Each but those whose name another has before."""
    return iter({each.name: each for each in reversed(tuple(several))}.values())


def _segments_of_trigger(trigger: TriggerDefinition, problems: list[Problem]) -> Iterator[SegmentDefinition]:
    try:
        when, rows = _occasion(trigger)
    except DefinitionError as error:
        problems += error.problems
    else:
        source = _source(trigger, rows)
        segment = _segment(trigger_segment(trigger.name), when, trigger.purpose, source)
        yield replace(segment, is_momentary=isinstance(trigger.on, Happens))
    if trigger.condition is not None:
        source = _source(trigger, trigger.source.rows.get("if", ()))
        yield _segment(condition_segment(trigger.name), trigger.condition, trigger.purpose, source)


def _occasion(trigger: TriggerDefinition) -> tuple[Written, tuple[Row, ...]]:
    """The condition whose changes are the trigger's occasions, and where in a file it stands."""
    match trigger.on:
        case Enters(segment=name) | Leaves(segment=name) | Changes(segment=name):
            rows = trigger.source.rows.get("segment", ())
            return nodes.Reference("segment", name, place=_first_place(rows, 0)), rows
        case Happens() as happens:
            selection, rows = _Selections(trigger).read(happens, "event")
            window = nodes.Window(within=MILLISECOND)
            return nodes.Aggregate("happened", replace(selection, window=window)), rows
        case RunsOut() as runs_out:
            return _deadline(runs_out, trigger)
        case SessionEnds():
            return _SESSION_IS_OVER, ()
        case Becomes(when=when):
            return when, trigger.source.rows.get("when", ())


_SESSION_IS_OVER = nodes.And(
    (
        nodes.Has(nodes.SessionValue("events", "last")),
        nodes.Not(nodes.Has(nodes.SessionValue("events", "current"))),
    )
)


def _deadline(runs_out: RunsOut, trigger: TriggerDefinition) -> tuple[nodes.Node, tuple[Row, ...]]:
    """So long since the last of one event, and none of the other after it."""
    selections = _Selections(trigger)
    after, _ = selections.read(runs_out.after, "after")
    without, rows = selections.read(runs_out.without, "without")
    waited = nodes.Compare(">=", nodes.Aggregate("time_since", after), nodes.Duration(runs_out.span))
    since = nodes.Window(after=nodes.Aggregate("time_of_last", after))
    came = nodes.Aggregate("happened", replace(without, window=since))
    return nodes.And((waited, nodes.Not(came))), rows


class _Selections:
    """Reads the events of one occasion, whose texts stand apart in a file, as if they stood below each other."""

    def __init__(self, owner: TriggerDefinition) -> None:
        self.owner, self.source = owner.name, owner.source
        self.rows: tuple[Row, ...] = ()
        self._lines = 0

    def read(self, happens: Happens, part: str) -> tuple[nodes.Selection, tuple[Row, ...]]:
        """The events, and where everything that was read so far stands. Raises DefinitionError."""
        names, name_rows = (happens.event,), self.source.rows.get(part, ())
        place = _first_place(name_rows, self._lines)
        if name_rows:
            self._take(name_rows, happens.event)
        where = None if not happens.where else self._where(happens.where, f"{part} where")
        return nodes.Selection(names, where, place=place), self.rows

    def _where(self, text: str, part: str) -> nodes.Node:
        try:
            where = _lower(parse(text, scope=Scope.EVENT), self._lines)
        except DefinitionError as error:
            named = [replace(each, path=self.owner) for each in error.problems]
            raise DefinitionError([self.source.locate(each, part) for each in named]) from None
        self._take(self.source.rows.get(part, ()), text)
        found: nodes.Node = where
        return found

    def _take(self, rows: tuple[Row, ...], text: str) -> None:
        self.rows += tuple(each._replace(begins=(each.begins[0] + self._lines, each.begins[1])) for each in rows)
        self._lines += text.count("\n") + 1


def _first_place(rows: tuple[Row, ...], lines: int) -> nodes.Place | None:
    """Where a text begins that stands so many lines further down; None where it stands in no file."""
    return nodes.Place(rows[0].begins[0] + lines, rows[0].begins[1]) if rows else None


def _lower(part: Any, lines: int) -> Any:
    """A node whose places are so many lines further down."""
    if isinstance(part, tuple) and not isinstance(part, nodes.Place):
        return tuple(_lower(each, lines) for each in part)
    if not isinstance(part, nodes.Node):
        return part
    place = None if part.place is None else nodes.Place(part.place.line + lines, part.place.column)
    inner = {each.name: _lower(getattr(part, each.name), lines) for each in fields(part) if each.name != "place"}
    return replace(part, **inner, place=place)


def _values(trigger: TriggerDefinition) -> Iterator[FeatureDefinition]:
    for number, action in enumerate(trigger.actions, start=1):
        for name, written in action.values.items():
            rows = trigger.source.rows.get(f"{number}:{name}", ())
            yield FeatureDefinition(
                name=value_feature(trigger.name, number, name),
                value=written,
                source=replace(_source(trigger, ()), rows={"value": rows}),
                is_implied=True,
            )


def _facts_of_persons() -> Iterator[FeatureDefinition]:
    """What acting needs to know of anybody."""
    for name, path in ((ZONE_FEATURE, "context.timezone"), (ADDRESS_FEATURE, "traits.email")):
        yield FeatureDefinition(name=name, value=nodes.LastStated(path), is_implied=True)


def _choices(slot: SlotDefinition) -> Iterator[SegmentDefinition]:
    for choice in _firsts(slot.choices):
        source = _source(slot, slot.source.rows.get(choice.name, ()))
        when = nodes.Everyone() if choice.when is None else choice.when
        yield _segment(choice_segment(slot.name, choice.name), when, slot.purpose, source)


def _segment(name: str, when: Written, purpose: Purpose, source: Source) -> SegmentDefinition:
    return SegmentDefinition(name=name, when=when, purpose=purpose, source=source, is_implied=True)


def _source(owner: TriggerDefinition | SlotDefinition, rows: tuple[Row, ...]) -> Source:
    """Where the trigger or slot was written; one made in Python is named instead of a file."""
    return Source(path=owner.source.path or owner.name, line=owner.source.line, rows={"when": rows})
