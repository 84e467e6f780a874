"""shoal serve"""

from __future__ import annotations

from typing import Annotated

import typer

from shoal.commands import options
from shoal.commands.screen import screen
from shoal.definitions.workspace import load_workspace
from shoal.runtime.live_loop import LiveLoop
from shoal.runtime.serve import Address, application, open_journal, run_server

_ADDRESS = Address()


def command(
    *,
    workspace: options.Workspace = options.HERE,
    host: Annotated[
        str, typer.Option(envvar="SHOAL_HOST", help="The address to listen on; 0.0.0.0 for all.")
    ] = _ADDRESS.host,
    port: Annotated[
        int, typer.Option(envvar="SHOAL_PORT", min=0, max=65535, help="The port; 0 for any that is free.")
    ] = _ADDRESS.port,
) -> None:
    """Collects what tracking SDKs send and keeps every segment true, until it is stopped.

    An answer of 200 means that what was sent is certain to last.
    """
    read = load_workspace(workspace)
    read.resolve()
    journal = open_journal(read)
    try:
        console = screen()
        names = ", ".join(f"{source.name} ({source.write_key})" for source in read.collecting.sources)
        console.print(f"Collecting for {read.name}: {names}", markup=False)
        run_server(
            application(read, journal, live=LiveLoop(read, journal)),
            Address(host=host, port=port),
            on_listening=lambda url: console.print(f"Listening at {url}", markup=False),
        )
    finally:
        journal.close()
