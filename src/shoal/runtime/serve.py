"""`shoal serve`: the collector of a workspace, on the network until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import resource
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from shoal.collect.http import Collector, FailedStore
from shoal.collect.http.connections import PatientProtocol
from shoal.collect.http.limits import Limits
from shoal.collect.http.replay import replay_wanted
from shoal.definitions.workspace import Workspace
from shoal.errors import InputError, StoreError
from shoal.journal import Archive
from shoal.journal.journal import Journal
from shoal.journal.sqlite import JournalLimits, SqliteJournal
from shoal.runtime.access_table import allowed
from shoal.runtime.acting import count_deliveries
from shoal.runtime.deciding import Deciding
from shoal.runtime.delivering import Delivering
from shoal.runtime.doors import decoder_of
from shoal.runtime.live_loop import LiveCondition, LiveLoop, wall_clock_ms
from shoal.runtime.live_workspace import Meaning
from shoal.runtime.metrics import CONTENT_TYPE, Metrics, Watched
from shoal.runtime.pauses import set_aside, short_pauses
from shoal.runtime.places import ARCHIVE_FOLDER, FAILED_FOLDER, JOURNAL_FOLDER
from shoal.runtime.statements import take_in_statements
from shoal.runtime.warming import warm_up
from shoal.web import OfferHub, Streams, tracker_route

GRACE_SECONDS = 10
"""How long requests that have begun may take after the server was told to stop."""

SECONDS_BETWEEN_LOOKS = 2.0
"""How often the server looks for failed events that are to be tried again."""

SECONDS_BETWEEN_STATEMENTS = 0.1
"""How soon a statement of consent that a command records is taken in."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to listen. Port 0 is any that is free."""

    host: str = "127.0.0.1"
    port: int = 8000


def open_journal(workspace: Workspace, *, limits: JournalLimits | None = None) -> SqliteJournal:
    """The journal of a workspace, for the one process that collects into it."""
    return SqliteJournal(workspace.folder / JOURNAL_FOLDER, limits=limits)


def application(
    workspace: Workspace,
    journal: Journal,
    *,
    limits: Limits | None = None,
    routes: list[BaseRoute] | None = None,
    live: LiveLoop | None = None,
    decisions: Deciding | None = None,
    hub: OfferHub | None = None,
    deliveries: Delivering | None = None,
) -> Collector:
    """The collector of a workspace as an ASGI application, with its live engine and what acts on it.

    `routes` are pages beside it.
    """

    @asynccontextmanager
    async def running(_app: Starlette) -> AsyncIterator[None]:
        async with (
            _replaying(workspace, journal),
            _taking_statements(workspace, journal),
            _keeping_true(live),
            _delivering(deliveries),
        ):
            yield

    health = Health(journal, live, deliveries)
    watching: list[BaseRoute] = [Route("/healthz", _is_alive), Route("/readyz", health.answer)]
    deciding = [] if decisions is None else decisions.routes
    streams = [] if hub is None else [Streams(hub, workspace.collecting).route]
    delivering = [] if deliveries is None else deliveries.routes
    beside = [*watching, tracker_route(), *streams, *deciding, *delivering, *(routes or [])]
    others = Starlette(routes=allowed(beside), lifespan=running)
    collector = Collector(journal, workspace.collecting, others=others, limits=limits)
    watched = Watched(
        collector=collector,
        journal=journal,
        failed=FailedStore(workspace.folder / FAILED_FOLDER),
        archive=Archive(workspace.folder / ARCHIVE_FOLDER),
        is_ready=lambda: health.status is LiveCondition.WELL,
        now=live.clock if live is not None else wall_clock_ms,
        deliveries=partial(count_deliveries, workspace.folder),
        are_definitions_refused=lambda: bool(live is not None and live.definitions_trouble),
        live=None if live is None else live.figures,
        decider=None if decisions is None else decisions.decider,
        gate=None if decisions is None else decisions.gate,
        attempts=None if deliveries is None else deliveries.figures,
        troubled_destinations=lambda: {} if deliveries is None else deliveries.troubles,
    )
    others.router.routes += allowed([Route("/metrics", _telling(Metrics(watched)))])
    return collector


def prepare(meaning: Meaning) -> None:
    """What a server does with everything loaded, before its first event: nothing later has to wait for it."""
    warm_up(meaning)
    set_aside()


def run_server(
    app: Collector,
    address: Address,
    *,
    on_listening: Callable[[str], None] = lambda _: None,
    on_stopping: Callable[[], None] = lambda: None,
    stop_seconds: int = GRACE_SECONDS,
) -> None:
    """Serves until SIGTERM or SIGINT, then answers what has begun. `on_listening` hears the address.

    `on_stopping` is called when it is told to stop: what would never end by itself has to end then.
    """
    _allow_many_connections()
    config = uvicorn.Config(
        app,
        host=address.host,
        port=address.port,
        loop="uvloop",
        http=PatientProtocol.with_limits(app.limits),
        ws="none",
        lifespan="on",
        proxy_headers=False,  # only addresses told by proxies that the settings name are believed
        server_header=False,
        access_log=False,  # paths of beacons hold write keys, and addresses are people's
        log_config=None,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=stop_seconds,
    )
    server = _Server(config, on_listening, on_stopping)
    try:
        with short_pauses():
            server.run()
    except OSError as error:
        raise _cannot_listen(address, error) from error
    except SystemExit as error:  # uvicorn's way to say that it could not begin
        raise _cannot_listen(address, None) from error


