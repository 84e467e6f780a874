"""What every contender of the batch benchmark can do, and the columns of events that the questions are about."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import polars as pl

from shoal.bench.questions import FEATURES, SEGMENTS
from shoal.bench.shop import NOW
from shoal.bench.stopwatch import Stopwatch

COLUMNS = {
    "user_id": "person",
    "name": "name",
    "occurred_at": "moment",
    "position": "position",
    "properties.price:number": "price",
    "properties.product_id:text": "product",
    "context.device.type:text": "device",
}
"""The stored columns that the questions need, under the names that queries call them by."""

ANSWERS = ("profile", *FEATURES, *SEGMENTS)


class Contender(Protocol):
    """Answers the questions about the events of a file; answers have one row for each profile, and ANSWERS."""

    def whole(self, path: Path) -> pl.DataFrame:
        """Everything from the file to the answers, the way that is fastest."""
        ...

    def prepare(self, path: Path, watch: Stopwatch) -> None:
        """Has the events in memory in the form that suits it best."""
        ...

    def evaluate(self) -> None:
        """Answers from what was prepared; nothing is kept from one time to the next."""
        ...

    def answers(self) -> pl.DataFrame:
        """What `evaluate` found."""
        ...


def query(name: str) -> str:
    """The text of a query, asked about NOW."""
    return (
        (Path(__file__).parents[1] / "queries" / f"{name}.sql")
        .read_text(encoding="utf-8")
        .replace("$now", str(NOW))
    )
