"""The context of a question: what it states, and what its user agent, its address and the clock say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from shoal.decide.context import Circumstances, Context, ContextReader, InvalidContext
from shoal.enrich.place import Places
from shoal.model.time import parse_moment

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Version/17.0 Mobile/15E148"
PARIS = {
    "country": {"iso_code": "FR"},
    "city": {"names": {"en": "Paris"}},
    "location": {"time_zone": "Europe/Paris"},
}
FRIDAY = parse_moment("2026-01-30T23:30:00Z")
BROWSER = Circumstances(agent=PHONE, address="81.2.69.142")


def read(stated: dict[str, Any], request: Circumstances = BROWSER, **named: Any) -> Context:
    return ContextReader(**named).read(stated, request, FRIDAY)


def test_a_browser_says_the_device() -> None:
    """By its user agent, unless the question states another one, or the device itself."""
    assert read({}).device == "mobile"
    assert read({"userAgent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Firefox/120.0"}).device == "desktop"
    assert read({"device": "tablet"}).device == "tablet"
    assert read({"device": {"type": "desktop"}}).device == "desktop"
    assert read({}, Circumstances()).device is None


def test_the_clock_is_the_persons() -> None:
    """Of the zone that is stated; of the workspace where none that exists is."""
    assert (read({}).local_hour, read({}).local_weekday) == (23, 5)
    berlin = read({"timezone": "Europe/Berlin"})
    assert (berlin.local_hour, berlin.local_weekday) == (0, 6)
    assert read({"timezone": "Mars/Olympus"}, time_zone="Asia/Tokyo").local_hour == 8
    assert read({"local_hour": 7, "local_weekday": 3.0}).local_hour == 7
    assert read({"local_weekday": 3.0}).local_weekday == 3


def test_the_place_is_of_the_address(tmp_path: Path) -> None:
    """Country, city and clock, from the workspace's own database; what is stated is not mixed with it."""
    writer = MMDBWriter(6, "Test-City", languages=["en"], ipv4_compatible=True)
    writer.insert_network(IPSet(["81.2.69.0/24"]), PARIS)
    writer.to_db_file(str(tmp_path / "test.mmdb"))
    places = Places(tmp_path / "test.mmdb")
    found = read({}, places=places)
    assert (found.country, found.city, found.local_hour) == ("FR", "Paris", 0)
    assert read({"timezone": "America/New_York"}, places=places).local_hour == 18
    stated = read({"country": "NZ"}, places=places)
    assert (stated.country, stated.city) == ("NZ", None)
    assert read({"ip": "192.0.2.1"}, places=places).country is None
    places.close()


def test_what_no_choice_asks_for_is_not_read() -> None:
    """Neither a device nor a place: only what is stated, and the clock, which costs nothing."""
    reader = ContextReader(words={"path"})
    assert reader.read({}, BROWSER, FRIDAY).device is None
    assert reader.read({"device": "tablet"}, BROWSER, FRIDAY).device == "tablet"


def test_the_page_is_stated() -> None:
    """As a word, or where the context of an event has it."""
    assert read({"path": "/pricing"}).path == "/pricing"
    assert read({"page": {"path": "/pricing", "url": "https://shop.example/pricing"}}).path == "/pricing"
    assert read({"page": {"path": ""}}).path is None


@pytest.mark.parametrize(
    "stated",
    [
        {"device": 5},
        {"country": ["NZ"]},
        {"path": "/" * 3000},
        {"local_hour": 24},
        {"local_hour": "9"},
        {"local_hour": True},
        {"local_weekday": 0},
        {"local_weekday": 1.5},
        {"timezone": 1},
    ],
)
def test_what_cannot_be_is_refused(stated: dict[str, Any]) -> None:
    """A number where a text belongs, an hour that no clock shows: the caller has a mistake, and hears where."""
    with pytest.raises(InvalidContext, match=f"context.{next(iter(stated))}"):
        read(stated)


@pytest.mark.parametrize("stated", [{"device": {"type": {"a": 1}}}, {"page": "x"}, {"location": None}, {"x": [1]}])
def test_what_says_nothing_is_left(stated: dict[str, Any]) -> None:
    """Shapes that other programs send for other reasons."""
    assert read(stated).path is None
