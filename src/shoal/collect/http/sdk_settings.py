"""What browser SDKs ask for before they send: settings that point them at this collector and at nobody else."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from shoal.collect.http.answers import Receive, Refused, Scope, Send, cors_headers, preflight_headers
from shoal.collect.http.request import Keys
from shoal.collect.http.routes import LIBRARY_PATH, SETTINGS_PATH, SOURCE_CONFIG_PATH
from shoal.definitions.sources import Collecting, Source

_NO_SUCH_KEY = Refused(404, "invalid_write_key", "no source of this workspace has this write key")
_NO_LIBRARY = Refused(404, "no_library", "Shoal does not hand out this library: load it from your own build")


class SdkSettings:
    """Answers the settings paths of the Segment and RudderStack libraries."""

    def __init__(self, keys: Keys, collecting: Collecting) -> None:
        self._keys, self._collecting = keys, collecting

    def answers(self, path: str) -> bool:
        """Whether a path is one of these."""
        return (
            path.rstrip("/") == SOURCE_CONFIG_PATH
            or SETTINGS_PATH.fullmatch(path) is not None
            or LIBRARY_PATH.fullmatch(path) is not None
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        await self._response(request)(scope, receive, send)

    def _response(self, request: Request) -> Response:
        origin = request.headers.get("origin", "").encode("latin-1") or None
        if request.method == "OPTIONS":
            asked = request.headers.get("access-control-request-headers", "").encode("latin-1")
            return _json({}, preflight_headers(origin, asked) if origin else [])
        try:
            return _json(self._settings(request), cors_headers(origin))
        except Refused as refused:
            response = Response(refused.body, refused.status, media_type="application/json")
            response.raw_headers.extend(cors_headers(origin))
            return response

    def _settings(self, request: Request) -> dict[str, Any]:
        path = request.url.path
        if LIBRARY_PATH.fullmatch(path):
            raise _NO_LIBRARY
        match = SETTINGS_PATH.fullmatch(path)
        if match is not None:
            return segment_settings(self._source(match[1]), *self._our_place(request))
        key = parse_qs(request.url.query).get("writeKey", [""])[0]
        if key:
            return source_config(self._source(key))
        headers = dict(request.scope["headers"])
        return source_config(self._keys.of_request(headers, b"", None))

    def _source(self, key: str) -> Source:
        source = self._keys.find(key)
        if source is None or not source.is_enabled:
            raise _NO_SUCH_KEY
        return source

    def _our_place(self, request: Request) -> tuple[str, str]:
        """The scheme and host by which the browser reached us."""
        scheme = request.url.scheme
        if self._collecting.trusted_proxies:
            scheme = request.headers.get("x-forwarded-proto", scheme).split(",")[0].strip()
        return ("https" if scheme == "https" else "http"), request.headers.get("host", "")


def segment_settings(source: Source, scheme: str, host: str) -> dict[str, Any]:
    """For analytics.js. Without `apiKey` and `apiHost` it would send to its makers, and say nothing."""
    return {
        "integrations": {
            "Segment.io": {
                "apiKey": source.write_key,
                "apiHost": f"{host}/v1",
                "protocol": scheme,
                "versionSettings": {"version": "4.4.7", "componentTypes": ["browser"]},
            }
        },
        "plan": {},
        "metrics": {"sampleRate": 0},
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "remotePlugins": [],
        "legacyVideoPluginsEnabled": False,
        "consentSettings": {"allCategories": [], "hasUnmappedDestinations": False},
    }


def source_config(source: Source) -> dict[str, Any]:
    """For the RudderStack library: nothing to load, nothing to report about itself."""
    statistics = {"enabled": False}
    return {
        "source": {
            "id": source.name,
            "name": source.name,
            "writeKey": source.write_key,
            "enabled": True,
            "workspaceId": "shoal",
            "config": {"statsCollection": {"errors": statistics, "metrics": statistics}},
            "destinations": [],
            "dataplanes": {},
        }
    }


def _json(content: dict[str, Any], headers: list[tuple[bytes, bytes]]) -> Response:
    response = Response(msgspec.json.encode(content), media_type="application/json")
    response.raw_headers.extend(headers)
    return response
