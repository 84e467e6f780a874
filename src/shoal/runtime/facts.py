"""Facts: values of people as they are told to the world outside."""

from __future__ import annotations

from shoal.definitions.kinds import Kind
from shoal.evaluate.column import Column
from shoal.history.dictionary import Dictionary
from shoal.model.firing import Fact
from shoal.model.time import format_moment
from shoal.model.value import Items


def facts_of(column: Column, dictionary: Dictionary) -> list[Fact]:
    """Values as they are told: moments as ISO 8601, durations in milliseconds, lists of things as JSON."""
    values = column.values(dictionary)
    if column.kind is Kind.MOMENT:
        return [format_moment(round(each)) if isinstance(each, float) else None for each in values]
    return [each.json if isinstance(each, Items) else each for each in values]
