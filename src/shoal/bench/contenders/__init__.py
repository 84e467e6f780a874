"""The contenders of the batch benchmark: each answers the same questions as somebody who knows it well would."""

from __future__ import annotations

import importlib
from importlib.util import find_spec

from shoal.bench.contenders.contender import Contender

CONTENDERS = {
    "shoal": ("shoal", "shoal_kernel:ShoalKernel"),
    "polars": ("polars", "polars_frames:PolarsFrames"),
    "duckdb": ("duckdb", "duckdb_sql:DuckDBSQL"),
    "chdb": ("chdb", "clickhouse_sql:ClickHouseSQL"),
    "pyspark": ("pyspark", "spark_sql:SparkSQL"),
}
"""By name: the package that must be installed, and where the contender is."""

ONE_EACH = ("chdb", "pyspark")
"""Measured once, with all threads: they are slow here, and told for comparison only."""


def is_installed(name: str) -> bool:
    return find_spec(CONTENDERS[name][0]) is not None


def make_contender(name: str, threads: int) -> Contender:
    """A contender that uses so many threads. Its library is loaded only now."""
    module, class_name = CONTENDERS[name][1].split(":")
    made: Contender = getattr(importlib.import_module(f"{__name__}.{module}"), class_name)(threads)
    return made
