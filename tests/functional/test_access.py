"""Who may use which path: every route of a served workspace, tried with every kind of key and from every page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from starlette.routing import Route

from shoal.collect.http.routes import KIND_OF_PATH, METRICS_PATH
from shoal.decide import Rates
from shoal.runtime.access_table import ACCESS, Who, allowed
from tests.functional.deciding import ANN, SERVER_KEY, DecidingShop, deciding_shop

SETTINGS = """
name: Shop
sources:
  website: {write_key: web, origins: [https://shop.example]}
  partner: {write_key: partner, origins: [https://partner.example]}
"""
OURS, OTHERS, NOBODYS = "https://shop.example", "https://partner.example", "https://evil.example"


@dataclass(frozen=True)
class Example:
    """A request to a path that is answered 200 to whoever may use it."""

    method: str = "GET"
    path: str = ""
    body: dict[str, Any] = field(default_factory=dict)


def example(path: str) -> Example:
    """Of every path of the table; a path without one fails."""
    event = {"type": "track", "event": "Came", "anonymousId": ANN}
    if path in KIND_OF_PATH:
        is_batch = KIND_OF_PATH[path] == "batch"
        return Example("POST", path, {"batch": [event]} if is_batch else event)
    return {
        METRICS_PATH: Example("POST", path, {"series": []}),
        "/v1/projects/{key}/settings": Example(path="/v1/projects/web/settings"),
        "/analytics.js/v1/{key}/settings": Example(path="/analytics.js/v1/web/settings"),
        "/analytics.js/v1/{key}/analytics.js": Example(path="/analytics.js/v1/web/analytics.js"),
        "/sourceConfig": Example(path="/sourceConfig?writeKey=web"),
        "/healthz": Example(path="/healthz"),
        "/readyz": Example(path="/readyz"),
        "/metrics": Example(path="/metrics"),
        "/shoal.js": Example(path=path),
        "/v1/stream": Example(path=f"{path}?anonymousId={ANN}"),
        "/v1/unsubscribe/{token}": Example("POST", "/v1/unsubscribe/guessed"),
        "/v1/decide": Example("POST", path, {"anonymousId": ANN}),
        "/ofrep/v1/evaluate/flags": Example("POST", path, {"context": {"targetingKey": f"anonymous_id:{ANN}"}}),
        "/ofrep/v1/evaluate/flags/{key:path}": Example(
            "POST", "/ofrep/v1/evaluate/flags/hero", {"context": {"targetingKey": f"anonymous_id:{ANN}"}}
        ),
    }[path]


CREDENTIALS: dict[str, dict[str, str]] = {
    "none": {},
    "nobody's": {"x-api-key": "guess", "authorization": "Basic Z3Vlc3M6"},
    "write key": {"x-api-key": "web", "authorization": "Basic d2ViOg=="},
    "write key, own page": {"x-api-key": "web", "authorization": "Basic d2ViOg==", "origin": OURS},
    "write key, page of another source": {"x-api-key": "web", "authorization": "Basic d2ViOg==", "origin": OTHERS},
    "write key, page of nobody": {"x-api-key": "web", "authorization": "Basic d2ViOg==", "origin": NOBODYS},
    "server key": {"authorization": f"Bearer {SERVER_KEY}"},
    "server key, own page": {"authorization": f"Bearer {SERVER_KEY}", "origin": OURS},
}

MAY = {
    Who.SOURCE: (401, 401, 200, 200, 403, 403, 401, 401),
    Who.ASKER: (401, 401, 200, 200, 403, 403, 200, 403),
    Who.HOLDER: (200, 200, 200, 200, 200, 403, 200, 200),
    Who.ANYBODY: (200,) * 8,
    Who.OPERATOR: (200,) * 8,
    Who.RECIPIENT: (404,) * 8,
}
"""What each of the credentials above is answered. Operators' paths are guarded by the server before this one.

A link that nobody signed is none, whatever key comes along; `test_deliveries.py` tries one that is.
"""

NOT_THERE = {"/analytics.js/v1/{key}/analytics.js": 404, "/v1/unsubscribe/{token}": 404}
"""Answered so to everybody: the library is not handed out, and the link is none."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DecidingShop]:
    fast = Rates(per_address=0, per_key=0)
    with deciding_shop(tmp_path_factory.mktemp("shop"), settings=SETTINGS, rates=fast) as shop:
        yield shop


def ask(shop: DecidingShop, path: str, headers: dict[str, str]) -> httpx.Response:
    tried = Example(path=handed_out(shop)) if path.endswith("{handle}") else example(path)
    body = tried.body if tried.method == "POST" else None
    url = f"{shop.url}{tried.path}"
    with httpx.stream(tried.method, url, json=body, headers=headers, timeout=20) as response:
        if not response.headers.get("content-type", "").startswith("text/event-stream"):  # which never ends
            response.read()
        return response


def handed_out(shop: DecidingShop) -> str:
    """The address of a stream, as it is given to who may ask about Ann."""
    question = {"context": {"targetingKey": ANN}}
    flags = httpx.post(f"{shop.url}/ofrep/v1/evaluate/flags", json=question, headers={"x-api-key": "web"}).json()
    found: str = flags["eventStreams"][0]["endpoint"]["requestUri"]
    assert ANN not in found
    return found


def test_addresses_of_streams_are_not_found_by_trying(shop: DecidingShop) -> None:
    """One that was not handed out is not there, whoever asks."""
    for handle in ("", "x", ANN, "0" * 32, "../metrics"):
        for headers in ({}, CREDENTIALS["write key"], CREDENTIALS["server key"]):
            assert httpx.get(f"{shop.url}/ofrep/v1/hints/{handle}", headers=headers).status_code == 404


def test_every_route_stands_in_the_table(shop: DecidingShop) -> None:
    """And every line of the table is a route, those of the collector included."""
    served = {route.path for route in shop.app.others.router.routes}
    collected = {path for path in ACCESS if path not in served}
    assert served <= set(ACCESS)
    for path in collected:
        assert ask(shop, path, {}).status_code != 404 or path in NOT_THERE, path


def test_a_route_that_nobody_allowed_is_not_served() -> None:
    """Whoever adds one says who may use it, or the server does not begin."""
    with pytest.raises(AssertionError, match=r"say in runtime/access_table.py who may use /admin"):
        allowed([Route("/admin", lambda _: None)])


@pytest.mark.parametrize("credential", CREDENTIALS)
@pytest.mark.parametrize("path", ACCESS)
def test_each_path_with_each_key(shop: DecidingShop, path: str, credential: str) -> None:
    """The whole matrix: who may not is answered 401 or 403, and reads nothing."""
    answered = ask(shop, path, CREDENTIALS[credential])
    expected = MAY[ACCESS[path]][list(CREDENTIALS).index(credential)]
    assert answered.status_code == NOT_THERE.get(path, expected), answered.text
    if expected in (401, 403):
        assert ANN not in answered.text
        assert "title" not in answered.text


@pytest.mark.parametrize("path", [path for path, who in ACCESS.items() if who in (Who.SOURCE, Who.ASKER)])
def test_pages_of_nobody_get_no_leave(shop: DecidingShop, path: str) -> None:
    """A browser that asks first hears no, whatever it would send."""
    tried = example(path)
    for origin, status in ((OURS, 200), (NOBODYS, 403)):
        headers = {"origin": origin, "access-control-request-method": "POST"}
        preflight = httpx.options(f"{shop.url}{tried.path}", headers=headers)
        assert preflight.status_code == status
        assert ("access-control-allow-origin" in preflight.headers) is (status == 200)


@pytest.mark.parametrize("path", [path for path, who in ACCESS.items() if who is Who.ASKER])
@pytest.mark.parametrize("who", ["ann", f"user_id:{ANN}", "email:ann@shop.example"])
def test_a_write_key_opens_nobody_else(shop: DecidingShop, path: str, who: str) -> None:
    """What only servers may ask, by user id or address, is refused to the public key; also to one's own page."""
    for origin in ({}, {"origin": OURS}):
        body: dict[str, Any] = {"userId": who} if path == "/v1/decide" else {"context": {"targetingKey": who}}
        headers = {"x-api-key": "web", **origin}
        answered = httpx.post(f"{shop.url}{example(path).path}", json=body, headers=headers)
        assert answered.status_code == 403


def test_other_paths_are_not_there(shop: DecidingShop) -> None:
    """Nothing answers that stands in no line; not with a key either."""
    for path in ("/", "/admin", "/v1", "/v1/decide/x", "/v1/people", "/ofrep/v1/configuration", "/.shoal/journal"):
        for headers in ({}, CREDENTIALS["write key"], CREDENTIALS["server key"]):
            for method in ("GET", "POST", "PUT", "DELETE", "PATCH"):
                answered = httpx.request(method, f"{shop.url}{path}", headers=headers)
                assert answered.status_code == 404, (method, path)
