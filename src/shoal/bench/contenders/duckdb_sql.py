"""DuckDB: one query; in memory the events are sorted, their texts are enums."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl

from shoal.bench.contenders.contender import COLUMNS, query
from shoal.bench.shop import NOW
from shoal.bench.stopwatch import Stopwatch

TEXTS = ("person", "name", "product", "device")


class DuckDBSQL:
    """A database in memory."""

    def __init__(self, threads: int) -> None:
        self._database = duckdb.connect(config={"threads": threads})
        self._query = query("duckdb")

    def whole(self, path: Path) -> pl.DataFrame:
        self._database.execute(f"CREATE VIEW events AS {_selected(path)}")
        answers: pl.DataFrame = self._database.sql(self._query).pl()
        return answers

    def prepare(self, path: Path, watch: Stopwatch) -> None:
        with watch("read and sort"):
            for name in TEXTS:
                distinct = f"SELECT DISTINCT {name} FROM ({_selected(path)}) WHERE {name} IS NOT NULL"  # noqa: S608
                self._database.execute(f"CREATE TYPE {name}_text AS ENUM ({distinct})")
            casts = ", ".join(f"{name}::{name}_text AS {name}" for name in TEXTS)
            rows = f"SELECT * REPLACE ({casts}) FROM ({_selected(path)})"  # noqa: S608
            self._database.execute(f"CREATE TABLE events AS {rows} ORDER BY person, moment, position")

    def evaluate(self) -> None:
        self._database.execute(f"CREATE OR REPLACE TABLE answers AS {self._query}")

    def answers(self) -> pl.DataFrame:
        answers: pl.DataFrame = self._database.sql("FROM answers").pl()
        return answers


def _selected(path: Path) -> str:
    columns = ", ".join(f'"{stored}" AS {name}' for stored, name in COLUMNS.items())
    place = str(path).replace("'", "''")
    return f"SELECT {columns} FROM read_parquet('{place}') WHERE occurred_at <= {NOW}"  # noqa: S608
