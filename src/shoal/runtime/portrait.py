"""The portrait of one person at a moment: consent, segments, scores with their parts, features, last sessions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shoal.definitions.kinds import Kind
from shoal.definitions.resolve import Resolved
from shoal.definitions.workspace import Workspace
from shoal.evaluate.build import build_history
from shoal.evaluate.explain import Share, shares
from shoal.evaluate.kernel import Evaluation, evaluate
from shoal.evaluate.plan import compile_plan
from shoal.evaluate.reference import Reference, ReferenceProfile, consent_statement, consents
from shoal.history.dictionary import Dictionary
from shoal.model.consent import Purpose
from shoal.model.event import Event
from shoal.model.value import Value
from shoal.runtime.batch import Told
from shoal.runtime.freezing import kept_values
from shoal.runtime.people import Person, find_person

SESSIONS_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Consent:
    """Whether a person may be used for a purpose, and whether they said so themselves."""

    purpose: Purpose
    is_granted: bool
    is_stated: bool


@dataclass(frozen=True, slots=True)
class FeatureValue:
    name: str
    kind: Kind
    value: Value | None


@dataclass(frozen=True, slots=True)
class ScoreValue:
    name: str
    value: float | None
    parts: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class Session:
    """One session: when it began, how many ms it lasted, and what happened, the most frequent first."""

    began: int
    duration: int
    events: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrait:
    person: Person
    as_of: int
    consents: tuple[Consent, ...]
    segments: tuple[str, ...]
    scores: tuple[ScoreValue, ...]
    features: tuple[FeatureValue, ...]
    sessions: tuple[Session, ...]


def portray(workspace: Workspace, identifier: str, as_of: int, *, told: Told = lambda _: None) -> Portrait:
    """Everything about the person with an identifier. Raises NotFound when nobody has it."""
    resolved = workspace.resolve()
    person = find_person(workspace, identifier, as_of, told=told)
    told("Evaluating definitions")
    plan = compile_plan(resolved)
    history = build_history(plan, person.frame, np.zeros(len(person.frame), np.int32), 1)
    evaluation = evaluate(plan, history, as_of, frozen=kept_values(workspace.folder, plan))
    profile = ReferenceProfile(Reference(resolved), person.events, as_of)
    return Portrait(
        person=person,
        as_of=as_of,
        consents=tuple(_consent(profile, purpose) for purpose in Purpose),
        segments=tuple(
            segment.name for segment in resolved.segments if evaluation.values[("segment", segment.name)].holds[0]
        ),
        scores=tuple(_scores(resolved, evaluation)),
        features=tuple(_features(resolved, evaluation, history.dictionary)),
        sessions=tuple(_session(each) for each in reversed(profile.sessions()[-SESSIONS_SHOWN:])),
    )


def _consent(profile: ReferenceProfile, purpose: Purpose) -> Consent:
    is_stated = any(consent_statement(event, purpose) is not None for event in profile.events)
    return Consent(purpose, consents(profile, purpose), is_stated)


def _features(resolved: Resolved, evaluation: Evaluation, dictionary: Dictionary) -> list[FeatureValue]:
    return [
        FeatureValue(each.name, each.kind, evaluation.values[("feature", each.name)].values(dictionary)[0])
        for each in resolved.features
    ]


def _scores(resolved: Resolved, evaluation: Evaluation) -> list[ScoreValue]:
    found = []
    for score in resolved.scores:
        total = float(evaluation.values[("score", score.name)].amounts[0])
        values = {name: _present(float(each[0])) for name, each in evaluation.parts[score.name].items()}
        found.append(ScoreValue(score.name, _present(total), shares(score.node, values)))
    return found


def _present(number: float) -> float | None:
    return None if np.isnan(number) else number


def _session(events: Sequence[Event]) -> Session:
    names = Counter(event.name for event in events)
    return Session(
        began=events[0].occurred_at,
        duration=events[-1].occurred_at - events[0].occurred_at,
        events=len(events),
        names=tuple(name for name, _ in names.most_common()),
    )
