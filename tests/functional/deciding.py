"""A shop that is served with its live engine and its decisions, in a thread of this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from shoal.collect.http import Collector
from shoal.decide import Rates, ServerKeys
from shoal.definitions.definition import Definitions, SegmentDefinition
from shoal.definitions.slot import ChoiceDefinition, SlotDefinition
from shoal.definitions.workspace import load_workspace
from shoal.model.consent import Purpose
from shoal.runtime.deciding import deciding
from shoal.runtime.delivering import Delivering
from shoal.runtime.live_loop import LiveCondition, LiveLoop
from shoal.runtime.offering import hub_of
from shoal.runtime.serve import application, open_journal
from tests.functional.collecting import KEY, SETTINGS, free_port, make_workspace, wait_until

SERVER_KEY = "k-0123456789-0123456789-abcdef"
ANN = "6f1d2c3b-4a59-4e87-9d0c-1b2a3f4e5d6c"
BOB = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
STRANGER = "11111111-2222-4333-8444-555555555555"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Version/17.0 Mobile/15E148"

SLOTS = (
    SlotDefinition(
        name="hero",
        choices=(
            ChoiceDefinition(
                name="discount",
                content={"title": "10 % off", "percent": 10, "urgent": True},
                when='count("Product Viewed", within="1 hour") >= 2',
            ),
            ChoiceDefinition(name="app", content={"title": "Get the app"}, context={"device": ("mobile",)}),
        ),
        default={"title": "Welcome"},
    ),
    SlotDefinition(
        name="ad",
        purpose=Purpose.ADS,
        choices=(ChoiceDefinition(name="shoes", content={"product": "shoes"}),),
        default={"product": "none"},
    ),
)
SEGMENTS = Definitions.of(
    SegmentDefinition(name="viewers", when='count("Product Viewed", within="1 hour") >= 2'),
    SegmentDefinition(name="buyers", when='happened("Order Completed")'),
)


class DecidingShop:
    """What is asked of the shop over HTTP."""

    def __init__(self, url: str, live: LiveLoop, app: Collector) -> None:
        self.url, self.live, self.app = url, live, app

    def send(self, *events: dict[str, Any], key: str = KEY) -> None:
        """Sends events and waits until they count."""
        sent = httpx.post(f"{self.url}/v1/batch", json={"batch": list(events)}, auth=(key, ""), timeout=20)
        assert sent.status_code == 200
        through = self.live.journal.position
        wait_until(lambda: self.live.figures.position >= through)

    def view(self, who: str = ANN, times: int = 2, **more: Any) -> None:
        """Somebody looks at products."""
        self.send(*[track("Product Viewed", who, f"{who}-{number}", **more) for number in range(times)])

    def ask(
        self, *, headers: dict[str, str] | None = None, key: str | None = KEY, **question: Any
    ) -> httpx.Response:
        """Asks for a decision with a write key in the body, or with headers."""
        body = question if key is None else {"writeKey": key, **question}
        return httpx.post(f"{self.url}/v1/decide", json=body, headers=headers or {}, timeout=20)

    def slot(self, name: str = "hero", **question: Any) -> dict[str, Any]:
        """The decision about one slot."""
        answered = self.ask(slot=name, **question)
        assert answered.status_code == 200, answered.text
        found: dict[str, Any] = answered.json()["slots"][name]
        return found


def track(event: str, who: str, message_id: str, **more: Any) -> dict[str, Any]:
    return {"type": "track", "event": event, "anonymousId": who, "messageId": message_id, **more}


@contextmanager
def deciding_shop(
    folder: Path,
    *,
    settings: str = SETTINGS,
    slots: tuple[SlotDefinition, ...] = SLOTS,
    rates: Rates | None = None,
    waits: bool = True,
) -> Iterator[DecidingShop]:
    """The shop at an address of its own."""
    workspace = load_workspace(make_workspace(folder, settings))
    workspace = replace(workspace, slots=slots, definitions=SEGMENTS)
    journal = open_journal(workspace)
    live = LiveLoop(workspace, journal)
    decisions = deciding(workspace, live, server_keys=ServerKeys([SERVER_KEY]), rates=rates)
    hub = hub_of(live)
    deliveries = Delivering(workspace, live, journal, environment={}, pages=hub)
    app = application(workspace, journal, live=live, decisions=decisions, hub=hub, deliveries=deliveries)
    config = uvicorn.Config(
        app, port=free_port(), loop="uvloop", log_config=None, access_log=False, proxy_headers=False, ws="none"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        if waits:
            wait_until(lambda: server.started and live.condition is LiveCondition.WELL, 120)
        yield DecidingShop(f"http://127.0.0.1:{config.port}", live, app)
    finally:
        hub.end_streams()
        decisions.end_streams()
        server.should_exit = True
        thread.join(30)
        journal.close()
