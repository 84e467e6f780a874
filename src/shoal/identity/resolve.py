"""Batch identity resolution: a frame of events in, a Resolution out. Vectorised around the same fold as live."""

from __future__ import annotations

import numpy as np
import polars as pl

from shoal.identity.compiled import compiled
from shoal.identity.fold import IdentityFold
from shoal.identity.graph import Graph
from shoal.identity.links import claim, has_room, link
from shoal.identity.news import Log, News
from shoal.identity.passes import give_anonymous_events
from shoal.identity.resolution import Resolution
from shoal.identity.rules import SHARED, IdentityRules
from shoal.identity.statements import Statements, Steps, read_statements
from shoal.model.frame import is_in_order
from shoal.model.time import NEVER

STEPS_AT_ONCE = 65_536


def resolve(frame: pl.DataFrame, rules: IdentityRules | None = None) -> Resolution:
    """Who owns each event of a frame, at every moment.

    `frame` has the columns of `model.frame` and is sorted by occurred_at, then position.
    """
    assert is_in_order(frame), "events are resolved in order of occurred_at and position"
    statements = read_statements(frame, rules or IdentityRules())
    fold = _new_fold(statements)
    _fold_steps(fold, statements.steps(), frame["occurred_at"].to_numpy(), statements.device_start)
    return _resolution(frame, statements, fold)


def _new_fold(statements: Statements) -> IdentityFold:
    fold = IdentityFold(statements.rules)
    ends = [*statements.starts[1:], statements.node_count]
    for kind, (start, end) in enumerate(zip(statements.starts, ends, strict=True)):
        fold.add_nodes(kind, end - start)
    for left, right in statements.kept_apart():
        fold.keep_apart(left, right)
    return fold


def _fold_steps(fold: IdentityFold, steps: Steps, moments: Log, device_start: int) -> None:
    at, done = moments[steps[:, 0]], 0
    while done < len(steps):
        fold.make_room(min(len(steps) - done, STEPS_AT_ONCE))
        done = _fold(fold.graph, fold.news, steps, at, device_start, done)


@compiled
def _fold(graph: Graph, news: News, steps: Steps, at: Log, device_start: int, start: int) -> int:  # noqa: PLR0917
    """Folds steps from `start` on as long as there is room; where it stopped."""
    for step in range(start, len(steps)):
        if not has_room(graph, news, 1):
            return step
        row, _, leaf, other = steps[step]
        if other < device_start:
            link(graph, news, at[step], row, leaf, other)
        else:
            claim(graph, news, at[step], row, leaf, other)
    return len(steps)


def _resolution(frame: pl.DataFrame, statements: Statements, fold: IdentityFold) -> Resolution:
    news = fold.take_news()
    merges, shared = news.merges, news.shared
    node_count = statements.node_count + len(shared)
    parent = np.full(node_count, -1, dtype=np.int32)
    merged_at = np.full(node_count, NEVER, dtype=np.int64)
    parent[merges[:, 2]], merged_at[merges[:, 2]] = merges[:, 3], merges[:, 0]
    _give_anonymous_events(statements, news.owners)
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
        refusal_log=news.refusals[:, 1:],
        shared_log=shared[:, 1:],
    )


def _give_anonymous_events(statements: Statements, changes: Log) -> None:
    own = np.arange(statements.device_start, statements.node_count, dtype=np.int32)
    give_anonymous_events(statements.leaf, statements.device, own, changes - (0, statements.device_start, 0))


def _orders(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(pl.col("occurred_at").alias("at"), "position", "message_id")


def _blocked(statements: Statements) -> pl.DataFrame:
    rows = [
        (kind.name, value, count)
        for kind, counts in zip(statements.rules.kinds, statements.blocked, strict=True)
        for value, count in counts.items()
    ]
    return pl.DataFrame(rows, schema={"kind": pl.String, "value": pl.String, "events": pl.Int64}, orient="row")
