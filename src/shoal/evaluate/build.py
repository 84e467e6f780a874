"""From a frame of events to a history: what definitions read of each event, in runs of profiles."""

from __future__ import annotations

from functools import partial

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shoal.evaluate.kernels.layout import place_events
from shoal.evaluate.matching import match
from shoal.evaluate.plan import Plan
from shoal.evaluate.rows import EventRows
from shoal.history.history import NO_CODES, History
from shoal.model.frame import is_in_order

Owners = NDArray[np.int32]


def build_history(plan: Plan, frame: pl.DataFrame, owners: Owners, profile_count: int) -> History:
    """The history of `profile_count` profiles.

    `frame` has the columns of stored events and those of `plan.columns` that any event has. `owners` says which
    profile each row belongs to; rows with -1 belong to nobody.
    """
    if not is_in_order(frame):
        order = frame.select(pl.arg_sort_by("occurred_at", "position")).to_series()
        frame, owners = frame[order], owners[order.to_numpy()]
    rows = EventRows(plan, frame)
    begin, end, order_of_events = place_events(owners.astype(np.int32, copy=False), profile_count)
    placed = partial(np.take, indices=order_of_events)
    return History(
        begin=begin,
        end=end,
        times=placed(rows.times),
        words=match(rows).take(order_of_events, axis=1),
        dictionary=rows.dictionary,
        numbers={path: placed(each) for path, each in rows.kept_numbers()},
        codes={path: placed(each) for path, each in rows.kept_codes()},
        days=placed(rows.days) if plan.needs_days else NO_CODES,
        zones=placed(rows.zones) if plan.needs_zones else NO_CODES,
        consents={purpose.value: placed(rows.consent(purpose)) for purpose in plan.purposes},
        sources=placed(rows.sources()) if plan.purposes else NO_CODES,
    )
