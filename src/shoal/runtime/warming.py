"""Warming up: what the first event, and the first question, would have to wait for is loaded before they come.

Compiled loops, the rules for user agents and much else is loaded when it is first needed, which takes a second or
two and holds up every thread meanwhile. So a made-up visit goes the whole way once: decoded, enriched, taken in by
an engine of its own that is thrown away.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import msgspec

from shoal.definitions import nodes
from shoal.definitions.resolve import Resolved
from shoal.journal.journal import Arrival, Entry
from shoal.model.time import HOUR, SECOND, parse_moment
from shoal.runtime.doors import decoder_of
from shoal.runtime.live_workspace import Meaning

MOST_NAMES = 200
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"


def warm_up(meaning: Meaning) -> None:
    """Takes made-up visits, one of them late, and the passing of time through an engine that nobody asks."""
    now = began = parse_moment("2026-01-01")
    engine, decoder = meaning.engine(now), decoder_of(meaning.workspace)
    names = sorted(set(_names(meaning.workspace.resolve_acting())))[:MOST_NAMES]
    for position, at in ((1, began), (2, began - HOUR), (3, began)):
        visit = Entry(position=position, arrival=_visit(names, at, position))
        events = decoder.decode([visit]).events
        now += SECOND
        engine.process(meaning.enricher.enrich(events), now)


def _names(resolved: Resolved) -> Iterator[str]:
    """The events that definitions ask for."""
    for _, root in resolved.roots():
        for part in root.walk():
            if isinstance(part, nodes.Selection):
                yield from part.names


def _visit(names: list[str], at: int, number: int) -> Arrival:
    """A request as a browser sends it, by somebody who then says who it is."""
    device = str(uuid.UUID(int=number, version=4))
    context = {"userAgent": AGENT, "page": {"path": "/", "url": "https://shop.example/?utm_source=a"}}
    shared = {"anonymousId": device, "context": context, "timestamp": at}
    events = [{"type": "track", "event": name.rstrip("*") or "Came", **shared} for name in names]
    events.append(
        {"type": "identify", "userId": f"warm {number}", "traits": {"email": "w@shop.example"}, **shared}
    )
    batch = [{"messageId": f"{number}-{place}", **each} for place, each in enumerate(events)]
    return Arrival(
        received_at=at,
        write_key="",
        path="/v1/batch",
        body=msgspec.json.encode({"batch": batch}),
        headers={"user-agent": AGENT},
    )
