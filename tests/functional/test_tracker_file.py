"""The tracker as it is served: compressed, cached, the same file for everybody."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import shoal
from tests.functional.collecting import serving

SOURCE = (Path(shoal.__file__).parent / "web" / "shoal.js").read_bytes()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with (
        serving(tmp_path_factory.mktemp("tracker") / "shop") as served,
        httpx.Client(base_url=served.url, timeout=20) as found,
    ):
        yield found


def test_it_is_served_as_it_was_written(client: httpx.Client) -> None:
    """To any page, for an hour, as a script and as nothing else."""
    answer = client.get("/shoal.js", headers={"accept-encoding": "identity"})
    assert answer.content == SOURCE
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    ("accepted", "is_packed"),
    [("gzip", True), ("br, gzip;q=0.5", True), ("*", True), ("gzip;q=0", False), ("br", False), ("", False)],
)
def test_it_is_compressed_for_who_takes_that(client: httpx.Client, accepted: str, is_packed: bool) -> None:
    """And is a few KB then."""
    with client.stream("GET", "/shoal.js", headers={"accept-encoding": accepted}) as answer:
        sent = b"".join(answer.iter_raw())
    assert answer.headers.get("content-encoding") == ("gzip" if is_packed else None)
    assert (gzip.decompress(sent) if is_packed else sent) == SOURCE
    assert not is_packed or len(sent) < 12 * 1024


def test_who_has_it_is_told_so(client: httpx.Client) -> None:
    """By its tag, which is another one for another encoding."""
    tag = client.get("/shoal.js").headers["etag"]
    plain = client.get("/shoal.js", headers={"accept-encoding": "identity"}).headers["etag"]
    assert tag != plain
    for stated in (tag, f'"other", W/{tag}', "*"):
        answer = client.get("/shoal.js", headers={"if-none-match": stated})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    assert client.get("/shoal.js", headers={"if-none-match": '"other"'}).status_code == 200
    assert client.get("/shoal.js", headers={"if-none-match": plain}).status_code == 200


def test_it_says_which_version_it_is() -> None:
    """The same as the program that serves it."""
    assert f'version: "{shoal.__version__}"'.encode() in SOURCE


def test_it_runs_no_text_and_makes_no_markup() -> None:
    """Whatever comes from a server or a page stays text."""
    words = (
        b"innerHTML",
        b"outerHTML",
        b"insertAdjacentHTML",
        b"document.write",
        b"eval(",
        b"new Function",
        b"cookie =",
    )
    assert [word for word in words if word in SOURCE] == []
