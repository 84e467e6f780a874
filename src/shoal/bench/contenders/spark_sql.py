"""Spark on this machine: one query; in memory the events are a cached table."""

from __future__ import annotations

import tempfile
from pathlib import Path

import polars as pl
from pyspark.sql import SparkSession  # type: ignore[import-not-found, unused-ignore]

from shoal.bench.contenders.contender import COLUMNS, query
from shoal.bench.shop import NOW
from shoal.bench.stopwatch import Stopwatch


class SparkSQL:
    """A local session of so many threads, with as many shuffle partitions."""

    def __init__(self, threads: int) -> None:
        self._spark = (
            SparkSession.builder.master(f"local[{threads}]")
            .config("spark.driver.memory", "6g")
            .config("spark.sql.shuffle.partitions", 2 * threads)
            .config("spark.sql.ansi.enabled", "false")
            .config("spark.ui.enabled", "false")
            .getOrCreate()
        )
        self._query = query("spark")
        self._folder = tempfile.TemporaryDirectory(prefix="shoal-bench-spark-")

    def whole(self, path: Path) -> pl.DataFrame:
        self._view(path)
        self.evaluate()
        return self.answers()

    def prepare(self, path: Path, watch: Stopwatch) -> None:
        with watch("read"):
            self._view(path)
            self._spark.sql("CACHE TABLE events")

    def evaluate(self) -> None:
        self._spark.sql(self._query).write.mode("overwrite").parquet(f"{self._folder.name}/answers")

    def answers(self) -> pl.DataFrame:
        return pl.read_parquet(f"{self._folder.name}/answers/*.parquet")

    def _view(self, path: Path) -> None:
        columns = [f"`{stored}` AS {name}" for stored, name in COLUMNS.items()]
        events = self._spark.read.parquet(str(path)).where(f"occurred_at <= {NOW}").selectExpr(*columns)
        events.createOrReplaceTempView("events")
