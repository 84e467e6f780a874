"""Feeds of an audience: `Audience Entered` and `Audience Exited` as track calls of Segment's protocol.

Another collector, of Segment, RudderStack or Shoal, takes them as they are. Names and properties are those of
Segment's documentation of audiences.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

import msgspec

from shoal.deliver.posting import Poster
from shoal.deliver.sender import Sent
from shoal.deliver.webhook import Signatures
from shoal.model.firing import Delivery
from shoal.model.identifier import Identifier
from shoal.model.time import format_moment

ENTERED, EXITED = "Audience Entered", "Audience Exited"


class AudienceSender:
    """Sends changes of audiences to one destination, signed like webhooks, or with a write key, or neither."""

    def __init__(
        self,
        poster: Poster,
        *,
        clock: Callable[[], int],
        signatures: Signatures | None = None,
        write_key: str = "",
    ) -> None:
        self._poster, self._clock, self._signatures = poster, clock, signatures
        self._headers = {"content-type": "application/json"}
        if write_key:
            self._headers["authorization"] = f"Basic {base64.b64encode(f'{write_key}:'.encode()).decode()}"

    async def send(self, delivery: Delivery) -> Sent:
        """One attempt."""
        try:
            body, headers = audience_body(delivery), dict(self._headers)
        except ValueError as error:
            return Sent.refused(str(error))
        if self._signatures is not None:
            headers |= self._signatures.headers(delivery.id, body, self._clock())
        sent, _ = await self._poster.post(body, headers)
        return sent

    async def close(self) -> None:
        await self._poster.close()


def audience_body(delivery: Delivery) -> bytes:
    """The track call for a change: the same at every attempt, so that its `messageId` tells repetitions.

    It is told of the profile that entered or left, also when that is somebody else's by now: the other system
    learns of merges by itself. Somebody known by neither a user id nor an anonymous id is told by the SHA-256 of
    what they are known by, trimmed and in lower case, as advertisers compare e-mail addresses; never by the
    address itself. Raises ValueError for what names no audience.
    """
    key, is_member = delivery.content.get("audience_key"), delivery.content.get("is_member")
    if not isinstance(key, str) or not key or not isinstance(is_member, bool):
        raise ValueError("it names no audience that was entered or left")
    profile = delivery.content.get("profile") or delivery.person
    call: dict[str, object] = {
        "type": "track",
        "event": ENTERED if is_member else EXITED,
        "messageId": delivery.id,
        "timestamp": format_moment(delivery.created_at),
        "properties": {**delivery.facts, "audience_key": key, key: is_member},
    }
    return msgspec.json.encode({**call, **_who(str(profile))})


def _who(person: str) -> dict[str, object]:
    who = Identifier.parse(person)
    match who.kind:
        case "user_id":
            return {"userId": who.value}
        case "anonymous_id":
            return {"anonymousId": who.value}
    hashed = hashlib.sha256(who.value.strip().lower().encode()).hexdigest()
    external = {"id": hashed, "type": f"{who.kind}_sha256", "collection": "users", "encoding": "none"}
    return {"anonymousId": hashed, "context": {"externalIds": [external]}}
