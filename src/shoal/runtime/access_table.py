"""Every path that a server answers, and who may use it. What stands in no line here is not served."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType

from starlette.routing import BaseRoute, Route

from shoal.collect.http.routes import KIND_OF_PATH, METRICS_PATH, SOURCE_CONFIG_PATH
from shoal.decide.hints import HINTS_PATH
from shoal.decide.ofrep import FLAGS_PATH
from shoal.decide.question import DECIDE_PATH
from shoal.deliver.unsubscribe import PATH as UNSUBSCRIBE_PATH
from shoal.web.demo_pages import DEMO_PATHS
from shoal.web.streams import STREAM_PATH
from shoal.web.tracker import TRACKER_PATH


class Who(StrEnum):
    """Who may use a path."""

    ANYBODY = "anybody"
    """It tells nothing about people, and changes nothing."""
    OPERATOR = "operator"
    """It is kept from the public by the server before this one: Shoal does not know operators."""
    SOURCE = "source"
    """A write key, from a page of the source's origins or from no page."""
    ASKER = "asker"
    """A write key about an anonymous id of one's own, or a server key about anybody."""
    HOLDER = "holder"
    """Whoever was handed the address, which nobody can guess; pages of a source's origins."""
    RECIPIENT = "recipient"
    """Whoever has the link that was signed for one person, and only what it says: no key is asked for."""


ACCESS: Mapping[str, Who] = MappingProxyType(
    {
        **dict.fromkeys(KIND_OF_PATH, Who.SOURCE),
        METRICS_PATH: Who.ANYBODY,
        "/v1/projects/{key}/settings": Who.ANYBODY,
        "/analytics.js/v1/{key}/settings": Who.ANYBODY,
        "/analytics.js/v1/{key}/analytics.js": Who.ANYBODY,
        SOURCE_CONFIG_PATH: Who.ANYBODY,
        "/healthz": Who.ANYBODY,
        "/readyz": Who.ANYBODY,
        "/metrics": Who.OPERATOR,
        TRACKER_PATH: Who.ANYBODY,
        STREAM_PATH: Who.SOURCE,
        f"{UNSUBSCRIBE_PATH}/{{token}}": Who.RECIPIENT,
        DECIDE_PATH: Who.ASKER,
        FLAGS_PATH: Who.ASKER,
        f"{FLAGS_PATH}/{{key:path}}": Who.ASKER,
        f"{HINTS_PATH}/{{handle}}": Who.HOLDER,
    }
)
"""By path, as routes write it. `tests/functional/test_access.py` tries each with every kind of key."""

DEMO_ACCESS: Mapping[str, Who] = MappingProxyType(dict.fromkeys(DEMO_PATHS, Who.ANYBODY))
"""What `shoal demo` serves beside these."""


def allowed(routes: Iterable[BaseRoute]) -> list[BaseRoute]:
    """The same routes. Raises AssertionError, a mistake of ours, when nobody has said who may use one of them."""
    listed = list(routes)
    for route in listed:
        path = route.path if isinstance(route, Route) else repr(route)
        if path not in ACCESS and path not in DEMO_ACCESS:  # raised, not asserted: it holds under python -O, too
            raise AssertionError(f"say in runtime/access_table.py who may use {path}")
    return listed
