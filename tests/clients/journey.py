"""The same five calls, made through every client, and what has to arrive of them."""

from __future__ import annotations

import polars as pl

from tests.functional.collecting import Served

KINDS = ["alias", "group", "identify", "page", "track"]
CALLS = len(KINDS)


def check_journey(served: Served, *, user: str = "ann", copies: int = 1) -> pl.DataFrame:
    """The events of the five calls, after making sure that each arrived as it was meant."""
    decoded = served.decoded()
    assert decoded.failed == []
    events = decoded.events.unique("message_id", keep="first", maintain_order=True)
    assert sorted(events["kind"].to_list()) == KINDS * copies
    track = events.filter(pl.col("kind") == "track")
    assert track["name"].to_list() == ["Order Completed"] * copies
    assert track["properties.revenue:number"].to_list() == [39.9] * copies
    identify = events.filter(pl.col("kind") == "identify")
    assert identify["user_id"].to_list() == [user] * copies
    assert identify["traits.plan:text"].to_list() == ["pro"] * copies
    group = events.filter(pl.col("kind") == "group")
    assert group["context.groupId:text"].to_list() == ["acme"] * copies
    alias = events.filter(pl.col("kind") == "alias")
    assert alias["user_id"].null_count() == 0
    assert alias["previous_id"].null_count() == 0
    page = events.filter(pl.col("kind") == "page")
    assert page["name"].to_list() == ["Page Viewed"] * copies
    return events
