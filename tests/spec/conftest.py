"""The `spec` fixture: asks every engine what a case asks, and compares with what its table says."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from shoal.definitions.definition import Definition
from shoal.definitions.settings import Settings
from shoal.evaluate.frozen import Frozen
from tests.engines import ENGINES, Engine, are_close
from tests.spec.cases import Case, answer_of, case_of_tables, moment_of


@pytest.fixture(params=ENGINES, ids=lambda engine: engine.name)
def spec(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Runs one case: `spec(expression, events, answers, now=...)`."""

    def run(
        expression: str | None,
        events: str,
        answers: str,
        *,
        now: str | None = None,
        definitions: Iterable[Definition] = (),
        settings: Settings | None = None,
        frozen: Frozen | None = None,
    ) -> None:
        case = case_of_tables(
            expression, events, answers, now=now, definitions=definitions, settings=settings, frozen=frozen
        )
        assert wrong_answers(request.param, case) == []

    return run


def wrong_answers(engine: Engine, case: Case) -> list[str]:
    """Where an engine's answers differ from those of the table, one line each."""
    resolved, profiles, wrong = case.resolved(), case.profiles(), []
    found = {now: engine.answers(resolved, profiles, moment_of(now), case.frozen) for now in case.moments}
    for question in case.questions:
        key = ("feature", f"answer_{case.expressions.index(question.expression)}")
        for who, cell in question.answers.items():
            answer = found[question.now][who][key]
            if not are_close(answer, answer_of(cell)):
                wrong.append(f"{who} at {question.now}: {question.expression} is {answer!r}, not {cell}")
    return wrong
