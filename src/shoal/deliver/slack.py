"""Messages to a channel of Slack, by an incoming webhook: its URL is the secret.

It answers `ok` as plain text, and takes about one message a second (https://docs.slack.dev/apis/web-api/rate-limits).
"""

from __future__ import annotations

import re

import msgspec

from shoal.deliver.posting import Poster
from shoal.deliver.sender import Result, Sent
from shoal.model.firing import Delivery

MILLISECONDS_BETWEEN = 1000

_WORD = re.compile(r"[a-z_]{1,40}")
"""What Slack answers to what it does not take: one word, such as `no_service`. Nothing else is repeated."""

_NEVER_TAKEN = frozenset(("invalid_payload", "no_text", "too_many_attachments", "msg_too_long"))
_HOOK_IS_GONE = frozenset(("no_service", "no_active_hooks", "channel_is_archived", "team_disabled"))


class SlackSender:
    """Sends to one hook."""

    def __init__(self, poster: Poster) -> None:
        self._poster = poster

    async def send(self, delivery: Delivery) -> Sent:
        """One attempt."""
        sent, answer = await self._poster.post(slack_body(delivery), {"content-type": "application/json"})
        return meaning_of_slack(sent, answer.decode("utf-8", "replace").strip())

    async def close(self) -> None:
        await self._poster.close()


def slack_body(delivery: Delivery) -> bytes:
    """The message: plain text. What people wrote cannot mention a channel or hide a link behind other words."""
    text = str(delivery.content.get("text", ""))
    for letter, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(letter, written)
    return msgspec.json.encode({"text": text, "unfurl_links": False})


def meaning_of_slack(sent: Sent, answer: str) -> Sent:
    """What an answer of Slack means, by its status and its word."""
    if sent.result is Result.DELIVERED:
        return sent if answer == "ok" else Sent.again("it did not answer ok: this is no hook of Slack")
    if not _WORD.fullmatch(answer):
        return sent
    if answer in _NEVER_TAKEN:
        return Sent.refused(f"Slack does not take it: {answer}")
    if answer in _HOOK_IS_GONE:
        return Sent.gone(f"Slack takes nothing at this hook any more: {answer}")
    return Sent.again(
        f"{sent.reason}: {answer}",
        after_ms=sent.retry_after_ms,
        is_destinations_fault=sent.is_destinations_fault,
    )
