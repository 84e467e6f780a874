"""Places: the country, the city and the time zone of an address, from a MaxMind database that the user brings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import maxminddb

from shoal.errors import InputError
from shoal.model.zone import load_zone

ADDRESSES_REMEMBERED = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """`country` is its ISO 3166 code, `city` its English name, `time_zone` an IANA name. Any may be missing."""

    country: str | None = None
    city: str | None = None
    time_zone: str | None = None


class Places:
    """A database of places, opened once."""

    def __init__(self, path: Path) -> None:
        """Raises InputError when the file is none that can be used."""
        try:
            self._reader = maxminddb.open_database(path)
        except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is none"
            raise InputError(
                f"{path} cannot be used as a MaxMind database: {reason}",
                hint="take a file in .mmdb format, such as GeoLite2-City.mmdb",
            ) from error
        metadata = self._reader.metadata()
        self.version = f"{metadata.database_type} {metadata.build_epoch} {metadata.node_count}"
        self.find_place = lru_cache(ADDRESSES_REMEMBERED)(self._find_place)

    def _find_place(self, address: str) -> Place | None:
        """Where an address is; None when it is none, or not in the database."""
        try:
            record = self._reader.get(address.strip())
        except (
            ValueError,
            maxminddb.InvalidDatabaseError,
        ):  # no address, IPv6 in a database without it, or damage
            return None
        place = Place(
            country=_text_at(record, "country", "iso_code"),
            city=_text_at(record, "city", "names", "en"),
            time_zone=known_zone(_text_at(record, "location", "time_zone")),
        )
        return None if place == Place() else place

    def close(self) -> None:
        self._reader.close()


def _text_at(record: Any, *keys: str) -> str | None:
    for key in keys:
        record = record.get(key) if isinstance(record, dict) else None
    return record if isinstance(record, str) and record else None


@lru_cache(1_000)
def known_zone(name: str | None) -> str | None:
    """The name when it is that of a time zone, else None."""
    try:
        return None if name is None else load_zone(name).key
    except ValueError:
        return None
