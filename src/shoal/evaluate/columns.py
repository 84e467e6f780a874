"""The columns of a growing history: which there are for a plan, and those of new events."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.evaluate.matching import match
from shoal.evaluate.plan import Plan
from shoal.evaluate.rows import EventRows
from shoal.history.arena import Arena, Block
from shoal.history.dictionary import MISSING, Dictionary
from shoal.history.history import NO_CODES, History


def empty_block(plan: Plan) -> Block:
    """Every column that a plan needs, without events."""
    block: Block = {
        "times": np.empty(0, np.int64),
        "positions": np.empty(0, np.int64),
        "words": np.empty((plan.word_count, 0), np.uint64),
    }
    block |= {f"number:{path}": np.empty(0, np.float64) for path in plan.number_paths | plan.value_paths}
    block |= {f"code:{path}": np.empty(0, np.int32) for path in plan.value_paths}
    block |= {f"consent:{purpose}": np.empty(0, np.int8) for purpose in plan.purposes}
    if plan.purposes:
        block["sources"] = np.empty(0, np.int32)
    if plan.needs_days:
        block["days"] = np.empty(0, np.int32)
    if plan.needs_zones:
        block["zones"] = np.empty(0, np.int32)
    return block


def block_of_rows(rows: EventRows) -> Block:
    """The columns of new events, in the order of the rows."""
    plan, count = rows.plan, len(rows.frame)
    block: Block = {
        "times": rows.times,
        "positions": rows.frame["position"].to_numpy(),
        "words": match(rows),
    }
    for path in plan.number_paths | plan.value_paths:
        block[f"number:{path}"] = _or_missing(rows.numbers(path), np.full(count, np.nan))
    for path in plan.value_paths:
        block[f"code:{path}"] = _or_missing(rows.codes(path), np.full(count, MISSING, np.int32))
    for purpose in plan.purposes:
        block[f"consent:{purpose}"] = rows.consent(purpose)
    if plan.purposes:
        block["sources"] = rows.sources()
    if plan.needs_days:
        block["days"] = rows.days
    if plan.needs_zones:
        block["zones"] = rows.zones
    return block


def _or_missing(column: NDArray[Any] | None, missing: NDArray[Any]) -> NDArray[Any]:
    return missing if column is None else column


def history_of_arena(plan: Plan, arena: Arena, dictionary: Dictionary) -> History:
    """An arena as evaluation reads it: the same arrays, not copied."""
    columns = arena.columns
    return History(
        begin=arena.begin,
        end=arena.end,
        times=columns["times"],
        words=columns["words"],
        dictionary=dictionary,
        numbers={path: columns[f"number:{path}"] for path in plan.number_paths | plan.value_paths},
        codes={path: columns[f"code:{path}"] for path in plan.value_paths},
        days=columns.get("days", NO_CODES),
        zones=columns.get("zones", NO_CODES),
        consents={purpose.value: columns[f"consent:{purpose}"] for purpose in plan.purposes},
        sources=columns.get("sources", NO_CODES),
    )
