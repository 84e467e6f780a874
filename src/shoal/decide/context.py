"""The context of a request: on which device, where, on which page and at what local time somebody looks.

What the request states stands. What it does not state is read from its user agent and its address, if a browser
sent it: those of a server say nothing of the person.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shoal.enrich.device import device_of
from shoal.enrich.place import Place, Places, known_zone
from shoal.model.time import to_datetime
from shoal.model.zone import load_zone

Allowed = Mapping[str, tuple[str | int, ...]]

DEVICE, PATH = ("device", "device.type"), ("path", "page.path")
COUNTRY, CITY = ("country", "location.country"), ("city", "location.city")
ZONE, AGENT, ADDRESS = ("timezone",), ("userAgent",), ("ip",)
"""Where a request can state each fact: by the word alone, or where the context of an event has it."""

WORDS = frozenset({"device", "country", "city", "path", "local_hour", "local_weekday"})
"""What choices can ask for."""

NUMBERS = {"local_hour": (0, 23), "local_weekday": (1, 7)}
"""The least and the most that each can be."""

LONGEST = 2_000
"""Characters of a text."""


class InvalidContext(ValueError):
    """A context that states what cannot be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What is known of the circumstances, by the words of `context` in a choice. None is not known.

    `local_hour` is 0 to 23, `local_weekday` Monday 1 to Sunday 7.
    """

    device: str | None = None
    country: str | None = None
    city: str | None = None
    path: str | None = None
    local_hour: int | None = None
    local_weekday: int | None = None

    def obstacle(self, allowed: Allowed) -> str:
        """Which part of the context a choice does not allow; empty when it allows all of it."""
        for word, values in allowed.items():
            value = getattr(self, word)
            if value is None:
                return f"asks for {word}, which is not known"
            if not any(_is_allowed(word, value, each) for each in values):
                return f"is not for {word} {str(value)[:80]}"
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a request says of itself: its headers, the address it came from. Empty when a server sent it."""

    agent: str = ""
    address: str = ""


def _is_allowed(word: str, value: str | int, allowed: str | int) -> bool:
    """Texts whatever their case; a path that ends in * allows everything that begins so."""
    if isinstance(value, int):
        return value == allowed
    value, allowed = value.casefold(), str(allowed).casefold()
    if word == "path" and allowed.endswith("*"):
        return value.startswith(allowed[:-1])
    return value == allowed


class ContextReader:
    """Reads contexts for one workspace, as far as its choices ask for it: a user agent takes milliseconds to read.

    `time_zone` is the clock of people whose own is not known.
    """

    def __init__(
        self, places: Places | None = None, *, time_zone: str = "UTC", words: Collection[str] = WORDS
    ) -> None:
        self._places, self._time_zone, self._words = places, time_zone, frozenset(words)

    def read(self, stated: Mapping[str, Any], request: Circumstances, now: int) -> Context:
        """The context of a request. Raises InvalidContext for a part of another type than it has."""
        place = self._place(_text(stated, ADDRESS) or request.address)
        country, city = _text(stated, COUNTRY), _text(stated, CITY)
        if country is None and city is None and place is not None:  # never one from here and one from there
            country, city = place.country, place.city
        local = self._local_time(stated, place, now)
        return Context(
            device=_text(stated, DEVICE) or self._device(_text(stated, AGENT) or request.agent),
            country=country,
            city=city,
            path=_text(stated, PATH),
            local_hour=_number(stated, "local_hour", local.hour),
            local_weekday=_number(stated, "local_weekday", local.isoweekday()),
        )

    def _place(self, address: str) -> Place | None:
        if self._places is None or not address or self._words <= {"device", "path"}:
            return None
        return self._places.find_place(address)

    def _device(self, agent: str) -> str | None:
        device = device_of(agent) if "device" in self._words else None
        return None if device is None else device.type

    def _local_time(self, stated: Mapping[str, Any], place: Place | None, now: int) -> datetime:
        zone = known_zone(_text(stated, ZONE)) or (place and place.time_zone) or self._time_zone
        return to_datetime(now, load_zone(zone))


def _text(stated: Mapping[str, Any], paths: tuple[str, ...]) -> str | None:
    """The first of some paths at which there is a text. An empty one states nothing, as browsers mean it."""
    for path in paths:
        found: Any = stated
        for part in path.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        if isinstance(found, str):
            if len(found) > LONGEST:
                raise InvalidContext(f"context.{path} is longer than {LONGEST} characters")
            if found:
                return found
        elif found is not None and not isinstance(found, Mapping):
            raise InvalidContext(f"context.{path} is no text")
    return None


def _number(stated: Mapping[str, Any], word: str, otherwise: int) -> int:
    found = stated.get(word)
    if found is None:
        return otherwise
    least, most = NUMBERS[word]
    is_whole = isinstance(found, int) or (isinstance(found, float) and found.is_integer())
    if isinstance(found, bool) or not is_whole:
        raise InvalidContext(f"context.{word} is no whole number")
    if not least <= found <= most:
        raise InvalidContext(f"context.{word} is a number from {least} to {most}")
    return int(found)
