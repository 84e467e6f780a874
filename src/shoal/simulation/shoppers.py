"""Visits of simulated people without their days: what somebody does from coming to going, at whatever time.

In: a simulation and a person's number. Out: messages, each with how long after the beginning it is sent.
"""

from __future__ import annotations

from typing import Any

import msgspec

from shoal.model.time import MINUTE, parse_moment
from shoal.simulation.config import Simulation
from shoal.simulation.lives import live

PAUSE = 30 * MINUTE
"""A longer one ends a visit."""

_OF_ITS_TIME = ("receivedAt", "sentAt", "timestamp", "originalTimestamp", "messageId")

Step = tuple[int, dict[str, Any]]
"""(milliseconds after the beginning of the visit, a message without moments and id)."""


def liveliest_visit(simulation: Simulation, number: int) -> list[Step]:
    """Of all visits of the person of this number the one with the most messages."""
    by_id = {message["messageId"]: message for message in map(msgspec.json.decode, _lines(simulation, number))}
    moments = sorted(
        ((parse_moment(each["timestamp"]), each) for each in by_id.values()), key=lambda each: each[0]
    )
    visits: list[list[tuple[int, dict[str, Any]]]] = []
    for moment, message in moments:
        if not visits or moment - visits[-1][-1][0] > PAUSE:
            visits.append([])
        visits[-1].append((moment, message))
    longest = max(visits, key=len)
    return [(moment - longest[0][0], _timeless(message)) for moment, message in longest]


def _lines(simulation: Simulation, number: int) -> list[bytes]:
    return [line for _, line in live(simulation, number).lines]


def _timeless(message: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in message.items() if key not in _OF_ITS_TIME}
