"""Shoal: plan, history, kernel; whose an event is stands in its user id, as for the others."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from shoal.bench.contenders.contender import ANSWERS
from shoal.bench.questions import questions
from shoal.bench.shop import NOW
from shoal.bench.stopwatch import Stopwatch
from shoal.evaluate.build import build_history
from shoal.evaluate.kernel import Evaluation, evaluate
from shoal.evaluate.plan import compile_plan
from shoal.history.history import History
from shoal.model.frame import STORED_ENVELOPE
from shoal.model.text_codes import code_texts


class ShoalKernel:
    """What `shoal run` does without looking into who is who, which nobody else here does."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._plan = compile_plan(questions())
        self._ids = pl.Series(dtype=pl.String)
        self._history: History
        self._evaluation: Evaluation
        self.column_bytes = 0

    def whole(self, path: Path) -> pl.DataFrame:
        self.prepare(path, Stopwatch())
        self.evaluate()
        return self.answers()

    def prepare(self, path: Path, watch: Stopwatch) -> None:
        with watch("read"):
            wanted = [*STORED_ENVELOPE, *sorted(self._plan.columns)]
            there = set(pq.read_schema(path).names)
            events = pl.read_parquet(path, columns=[column for column in wanted if column in there])
            self.column_bytes = int(events.estimated_size())
        with watch("find owners"):
            owners, first_rows = code_texts(events["user_id"])
            self._ids = events["user_id"].gather(first_rows)
        with watch("build history"):
            self._history = build_history(self._plan, events, owners, len(self._ids))

    def evaluate(self) -> None:
        self._evaluation = evaluate(self._plan, self._history, NOW, threads=self._threads)

    def answers(self) -> pl.DataFrame:
        """Profiles without a visible event are in the history, but nobody asked about them."""
        dictionary, values = self._history.dictionary, self._evaluation.values
        columns = {name: column.to_series(name, dictionary) for (_, name), column in values.items()}
        answers = pl.DataFrame([self._ids.alias("profile"), *columns.values()]).select(ANSWERS)
        begun = self._history.times[self._history.begin] <= NOW
        return answers.filter(pl.Series(begun))
