"""Places: cities with their countries, languages and time zones, some of which change their clocks."""

from __future__ import annotations

from dataclasses import dataclass

from shoal.simulation.chance import Weighted


@dataclass(frozen=True, slots=True)
class Place:
    """Where a person lives. `zone` is an IANA name."""

    city: str
    country: str
    zone: str
    locale: str


PLACES: Weighted[Place] = Weighted(
    [
        (Place("London", "GB", "Europe/London", "en-GB"), 12),
        (Place("Paris", "FR", "Europe/Paris", "fr-FR"), 8),
        (Place("Berlin", "DE", "Europe/Berlin", "de-DE"), 9),
        (Place("Madrid", "ES", "Europe/Madrid", "es-ES"), 5),
        (Place("Stockholm", "SE", "Europe/Stockholm", "sv-SE"), 3),
        (Place("Lisbon", "PT", "Europe/Lisbon", "pt-PT"), 2),
        (Place("New York", "US", "America/New_York", "en-US"), 14),
        (Place("Chicago", "US", "America/Chicago", "en-US"), 7),
        (Place("Denver", "US", "America/Denver", "en-US"), 3),
        (Place("Los Angeles", "US", "America/Los_Angeles", "en-US"), 10),
        (Place("Toronto", "CA", "America/Toronto", "en-CA"), 4),
        (Place("São Paulo", "BR", "America/Sao_Paulo", "pt-BR"), 4),
        (Place("Johannesburg", "ZA", "Africa/Johannesburg", "en-ZA"), 2),
        (Place("Dubai", "AE", "Asia/Dubai", "en-AE"), 2),
        (Place("Mumbai", "IN", "Asia/Kolkata", "en-IN"), 5),
        (Place("Singapore", "SG", "Asia/Singapore", "en-SG"), 3),
        (Place("Tokyo", "JP", "Asia/Tokyo", "ja-JP"), 4),
        (Place("Sydney", "AU", "Australia/Sydney", "en-AU"), 3),
        (Place("Auckland", "NZ", "Pacific/Auckland", "en-NZ"), 2),
    ]
)
