"""How much a request may hold, and how long it may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bytes, events and seconds. Those of Segment where Segment has them.

    `bodies_bytes` is for all bodies that are being received at one time. `drained_bytes` of a body that is too
    large are read and thrown away, so that its sender hears why.
    """

    request_bytes: int = 500 * 1024
    event_bytes: int = 32 * 1024
    events: int = 2_500
    bodies_bytes: int = 64 * 2**20
    drained_bytes: int = 2 * 2**20
    head_bytes: int = 32 * 1024
    head_seconds: float = 10.0
    body_seconds: float = 20.0
    waiting_connections: int = 512
    retry_after_seconds: int = 1
