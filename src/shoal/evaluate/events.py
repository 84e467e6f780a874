"""What stands inside `where`: values of events, and of the things in an event's list."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from shoal.definitions import nodes
from shoal.definitions.kinds import Kind
from shoal.evaluate.column import Codes, Column, Flags, Numbers, number_column, truth_column
from shoal.evaluate.rows import EventRows
from shoal.evaluate.scope import StillScope
from shoal.history.dictionary import MISSING, Dictionary
from shoal.model.time import DAY, HOUR
from shoal.model.value import Items, Value, flatten, is_number, normalise


class EventScope(StillScope):
    """One row for each event of a frame."""

    def __init__(self, rows: EventRows) -> None:
        super().__init__(len(rows.frame), rows.dictionary)
        self._rows = rows

    def _leaf(self, node: nodes.Node) -> Column:
        match node:
            case nodes.Property(path=path):
                return _value_column(self.size, self._rows.numbers(path), self._rows.codes(path))
            case nodes.EventLocalTime(part=part):
                return number_column(clock_part(self._rows.local, part))
            case nodes.AnyItem(items=items, where=where):
                return truth_column(self._any_item(self.value(items).coded(), where))
            case _:
                raise AssertionError(f"{type(node).__name__} inside where")

    def _any_item(self, codes: Codes, where: nodes.Node) -> Flags:
        """Each distinct list is looked at once."""
        distinct, places = np.unique(codes, return_inverse=True)
        lists = [_things(self.dictionary, code) for code in distinct.tolist()]
        things = ThingScope(list(chain.from_iterable(lists)), self.dictionary).holds(where)
        owner = np.repeat(np.arange(len(lists)), [len(each) for each in lists])
        found = np.zeros(len(lists), np.bool_)
        found[owner[things]] = True
        return found[places]


class ThingScope(StillScope):
    """One row for each thing in some lists."""

    def __init__(self, things: Sequence[Any], dictionary: Dictionary) -> None:
        super().__init__(len(things), dictionary)
        self._things = things
        self._fields = [
            {path.removeprefix("."): value for path, value in flatten(thing, "")}
            if isinstance(thing, dict)
            else {"": normalise(thing)}
            for thing in things
        ]

    def _leaf(self, node: nodes.Node) -> Column:
        assert isinstance(node, nodes.ItemField)
        values = [fields.get(node.path) for fields in self._fields]
        return column_of_values(values, self.dictionary)


def column_of_values(values: Sequence[Value | None], dictionary: Dictionary) -> Column:
    """A column of values of any type."""
    numbers = np.array([value if is_number(value) else np.nan for value in values], np.float64)
    codes = np.array([_code(value, dictionary) for value in values], np.int32)
    return Column(kind=Kind.VALUE, numbers=numbers, codes=codes)


def _code(value: Value | None, dictionary: Dictionary) -> int:
    return dictionary.code(value) if isinstance(value, bool | str | Items) else MISSING


def _value_column(size: int, numbers: Numbers | None, codes: Codes | None) -> Column:
    return Column(
        kind=Kind.VALUE,
        numbers=np.broadcast_to(np.nan, size) if numbers is None else numbers,
        codes=np.broadcast_to(np.int32(MISSING), size) if codes is None else codes,
    )


def _things(dictionary: Dictionary, code: int) -> list[Any]:
    value = dictionary.values[code] if code != MISSING else None
    return value.decoded() if isinstance(value, Items) else []


def clock_part(local: Any, part: str) -> Numbers:
    """The hour (0-23) or the weekday (Monday 1 to Sunday 7) of local clocks."""
    if part == "hour":
        hours: Numbers = (local // HOUR % 24).astype(np.float64)
        return hours
    weekdays: Numbers = ((local // DAY + 3) % 7 + 1).astype(np.float64)
    return weekdays
