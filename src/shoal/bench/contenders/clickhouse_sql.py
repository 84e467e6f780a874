"""ClickHouse inside the process (chDB): one query; in memory the events are a sorted MergeTree table."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
from chdb.session import Session  # type: ignore[import-not-found, unused-ignore]

from shoal.bench.contenders.contender import COLUMNS, query
from shoal.bench.questions import SEGMENTS
from shoal.bench.shop import NOW
from shoal.bench.stopwatch import Stopwatch


class ClickHouseSQL:
    """A session whose tables lie in a folder of their own."""

    def __init__(self, threads: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="shoal-bench-chdb-")
        self._session: Any = Session(self._folder.name)
        self._session.query("CREATE DATABASE bench ENGINE = Atomic")
        self._session.query("USE bench")
        self._query = f"{query('clickhouse')} SETTINGS join_use_nulls = 1, max_threads = {threads}"
        self._answers = b""

    def whole(self, path: Path) -> pl.DataFrame:
        self._session.query(f"CREATE VIEW bench.events AS {_selected(path)}")
        self.evaluate()
        return self.answers()

    def prepare(self, path: Path, watch: Stopwatch) -> None:
        with watch("read and sort"):
            self._session.query(
                "CREATE TABLE bench.events (person String, name LowCardinality(String), "
                "moment Int64, position Int64, price Nullable(Float64), product LowCardinality(Nullable(String)), "
                "device LowCardinality(Nullable(String))) ENGINE = MergeTree ORDER BY (person, moment, position)"
            )
            self._session.query(f"INSERT INTO bench.events {_selected(path)}")
            self._session.query("OPTIMIZE TABLE bench.events FINAL")

    def evaluate(self) -> None:
        self._answers = self._session.query(self._query, "Parquet").bytes()

    def answers(self) -> pl.DataFrame:
        answers = pl.read_parquet(io.BytesIO(self._answers))
        return answers.with_columns(
            pl.col("profile", "last_product_30d").cast(pl.String), pl.col(*SEGMENTS).cast(pl.Boolean)
        )


def _selected(path: Path) -> str:
    columns = ", ".join(f"`{stored}` AS {name}" for stored, name in COLUMNS.items())
    return f"SELECT {columns} FROM file('{path}', Parquet) WHERE occurred_at <= {NOW}"  # noqa: S608
