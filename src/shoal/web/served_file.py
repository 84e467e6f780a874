"""A file of ours as it is served: compressed once, and told by its content whether a browser still has it."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

_LEVEL = 9


class ServedFile:
    """One file in memory, whole and compressed.

    Its ETag follows from its content (RFC 9110, 8.8.3), so whoever has it is answered 304 until it changes.
    """

    def __init__(self, content: bytes, media_type: str, headers: Mapping[str, str]) -> None:
        self.content, self.compressed = content, gzip.compress(content, _LEVEL, mtime=0)
        self._tag = hashlib.sha256(content).hexdigest()[:20]
        self._headers = {
            **headers,
            "content-type": media_type,
            "vary": "Accept-Encoding",
            "x-content-type-options": "nosniff",
        }

    async def answer(self, request: Request) -> Response:
        """The file, or that it is still the same."""
        is_packed = _takes_gzip(request.headers.get("accept-encoding", ""))
        tag = f'"{self._tag}-gzip"' if is_packed else f'"{self._tag}"'
        headers = {**self._headers, "etag": tag}
        if _names(request.headers.get("if-none-match", ""), tag):
            return Response(status_code=304, headers=headers)
        if is_packed:
            return Response(self.compressed, headers={**headers, "content-encoding": "gzip"})
        return Response(self.content, headers=headers)


def _takes_gzip(accepted: str) -> bool:
    for each in accepted.lower().split(","):
        coding, _, weight = each.partition(";")
        if coding.strip() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _names(if_none_match: str, tag: str) -> bool:
    """Whether one of the tags that a browser has is this one. Weak ones are compared, too (RFC 9110, 13.1.2)."""
    stated = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return tag in stated or "*" in stated
