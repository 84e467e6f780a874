"""Batch identity resolution: a frame of events in, a Resolution out. Vectorised around the same fold as live."""

from __future__ import annotations

from array import array

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shoal.identity.fold import IdentityFold
from shoal.identity.passes import give_anonymous_events
from shoal.identity.resolution import Resolution
from shoal.identity.rules import SHARED, IdentityRules
from shoal.identity.statements import Statements, Steps, read_statements
from shoal.model.time import NEVER

Log = NDArray[np.int64]


def resolve(frame: pl.DataFrame, rules: IdentityRules | None = None) -> Resolution:
    """Who owns each event of a frame, at every moment.

    `frame` has the columns of `model.frame` and is sorted by occurred_at, then position.
    """
    assert is_in_order(frame), "events are resolved in order of occurred_at and position"
    statements = read_statements(frame, rules or IdentityRules())
    fold = _new_fold(statements)
    _fold_steps(fold, statements.steps(), frame["occurred_at"].to_numpy(), statements.device_start)
    return _resolution(frame, statements, fold)


def is_in_order(frame: pl.DataFrame) -> bool:
    """Whether events stand in the order of histories."""
    moments, positions = frame["occurred_at"].to_numpy(), frame["position"].to_numpy()
    later = moments[1:] > moments[:-1]
    return bool((later | ((moments[1:] == moments[:-1]) & (positions[1:] > positions[:-1]))).all())


def _new_fold(statements: Statements) -> IdentityFold:
    fold = IdentityFold(statements.rules)
    ends = [*statements.starts[1:], statements.node_count]
    for kind, (start, end) in enumerate(zip(statements.starts, ends, strict=True)):
        fold.add_nodes(kind, end - start)
    for left, right in statements.kept_apart():
        fold.keep_apart(left, right)
    return fold


def _fold_steps(fold: IdentityFold, steps: Steps, moments: Log, device_start: int) -> None:
    at = moments[steps[:, 0]].tolist()
    rows, leaves, others = (steps[:, column].tolist() for column in (0, 2, 3))
    for moment, row, leaf, other in zip(at, rows, leaves, others, strict=True):
        if other < device_start:
            fold.link(moment, row, leaf, other)
        else:
            fold.claim(moment, row, leaf, other)


def _resolution(frame: pl.DataFrame, statements: Statements, fold: IdentityFold) -> Resolution:
    merges, shared = _table(fold.news.merges, 6), _table(fold.news.shared, 4)
    node_count = statements.node_count + len(shared)
    parent = np.full(node_count, -1, dtype=np.int32)
    merged_at = np.full(node_count, NEVER, dtype=np.int64)
    parent[merges[:, 2]], merged_at[merges[:, 2]] = merges[:, 3], merges[:, 0]
    _give_anonymous_events(statements, _table(fold.news.owners, 3))
    node_ids = statements.node_ids()
    return Resolution(
        rules=statements.rules,
        node_ids=pl.concat([node_ids, node_ids.gather(shared[:, 2]) + SHARED]),
        parent=parent,
        merged_at=merged_at,
        leaf=statements.leaf,
        blocked=_blocked(statements),
        orders=_orders(frame),
        merge_log=merges[:, 1:],
        refusal_log=_table(fold.news.refusals, 5)[:, 1:],
        shared_log=shared[:, 1:],
    )


def _give_anonymous_events(statements: Statements, changes: Log) -> None:
    own = np.arange(statements.device_start, statements.node_count, dtype=np.int32)
    give_anonymous_events(statements.leaf, statements.device, own, changes - (0, statements.device_start, 0))


def _table(flat: array[int], width: int) -> Log:
    return np.frombuffer(flat, dtype=np.int64).reshape(-1, width) if flat else np.empty((0, width), dtype=np.int64)


def _orders(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(pl.col("occurred_at").alias("at"), "position", "message_id")


def _blocked(statements: Statements) -> pl.DataFrame:
    rows = [
        (kind.name, value, count)
        for kind, counts in zip(statements.rules.kinds, statements.blocked, strict=True)
        for value, count in counts.items()
    ]
    return pl.DataFrame(rows, schema={"kind": pl.String, "value": pl.String, "events": pl.Int64}, orient="row")
