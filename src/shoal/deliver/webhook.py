"""Webhooks as Standard Webhooks describes them: signed, with one id at every attempt.

The body is `{"type", "timestamp", "data"}`; the headers are `webhook-id`, `webhook-timestamp` and
`webhook-signature` (https://github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec
from standardwebhooks import Webhook

from shoal.deliver.posting import Poster
from shoal.deliver.sender import Sent
from shoal.errors import InputError
from shoal.model.firing import Delivery
from shoal.model.time import format_moment

TYPE = "trigger.fired"

SECRET_PREFIX = "whsec_"  # noqa: S105  (how secrets begin, and none)
SECRET_BYTES = range(24, 65)


def read_secret(stated: str) -> Webhook:
    """A signing secret: `whsec_` and 24 to 64 bytes in base64. Raises InputError, which does not repeat it.

    The library reads almost anything as base64; a secret with a letter lost would sign, and nobody could verify.
    """
    text = stated.removeprefix(SECRET_PREFIX)
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = b""
    if not stated.startswith(SECRET_PREFIX) or len(key) not in SECRET_BYTES:
        raise InputError(
            f"no signing secret: it is {SECRET_PREFIX} and 24 to 64 bytes in base64",
            hint=f'make one with: echo "{SECRET_PREFIX}$(openssl rand -base64 32)"',
        )
    return Webhook(key)


class Signatures:
    """Signs bodies with every secret of a destination: while one replaces another, either can be verified."""

    def __init__(self, secrets: Sequence[Webhook]) -> None:
        self._secrets = secrets

    def headers(self, delivery: str, body: bytes, now: int) -> dict[str, str]:
        """The three headers for exactly this body."""
        seconds = now // 1000
        at, text = datetime.fromtimestamp(seconds, UTC), body.decode()
        signed = [secret.sign(msg_id=delivery, timestamp=at, data=text) for secret in self._secrets]
        return {
            "webhook-id": delivery,
            "webhook-timestamp": str(seconds),
            "webhook-signature": " ".join(signed),
        }


class WebhookSender:
    """Sends deliveries to one webhook."""

    def __init__(self, poster: Poster, signatures: Signatures, *, clock: Callable[[], int]) -> None:
        self._poster, self._signatures, self._clock = poster, signatures, clock

    async def send(self, delivery: Delivery) -> Sent:
        """One attempt. The bytes that are signed are the bytes that are sent."""
        body = webhook_body(delivery)
        headers = self._signatures.headers(delivery.id, body, self._clock())
        sent, _ = await self._poster.post(body, {"content-type": "application/json", **headers})
        return sent

    async def close(self) -> None:
        await self._poster.close()


def webhook_body(delivery: Delivery) -> bytes:
    """What a webhook is told: the same at every attempt."""
    data = {
        "trigger": delivery.trigger,
        "person": delivery.person,
        "firing": delivery.firing,
        "direction": delivery.content.get("direction"),
        "effective_at": delivery.content.get("effective_at"),
        "values": dict(delivery.facts),
    }
    timestamp = format_moment(delivery.created_at)
    return msgspec.json.encode({"type": TYPE, "timestamp": timestamp, "data": data})
