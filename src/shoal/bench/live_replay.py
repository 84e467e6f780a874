"""The replay of `shoal bench live`: each contender has the past in memory, then takes the rest of a stream."""

from __future__ import annotations

import time

import numpy as np
import polars as pl

from shoal.bench.contenders.bytewax_flow import count_by_flow
from shoal.bench.contenders.deques import UserCounters, answers_of
from shoal.bench.counters import COUNTERS, counter_questions, draw_stream, rows_of_stream
from shoal.bench.measured import Measured
from shoal.bench.stopwatch import Stopwatch
from shoal.runtime.live import LiveEngine

LOAD, REPLAY = "the past", "replay"


def measure_engine(profiles: int, seed: int, batch: int, answers: str) -> Measured:
    """Frames of so many events each through the whole engine: identity, history, kernel, changes."""
    past, coming = draw_stream(profiles, seed)
    watch, batch_seconds, change_count = Stopwatch(), [], 0
    engine = LiveEngine(counter_questions(), now=_latest(past))
    with watch(LOAD):
        engine.load([past])
    with watch(REPLAY):
        for start in range(0, len(coming), batch):
            began = time.process_time()
            events = coming[start : start + batch]
            change_count += len(engine.process(events, _latest(events)))
            batch_seconds.append(time.process_time() - began)
    _answers_of_engine(engine).write_parquet(answers)
    p50, p99 = (float(np.percentile(batch_seconds, each)) * 1000 for each in (50, 99))
    return watch.measured(
        **{"replayed": float(len(coming)), "changes": float(change_count), "p50 ms": p50, "p99 ms": p99}
    )


def measure_deques(profiles: int, seed: int, answers: str) -> Measured:
    """A dictionary of deques, given its rows as tuples."""
    past, coming = draw_stream(profiles, seed)
    rows_past, rows_coming = rows_of_stream(past), rows_of_stream(coming)
    users: dict[str, UserCounters] = {}
    watch = Stopwatch()
    for step, rows in ((LOAD, rows_past), (REPLAY, rows_coming)):
        with watch(step):
            for user, name, at in rows:
                counters = users.get(user)
                if counters is None:
                    counters = users[user] = UserCounters()
                counters.add(name, at)
    answers_of(users, _latest(coming)).write_parquet(answers)
    return watch.measured(replayed=float(len(coming)))


def measure_bytewax(profiles: int, seed: int, answers: str) -> Measured:
    """A dataflow cannot stop and go on with its state in memory: it is given the past and the rest at once."""
    past, coming = draw_stream(profiles, seed)
    rows = rows_of_stream(pl.concat([past, coming]))
    watch = Stopwatch()
    with watch(REPLAY):
        users = count_by_flow(rows)
    answers_of(users, _latest(coming)).write_parquet(answers)
    return watch.measured(replayed=float(len(rows)))


def _latest(events: pl.DataFrame) -> int:
    return int(events["occurred_at"][-1])


def _answers_of_engine(engine: LiveEngine) -> pl.DataFrame:
    profiles = np.flatnonzero(engine.arena.size)
    found = engine.evaluate(profiles).values
    ids = [engine.identity.node_ids[profile].removeprefix("user_id:") for profile in profiles.tolist()]
    counts = [found["feature", name].to_series(name, engine.dictionary) for name in COUNTERS]
    return pl.DataFrame([pl.Series("profile", ids), *counts])
