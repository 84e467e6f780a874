"""The collector on the network: whose requests are taken, what is answered, and what browsers need to hear."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.functional.collecting import KEY, Served, serving

TRACK = {"type": "track", "event": "Click", "userId": "ann", "messageId": "m1"}
BATCH = {"batch": [TRACK]}
ORIGIN = {"Origin": "https://shop.example"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("collector") / "shop") as one:
        yield one


def basic(text: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}


LETTERS = basic(f"{KEY}:")["Authorization"].split()[1]


def code(response: httpx.Response) -> str:
    return str(response.json()["code"])


# Paths


PATHS = {
    **{f"/v1/{kind}": kind for kind in ("identify", "track", "page", "screen", "group", "alias")},
    **{f"/v1/{kind[0]}": kind for kind in ("identify", "track", "page", "screen", "group", "alias")},
}


def test_every_call_has_its_path(tmp_path: Path) -> None:
    """By its word and by its letter, with and without a slash at the end; the answer is always the same."""
    with serving(tmp_path / "shop") as one:
        for path in PATHS:
            said = {"userId": "ann", "event": "Click", "groupId": "acme", "previousId": "before"}
            for shown in (path, f"{path}/"):
                response = one.post(shown, {**said, "messageId": shown})
                assert (response.status_code, response.content) == (200, b'{"success":true}')
                assert response.headers["content-type"] == "application/json"
        events = one.events()
    assert dict(zip(events["message_id"], events["kind"], strict=True)) == {
        shown: kind for path, kind in PATHS.items() for shown in (path, f"{path}/")
    }


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/b", "/v1/import", "/beacon/v1/batch"])
def test_batches_have_four_paths(served: Served, path: str) -> None:
    """Those of Segment, of its browser library, of imports, and of RudderStack's beacon."""
    assert served.post(path, BATCH).status_code == 200
    assert code(served.post(path, TRACK)) == "no_batch"


def test_metrics_of_libraries_are_answered_and_dropped(served: Served) -> None:
    """They are about the library, not about a person."""
    before = len(served.entries())
    assert served.post("/v1/m", {"series": []}).status_code == 200
    assert len(served.entries()) == before


def test_other_paths_and_methods_are_told(served: Served) -> None:
    """In JSON where a library asks."""
    assert httpx.get(f"{served.url}/v1/other").status_code == 404
    assert code(httpx.get(f"{served.url}/v1/track")) == "post_only"
    assert httpx.get(f"{served.url}/healthz").json() == {"status": "ok"}
    assert httpx.get(f"{served.url}/readyz").json() == {"status": "ok"}


# Keys


@pytest.mark.parametrize(
    "headers",
    [basic(f"{KEY}:"), basic(KEY), basic(f"{KEY}:ignored"), {"Authorization": f"basic {LETTERS}"}],
    ids=["empty password", "no colon", "a password", "lower case"],
)
def test_the_key_is_the_user_of_basic_authorization(served: Served, headers: dict[str, str]) -> None:
    """With an empty password, with none at all, and whatever the password is."""
    assert served.post("/v1/batch", BATCH, key=None, headers=headers).status_code == 200


def test_the_key_is_in_the_body_or_the_query(served: Served) -> None:
    """Where browsers and beacons put it."""
    assert served.post("/v1/batch", {**BATCH, "writeKey": KEY}, key=None).status_code == 200
    assert served.post(f"/beacon/v1/batch?writeKey={KEY}", BATCH, key=None).status_code == 200


@pytest.mark.parametrize(
    ("body", "headers", "status", "expected"),
    [
        (BATCH, {}, 401, "missing_write_key"),
        ({**BATCH, "writeKey": "other"}, {}, 401, "invalid_write_key"),
        ({**BATCH, "writeKey": 5}, {}, 401, "missing_write_key"),
        (BATCH, basic("other:"), 401, "invalid_write_key"),
        (BATCH, {"Authorization": "Basic ***"}, 401, "invalid_authorization"),
        ({**BATCH, "writeKey": KEY}, {"Authorization": "Bearer abc"}, 401, "unsupported_authorization"),
        (BATCH, basic("old:"), 404, "source_disabled"),
        (BATCH, {**basic("partner:"), **ORIGIN}, 403, "origin_not_allowed"),
    ],
)
def test_who_may_not_send_is_told_why(
    served: Served, body: object, headers: dict[str, str], status: int, expected: str
) -> None:
    """With a status at which SDKs drop what they have, and a code that they log."""
    response = served.post("/v1/batch", body, key=None, headers=headers)
    assert (response.status_code, code(response)) == (status, expected)
    assert response.json()["message"]


def test_pages_of_an_allowed_origin_may_send(served: Served) -> None:
    """A source that names its websites takes events from their pages, and from servers, which have no origin."""
    headers = {"Origin": "https://partner.example"}
    assert served.post("/v1/batch", BATCH, key="partner", headers=headers).status_code == 200
    assert served.post("/v1/batch", BATCH, key="partner").status_code == 200


# Bodies


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"5", b"null", b'"x"', b'{"batch":[}', b"\xff", b"{" * 100_000, b"[" * 100_000, b"a=b"],
)
def test_what_is_no_json_object_is_told(served: Served, content: bytes) -> None:
    """400, which SDKs do not send again."""
    response = served.post("/v1/batch", content)
    assert (response.status_code, code(response)) == (400, "invalid_json")


def test_the_content_type_does_not_matter(served: Served) -> None:
    """Browsers say text, one node client says that it sends a form."""
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-8", ""):
        response = served.post("/v1/batch", json.dumps(BATCH).encode(), headers={"Content-Type": content_type})
        assert response.status_code == 200


