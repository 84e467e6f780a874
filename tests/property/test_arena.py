"""An arena holds what a plain dictionary of sorted lists holds, whatever is done to it."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from shoal.history import arena
from shoal.history.arena import Arena

PROFILES = st.integers(0, 4)
EVENTS = st.lists(st.tuples(PROFILES, st.integers(0, 20)), max_size=12)


def empty() -> dict[str, np.ndarray]:
    """Columns without events: one with two lines, as the words of matchers have."""
    return {
        "times": np.empty(0, np.int64),
        "positions": np.empty(0, np.int64),
        "words": np.empty((2, 0), np.uint64),
        "price": np.empty(0, np.float64),
    }


def block_of(events: list[tuple[int, int]]) -> dict[str, np.ndarray]:
    """Columns of (moment, position) pairs; the other columns say which event it is."""
    times = np.array([at for at, _ in events], np.int64)
    positions = np.array([position for _, position in events], np.int64)
    return {
        "times": times,
        "positions": positions,
        "words": np.stack([positions, times]).astype(np.uint64),
        "price": positions.astype(np.float64),
    }


class ArenaMachine(RuleBasedStateMachine):
    """Events come in, profiles are taken out, merged and put back."""

    def __init__(self) -> None:
        super().__init__()
        # So that few events fill it: it has to grow, and to be swept up, again and again.
        self._shortest, arena.SMALLEST_LENGTH = arena.SMALLEST_LENGTH, 1
        self.arena = Arena(empty())
        self.model: dict[int, list[tuple[int, int]]] = {profile: [] for profile in range(5)}
        self.position = 0

    def teardown(self) -> None:
        arena.SMALLEST_LENGTH = self._shortest

    @initialize(events=EVENTS)
    def lay_out(self, events: list[tuple[int, int]]) -> None:
        """What was before, in two blocks."""
        came = [
            (profile, at, number) for number, (profile, at) in enumerate(sorted(events, key=lambda each: each[1]))
        ]
        half, self.position = len(came) // 2, len(came)
        blocks = [block_of([(at, number) for _, at, number in part]) for part in (came[:half], came[half:])]
        self.arena.lay_out(np.array([profile for profile, _, _ in came], np.int32), blocks)
        for profile, at, number in came:
            self.model[profile].append((at, number))

    @rule(events=EVENTS)
    def insert(self, events: list[tuple[int, int]]) -> None:
        stated = []
        for profile, at in events:
            self.position += 1
            stated.append((at, self.position))
            self.model[profile].append((at, self.position))
        self.arena.insert(np.array([profile for profile, _ in events], np.int32), block_of(stated))

    @rule(old=PROFILES, new=PROFILES)
    def merge(self, old: int, new: int) -> None:
        block = self.arena.take([old]) if old < len(self.arena.begin) else block_of([])
        self.arena.insert(np.full(len(block["times"]), new, np.int32), block)
        if old != new and old < len(self.arena.begin):
            self.arena.release(old)
        moved, self.model[old] = self.model[old], []
        self.model[new] += moved

    @invariant()
    def holds_the_same(self) -> None:
        assert self.arena.event_count == sum(map(len, self.model.values()))
        for profile, events in self.model.items():
            rows = self.arena.rows_of(np.array([profile])) if profile < len(self.arena.begin) else np.empty(0, int)
            held = {name: column[..., rows] for name, column in self.arena.columns.items()}
            expected = block_of(sorted(events))
            for name, column in expected.items():
                assert held[name].tolist() == column.tolist()


TestArena = ArenaMachine.TestCase


def test_a_run_with_room_has_room_after_a_sweep() -> None:
    """Sweeping takes room away, also from a run that events are just coming into while another has to move."""
    held = Arena(empty())
    held.insert(np.full(20, 1, np.int32), block_of([(at, at) for at in range(20)]))
    held.insert(np.full(1, 2, np.int32), block_of([(7, 100)]))
    for _ in range(3):  # what leaves its room behind is more than half of everything
        held.insert(np.full(200, 0, np.int32), block_of([(at, 1000 + at) for at in range(200)]))
        held.take([0])
        held.release(0)
    more = len(held.columns["times"]) - held.used + 1
    late = [(at, 3000 + at) for at in range(more)]
    owners = np.array([1] * 8 + [3] * more, np.int32)
    held.insert(owners, block_of([*[(at, at) for at in range(20, 28)], *late]))
    for profile, expected in ((1, list(range(28))), (2, [7]), (3, [at for at, _ in late])):
        rows = held.rows_of(np.array([profile]))
        assert held.columns["times"][rows].tolist() == expected
