"""Where real data sets lie: beside the folder in which a benchmark is run, or where one says."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "SHOAL_BENCH_DATA"
ABSENT = f"its data is not there; {VARIABLE} says where data sets are"


def find_data(name: str) -> Path | None:
    """The folder of a data set; None when it is absent."""
    stated = os.environ.get(VARIABLE)
    folder = Path(stated) if stated else Path.cwd().parent / "shared" / "data"
    found = folder / name
    return found.resolve() if found.is_dir() else None
