"""Whether contenders gave the same answers: floats within 1e-9 of each other, relatively; all else exactly."""

from __future__ import annotations

import numpy as np
import polars as pl

from shoal.errors import Error

RELATIVE_TOLERANCE = 1e-9


class Disagreement(Error):
    """Two contenders answer differently, so their times cannot be compared."""


def compare_answers(left: pl.DataFrame, right: pl.DataFrame, *, names: tuple[str, str]) -> int:
    """How many answers were compared, all of them the same. Raises Disagreement that names some that are not.

    Both have one row for each profile, named by the column `profile`, and the same columns.
    """
    one, other = (_comparable(each) for each in (left, right))
    if not one["profile"].equals(other["profile"]):
        raise Disagreement(f"{names[0]} and {names[1]} do not answer for the same profiles")
    wrong = []
    for column in one.columns[1:]:
        different = ~_are_close(one[column], other[column])
        if different.any():
            place = int(different.arg_max() or 0)
            wrong.append(
                f"{column} of {one['profile'][place]}: {names[0]} {one[column][place]}, "
                f"{names[1]} {other[column][place]} ({different.sum()} such)"
            )
    if wrong:
        raise Disagreement("different answers: " + "; ".join(wrong[:5]))
    return one.height * (one.width - 1)


def _comparable(answers: pl.DataFrame) -> pl.DataFrame:
    numeric = pl.selectors.numeric() | pl.selectors.duration()
    return answers.sort("profile").with_columns(
        numeric.cast(pl.Float64), pl.selectors.categorical().cast(pl.String)
    )


def _are_close(left: pl.Series, right: pl.Series) -> pl.Series:
    same = left.eq_missing(right)
    if left.dtype != pl.Float64 or right.dtype != pl.Float64:
        return same
    one, other = left.to_numpy(), right.to_numpy()  # nan where missing, and nan is near nothing
    near = np.abs(one - other) <= RELATIVE_TOLERANCE * np.maximum(np.abs(one), np.abs(other))
    return same | pl.Series(near)