def test_gzip_is_known_by_its_header_or_its_first_bytes(served: Served) -> None:
    """A body that only says so, and one that only is so."""
    plain = json.dumps(BATCH).encode()
    said = {"Content-Encoding": "gzip"}
    for content, headers in ((gzip.compress(plain), {}), (gzip.compress(plain), said), (plain, said)):
        assert served.post("/v1/batch", content, headers=headers).status_code == 200
    cut = gzip.compress(plain)[:-10]
    assert code(served.post("/v1/batch", cut, headers=said)) == "bad_compression"
    assert code(served.post("/v1/batch", b"zzz", headers={"Content-Encoding": "br"})) == "bad_compression"


# Browsers


def test_a_preflight_names_what_it_allows(served: Served) -> None:
    """The headers that were asked for, by name, for this origin, for two hours."""
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    for path in ("/v1/t", "/v1/batch", "/v1/m", f"/v1/projects/{KEY}/settings", "/sourceConfig/"):
        response = httpx.options(f"{served.url}{path}", headers={**ORIGIN, **asked})
        assert response.status_code == 200
        assert response.headers["access-control-allow-origin"] == ORIGIN["Origin"]
        assert response.headers["access-control-allow-headers"] == asked["Access-Control-Request-Headers"]
        assert response.headers["access-control-max-age"] == "7200"
        assert response.headers["vary"] == "Origin"


def test_an_answer_can_be_read_by_the_page(served: Served) -> None:
    """Refusals too, or a library could not tell them from a broken network."""
    for key, status in ((KEY, 200), ("other", 401)):
        response = served.post("/v1/t", TRACK, key=key, headers=ORIGIN)
        assert response.status_code == status
        assert response.headers["access-control-allow-origin"] == ORIGIN["Origin"]


def test_preflights_of_other_origins_are_refused(tmp_path: Path) -> None:
    """When every source names its websites."""
    settings = "sources: {site: {write_key: k, origins: [https://shop.example]}}"
    with serving(tmp_path / "shop", settings=settings) as one:
        asked = {"Access-Control-Request-Method": "POST"}
        good = httpx.options(f"{one.url}/v1/t", headers={**ORIGIN, **asked})
        bad = httpx.options(f"{one.url}/v1/t", headers={"Origin": "https://evil.example", **asked})
    assert (good.status_code, bad.status_code) == (200, 403)
    assert "access-control-allow-origin" not in bad.headers


@pytest.mark.parametrize("path", ["/v1/projects/web/settings", "/analytics.js/v1/web/settings"])
def test_settings_point_the_segment_library_at_us(served: Served, path: str) -> None:
    """Without a key and a host it would send to its makers, and say nothing."""
    response = httpx.get(f"{served.url}{path}", headers=ORIGIN)
    ours = response.json()["integrations"]["Segment.io"]
    host = served.url.removeprefix("http://")
    assert (ours["apiKey"], ours["apiHost"], ours["protocol"]) == ("web", f"{host}/v1", "http")
    assert response.json()["metrics"] == {"sampleRate": 0}
    assert response.headers["access-control-allow-origin"] == ORIGIN["Origin"]


def test_settings_of_unknown_keys_are_not_there(served: Served) -> None:
    """Nor is the library itself, which is for a page to bring along."""
    assert code(httpx.get(f"{served.url}/v1/projects/other/settings")) == "invalid_write_key"
    assert code(httpx.get(f"{served.url}/v1/projects/old/settings")) == "invalid_write_key"
    assert code(httpx.get(f"{served.url}/analytics.js/v1/web/analytics.min.js")) == "no_library"


def test_the_source_config_of_rudderstack(served: Served) -> None:
    """By key in the query or in the authorization; nothing to load, and nothing to report elsewhere."""
    for response in (
        httpx.get(f"{served.url}/sourceConfig/?p=web&v=3&writeKey={KEY}"),
        httpx.get(f"{served.url}/sourceConfig/", auth=(KEY, "")),
    ):
        source = response.json()["source"]
        assert (source["id"], source["writeKey"], source["enabled"], source["destinations"]) == (
            "website",
            KEY,
            True,
            [],
        )
    assert httpx.get(f"{served.url}/sourceConfig/?writeKey=other").status_code == 404


# What is kept of how it came


@pytest.mark.parametrize(
    ("settings", "forwarded", "expected"),
    [
        ("", "203.0.113.9", "127.0.0.1"),
        ("collect: {trusted_proxies: 1}", "198.51.100.7, 203.0.113.9", "203.0.113.9"),
        ("collect: {trusted_proxies: 2}", "198.51.100.7, 203.0.113.9", "198.51.100.7"),
        ("collect: {trusted_proxies: 1, client_ip: shortened}", "203.0.113.9", "203.0.113.0"),
        ("collect: {trusted_proxies: 1, client_ip: shortened}", "2001:db8:1:2::3", "2001:db8:1::"),
        ("collect: {trusted_proxies: 1}", "not an address", None),
        ("collect: {client_ip: none}", "203.0.113.9", None),
    ],
)
def test_the_address_is_the_one_that_trusted_servers_saw(
    tmp_path: Path, settings: str, forwarded: str, expected: str | None
) -> None:
    """Anyone can write X-Forwarded-For; only what one's own servers added is believed."""
    with serving(tmp_path / "shop", settings=f"name: Shop\n{settings}") as one:
        one.post("/v1/t", TRACK, key="shoal", headers={**ORIGIN, "X-Forwarded-For": forwarded})
        [event] = one.events().to_dicts()
    assert event.get("context.ip:text") == expected
