"""Fields of a frame of events: read as columns, and filled in where the sender states nothing.

Frames of the live engine are small and many: columns are worked on one by one, for a query takes long to plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from operator import or_

import polars as pl

from shoal.model.frame import FIELD_TYPES, field_column, split_field_column

Answer = Mapping[str, object]
"""What is found for one row: values by field column, `context.device.type:text`. Missing ones are left out."""


def columns_of(frame: pl.DataFrame, path: str) -> list[str]:
    """The columns of one field, of whatever type."""
    columns = (field_column(path, type_name) for type_name in FIELD_TYPES)
    return [column for column in columns if column in frame.columns]


def columns_below(frame: pl.DataFrame, path: str) -> list[str]:
    """The columns of a field and of all fields inside it."""
    fields = ((column, split_field_column(column)) for column in frame.columns)
    return [column for column, field in fields if field and (field[0] == path or field[0].startswith(f"{path}."))]


def is_stated(frame: pl.DataFrame, columns: Iterable[str]) -> pl.Series:
    """Which rows have a value in any of these columns."""
    stated = (frame[column] for column in columns)
    return reduce(
        or_, (each.is_not_null() for each in stated if each.null_count() < len(each)), _nowhere(len(frame))
    )


def column_or_nothing(frame: pl.DataFrame, column: str) -> pl.Series:
    """A column of the frame; all missing when it has none by this name."""
    return frame[column] if column in frame.columns else _nothing(column, len(frame))


def look_up(columns: Sequence[pl.Series], answer: Callable[..., Answer]) -> dict[str, pl.Series]:
    """What `answer` finds for the values of each row; asked once for equal ones.

    A column is there only when something was found for it. Rows in which all values are missing are not asked.
    """
    if all(column.null_count() == len(column) for column in columns):
        return {}
    numbers: dict[tuple[object, ...], int] = {}
    rows = zip(*(column.to_list() for column in columns), strict=True)
    chosen = pl.Series([numbers.setdefault(row, len(numbers)) for row in rows], dtype=pl.UInt32)
    found = [{} if all(value is None for value in row) else answer(*row) for row in numbers]
    names = sorted({name for each in found for name in each})
    return {
        name: pl.Series(name, [each.get(name) for each in found], dtype=type_of(name))[chosen] for name in names
    }


def filled(frame: pl.DataFrame, found: Iterable[pl.Series], rows: pl.Series | None = None) -> pl.DataFrame:
    """The frame with what was found, in rows where the sender states nothing about that field.

    With `rows` only in those.
    """
    added = []
    for series in found:
        field = split_field_column(series.name)
        assert field is not None
        free = ~is_stated(frame, columns_of(frame, field[0]))
        free = free if rows is None else free & rows
        own = column_or_nothing(frame, series.name)
        chosen = series.zip_with(free, own)
        if chosen.null_count() < own.null_count():
            added.append(chosen.alias(series.name))
    return frame.with_columns(added) if added else frame


def type_of(column: str) -> type[pl.DataType]:
    """The type of a field's column."""
    field = split_field_column(column)
    assert field is not None
    return FIELD_TYPES[field[1]]


def _nowhere(count: int) -> pl.Series:
    return pl.Series([False], dtype=pl.Boolean).new_from_index(0, count)


def _nothing(column: str, count: int) -> pl.Series:
    return pl.Series(column, [None], dtype=type_of(column)).new_from_index(0, count)
