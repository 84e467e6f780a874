"""How an attempt went, as where its delivery stands from then on. A pure rule."""

from __future__ import annotations

from shoal.deliver.schedule import next_attempt
from shoal.deliver.sender import Result, Sent
from shoal.model.firing import Delivery, Status
from shoal.model.time import SECOND
from shoal.triggers.outbox import Settlement

UNTIL_LOOKED_FOR_AGAIN = SECOND
"""Somebody who was not there is looked for after so long."""

LONGEST_REASON = 200


def settle_attempt(delivery: Delivery, sent: Sent, now: int) -> Settlement:
    """Where a delivery stands after an attempt whose result came at `now`."""
    attempts = delivery.attempts + 1
    match sent.result:
        case Result.DELIVERED:
            return _settled(delivery, Status.DELIVERED, now, attempts)
        case Result.REFUSED | Result.GONE:
            return _settled(delivery, Status.DEAD, now, attempts, reason=sent.reason)
        case Result.AWAY:
            again_at = now + UNTIL_LOOKED_FOR_AGAIN
            return _settled(
                delivery, Status.READY, now, delivery.attempts, not_before=again_at, reason=sent.reason
            )
    again = next_attempt(delivery.id, attempts, now, asked_ms=sent.retry_after_ms)
    if again is None:
        reason = f"given up after {attempts} attempts, the last: {sent.reason}"
        return _settled(delivery, Status.DEAD, now, attempts, reason=reason)
    return _settled(delivery, Status.READY, now, attempts, not_before=again, reason=sent.reason)


def settle_unsent(delivery: Delivery, status: Status, reason: str, now: int) -> Settlement:
    """Where a delivery ends of which nothing was sent: it expired, say, or consent was withdrawn."""
    return _settled(delivery, status, now, delivery.attempts, reason=reason)


def _settled(
    delivery: Delivery, status: Status, now: int, attempts: int, *, not_before: int = 0, reason: str = ""
) -> Settlement:
    return Settlement(
        id=delivery.id,
        status=status,
        at=now,
        attempts=attempts,
        reason=reason[:LONGEST_REASON],
        not_before=not_before,
    )
