"""The table of keys: each once, at its place, also for who asks while others are taken in."""

from __future__ import annotations

import numpy as np
import pytest

from shoal.identity import key_table
from shoal.identity.key_table import ABSENT, KeyTable


def keys(first: int, count: int) -> np.ndarray:
    return np.array([np.arange(first, first + count), np.arange(first, first + count) * 7], np.uint64)


def test_keys_have_the_places_in_which_they_came() -> None:
    """The same key has the same place; what was not taken in has none."""
    table = KeyTable(np.empty((2, 0), np.uint64))
    assert table.take_in(keys(0, 300)).tolist() == list(range(300))
    assert table.take_in(keys(100, 300)).tolist() == list(range(100, 400))
    assert table.find(keys(398, 4)).tolist() == [398, 399, ABSENT, ABSENT]


def test_known_keys_are_found_while_the_table_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks from another thread in the middle of it is not told that somebody is a stranger."""
    table, found = KeyTable(np.empty((2, 0), np.uint64)), list[list[int]]()
    table.take_in(keys(0, 20))
    give_slots = key_table._give_slots

    def asked_meanwhile(*arguments: object) -> None:
        found.append(table.find(keys(0, 20)).tolist())
        give_slots(*arguments)
        found.append(table.find(keys(0, 20)).tolist())

    monkeypatch.setattr(key_table, "_give_slots", asked_meanwhile)
    table.take_in(keys(20, 5000))
    assert found == [list(range(20))] * len(found)
    assert len(found) >= 2
