"""Who may send events to a workspace, and what is kept of how they came: `sources` and `collect` of shoal.yaml."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from shoal.definitions.forms import Form, plain
from shoal.model.consent import Purpose

FIRST_WRITE_KEY = "shoal"
"""The key of a workspace that names no sources, so that a first event can be sent before anything is set up."""

ANY_ORIGIN = ("*",)
CLIENT_IPS = ("whole", "shortened", "none")
COLLECT_KEYS = ("client_ip", "trusted_proxies", "consent_categories", "without_consent")

_WRITE_KEY = re.compile(r"[A-Za-z0-9_.~-]{1,128}")
_ORIGIN = re.compile(r"https?://[a-z0-9.\[\]:-]+|\*")


class WithoutConsent(StrEnum):
    """What happens to an event that refuses analytics and allows nothing else."""

    DROP = "drop"
    """Only its refusal is kept."""
    KEEP = "keep"
    """It is kept whole; segments do not hold its person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One website, app or server. Its write key says where an event comes from; it is no secret.

    `origins` are the websites whose pages may send with it, as browsers name them.
    """

    name: str
    write_key: str
    origins: tuple[str, ...] = ANY_ORIGIN
    is_enabled: bool = True

    def allows(self, origin: str) -> bool:
        """Whether pages of this origin may send."""
        return self.origins == ANY_ORIGIN or origin.lower() in self.origins


@dataclass(frozen=True, slots=True, kw_only=True)
class Collecting:
    """What `shoal.yaml` states about collecting, or its defaults.

    `client_ip` says how much of a browser's address is kept. `trusted_proxies` is how many servers of one's own
    stand before this one, each adding the address that it saw to X-Forwarded-For. `consent_categories` says what
    the categories of a consent banner are for, in lower case, beside those with common names. `without_consent` is
    for events that allow nothing.
    """

    sources: tuple[Source, ...] = (Source(name="default", write_key=FIRST_WRITE_KEY),)
    client_ip: str = "whole"
    trusted_proxies: int = 0
    consent_categories: Mapping[str, Purpose] = field(default_factory=lambda: MappingProxyType({}))
    without_consent: WithoutConsent = WithoutConsent.DROP


def read_collecting(form: Form) -> Collecting:
    """What the settings form states; whatever is wrong is noted and keeps its default."""
    shipped = Collecting()
    sources, below = form.form("sources", "sources"), form.form("collect", "collect")
    stated = shipped.sources if sources is None else tuple(_sources(sources))
    if below is None:
        return replace(shipped, sources=stated)
    below.refuse_unknown(COLLECT_KEYS)
    return Collecting(
        sources=stated,
        client_ip=below.one_of("client_ip", CLIENT_IPS, shipped.client_ip),
        trusted_proxies=_proxies(below, shipped.trusted_proxies),
        consent_categories=_categories(below),
        without_consent=WithoutConsent(
            below.one_of("without_consent", [each.value for each in WithoutConsent], shipped.without_consent)
        ),
    )


def _categories(form: Form) -> Mapping[str, Purpose]:
    below = form.form("consent_categories", "consent_categories")
    if below is None:
        return MappingProxyType({})
    words = [purpose.value for purpose in Purpose]
    stated = {category: below.one_of(category, words, "") for category in below.fields.entries}
    return MappingProxyType({category.strip().lower(): Purpose(word) for category, word in stated.items() if word})


def _proxies(form: Form, default: int) -> int:
    number = form.number("trusted_proxies", default)
    if number != int(number) or not 0 <= number <= 10:
        form.note("trusted_proxies", "trusted_proxies is a whole number from 0 to 10")
        return default
    return int(number)


def _sources(form: Form) -> Iterator[Source]:
    keys = dict[str, str]()
    for name, below in form.forms("source"):
        below.refuse_unknown(("write_key", "origins", "enabled"))
        key = below.text("write_key") if below.require("write_key") else ""
        if key and not _WRITE_KEY.fullmatch(key):
            below.note("write_key", "a write key is 1 to 128 letters, digits and _ . ~ -")
        elif key in keys:
            below.note("write_key", f"source {name[:80]} has the write key of source {keys[key][:80]}")
        elif key:
            keys[key] = name
            yield Source(
                name=name, write_key=key, origins=_origins(below), is_enabled=below.truth("enabled", default=True)
            )


def _origins(form: Form) -> tuple[str, ...]:
    if "origins" not in form:
        return ANY_ORIGIN
    stated = plain(form.fields.entries["origins"])
    several = stated if isinstance(stated, list) else [stated]
    origins = tuple(str(each).lower().rstrip("/") for each in several)
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            form.note("origins", f'"{origin[:80]}" is no origin', "write https://shop.example, or * for any")
    return ANY_ORIGIN if "*" in origins else origins
