"""Message ids of live events: each counts once within 30 days of its own time, restarts included."""

from __future__ import annotations

import random
from pathlib import Path

import polars as pl
import pytest

from shoal.errors import StoreError
from shoal.journal.seen import SeenMessages
from shoal.model.time import DAY


def events(*pairs: tuple[str, int]) -> pl.DataFrame:
    """Events as (message id, day)."""
    ids, moments = [name for name, _ in pairs], [day * DAY for _, day in pairs]
    return pl.DataFrame(
        {"message_id": ids, "occurred_at": moments}, schema={"message_id": pl.String, "occurred_at": pl.Int64}
    )


def new(seen: SeenMessages, *pairs: tuple[str, int]) -> list[bool]:
    return list(map(bool, seen.new(events(*pairs))))


def test_the_first_to_arrive_counts(tmp_path: Path) -> None:
    """Within one frame and over several, also when the later one happened earlier."""
    seen = SeenMessages(tmp_path)
    assert new(seen, ("a", 10), ("b", 10), ("a", 9)) == [True, True, False]
    assert new(seen, ("a", 8), ("c", 8)) == [False, True]
    assert new(seen) == []


def test_an_id_counts_again_after_30_days(tmp_path: Path) -> None:
    """Exactly 30 days apart is a duplicate, more is not."""
    seen = SeenMessages(tmp_path)
    assert new(seen, ("a", 100), ("a", 130), ("a", 131), ("a", 69)) == [True, False, True, True]
    assert new(seen, ("a", 99), ("a", 140)) == [False, False]


def test_a_restart_goes_on_from_what_was_saved(tmp_path: Path) -> None:
    """What came after the save is new again, as it is read again; older states stay for a while."""
    seen = SeenMessages(tmp_path)
    new(seen, ("a", 1))
    seen.save(1)
    new(seen, ("b", 1))
    seen.save(2)
    new(seen, ("c", 1))
    assert new(SeenMessages(tmp_path, 2), ("a", 1), ("b", 1), ("c", 1)) == [False, False, True]
    assert new(SeenMessages(tmp_path, 1), ("a", 1), ("b", 1), ("c", 1)) == [False, True, True]
    assert new(SeenMessages(tmp_path), ("a", 1)) == [True]


def test_a_new_beginning_leaves_later_states_behind(tmp_path: Path) -> None:
    """A journal that is read again from the start saves under numbers that were used before."""
    seen = SeenMessages(tmp_path)
    new(seen, ("a", 1))
    for number in (7, 8, 9):
        seen.save(number)
    fresh = SeenMessages(tmp_path)
    new(fresh, ("b", 1))
    fresh.save(3)
    assert new(SeenMessages(tmp_path, 3), ("a", 1), ("b", 1)) == [True, False]


def test_a_state_that_is_gone_is_told(tmp_path: Path) -> None:
    """Two are kept; a third is an error, not an empty memory that takes every duplicate for new."""
    seen = SeenMessages(tmp_path)
    for number in (1, 2, 3):
        new(seen, (f"{number}", 1))
        seen.save(number)
    with pytest.raises(StoreError, match="missing or damaged"):
        SeenMessages(tmp_path, 1)


def test_a_crash_after_ids_went_to_the_disk_forgets_them(tmp_path: Path) -> None:
    """Memory that is full goes to the disk between two saves; that is not yet part of any state."""
    seen = SeenMessages(tmp_path, recent=10)
    new(seen, ("a", 1))
    seen.save(1)
    new(seen, *((f"{number}", 1) for number in range(50)))
    again = SeenMessages(tmp_path, 1, recent=10)
    assert new(again, ("a", 1), ("5", 1)) == [False, True]
    new(again, *((f"{number}", 2) for number in range(50)))
    again.save(2)
    assert new(SeenMessages(tmp_path, 2), ("a", 1), ("5", 1), ("x", 1)) == [False, False, True]


def test_forgets_what_is_old(tmp_path: Path) -> None:
    """With the files that hold nothing else."""
    seen = SeenMessages(tmp_path)
    new(seen, ("old", 1), ("young", 500))
    seen.save(1)
    seen.forget(400 * DAY)
    seen.save(2)
    seen.save(3)
    assert len(list(tmp_path.glob("message_ids/period=*/run-*.bin"))) == 1
    assert new(SeenMessages(tmp_path, 3), ("old", 1), ("young", 500)) == [True, False]


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_the_obvious_way(tmp_path: Path, seed: int) -> None:
    """Random ids and days in random frames, saved and opened again at random."""
    chance, kept, number = random.Random(seed), list[tuple[str, int]](), 0
    seen = SeenMessages(tmp_path, recent=100)
    for _ in range(60):
        pairs = [(f"{chance.randrange(80)}", chance.randrange(200)) for _ in range(chance.randrange(30))]
        expected = []
        for name, day in pairs:
            is_new = all(name != other or abs(day - its) > 30 for other, its in kept)
            expected.append(is_new)
            if is_new:
                kept.append((name, day))
        assert new(seen, *pairs) == expected
        if chance.random() < 0.3:
            number += 1
            seen.save(number)
            seen = SeenMessages(tmp_path, number, recent=100)
