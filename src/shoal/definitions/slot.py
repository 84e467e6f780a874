"""Slots as they are written: places of a page, and what each shows to whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shoal.definitions.definition import Written, keep_node, keep_purpose
from shoal.definitions.source import Source
from shoal.model.consent import Purpose

Content = Mapping[str, str | float | bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceDefinition:
    """One possible content of a slot: for whom (`when`), in which context of the request, and what.

    `context` maps `device`, `country`, `city`, `path`, `local_hour` or `local_weekday` to the values that are
    allowed. An empty one allows everything.
    """

    name: str
    content: Content
    when: Written | None = None
    context: Mapping[str, tuple[str | int, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        keep_node(self, "when")


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotDefinition:
    """A named place. The first choice that fits is shown; the default to everybody else, and without consent."""

    name: str
    choices: tuple[ChoiceDefinition, ...]
    default: Content = field(default_factory=dict)
    purpose: Purpose = Purpose.PERSONALISATION
    title: str = ""
    description: str = ""
    source: Source = field(default_factory=Source, compare=False)

    kind = "slot"

    def __post_init__(self) -> None:
        keep_purpose(self, self.purpose)
