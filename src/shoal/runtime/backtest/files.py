"""Files of a backtest: the page, and every occasion with its actions, as Parquet and as CSV for spreadsheets."""

from __future__ import annotations

from datetime import tzinfo
from pathlib import Path

import polars as pl

from shoal.model.time import NEVER
from shoal.runtime.backtest.page import render_backtest
from shoal.runtime.backtest.result import Backtest
from shoal.runtime.export import safe_csv
from shoal.runtime.files import parquet, text, write_files

PAGE, FIRINGS, FIRINGS_AS_CSV, DELIVERIES = "backtest.html", "firings.parquet", "firings.csv", "deliveries.parquet"
BACKTEST_FILES = (PAGE, FIRINGS, FIRINGS_AS_CSV, DELIVERIES)

MOMENTS = ("at", "not_before", "expires_at", "back_at")


def write_backtest(backtest: Backtest, folder: Path, zone: tzinfo) -> None:
    """Writes all of them or none. Days on the page are those of `zone`."""
    firings = _with_moments(backtest.occasions, "at", "goal_at")
    files = {
        PAGE: text(render_backtest(backtest, zone)),
        FIRINGS: parquet(firings),
        FIRINGS_AS_CSV: text(safe_csv(firings)),
        DELIVERIES: parquet(_with_moments(_without_never(backtest.actions), *MOMENTS)),
    }
    write_files(folder, files)


def _without_never(actions: pl.DataFrame) -> pl.DataFrame:
    """What never expires has no moment at which it does."""
    return actions.with_columns(pl.when(pl.col("expires_at") < NEVER).then("expires_at"))


def _with_moments(rows: pl.DataFrame, *columns: str) -> pl.DataFrame:
    return rows.with_columns(pl.col(each).cast(pl.Datetime("ms", "UTC")) for each in columns)
