"""OpenFeature's remote evaluation protocol: one flag, or all of them with an ETag, for any OpenFeature client.

OFREP 0.3.0 (github.com/open-feature/protocol, service/openapi.yaml).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import msgspec

from shoal.collect.http.answers import Refused, Scope
from shoal.decide.access import Asker, refuse_about
from shoal.decide.context import InvalidContext
from shoal.decide.decider import Decider
from shoal.decide.endpoint import Answer, Endpoint
from shoal.decide.flags import Flags
from shoal.decide.gate import Gate, Request
from shoal.decide.hints import Hints
from shoal.model.identifier import Identifier

FLAGS_PATH = "/ofrep/v1/evaluate/flags"

CODES = frozenset({"FLAG_NOT_FOUND", "INVALID_CONTEXT", "PARSE_ERROR", "TARGETING_KEY_MISSING"})
"""The error codes of OpenFeature that are given; everything else is GENERAL."""


class OfrepEndpoint(Endpoint):
    """Both paths."""

    def __init__(self, decider: Decider, gate: Gate, clock: Callable[[], int], hints: Hints) -> None:
        super().__init__(gate)
        self._decider, self._clock, self._hints = decider, clock, hints

    def answer(self, request: Request, scope: Scope, body: bytes) -> Answer:
        asker = self.gate.asker(request)
        context = _context_in(body)
        identifier = self._identifier(context.get("targetingKey"), asker)
        flags = self._flags(request, asker, identifier, context)
        key = _key_in(scope)
        return self._all(flags, identifier, request) if key is None else _single(flags, key)

    def refusal(self, scope: Scope, refused: Refused) -> bytes:
        code = refused.code if refused.code in CODES else "GENERAL"
        failure = {"errorCode": code, "errorDetails": refused.message}
        key = _key_in(scope)
        return msgspec.json.encode(failure if key is None else {"key": key, **failure})

    def _all(self, flags: Flags, identifier: Identifier, request: Request) -> Answer:
        streams = [self._hints.stream_of(identifier)]
        told = msgspec.json.encode({"flags": list(flags.all()), "eventStreams": streams})
        etag = b'"%s"' % hashlib.blake2b(told, digest_size=16).hexdigest().encode()
        is_known = _names(request.headers.get(b"if-none-match", b""), etag)
        return Answer(b"" if is_known else told, status=304 if is_known else 200, headers=[(b"etag", etag)])

    def _flags(self, request: Request, asker: Asker, identifier: Identifier, stated: dict[str, Any]) -> Flags:
        try:
            context = self._decider.terms.contexts.read(stated, request.circumstances, self._clock())
        except InvalidContext as error:
            raise Refused(400, "INVALID_CONTEXT", str(error)) from None
        person = self._decider.find_person(identifier, self.gate.refusals(request, stated))
        segments = self._decider.terms.segments if asker.is_server else ()
        return Flags(self._decider, segments, person, context)

    def _identifier(self, targeting_key: object, asker: Asker) -> Identifier:
        """Of `kind:value`, or of a value alone: a user id from a server, an anonymous id from a page."""
        if targeting_key is None or targeting_key == "":
            raise Refused(400, "TARGETING_KEY_MISSING", "the context has no targetingKey")
        if not isinstance(targeting_key, str):
            raise Refused(400, "INVALID_CONTEXT", "the targetingKey is no text")
        kind, colon, value = targeting_key.partition(":")
        if not colon or kind not in self._decider.terms.kinds:
            kind, value = "user_id" if asker.is_server else "anonymous_id", targeting_key
        identifier = Identifier(kind, value)
        refuse_about(asker, identifier)
        return identifier


def _key_in(scope: Scope) -> str | None:
    """The flag in the path; None when all are asked for. Unescaped once: what is escaped twice is another key."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    rest = unquote(raw.partition(b"?")[0].decode("latin-1").removeprefix(FLAGS_PATH)).removeprefix("/")
    return rest or None


def _context_in(body: bytes) -> dict[str, Any]:
    try:
        read = msgspec.json.decode(body) if body.strip() else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(400, "PARSE_ERROR", f"the body is not JSON: {error}") from None
    if not isinstance(read, dict):
        raise Refused(400, "PARSE_ERROR", "the body is not a JSON object")
    context = read.get("context")
    if context is None:
        return {}
    if not isinstance(context, dict):
        raise Refused(400, "INVALID_CONTEXT", "the context is not a JSON object")
    return context


def _single(flags: Flags, key: str) -> Answer:
    flag = flags.find(key)
    if flag is None:
        raise Refused(404, "FLAG_NOT_FOUND", "there is no such slot, field of a slot, or segment")
    return Answer(msgspec.json.encode(flag), status=503 if "errorCode" in flag else 200)


def _names(stated: bytes, etag: bytes) -> bool:
    """Whether If-None-Match names this ETag, weakly compared (RFC 9110, 13.1.2)."""
    named = {each.strip().removeprefix(b"W/") for each in stated.split(b",")}
    return etag in named or b"*" in named
