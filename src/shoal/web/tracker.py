"""The tracker as it is served: `shoal.js`, the same file for every website."""

from __future__ import annotations

from importlib import resources

from starlette.routing import Route

from shoal.web.served_file import ServedFile

TRACKER_PATH = "/shoal.js"

_HEADERS = {
    "cache-control": "public, max-age=3600",  # websites have a new version within the hour
    "access-control-allow-origin": "*",  # so that a page may name its hash (Subresource Integrity)
    "cross-origin-resource-policy": "cross-origin",
}


def tracker_route() -> Route:
    """The path of the tracker."""
    content = resources.files("shoal.web").joinpath("shoal.js").read_bytes()
    file = ServedFile(content, "text/javascript; charset=utf-8", _HEADERS)
    return Route(TRACKER_PATH, file.answer)
