"""Rows of numbers, each once: a table that knows the place of a row, without an object for any of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.identity.compiled import compiled
from shoal.identity.growing import lengthened

Keys = NDArray[Any]
"""One column for each key, as many lines as a key has numbers."""
Places = NDArray[np.int32]

ABSENT = -1
"""The place of a key that is not known, and what stands in a slot that is not taken."""
FEWEST_SLOTS = 64


class KeyTable:
    """Keys by the order in which they came. `keys` is longer than there are keys.

    One thread takes keys in. Any may ask for them: what was there is found at any time, what is being taken in
    meanwhile is found or not.
    """

    def __init__(self, keys: Keys) -> None:
        """`keys` are known from the beginning; none of them twice."""
        self.keys = keys
        self._count = keys.shape[1]
        self._slots = np.full(FEWEST_SLOTS, ABSENT, np.int32)
        self._spread(self._count)

    def __len__(self) -> int:
        return int(self._count)

    @property
    def known(self) -> Keys:
        """All keys."""
        return self.keys[:, : self._count]

    def take_in(self, asked: Keys) -> Places:
        """The place of each key asked about. New ones are put at the end, in this order."""
        most = self._count + asked.shape[1]
        if most > self.keys.shape[1]:
            self.keys = lengthened(self.keys, most + self._count // 4)
        if 2 * most > len(self._slots):
            self._spread(most)
        places = np.empty(asked.shape[1], np.int32)
        self._count = _take_in(self._slots, self.keys, self._count, asked, places)
        return places

    def find(self, asked: Keys) -> Places:
        """The place of each key asked about, ABSENT where it is not known."""
        places = np.empty(asked.shape[1], np.int32)
        _find(self._slots, self.keys, asked, places)
        return places

    def _spread(self, count: int) -> None:
        """Gives so many keys slots of which at most half are taken."""
        length = FEWEST_SLOTS
        while length < 2 * count:
            length *= 2
        slots = np.full(length, ABSENT, np.int32)
        _give_slots(slots, self.keys, self._count)
        self._slots = slots  # not before: who asks meanwhile finds what was there


@compiled
def _take_in(slots: Places, keys: Keys, count: int, asked: Keys, places: Places) -> int:
    """Fills `places`; how many keys there are then."""
    for row in range(asked.shape[1]):
        slot = _slot_of(slots, keys, asked, row)
        if slots[slot] == ABSENT:
            for line in range(len(keys)):
                keys[line, count] = asked[line, row]
            slots[slot] = count
            count += 1
        places[row] = slots[slot]
    return count


@compiled
def _find(slots: Places, keys: Keys, asked: Keys, places: Places) -> None:
    for row in range(asked.shape[1]):
        places[row] = slots[_slot_of(slots, keys, asked, row)]


@compiled
def _slot_of(slots: Places, keys: Keys, asked: Keys, row: int) -> int:
    """The slot of a key, or the one that it can have."""
    last = np.uint64(len(slots) - 1)
    slot = _hash(asked, row) & last
    while slots[slot] != ABSENT and not _is_same(keys, slots[slot], asked, row):
        slot = (slot + np.uint64(1)) & last
    return int(slot)


@compiled
def _give_slots(slots: Places, keys: Keys, count: int) -> None:
    last = np.uint64(len(slots) - 1)
    for place in range(count):
        slot = _hash(keys, place) & last
        while slots[slot] != ABSENT:
            slot = (slot + np.uint64(1)) & last
        slots[slot] = place


@compiled
def _is_same(keys: Keys, place: int, asked: Keys, row: int) -> bool:
    if place >= keys.shape[1]:  # put there meanwhile, for keys that have grown
        return False
    differ = 0
    for line in range(len(keys)):
        differ += keys[line, place] != asked[line, row]
    return differ == 0


@compiled
def _hash(keys: Keys, place: int) -> np.uint64:
    """The numbers of a key stirred together, as the finaliser of MurmurHash3 does it."""
    mixed = np.uint64(0)
    for line in range(len(keys)):
        mixed = (mixed ^ np.uint64(keys[line, place])) * np.uint64(0xFF51AFD7ED558CCD)
        mixed ^= mixed >> np.uint64(33)
    mixed *= np.uint64(0xC4CEB9FE1A85EC53)
    return mixed ^ (mixed >> np.uint64(33))
