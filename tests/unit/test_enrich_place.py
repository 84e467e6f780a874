"""Places: a MaxMind database made for the test, and what becomes of addresses."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from shoal.definitions.enriching import Enriching
from shoal.enrich import Enricher, Places
from shoal.enrich.place import Place
from shoal.errors import InputError

PARIS = {
    "country": {"iso_code": "FR", "names": {"en": "France"}},
    "city": {"names": {"en": "Paris", "de": "Paris"}},
    "location": {"time_zone": "Europe/Paris", "latitude": 48.85},
}
ODD = {"country": "FR", "city": {"names": ["Lyon"]}, "location": {"time_zone": "Mars/Olympus"}}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four networks: one known whole, one only by country, one of odd records, one of IPv6."""
    writer = MMDBWriter(6, "Test-City", languages=["en"], ipv4_compatible=True)
    writer.insert_network(IPSet(["81.2.69.0/24"]), PARIS)
    writer.insert_network(IPSet(["5.6.0.0/16"]), {"country": {"iso_code": "DE"}})
    writer.insert_network(IPSet(["9.9.9.0/24"]), ODD)
    writer.insert_network(IPSet(["2001:db8::/32"]), {"country": {"iso_code": "JP"}})
    path = tmp_path_factory.mktemp("places") / "test.mmdb"
    writer.to_db_file(str(path))
    return path


def events(**columns: list[object]) -> pl.DataFrame:
    """Events of which only these fields matter."""
    written = {name.replace("__", "."): values for name, values in columns.items()}
    count = len(next(iter(written.values())))
    fields = {f"context.{name}:text": pl.Series(values, dtype=pl.String) for name, values in written.items()}
    return pl.DataFrame({"name": ["Page Viewed"] * count, **fields})


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("81.2.69.160", Place(country="FR", city="Paris", time_zone="Europe/Paris")),
        ("81.2.69.0", Place(country="FR", city="Paris", time_zone="Europe/Paris")),
        (" 5.6.7.8 ", Place(country="DE")),
        ("2001:db8::1", Place(country="JP")),
        ("9.9.9.9", None),
        ("127.0.0.1", None),
        ("300.1.1.1", None),
        ("not an address", None),
        ("", None),
    ],
)
def test_an_address_has_the_place_of_its_network(database: Path, address: str, place: Place | None) -> None:
    """What is no address, is not in the database, or has a record of another shape, has no place."""
    places = Places(database)

    assert places.find_place(address) == place
    places.close()


def test_a_place_becomes_context_and_the_address_goes(database: Path) -> None:
    """Country, city and time zone stay; the address itself is not kept."""
    enriched = Enricher(places=Places(database)).enrich(events(ip=["81.2.69.1", "10.0.0.1", None]))

    assert enriched["context.location.country:text"].to_list() == ["FR", None, None]
    assert enriched["context.location.city:text"].to_list() == ["Paris", None, None]
    assert enriched["context.location.timezone:text"].to_list() == ["Europe/Paris", None, None]
    assert enriched["context.timezone:text"].to_list() == ["Europe/Paris", None, None]
    assert "context.ip:text" not in enriched.columns


def test_an_address_stays_when_the_workspace_says_so(database: Path) -> None:
    """`keep_address: true`"""
    kept = Enricher(Enriching(keep_address=True), places=Places(database)).enrich(events(ip=["81.2.69.1"]))
    lost = Enricher().enrich(events(ip=["81.2.69.1"]))

    assert kept["context.ip:text"].to_list() == ["81.2.69.1"]
    assert lost.columns == ["name"]


def test_the_place_that_a_sender_states_stands_whole(database: Path) -> None:
    """A stated country is not given our city."""
    stated = events(ip=["81.2.69.1"] * 2, location__country=["Spain", None])
    enriched = Enricher(places=Places(database)).enrich(stated)

    assert enriched["context.location.country:text"].to_list() == ["Spain", "FR"]
    assert enriched["context.location.city:text"].to_list() == [None, "Paris"]


def test_the_zone_that_a_sender_states_stands(database: Path) -> None:
    """Also one that is none: it is missing wherever it is read, and not made up."""
    stated = events(ip=["81.2.69.1"] * 3, timezone=["Asia/Tokyo", "UTC+2 or so", None])
    enriched = Enricher(places=Places(database)).enrich(stated)

    assert enriched["context.timezone:text"].to_list() == ["Asia/Tokyo", "UTC+2 or so", "Europe/Paris"]


@pytest.mark.parametrize("content", [b"", b"not a database", bytes(range(256)) * 300])
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    """In words, and with what to bring."""
    path = tmp_path / "places.mmdb"
    path.write_bytes(content)

    with pytest.raises(InputError, match="cannot be used as a MaxMind database") as caught:
        Places(path)
    assert "GeoLite2" in (caught.value.hint or "")


def test_a_missing_database_is_refused(tmp_path: Path) -> None:
    """With the reason of the system."""
    with pytest.raises(InputError, match="No such file"):
        Places(tmp_path / "none.mmdb")
    with pytest.raises(InputError, match="cannot be used as a MaxMind database"):
        Places(tmp_path)
