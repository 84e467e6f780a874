"""A collector that listens, in this process or in one of its own, and what can be asked of it afterwards."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import polars as pl

from shoal.collect.http import Decoded, Decoder
from shoal.collect.http.limits import Limits
from shoal.definitions.settings import Settings
from shoal.definitions.sources import Collecting
from shoal.definitions.workspace import load_workspace
from shoal.journal.journal import Entry
from shoal.journal.sqlite import SqliteJournal, read_journal
from shoal.runtime.delivering import Delivering
from shoal.runtime.live_loop import LiveLoop
from shoal.runtime.places import JOURNAL_FOLDER
from shoal.runtime.serve import application
from shoal.web import OfferHub

KEY = "web"
SETTINGS = """
name: Shop
sources:
  website: {write_key: web, origins: "*"}
  partner: {write_key: partner, origins: [https://partner.example]}
  old: {write_key: old, enabled: false}
"""

SERVE = """
import sys
from pathlib import Path
from shoal.definitions.workspace import load_workspace
from shoal.runtime.serve import Address, application, open_journal, run_server

workspace = load_workspace(Path(sys.argv[1]))
journal = open_journal(workspace)
told = lambda url: print(url, flush=True)
run_server(application(workspace, journal), Address(port=int(sys.argv[2])), on_listening=told)
journal.close()
print("stopped", flush=True)
"""


class Served:
    """A collector at `url`, and the workspace folder it collects into."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url

    def post(self, path: str, content: object, *, key: str | None = KEY, **named: object) -> httpx.Response:
        """Sends JSON, or bytes as they are."""
        auth = None if key is None else (key, "")
        given = {"content": content} if isinstance(content, bytes) else {"json": content}
        return httpx.post(f"{self.url}{path}", auth=auth, timeout=20, **given, **named)

    def entries(self) -> list[Entry]:
        return list(read_journal(self.folder / JOURNAL_FOLDER, 0, 10**9))

    def decoded(self) -> Decoded:
        workspace = load_workspace(self.folder)
        return Decoder(workspace.settings, workspace.collecting).decode(self.entries())

    def events(self) -> pl.DataFrame:
        return self.decoded().events

    def message_ids(self) -> list[str]:
        return self.events()["message_id"].to_list()


def make_workspace(folder: Path, settings: str = SETTINGS) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "shoal.yaml").write_text(settings)
    return folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(
    folder: Path,
    *,
    settings: str = SETTINGS,
    limits: Limits | None = None,
    journal: SqliteJournal | None = None,
    live: LiveLoop | None = None,
    hub: OfferHub | None = None,
    deliveries: Delivering | None = None,
) -> Iterator[Served]:
    """A collector in a thread of this process."""
    import uvicorn

    from shoal.collect.http.connections import PatientProtocol

    workspace = load_workspace(make_workspace(folder, settings))
    kept = journal or SqliteJournal(folder / JOURNAL_FOLDER)
    app = application(workspace, kept, limits=limits, live=live, hub=hub, deliveries=deliveries)
    config = uvicorn.Config(
        app,
        port=free_port(),
        http=PatientProtocol.with_limits(app.limits),
        loop="uvloop",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    try:
        yield Served(folder, f"http://127.0.0.1:{config.port}")
    finally:
        if hub is not None:
            hub.end_streams()
        server.should_exit = True
        thread.join(20)
        kept.close()


class Process:
    """A collector in a process of its own, that can be killed."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(folder), str(port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        assert self.process.stdout is not None
        url = self.process.stdout.readline().strip()
        if not url.startswith("http"):
            raise AssertionError(self.process.communicate()[1])
        self.served = Served(folder, url)

    def kill(self) -> None:
        """As a loss of the process: nothing is written or answered any more."""
        self.process.kill()
        self.process.communicate()

    def stop(self, within_s: float = 20) -> tuple[int, str]:
        """As an operator stops it. Its exit code, and what it wrote."""
        self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=within_s)
        return self.process.returncode, out + err


def wait_until(is_so, within_s: float = 20.0) -> None:  # type: ignore[no-untyped-def]
    """Looks again and again until something is so."""
    ends = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < ends, "it did not come to be so in time"
        time.sleep(0.01)


def decode(entries: list[Entry], **collecting: object) -> Decoded:
    """Entries by shipped settings."""
    return Decoder(Settings(), Collecting(**collecting)).decode(entries)  # type: ignore[arg-type]
