"""The spec suite as data: every rule with its tables, taken from the tests themselves."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

from shoal.definitions.settings import Settings
from tests.spec.cases import Case, case_of_tables

SECTIONS = (
    "windows",
    "order",
    "counting",
    "times",
    "missing",
    "types",
    "where",
    "sequences",
    "sessions",
    "clocks",
    "person",
    "consent",
    "values",
)
"""The files of the spec in the order in which they are read."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its name, the sentence that states it, and the tables that prove it."""

    title: str
    statement: str
    cases: tuple[Case, ...]


@cache
def rules(section: str) -> tuple[Rule, ...]:
    """The rules of one section, as their tests state them."""
    module = importlib.import_module(f"tests.spec.test_{section}")
    return tuple(_rule(test) for test in _tests(module))


def _tests(module: ModuleType) -> Iterator[Any]:
    """The tests of a file, in the order in which they are written."""
    for name, test in vars(module).items():
        if name.startswith("test_") and inspect.isfunction(test):
            assert list(inspect.signature(test).parameters) == ["spec"], f"{name} takes more than spec"
            yield test


def _rule(test: Any) -> Rule:
    cases: list[Case] = []

    def record(expression: str | None, events: str, answers: str, *, now: str | None = None, **more: Any) -> None:
        cases.append(case_of_tables(expression, events, answers, now=now, **more))

    test(record)
    title = test.__name__.removeprefix("test_").replace("_", " ")
    return Rule(title[0].upper() + title[1:], " ".join(inspect.getdoc(test).split()), tuple(cases))


def stated_settings(settings: Settings) -> list[str]:
    """The settings that differ from the shipped ones, as one would write them."""
    from shoal.model.time import format_duration

    shipped, lines = Settings(), []
    if settings.time_zone != shipped.time_zone:
        lines.append(f"time_zone: {settings.time_zone}")
    if settings.calendar != shipped.calendar:
        lines.append(f"calendar: {settings.calendar}")
    if settings.session_gap != shipped.session_gap:
        lines.append(f"session_gap: {format_duration(settings.session_gap)}")
    changed = {
        purpose: granted for purpose, granted in settings.consent.items() if granted != shipped.consent[purpose]
    }
    if changed:
        words = ", ".join(f"{p.value}: {'granted' if granted else 'refused'}" for p, granted in changed.items())
        lines.append(f"consent: {{{words}}}")
    return lines
