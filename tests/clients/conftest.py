"""The JavaScript clients, installed once into a cache, and a browser; without them their tests are skipped."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.clients.tracked import Site, Visitor, website
from tests.functional.collecting import Served, serving

SCRIPTS = Path(__file__).parent / "js"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "shoal-tests"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def clients() -> Path:
    """A folder with the JavaScript clients and our scripts that call them."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed")
    wanted = (SCRIPTS / "package.json").read_bytes()
    folder = CACHE / f"clients-{hashlib.sha256(wanted).hexdigest()[:16]}"
    if not (folder / "node_modules").is_dir():
        _install(folder, wanted)
    for script in SCRIPTS.iterdir():
        shutil.copy(script, folder / script.name)
    return folder


def _install(folder: Path, wanted: bytes) -> None:
    """Beside the folder, which is renamed when it is whole: tests may run in several processes."""
    making = folder.with_name(f"{folder.name}-{os.getpid()}")
    making.mkdir(parents=True, exist_ok=True)
    (making / "package.json").write_bytes(wanted)
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]
    try:
        installed = subprocess.run(command, cwd=making, capture_output=True, text=True, timeout=300, check=False)
        if installed.returncode != 0:
            pytest.skip(f"npm could not install the clients: {installed.stderr.strip()[-200:]}")
        with suppress(OSError):  # another process was first
            making.rename(folder)
    except subprocess.TimeoutExpired:
        pytest.skip("npm did not install the clients in time")
    finally:
        shutil.rmtree(making, ignore_errors=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A real Chromium, with a fresh profile.

    It ends with its module: while it runs, its thread has a loop of asyncio, and tests of others want their own.
    """
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield opened
        opened.close()


class _Quiet(SimpleHTTPRequestHandler):
    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".mjs": "text/javascript"}  # noqa: RUF012

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="session")
def pages(clients: Path) -> Iterator[str]:
    """Where the pages that load the browser clients are: another origin than the collector's."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(clients)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(10)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A collector with nothing in it."""
    with serving(tmp_path / "shop") as found:
        yield found


@pytest.fixture
def site(served: Served) -> Iterator[Site]:
    """A website with the tracker on its pages."""
    with website(served.url) as found:
        yield found


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Visitor]]:
    """Begins a visit, with a browser of the visitor's own."""
    visitors: list[Visitor] = []

    def begin(**options: Any) -> Visitor:
        visitors.append(Visitor(browser, **options))
        return visitors[-1]

    yield begin
    for visitor in visitors:
        visitor.close()
