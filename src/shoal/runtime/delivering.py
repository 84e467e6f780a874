"""Delivering what a workspace that is served has fired: its destinations, a worker, and the way out of e-mail."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import threading
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec
from starlette.routing import BaseRoute

from shoal.collect.consents import CONSENT_UPDATED
from shoal.definitions.implied import consent_segment
from shoal.definitions.workspace import Workspace
from shoal.deliver.addresses import Resolve, look_up
from shoal.deliver.destinations import Surroundings, open_all
from shoal.deliver.figures import DeliveryFigures
from shoal.deliver.sender import PageHub
from shoal.deliver.unsubscribe import Links, Refusal, signing_key
from shoal.deliver.unsubscribe_page import UnsubscribePage
from shoal.deliver.worker import Worker
from shoal.errors import StoreError
from shoal.identity.rules import DEVICE
from shoal.journal.journal import Arrival, Journal
from shoal.model.firing import Delivery
from shoal.model.identifier import Identifier
from shoal.runtime.acting import open_outbox
from shoal.runtime.live_loop import LiveLoop
from shoal.runtime.places import SIGNING_KEY
from shoal.triggers.machine import Acted

STATED_BY = "unsubscribe link"

_LOG = logging.getLogger(__name__)


class Delivering:
    """The deliveries of one workspace. `figures` outlive a change of its destinations."""

    def __init__(
        self,
        workspace: Workspace,
        live: LiveLoop,
        journal: Journal,
        *,
        environment: Mapping[str, str],
        public_url: str = "",
        pages: PageHub | None = None,
        resolve: Resolve = look_up,
    ) -> None:
        """Raises StoreError when the signing key of the workspace cannot be read or made."""
        key = signing_key(workspace.folder / SIGNING_KEY)
        self.workspace, self.live, self.pages = workspace, live, pages
        self.figures = DeliveryFigures()
        self._around = Surroundings(
            environment=environment,
            clock=live.clock,
            links=Links(key, public_url) if public_url else None,
            resolve=resolve,
        )
        self._page = UnsubscribePage(key, workspace.name, partial(keep_refusal, journal, live.clock))
        self._changing = threading.Lock()
        self._is_stopped = False
        self._worker = self._new_worker()
        live.on_acted.append(self._hear)
        live.on_redefined.append(self._take_on)

    @property
    def routes(self) -> list[BaseRoute]:
        """The paths of the way out of e-mail."""
        return [self._page.route]

    def start(self) -> None:
        """Begins to deliver."""
        for name, trouble in self._worker.troubles.items():
            _LOG.warning("deliveries to %s wait: %s", name, trouble)
        self._worker.start()

    def stop(self) -> None:
        """Ends; what does not arrive in time is sent at the next start."""
        with self._changing:
            self._is_stopped = True
            self._worker.stop()

    @property
    def troubles(self) -> dict[str, str]:
        """Why destinations get nothing at present, by their names."""
        return self._worker.troubles

    @property
    def trouble(self) -> str:
        """Why nothing can be delivered at all; empty when it can."""
        return self._worker.trouble

    def _new_worker(self) -> Worker:
        opened, troubles = open_all(self.workspace.acting.destinations, self._around)
        return Worker(
            partial(open_outbox, self.workspace.folder),
            opened,
            clock=self.live.clock,
            why_not=partial(why_not, self.live),
            pages=self.pages,
            troubles=troubles,
            figures=self.figures,
        )

    def _hear(self, acted: Acted) -> None:
        if acted.ready:
            self._worker.wake(acted.ready)

    def _take_on(self, workspace: Workspace) -> None:
        """Goes on with other destinations. In a thread: what is on its way to the old ones may arrive."""
        is_as_before = workspace.acting.destinations == self.workspace.acting.destinations
        self.workspace = workspace
        if not is_as_before:
            threading.Thread(target=self._begin_again, name="new destinations", daemon=True).start()

    def _begin_again(self) -> None:
        with self._changing:
            if self._is_stopped:
                return
            self._worker.stop()
            self._worker = self._new_worker()
            self.start()


def why_not(live: LiveLoop, delivery: Delivery) -> str:
    """Why a delivery must not be sent now: whoever it is for does not consent any more. Empty when it may be.

    Raises StoreError while the live engine loads.
    """
    standings = live.standings
    if standings is None:
        raise StoreError("who consents is not known while the live engine loads")
    standing = standings.find(Identifier.parse(delivery.person))
    if standing is None:
        return "the person is not known any more"
    if consent_segment(delivery.purpose) not in standing:
        return f"{delivery.purpose.value} is not consented to any more"
    return ""


async def keep_refusal(journal: Journal, clock: Callable[[], int], refusal: Refusal) -> None:
    """Puts a refusal into the journal, like everything that people state. Raises StoreError."""
    now = clock()
    body = msgspec.json.encode({"batch": [statement_of(refusal, now)]})
    arrival = Arrival(received_at=now, write_key="", path="/v1/batch", body=body)
    await asyncio.wrap_future(journal.append(arrival))


def statement_of(refusal: Refusal, now: int) -> dict[str, Any]:
    """A refusal as a message. Who clicks twice refuses twice, which changes nothing."""
    purposes = {purpose.value: False for purpose in refusal.purposes}
    said = {
        "messageId": f"unsubscribe-{uuid.uuid4().hex}",
        "timestamp": now,
        "context": {"consent": {"purposes": purposes, "by": STATED_BY}},
    }
    who = refusal.who
    if who.kind in ("user_id", DEVICE):
        key = "userId" if who.kind == "user_id" else "anonymousId"
        return {"type": "track", "event": CONSENT_UPDATED, key: who.value, **said}
    # Somebody known by, say, an address, which events state as a trait. Whatever is stated is of some device, too.
    device = f"unsubscribe-{hashlib.sha256(str(who).encode()).hexdigest()[:32]}"
    return {"type": "identify", "anonymousId": device, "traits": {who.kind: who.value}, **said}
