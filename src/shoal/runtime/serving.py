"""A whole workspace as it is served: events are kept, segments stay true, triggers act, pages get their offers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.routing import BaseRoute

from shoal.collect.http import Collector
from shoal.definitions.workspace import Workspace
from shoal.journal.sqlite import SqliteJournal
from shoal.runtime.deciding import Deciding, deciding
from shoal.runtime.delivering import Delivering
from shoal.runtime.live_loop import LiveLoop
from shoal.runtime.offering import hub_of
from shoal.runtime.serve import Address, application, open_journal, prepare, run_server
from shoal.runtime.serve_settings import Serving
from shoal.web import OfferHub


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What serves a workspace, joined and not begun yet."""

    app: Collector
    journal: SqliteJournal
    live: LiveLoop
    decisions: Deciding
    hub: OfferHub


@contextmanager
def to_be_served(
    workspace: Workspace,
    serving: Serving,
    *,
    environment: Mapping[str, str],
    routes: Sequence[BaseRoute] = (),
) -> Iterator[Served]:
    """Joins everything that serves a workspace; `routes` are pages beside it. The journal is closed in the end.

    Raises InputError for settings that cannot be, StoreError when another process collects into the workspace.
    """
    journal = open_journal(workspace, limits=serving.journal_limits)
    try:
        live = LiveLoop(workspace, journal, prepare=prepare)
        decisions = deciding(workspace, live, server_keys=serving.server_keys(environment), rates=serving.rates)
        hub = hub_of(live, limits=serving.stream_limits)
        deliveries = Delivering(
            workspace, live, journal, environment=environment, public_url=serving.public_url, pages=hub
        )
        app = application(
            workspace,
            journal,
            limits=serving.limits,
            routes=list(routes),
            live=live,
            decisions=decisions,
            hub=hub,
            deliveries=deliveries,
        )
        yield Served(app=app, journal=journal, live=live, decisions=decisions, hub=hub)
    finally:
        journal.close()


def serve(
    served: Served,
    serving: Serving,
    *,
    on_listening: Callable[[str], None],
    on_stopping: Callable[[], None] = lambda: None,
) -> None:
    """Serves until SIGTERM or SIGINT, then ends what never would by itself, and answers the rest.

    `on_listening` hears the address, `on_stopping` is called first when it is told to stop.
    """

    def stopping() -> None:
        on_stopping()
        served.hub.end_streams()
        served.decisions.end_streams()

    run_server(
        served.app,
        Address(host=serving["host"], port=serving["port"]),
        on_listening=on_listening,
        on_stopping=stopping,
        stop_seconds=serving["stop_seconds"],
    )
