"""Shoppers of the demo: visits of simulated people, played now."""

from __future__ import annotations

from pathlib import Path

import msgspec
import polars as pl
import pytest
from tests.functional.collecting import decode

from shoal.journal.sqlite import SqliteJournal, read_journal
from shoal.model.time import MINUTE, SECOND
from shoal.runtime.demo_shoppers import MOST_AT_ONCE, NEW_PEOPLE_BEGIN, Shoppers
from shoal.simulation import Simulation
from shoal.simulation.shoppers import PAUSE, liveliest_visit

SIMULATION = Simulation(people=50)
NOON = 1_790_000_000_000


@pytest.mark.parametrize("number", [0, 1, 7, NEW_PEOPLE_BEGIN])
def test_a_visit_has_no_time_of_its_own(number: int) -> None:
    """It begins at 0, goes on without long pauses, and says neither when nor by which id."""
    visit = liveliest_visit(SIMULATION, number)
    offsets = [after for after, _ in visit]
    assert offsets[0] == 0
    assert offsets == sorted(offsets)
    assert max(later - earlier for earlier, later in zip(offsets, offsets[1:] or offsets, strict=False)) <= PAUSE
    for _, message in visit:
        assert {"type", "anonymousId", "context"} <= set(message)
        assert not {"timestamp", "messageId", "receivedAt", "sentAt", "originalTimestamp"} & set(message)


def test_the_liveliest_visit_has_the_most_messages() -> None:
    """Each message once, however often it was sent."""
    untidy = Simulation(people=50, duplicates=1.0)
    assert len(liveliest_visit(untidy, 3)) == len(
        {msgspec.json.encode(step) for step in liveliest_visit(untidy, 3)}
    )


def test_shoppers_come_one_after_the_other_and_act_in_their_time(tmp_path: Path) -> None:
    """A visit every two seconds; what they do is sent when it is due, never much at once."""
    journal = SqliteJournal(tmp_path)
    shoppers = Shoppers(journal, SIMULATION, people=50, write_key="website", clock=lambda: NOON)
    for step in range(4 * 120):
        kept = shoppers.look(NOON + step * SECOND // 4)
        if kept is not None:
            kept.result(10)
    entries = list(read_journal(tmp_path, 0, 10**6))
    decoded = decode(entries)
    events = decoded.events
    assert decoded.failed == []
    assert len(events) == shoppers.sent
    assert events["message_id"].n_unique() == len(events)
    assert max(len(msgspec.json.decode(entry.arrival.body)["batch"]) for entry in entries) <= MOST_AT_ONCE
    assert events["anonymous_id"].n_unique() > 30
    assert events["occurred_at"].min() == NOON
    assert events["occurred_at"].max() <= NOON + 2 * MINUTE
    late = events.select((pl.col("received_at") - pl.col("occurred_at")).max()).item()
    assert late <= 2 * SECOND
    journal.close()
