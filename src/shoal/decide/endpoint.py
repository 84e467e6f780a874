"""What the paths of decisions have in common: each question passes the gate, and whatever happens is answered."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from shoal.collect.http.answers import Headers, Receive, Refused, Scope, Send, answer, cors_headers
from shoal.collect.http.bodies import ClientGone
from shoal.decide.gate import NEVER_STORED, Gate, Request, refusal_headers

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered to a question."""

    body: bytes
    status: int = 200
    headers: Headers = field(default_factory=list)


class Endpoint(ABC):
    """A path that is asked by POST, as an ASGI application."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = self.gate.request_of(scope)
        if scope["method"] == "OPTIONS":
            await self.gate.answer_preflight(request, send)
            return
        try:
            refuse_other_methods(scope["method"])
            found = self.answer(request, scope, await self.gate.body(request, receive))
        except ClientGone:
            return
        except Refused as refused:
            await self._refuse(refused, request, scope, send)
            return
        except Exception:
            # A mistake of ours. The log says where, not what was asked.
            _LOG.exception("a question could not be answered")
            failure = Refused(500, "internal", "something went wrong inside Shoal")
            await self._refuse(failure, request, scope, send)
            return
        headers = [*found.headers, *NEVER_STORED, *cors_headers(request.origin)]
        if found.status == 304:  # it has no body, and says nothing of one
            await send({"type": "http.response.start", "status": 304, "headers": headers})
            await send({"type": "http.response.body"})
        else:
            await answer(send, found.status, found.body, headers)

    async def _refuse(self, refused: Refused, request: Request, scope: Scope, send: Send) -> None:
        self.gate.refused[refused.code.lower()] += 1
        body = self.refusal(scope, refused)
        await answer(send, refused.status, body, refusal_headers(refused, request.origin))

    @abstractmethod
    def answer(self, request: Request, scope: Scope, body: bytes) -> Answer:
        """The answer to a question. Raises Refused."""

    def refusal(self, scope: Scope, refused: Refused) -> bytes:
        """The body of an answer that refuses."""
        del scope
        return refused.body


def refuse_other_methods(method: str) -> None:
    """Raises Refused for what is no POST: what is asked about people does not belong in an address."""
    if method != "POST":
        raise Refused(405, "post_only", "this is asked by POST", closes=True)
