"""What can be benchmarked, by the name that is typed."""

from __future__ import annotations

import importlib

from shoal.bench.report import Report
from shoal.bench.reporting import Told
from shoal.bench.sizes import Sizes
from shoal.errors import NotFound

SUBJECTS = {
    "batch": "Features and segments of everyone, beside Polars, DuckDB, chDB and Spark.",
}
"""Each subject with what it measures; its module has the same name."""


def run_subject(name: str, sizes: Sizes, told: Told = lambda _: None) -> Report:
    """Measures one subject. Raises NotFound for a name that is none, Disagreement when answers differ."""
    if name not in SUBJECTS:
        raise NotFound(f'there is no benchmark "{name}"', hint=", ".join(SUBJECTS))
    report: Report = importlib.import_module(f"shoal.bench.{name}").run(sizes, told)
    return report
