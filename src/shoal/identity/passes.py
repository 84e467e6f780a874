"""Two compiled walks over all events in order, which leave the fold only what is new."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shoal.identity.coding import Codes, Rows
from shoal.identity.compiled import compiled


@compiled
def find_new_claims(
    leaf: Codes, device: Codes, devices: int, alias_rows: Rows, alias_devices: Codes
) -> NDArray[np.bool_]:
    """The rows on which a device is stated by another person than the last time.

    Aliases of devices are statements too: they are folded anyway, and change whose statement was the last.
    """
    last = np.full(devices, -1, dtype=np.int32)
    found = np.zeros(len(leaf), dtype=np.bool_)
    alias = 0
    for row in range(len(leaf)):
        person, place = leaf[row], device[row]
        if person >= 0 and place >= 0 and last[place] != person:
            last[place] = person
            found[row] = True
        while alias < len(alias_rows) and alias_rows[alias] == row:
            last[alias_devices[alias]] = person
            alias += 1
    return found


@compiled
def give_anonymous_events(leaf: Codes, device: Codes, owner: Codes, changes: NDArray[np.int64]) -> None:
    """Fills `leaf` of each anonymous row with the device's owner at that place in order.

    `owner` holds each device's own node and is changed on the way. `changes` of owner are lines of row, device
    and new owner, in order of rows.
    """
    change = 0
    for row in range(len(leaf)):
        while change < len(changes) and changes[change, 0] == row:
            owner[changes[change, 1]] = changes[change, 2]
            change += 1
        if leaf[row] < 0 and device[row] >= 0:
            leaf[row] = owner[device[row]]
