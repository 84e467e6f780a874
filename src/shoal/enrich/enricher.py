"""The enricher: a frame of events in, the same events with what can be known of them out.

What the sender states stands: a field is filled only where the event says nothing about it. The same events and
the same settings always give the same frame, one at a time or all at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator

import msgspec
import polars as pl

from shoal.definitions.enriching import Enriching
from shoal.enrich.campaign import campaign_of
from shoal.enrich.device import Device, device_of
from shoal.enrich.fields import (
    Answer,
    column_or_nothing,
    columns_below,
    columns_of,
    filled,
    is_stated,
    look_up,
)
from shoal.enrich.motives import Lexicon, shipped_lexicon
from shoal.enrich.place import Places
from shoal.enrich.referrer import referrer_of
from shoal.enrich.tone import LONGEST_TEXT, ToneModel, Vader
from shoal.model.frame import field_column

RULES = 1
"""Goes up when the same events may be enriched otherwise."""

AGENT, HINTS = "context.userAgent:text", "context.userAgentData"
AGENT_SOURCES = (AGENT, f"{HINTS}.mobile:truth", f"{HINTS}.platform:text", f"{HINTS}.brands:items")
ADDRESS, ZONE, IS_BOT = "context.ip", "context.timezone", "context.is_bot"
URL, SEARCH, REFERRER = "context.page.url:text", "context.page.search:text", "context.page.referrer:text"
TONE, MOTIVE, EVIDENCE = "properties.tone", "properties.motive", "properties.motive_evidence"


class Enricher:
    """Adds device, place, time zone, campaign, referrer, and the tone and motive of texts to events."""

    def __init__(
        self,
        enriching: Enriching | None = None,
        *,
        places: Places | None = None,
        lexicon: Lexicon | None = None,
        tone_model: ToneModel | None = None,
        own_hosts: Collection[str] = (),
    ) -> None:
        self.enriching, self.places, self.own_hosts = enriching or Enriching(), places, frozenset(own_hosts)
        self.lexicon, self.tone_model = lexicon or shipped_lexicon(), tone_model or Vader()

    @property
    def fingerprint(self) -> str:
        """Another one when the same events may be enriched otherwise."""
        stated = self.enriching
        parts = (RULES, stated.bots, stated.keep_address, sorted(stated.texts.items()), stated.keep_texts)
        models = (self.lexicon.version, self.tone_model.version, self.places and self.places.version)
        return hashlib.blake2b(repr((parts, models, sorted(self.own_hosts))).encode(), digest_size=8).hexdigest()

    def enrich(self, events: pl.DataFrame) -> pl.DataFrame:
        """The events in their order, with more columns.

        Without those of bots where the workspace excludes them: they are what the frame is shorter by.
        """
        events = self._with_devices(events)
        if self.enriching.bots == "exclude":
            events = without_bots(events)
        events = self._with_places(events)
        events = self._with_campaigns(events)
        events = self._with_referrers(events)
        return self._with_tones(events)

    # Context

    def _with_devices(self, events: pl.DataFrame) -> pl.DataFrame:
        sources = [column_or_nothing(events, column) for column in AGENT_SOURCES]
        return filled(events, look_up(sources, _fields_of_agent).values())

    def _with_places(self, events: pl.DataFrame) -> pl.DataFrame:
        """Country and city together, so that those of a sender are never mixed with ours."""
        address = field_column(ADDRESS, "text")
        if self.places is not None and address in events.columns:
            found = look_up([events[address]], self._fields_of_address)
            zones = [series for column, series in found.items() if column.startswith(ZONE)]
            place = [series for column, series in found.items() if not column.startswith(ZONE)]
            free = ~is_stated(events, columns_below(events, "context.location"))
            events = filled(filled(events, place, free), zones)
        if self.enriching.keep_address:
            return events
        addresses = columns_of(events, ADDRESS)
        return events.drop(addresses) if addresses else events

    def _fields_of_address(self, address: str) -> Answer:
        place = None if self.places is None else self.places.find_place(address)
        if place is None:
            return {}
        fields = {
            "context.location.country:text": place.country,
            "context.location.city:text": place.city,
            "context.location.timezone:text": place.time_zone,
            f"{ZONE}:text": place.time_zone,
        }
        return {column: value for column, value in fields.items() if value is not None}

    def _with_campaigns(self, events: pl.DataFrame) -> pl.DataFrame:
        """A campaign is taken from the address as a whole, or left as the sender states it."""
        found = look_up([column_or_nothing(events, column) for column in (SEARCH, URL)], _fields_of_campaign)
        if not found:
            return events
        return filled(events, found.values(), ~is_stated(events, columns_below(events, "context.campaign")))

    def _with_referrers(self, events: pl.DataFrame) -> pl.DataFrame:
        if REFERRER not in events.columns:
            return events
        pages = [column_or_nothing(events, column) for column in (REFERRER, URL)]
        found = look_up(pages, self._fields_of_referrer)
        if not found:
            return events
        return filled(events, found.values(), ~is_stated(events, columns_below(events, "context.referrer")))

    def _fields_of_referrer(self, referrer: str | None, page: str | None) -> Answer:
        found = referrer_of(referrer, page, self.own_hosts) if referrer else None
        if found is None:
            return {}
        return {"context.referrer.host:text": found.host, "context.referrer.type:text": found.kind}

    # Texts

    def _with_tones(self, events: pl.DataFrame) -> pl.DataFrame:
        for name, column in self._text_columns(events):
            rows = events["name"] == name
            nothing = events[column].clear(len(events))
            texts = events[column].zip_with(rows, nothing)
            events = self._with_readings(events, texts)
            if not self.enriching.keep_texts:
                events = events.with_columns(nothing.zip_with(rows, events[column]).alias(column))
        return events

    def _text_columns(self, events: pl.DataFrame) -> Iterator[tuple[str, str]]:
        for name, text in sorted(self.enriching.texts.items()):
            column = field_column(f"properties.{text}", "text")
            if column in events.columns and (events["name"] == name).any():
                yield name, column

    def _with_readings(self, events: pl.DataFrame, texts: pl.Series) -> pl.DataFrame:
        """Tones, and motives together with the words that speak for them."""
        distinct = texts.drop_nulls().unique(maintain_order=True).to_list()
        tones = dict(zip(distinct, self.tone_model.tones(distinct), strict=True))
        found = look_up([texts], lambda text: self._fields_of_text(text, tones[text]))
        tone = [series for column, series in found.items() if column.startswith(TONE)]
        motive = [series for column, series in found.items() if not column.startswith(TONE)]
        return filled(filled(events, tone), motive, ~is_stated(events, columns_of(events, MOTIVE)))

    def _fields_of_text(self, text: str, tone: float | None) -> Answer:
        fields: dict[str, object] = {} if tone is None else {f"{TONE}:number": tone}
        found = self.lexicon.find(text[:LONGEST_TEXT])
        if found is not None:
            fields[f"{MOTIVE}:text"] = found.motive
            fields[f"{EVIDENCE}:items"] = msgspec.json.encode(found.evidence).decode()
        return fields


def without_bots(events: pl.DataFrame) -> pl.DataFrame:
    """The events that are not marked as those of bots."""
    marks = column_or_nothing(events, field_column(IS_BOT, "truth"))
    return events.filter(~marks.fill_null(value=False)) if marks.any() else events


def _fields_of_agent(
    agent: str | None, is_mobile: bool | None, platform: str | None, brands: str | None
) -> Answer:
    device = device_of(agent, is_mobile, platform, brands)
    return {} if device is None else _fields_of_device(device)


def _fields_of_device(device: Device) -> Answer:
    fields = {
        "context.device.type:text": device.type,
        "context.device.brand:text": device.brand,
        "context.browser.name:text": device.browser,
        "context.os.name:text": device.system,
        f"{IS_BOT}:truth": True if device.is_bot else None,
    }
    return {column: value for column, value in fields.items() if value is not None}


def _fields_of_campaign(search: str | None, url: str | None) -> Answer:
    return {f"context.campaign.{part}:text": value for part, value in campaign_of(search, url).items()}
