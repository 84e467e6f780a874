"""The demo, served: its workspace as `shoal serve` does it, the demo shop beside it, and shoppers who come."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping

from shoal.errors import InputError
from shoal.runtime.demo import Demo
from shoal.runtime.demo_shoppers import Shoppers
from shoal.runtime.serve import Address
from shoal.runtime.serve_settings import Serving
from shoal.runtime.serving import serve, to_be_served
from shoal.web.demo_pages import DEMO_PATH, demo_routes

SECONDS_TO_WAIT = 15
"""Until an offer comes: `within` of the triggers of the shop."""


def refuse_taken(address: Address) -> None:
    """Raises InputError when nothing can listen there: better before a demo is filled than after it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError as error:
            raise InputError(
                f"cannot listen on {address.host} port {address.port}: {error.strerror}",
                hint="another server may be using it; choose another with --port, or fill only with --no-serve",
            ) from error


def serve_demo(
    demo: Demo, serving: Serving, *, environment: Mapping[str, str], on_listening: Callable[[str], None]
) -> None:
    """Serves until it is told to stop. `on_listening` hears where the shop is."""
    key = demo.workspace.collecting.sources[0].write_key
    pages = demo_routes(key, wait_s=SECONDS_TO_WAIT)
    with to_be_served(demo.workspace, serving, environment=environment, routes=pages) as served:
        shoppers = Shoppers(
            served.journal, demo.simulation, people=demo.people, write_key=key, clock=served.live.clock
        )

        def begin(url: str) -> None:
            shoppers.start()
            on_listening(f"{url}{DEMO_PATH}")

        serve(served, serving, on_listening=begin, on_stopping=shoppers.stop)
