"""Fields of a frame of events: read as texts, and filled in where the sender states nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

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


def is_stated(frame: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    """Which rows have a value in any of these columns."""
    if not columns:
        return pl.repeat(value=False, n=len(frame), dtype=pl.Boolean, eager=True)
    return frame.select(pl.any_horizontal(pl.col(columns).is_not_null())).to_series()


def column_or_nothing(frame: pl.DataFrame, column: str) -> pl.Series:
    """A column of the frame; all missing when it has none by this name."""
    if column in frame.columns:
        return frame[column]
    field = split_field_column(column)
    assert field is not None
    return pl.Series(column, [None], dtype=FIELD_TYPES[field[1]]).new_from_index(0, len(frame))


def look_up(frame: pl.DataFrame, sources: Sequence[str], answer: Callable[..., Answer]) -> pl.DataFrame:
    """What `answer` finds for the values of the source columns of each row; asked once for equal ones.

    A column is there only when something was found for it. Rows in which all sources are missing are not asked.
    """
    asked = frame.select(column_or_nothing(frame, column).alias(column) for column in sources)
    distinct = asked.unique(maintain_order=True).filter(pl.any_horizontal(pl.all().is_not_null()))
    found = [answer(*row) for row in distinct.iter_rows()]
    columns = sorted({column for each in found for column in each})
    answers = [pl.Series(column, [each.get(column) for each in found], dtype=_type(column)) for column in columns]
    if not answers:
        return pl.DataFrame(schema={})
    known = distinct.rename({column: f"asked {column}" for column in sources}).with_columns(answers)
    joined = asked.join(
        known,
        left_on=list(sources),
        right_on=[f"asked {column}" for column in sources],
        how="left",
        nulls_equal=True,
        maintain_order="left",
    )
    return joined.select(columns)


def filled(frame: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """The frame with what was found, in rows where the sender states nothing about that field."""
    added = []
    for series in found.iter_columns():
        field = split_field_column(series.name)
        assert field is not None
        free = ~is_stated(frame, columns_of(frame, field[0]))
        chosen = series.zip_with(free, pl.Series([None], dtype=series.dtype).new_from_index(0, len(series)))
        if chosen.null_count() < len(chosen):
            own = column_or_nothing(frame, series.name)
            added.append(own.fill_null(chosen).alias(series.name))
    return frame.with_columns(added) if added else frame


def filled_where(frame: pl.DataFrame, found: pl.DataFrame, rows: pl.Series) -> pl.DataFrame:
    """As `filled`, in some of the rows only."""
    if not len(found.columns):
        return frame
    return filled(frame, found.select(pl.when(rows).then(pl.col(column)) for column in found.columns))


def _type(column: str) -> type[pl.DataType]:
    field = split_field_column(column)
    assert field is not None
    return FIELD_TYPES[field[1]]