@asynccontextmanager
async def _replaying(workspace: Workspace, journal: Journal) -> AsyncIterator[None]:
    """Tries failed events again that `shoal failed --replay` asks for, as long as the server runs."""
    store = FailedStore(workspace.folder / FAILED_FOLDER)
    look = partial(replay_wanted, store, journal, decoder_of(workspace))
    async with _again_and_again(look, SECONDS_BETWEEN_LOOKS, "failed events could not be tried again"):
        yield


@asynccontextmanager
async def _taking_statements(workspace: Workspace, journal: Journal) -> AsyncIterator[None]:
    """Takes in the statements of consent that `shoal consent` records, as long as the server runs."""
    look = partial(take_in_statements, workspace, journal)
    async with _again_and_again(look, SECONDS_BETWEEN_STATEMENTS, "statements of consent could not be taken in"):
        yield


@asynccontextmanager
async def _again_and_again(work: Callable[[], object], every_s: float, trouble: str) -> AsyncIterator[None]:
    async def look() -> None:
        while True:
            await asyncio.sleep(every_s)
            try:
                await asyncio.to_thread(work)
            except StoreError as error:
                _LOG.warning("%s: %s", trouble, error.message)

    task = asyncio.create_task(look())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def _keeping_true(live: LiveLoop | None) -> AsyncIterator[None]:
    """The live engine, from before the first request until what came has been taken in."""
    if live is None:
        yield
        return
    live.start()
    try:
        yield
    finally:
        await asyncio.to_thread(live.stop)


@asynccontextmanager
async def _delivering(deliveries: Delivering | None) -> AsyncIterator[None]:
    """Deliveries, as long as there is somebody to ask who consents."""
    if deliveries is None:
        yield
        return
    deliveries.start()
    try:
        yield
    finally:
        await asyncio.to_thread(deliveries.stop)


class _Server(uvicorn.Server):
    """Says where it listens, and ends with the exit code of a normal end when it is told to stop."""

    def __init__(
        self, config: uvicorn.Config, on_listening: Callable[[str], None], on_stopping: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._on_listening, self._on_stopping = on_listening, on_stopping

    async def startup(self, sockets: list[Any] | None = None) -> None:
        await super().startup(sockets)
        for server in getattr(self, "servers", ()):
            host, port = server.sockets[0].getsockname()[:2]
            self._on_listening(f"http://{host}:{port}")
            break

    async def shutdown(self, sockets: list[Any] | None = None) -> None:
        self._on_stopping()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """uvicorn raises the signal again after it has stopped. It stopped as asked, and that is all."""
        super().handle_exit(sig, frame)
        self._captured_signals.clear()


async def _is_alive(_request: Request) -> JSONResponse:
    return JSONResponse({"status": "ok"})


class Health:
    """Whether a server does what it is for: its events last, and its segments are true."""

    def __init__(self, journal: Journal, live: LiveLoop | None, deliveries: Delivering | None = None) -> None:
        self.journal, self.live, self.deliveries = journal, live, deliveries

    @property
    def status(self) -> LiveCondition:
        if self.journal.trouble is not None:
            return LiveCondition.CANNOT_STORE
        return LiveCondition.WELL if self.live is None else self.live.condition

    @property
    def reason(self) -> str:
        """What is the matter, for people."""
        return self.journal.trouble or (self.live.trouble if self.live is not None else "")

    async def answer(self, _request: Request) -> JSONResponse:
        status, reason = self.status, self.reason
        if status is LiveCondition.WELL:
            return JSONResponse({"status": status.value, **self._beside()})
        return JSONResponse({"status": status.value, "reason": reason or "it has just passed"}, 503)

    def _beside(self) -> dict[str, object]:
        """What is not as it should be, and keeps nothing else from being."""
        refused = "" if self.live is None else self.live.definitions_trouble
        troubles = {} if self.deliveries is None else self.deliveries.troubles
        outbox = "" if self.deliveries is None else self.deliveries.trouble
        said = {"definitions_refused": refused, "destinations": troubles, "deliveries": outbox}
        return {name: what for name, what in said.items() if what}


def _telling(metrics: Metrics) -> Callable[[Request], Any]:
    async def tell(_request: Request) -> Response:
        return Response(await asyncio.to_thread(metrics.text), headers={"content-type": CONTENT_TYPE})

    return tell


def _allow_many_connections() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _cannot_listen(address: Address, error: OSError | None) -> InputError:
    reason = "" if error is None else f": {error.strerror or error}"
    return InputError(
        f"cannot listen on {address.host} port {address.port}{reason}",
        hint="another server may be using it; choose another with --port",
    )
