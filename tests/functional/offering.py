"""A workspace that is served with its live engine, streams and deliveries; tests put offers into its outbox."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import msgspec
import polars as pl

from shoal.definitions.workspace import load_workspace
from shoal.journal import Archive
from shoal.journal.sqlite import SqliteJournal
from shoal.model.consent import Purpose
from shoal.model.firing import Channel, Delivery, Status
from shoal.model.time import NEVER
from shoal.runtime.acting import open_outbox
from shoal.runtime.delivering import Delivering
from shoal.runtime.live_loop import LiveLoop, wall_clock_ms
from shoal.runtime.live_state import open_live_state
from shoal.runtime.offering import hub_of
from shoal.runtime.places import ARCHIVE_FOLDER, JOURNAL_FOLDER, LIVE_STATE
from shoal.triggers import tables
from shoal.triggers.outbox import Wanted
from shoal.web import OfferHub, StreamLimits
from tests.functional.collecting import KEY, SETTINGS, Served, make_workspace, serving, wait_until

TRIGGERS = """
trigger: cart_abandoned
on: {event: Never Happens}
do: [{page: {offer: discount}}]
---
trigger: follows_you
on: {event: Never Happens}
purpose: ads
do: [{page: {offer: discount}}]
"""
"""Whose offers the tests put into the outbox themselves; consent to their purposes is asked for all the same."""


class Offering(Served):
    """A served workspace whose outbox the test fills, as a trigger would."""

    def __init__(self, served: Served, hub: OfferHub) -> None:
        super().__init__(served.folder, served.url)
        self.hub = hub
        self._outbox = open_outbox(served.folder)

    def offer(
        self,
        person: str,
        *,
        id_: str = "",
        expires_at: int = NEVER,
        purpose: Purpose = Purpose.PERSONALISATION,
        **content: object,
    ) -> str:
        """Puts an offer into the outbox; its id."""
        id_ = id_ or f"fir_{uuid.uuid4().hex[:24]}_0"
        now = wall_clock_ms()
        delivery = Delivery(
            id=id_,
            firing=id_.rsplit("_", 1)[0],
            trigger="follows_you" if purpose is Purpose.ADS else "cart_abandoned",
            purpose=purpose,
            person=person,
            channel=Channel.PAGE,
            destination="page",
            status=Status.READY,
            created_at=now,
            not_before=now,
            expires_at=expires_at,
            content={"offer": "discount", "title": "Ten percent off", **content},
        )
        connection = open_live_state(self.folder / LIVE_STATE)
        connection.execute("BEGIN IMMEDIATE")
        tables.add_delivery(connection, delivery, is_capped=True)
        connection.execute("COMMIT")
        connection.close()
        return id_

    def standing_of(self, id_: str) -> Delivery:
        """The delivery as it stands."""
        return next(each for each in self._outbox.find(Wanted(), 1000) if each.id == id_)

    def wait_for(self, id_: str, status: Status, within_s: float = 20) -> Delivery:
        """The delivery, as soon as it stands there."""
        wait_until(lambda: self.standing_of(id_).status is status, within_s)
        return self.standing_of(id_)

    def shown(self, anonymous_id: str, offer_id: str) -> None:
        """Says that an offer was shown, as the tracker does."""
        message = {
            "type": "track",
            "event": "Offer Shown",
            "messageId": f"shown-{offer_id}",
            "anonymousId": anonymous_id,
            "properties": {"offer_id": offer_id, "trigger": "cart_abandoned", "offer": "discount"},
        }
        self.post("/v1/batch", {"batch": [message]}).raise_for_status()

    def events(self) -> pl.DataFrame:
        """Everything that ever came, each once: the journal keeps only what is not archived yet."""
        archive = Archive(self.folder / ARCHIVE_FOLDER)
        frames = [super().events(), *archive.read()]
        return pl.concat(frames, how="diagonal").unique("message_id", keep="first", maintain_order=True)

    def close(self) -> None:
        self._outbox.close()

    def see(self, anonymous_id: str, **more: object) -> None:
        """Has an event of this device, and waits until the engine knows it."""
        message = {"type": "page", "anonymousId": anonymous_id, "messageId": str(uuid.uuid4()), **more}
        self.post("/v1/batch", {"batch": [message]}).raise_for_status()
        wait_until(lambda: self.hub.find_person(anonymous_id) is not None)


@contextmanager
def offering(folder: Path, *, settings: str = SETTINGS, limits: StreamLimits | None = None) -> Iterator[Offering]:
    """Everything that `shoal serve` runs, in threads of this process."""
    make_workspace(folder, settings)
    (folder / "triggers").mkdir()
    (folder / "triggers" / "offers.yaml").write_text(TRIGGERS)
    workspace = load_workspace(folder)
    journal = SqliteJournal(folder / JOURNAL_FOLDER)
    live = LiveLoop(workspace, journal)
    hub = hub_of(live, limits=limits)
    deliveries = Delivering(workspace, live, journal, environment={}, pages=hub)
    with serving(folder, settings=settings, journal=journal, live=live, hub=hub, deliveries=deliveries) as served:
        wait_until(lambda: live.standings is not None)
        found = Offering(served, hub)
        try:
            yield found
        finally:
            found.close()


class Page:
    """An open page without a browser: what came over its stream, line by line."""

    def __init__(
        self, served: Served, anonymous_id: str, *, key: str = KEY, headers: dict[str, str] | None = None
    ):
        self.lines: list[str] = []
        query = {"writeKey": key, "anonymousId": anonymous_id}
        self._client = httpx.Client(timeout=httpx.Timeout(20, read=None))
        self._stream = self._client.stream("GET", f"{served.url}/v1/stream", params=query, headers=headers or {})
        self.response = self._stream.__enter__()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        with suppress(httpx.HTTPError, httpx.StreamError):
            for line in self.response.iter_lines():
                self.lines.append(line)

    @property
    def offers(self) -> list[dict[str, Any]]:
        """The offers that came."""
        found = [line.removeprefix("data: ") for line in self.lines if line.startswith("data: ")]
        return [msgspec.json.decode(each) for each in found]

    def close(self) -> None:
        """As when a tab is closed."""
        self.response.close()
        self._client.close()
        self._thread.join(10)
