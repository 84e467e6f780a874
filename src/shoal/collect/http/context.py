"""What the server knows of a sender and the message need not say: address, user agent, Global Privacy Control."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shoal.collect.http.request import CLIENT_IP
from shoal.journal.journal import Arrival
from shoal.model.frame import field_column, split_field_column

IP, USER_AGENT, GPC = "context.ip", "context.userAgent", "context.gpc"


def comes_from_browser(arrival: Arrival) -> bool:
    """Whether the request was sent by a page: then its address and user agent are the person's, not a server's."""
    return is_of_browser("origin" in arrival.headers, arrival.headers.get("user-agent", ""))


def is_of_browser(has_origin: bool, agent: str) -> bool:
    """Whether a request with or without an Origin, and with this user agent, was sent by a page."""
    return has_origin or agent.startswith("Mozilla/")


def with_context(events: pl.DataFrame, arrivals: Sequence[Arrival], requests: NDArray[np.int64]) -> pl.DataFrame:
    """The events with what is known of the request that each came with, by numbers into `arrivals`.

    A message's own address and user agent stand. `Sec-GPC: 1` stands before whatever the message says.
    """
    known = [_known(arrival) for arrival in arrivals]
    addresses, agents, refusals = zip(*known, strict=True) if known else ((), (), ())
    if any(address is not None for address in addresses):
        events = _filled(events, IP, pl.Series(addresses, dtype=pl.String)[requests])
    if any(agent is not None for agent in agents):
        events = _filled(events, USER_AGENT, pl.Series(agents, dtype=pl.String)[requests])
    if any(refusals):
        events = _stated(events, GPC, pl.Series(refusals, dtype=pl.Boolean)[requests])
    return events


def _known(arrival: Arrival) -> tuple[str | None, str | None, bool | None]:
    headers = arrival.headers
    refusal = True if headers.get("sec-gpc", "").strip() == "1" else None
    if not comes_from_browser(arrival):
        return None, None, refusal
    return headers.get(CLIENT_IP), headers.get("user-agent") or None, refusal


def _filled(events: pl.DataFrame, path: str, texts: pl.Series) -> pl.DataFrame:
    """Texts for the events that say nothing at `path`."""
    for column in _columns_of(events, path):
        texts = texts.set(events[column].is_not_null(), None)
    if texts.null_count() == len(texts):
        return events
    column = field_column(path, "text")
    own = events[column] if column in events.columns else texts
    return events.with_columns(own.fill_null(texts).alias(column))


def _stated(events: pl.DataFrame, path: str, truths: pl.Series) -> pl.DataFrame:
    """Truths in place of whatever events say at `path`, where they are stated."""
    is_stated = truths.is_not_null()
    if not is_stated.any():
        return events
    others = [events[column].set(is_stated, None) for column in _columns_of(events, path)]
    events = events.with_columns(others)
    column = field_column(path, "truth")
    own = events[column] if column in events.columns else truths
    return events.with_columns(truths.fill_null(own).alias(column))


def _columns_of(events: pl.DataFrame, path: str) -> list[str]:
    return [column for column in events.columns if (split_field_column(column) or ("",))[0] == path]
