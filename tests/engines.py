"""Every way to evaluate definitions, behind one method, so that one test can ask them all the same question.

A new engine is one more class here and one more entry in ENGINES: every spec and property test then holds it to
what the reference says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np

from shoal.definitions.resolve import Key, Resolved
from shoal.evaluate.build import build_history
from shoal.evaluate.frozen import Frozen
from shoal.evaluate.kernel import evaluate
from shoal.evaluate.plan import compile_plan
from shoal.evaluate.reference import Answer, Instant, Reference
from shoal.model.event import Event
from shoal.model.frame import frame_of_events
from shoal.model.value import Value

Profiles = Mapping[str, Sequence[Event]]
"""The events of each profile, in order."""

Moments = int | Mapping[str, int]
"""One `now` for all profiles, or one for each."""

Answers = dict[str, dict[Key, Value | None]]
"""For each profile the value of every definition as plain Python: durations and moments are numbers of ms."""


class Engine(Protocol):
    """Gives the value of every definition for every profile."""

    name: str

    def answers(
        self, resolved: Resolved, profiles: Profiles, now: Moments, frozen: Frozen | None = None
    ) -> Answers: ...


class ReferenceEngine:
    """The judge."""

    name = "reference"

    def answers(
        self, resolved: Resolved, profiles: Profiles, now: Moments, frozen: Frozen | None = None
    ) -> Answers:
        reference = Reference(resolved, frozen)
        return {
            profile: {key: plain(each) for key, each in reference.evaluate(events, at(now, profile)).items()}
            for profile, events in profiles.items()
        }


class KernelEngine:
    """The fast kernel over columns, as the live engine and batch evaluation use it."""

    name = "kernel"

    def answers(
        self, resolved: Resolved, profiles: Profiles, now: Moments, frozen: Frozen | None = None
    ) -> Answers:
        names = list(profiles)
        rows = [(event, number) for number, name in enumerate(names) for event in profiles[name]]
        plan = compile_plan(resolved)
        owners = np.array([number for _, number in rows], np.int32)
        history = build_history(plan, frame_of_events([event for event, _ in rows]), owners, len(names))
        moments = np.array([at(now, name) for name in names], np.int64)
        evaluation = evaluate(plan, history, moments, frozen=frozen)
        columns = {key: each.values(history.dictionary) for key, each in evaluation.values.items()}
        return {
            name: {key: values[number] for key, values in columns.items()} for number, name in enumerate(names)
        }


ENGINES: tuple[Engine, ...] = (ReferenceEngine(), KernelEngine())


def at(now: Moments, profile: str) -> int:
    """The moment at which a profile is looked at."""
    return now if isinstance(now, int) else now[profile]


def plain(answer: Answer) -> Value | None:
    """An answer without the order of the event that it is the moment of; numbers as floats."""
    if isinstance(answer, Instant):
        return answer.at
    return float(answer) if isinstance(answer, int) and not isinstance(answer, bool) else answer


def in_order(events: Iterable[Event]) -> list[Event]:
    """Events as a history holds them."""
    return sorted(events, key=lambda event: event.order)


def are_close(left: Value | None, right: Value | None) -> bool:
    """Whether two engines gave the same answer: floats within 1e-9 of each other, relatively; all else exactly."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float) and isinstance(right, float):
        return left == right or abs(left - right) <= 1e-9 * max(abs(left), abs(right))
    return left == right


def differences(left: Answers, right: Answers) -> list[str]:
    """Where two engines disagree, one line each."""
    return [
        f"{profile} {key[0]} {key[1]}: {left[profile][key]!r} / {right[profile][key]!r}"
        for profile in left
        for key in left[profile]
        if not are_close(left[profile][key], right[profile][key])
    ]
