"""The counters as a Bytewax dataflow: a stateful step by user, whose state is the hand-written one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shoal.bench.contenders.deques import UserCounters

BATCH = 1_000


def count_by_flow(rows: Sequence[tuple[str, str, int]]) -> dict[str, UserCounters]:
    """Runs the flow over all rows in this thread; the counters of each user at its end."""
    import bytewax.operators as op  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415
    from bytewax.dataflow import Dataflow  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415
    from bytewax.testing import (  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415
        DynamicSink,
        StatelessSinkPartition,
        TestingSource,
        run_main,
    )

    users: dict[str, UserCounters] = {}

    def keyed(row: tuple[str, str, int]) -> tuple[str, tuple[str, str, int]]:
        return row[0], row

    def count(state: UserCounters | None, row: tuple[str, str, int]) -> tuple[UserCounters, list[int]]:
        user, name, at = row
        if state is None:
            state = users[user] = UserCounters()
        return state, state.add(name, at)

    class Nowhere(StatelessSinkPartition):  # type: ignore[misc,unused-ignore]
        def write_batch(self, items: list[Any]) -> None:
            """What each event made of the counters goes to nobody, as with every contender."""

    class ToNowhere(DynamicSink):  # type: ignore[misc,unused-ignore]
        def build(self, step_id: str, worker_index: int, worker_count: int) -> Nowhere:
            del step_id, worker_index, worker_count
            return Nowhere()

    flow = Dataflow("counters")
    events = op.input("events", flow, TestingSource(rows, batch_size=BATCH))
    counted = op.stateful_map("count", op.map("by user", events, keyed), count)
    op.output("nowhere", counted, ToNowhere())
    run_main(flow)
    return users
