"""Offers on pages while a workspace is served: the engine knows whose a page is, and hears what was shown."""

from __future__ import annotations

import polars as pl

from shoal.model.frame import field_column
from shoal.model.identifier import Identifier
from shoal.runtime.live_loop import LiveLoop
from shoal.web import OfferHub, StreamLimits
from shoal.web.offers import OFFER_ID, OFFER_SHOWN

_SHOWN = field_column(OFFER_ID, "text")


def hub_of(live: LiveLoop, *, limits: StreamLimits | None = None) -> OfferHub:
    """The hub of a live engine. While that loads, nobody is known, and offers wait."""

    def find_person(anonymous_id: str) -> str | None:
        standings = live.standings
        standing = None if standings is None else standings.find(Identifier("anonymous_id", anonymous_id))
        return None if standing is None else standing.profile

    hub = OfferHub(find_person, limits=limits)
    live.on_events = lambda events: hub.acknowledge(shown_in(events))
    return hub


def shown_in(events: pl.DataFrame) -> list[str]:
    """The ids of the offers that events say were shown."""
    if _SHOWN not in events.columns:
        return []
    shown = events.filter(pl.col("name") == OFFER_SHOWN)[_SHOWN]
    return [each for each in shown.to_list() if each is not None]
