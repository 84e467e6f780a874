"""shoal serve"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Annotated

import typer

from shoal.commands import options
from shoal.commands.screen import screen
from shoal.definitions.workspace import Workspace, load_workspace
from shoal.runtime.logs import write_logs
from shoal.runtime.serve_settings import read_serving
from shoal.runtime.serving import serve, to_be_served
from shoal.runtime.versions import refuse_newer

_LOG = logging.getLogger("shoal.serve")


def command(
    *,
    workspace: options.Workspace = options.HERE,
    host: Annotated[
        str | None,
        typer.Option(help="The address to listen on; 0.0.0.0 for all; or SHOAL_HOST.", show_default="127.0.0.1"),
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="The port; 0 for any that is free; or SHOAL_PORT.", show_default="8000")
    ] = None,
    log_format: Annotated[
        str | None, typer.Option(help="plain, or json; or SHOAL_LOG_FORMAT.", show_default="plain")
    ] = None,
    log_level: Annotated[
        str | None,
        typer.Option(help="debug, info, warning or error; or SHOAL_LOG_LEVEL.", show_default="info"),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Settings of the server; or SHOAL_CONFIG.", show_default="serve.yaml, if there"
        ),
    ] = None,
) -> None:
    """Collects what tracking SDKs send and keeps every segment true, until it is stopped.

    An answer of 200 means that what was sent is certain to last.
    """
    stated = {"host": host, "port": port, "log_format": log_format, "log_level": log_level}
    serving = read_serving(workspace, options=stated, environment=os.environ, file=config)
    write_logs(style=serving["log_format"], level=serving["log_level"])
    read = load_workspace(workspace)
    read.resolve()
    refuse_newer(workspace)
    with to_be_served(read, serving, environment=os.environ) as served:
        _tell_sources(read, serving["log_format"])
        serve(served, serving, on_listening=lambda url: _tell_address(url, serving["log_format"]))
    _LOG.info("stopped")


def _tell_sources(workspace: Workspace, log_format: str) -> None:
    """On the screen with the write keys, for whoever wants to send. Logs hold none."""
    sources = workspace.collecting.sources
    if log_format == "json":
        _LOG.info("collecting", extra={"workspace": workspace.name, "sources": [each.name for each in sources]})
        return
    names = ", ".join(f"{source.name} ({source.write_key})" for source in sources)
    screen().print(f"Collecting for {workspace.name}: {names}", markup=False)


def _tell_address(url: str, log_format: str) -> None:
    if log_format == "json":
        _LOG.info("listening", extra={"url": url})
    else:
        screen().print(f"Listening at {url}", markup=False)
