"""One request to the collector: whose it is, what it holds, and what is kept of how it came."""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs

import msgspec

from shoal.collect.http.answers import Refused
from shoal.collect.http.limits import Limits
from shoal.collect.http.routes import BATCH
from shoal.definitions.sources import Collecting, Source

_KEPT = {b"user-agent": 1024, b"origin": 256, b"sec-gpc": 8, b"content-encoding": 32}
"""Headers that are kept with a request, and how much of each."""

CLIENT_IP = "client-ip"
"""Kept like a header, but not sent: the address that the request came from."""


class Shape(msgspec.Struct):
    """What has to be known of a body before it is kept."""

    writeKey: str | msgspec.UnsetType | None = msgspec.UNSET  # noqa: N815  (a name of the protocol)
    batch: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET


_SHAPES = msgspec.json.Decoder(Shape)


def shape_of(body: bytes, kind: str, limits: Limits) -> Shape:
    """The shape of a body. Raises Refused for what is no JSON object, no batch where one belongs, or too much."""
    try:
        shape = _SHAPES.decode(body)
    except msgspec.ValidationError:
        shape = _odd_shape(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _not_json(error) from None
    if shape.batch is msgspec.UNSET:
        if kind == BATCH:
            raise Refused(400, "no_batch", 'a batch is sent like {"batch": [...]}')
        if len(body) > limits.event_bytes:
            raise Refused(413, "too_large", f"an event may hold {limits.event_bytes // 1024} KB")
    elif len(shape.batch) > limits.events:
        raise Refused(413, "too_many_events", f"a batch may hold {limits.events} events, not {len(shape.batch)}")
    return shape


def _odd_shape(body: bytes) -> Shape:
    """Of a body in which something is of an unexpected type."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _not_json(error) from None
    if not isinstance(found, dict):
        raise Refused(400, "invalid_json", "the body is not a JSON object")
    key, batch = found.get("writeKey"), found.get("batch")
    shape = Shape(writeKey=key if isinstance(key, str) else None)
    if isinstance(batch, list):
        shape.batch = [msgspec.Raw(msgspec.json.encode(each)) for each in batch]
    return shape


def _not_json(error: Exception) -> Refused:
    reason = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
    return Refused(400, "invalid_json", f"the body is not JSON: {reason}")


class Keys:
    """The sources of a workspace by their write keys."""

    def __init__(self, collecting: Collecting) -> None:
        self._sources = {source.write_key: source for source in collecting.sources}

    def find(self, key: str) -> Source | None:
        return self._sources.get(key)

    def allows_anywhere(self, origin: str) -> bool:
        """Whether pages of this origin may send with any key: a preflight does not say with which."""
        return any(source.allows(origin) for source in self._sources.values())

    def of_request(self, headers: Mapping[bytes, bytes], query: bytes, in_body: Any) -> Source:
        """The source whose key a request brings: in its Authorization, else its body, else its query.

        Raises Refused when there is none, or it is of no source.
        """
        key = _authorized(headers.get(b"authorization")) or (in_body if isinstance(in_body, str) else "")
        key = key or parse_qs(query.decode("latin-1")).get("writeKey", [""])[0]
        if not key:
            raise Refused(
                401, "missing_write_key", "send a write key: as the user of Basic authorization, or writeKey"
            )
        source = self._sources.get(key)
        if source is None:
            raise Refused(401, "invalid_write_key", "no source of this workspace has this write key")
        if not source.is_enabled:
            raise Refused(404, "source_disabled", "the source of this write key is switched off")
        origin = headers.get(b"origin", b"").decode("latin-1")
        if origin and not source.allows(origin):
            raise Refused(403, "origin_not_allowed", "pages of this origin may not send with this write key")
        return source


def _authorized(header: bytes | None) -> str:
    """The user of Basic authorization, with or without the colon after it."""
    if header is None:
        return ""
    scheme, _, credentials = header.partition(b" ")
    match scheme.lower():
        case b"basic":
            try:
                return base64.b64decode(credentials.strip(), validate=True).decode().split(":", 1)[0]
            except (binascii.Error, UnicodeDecodeError):
                raise Refused(401, "invalid_authorization", "the Basic authorization is not base64") from None
        case b"bearer":
            message = "Bearer tokens are not taken here: send the write key as the user of Basic authorization"
            raise Refused(401, "unsupported_authorization", message)
    return ""


def kept_headers(headers: Mapping[bytes, bytes], peer: str, collecting: Collecting) -> dict[str, str]:
    """What is kept of the headers, and the client's address as far as the settings say."""
    kept = {
        name.decode(): headers[name][:length].decode("latin-1")
        for name, length in _KEPT.items()
        if name in headers
    }
    forwarded = headers.get(b"x-forwarded-for", b"").decode("latin-1")
    address = client_address(peer, forwarded, collecting)
    if address:
        kept[CLIENT_IP] = address
    return kept


def client_address(peer: str, forwarded: str, collecting: Collecting) -> str:
    """The client's address as far as it is kept; empty when it is not."""
    if collecting.client_ip == "none":
        return ""
    chosen = address_told(peer, forwarded, collecting.trusted_proxies)
    return _written(chosen, is_whole=collecting.client_ip == "whole")


def address_told(peer: str, forwarded: str, trusted_proxies: int) -> str:
    """The client's address: of those told on the way, the one that the farthest trusted proxy saw.

    What stands before it in X-Forwarded-For, anybody can have written.
    """
    told = [*(each.strip() for each in forwarded.split(",") if each.strip()), peer]
    return told[max(len(told) - 1 - trusted_proxies, 0)]


@lru_cache(4096)
def _written(chosen: str, *, is_whole: bool) -> str:
    """An address as it is kept; empty for what is none."""
    try:
        address = ipaddress.ip_address(chosen)
    except ValueError:
        return ""
    if is_whole:
        return str(address)
    bits = 24 if address.version == 4 else 48
    return str(ipaddress.ip_network(f"{address}/{bits}", strict=False).network_address)
