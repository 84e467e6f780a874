"""A website with the tracker, on another origin than the collector, under a strict policy; and its visitors."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic
from typing import Any

import polars as pl

from tests.functional.collecting import KEY, Served, wait_until

POLICY = (
    "default-src 'none'; script-src 'self' {collector}; connect-src {collector}; media-src 'self'; "
    "base-uri 'none'; form-action 'self'; require-trusted-types-for 'script'"
)
"""No inline script, no inline style, nothing from anywhere else, and no text that becomes markup."""

AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36"
"""Without a window Chromium says that it has none, and is taken for the robot that it is."""

HEAD = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head><body>{body}'


@dataclass
class Site:
    """Pages by path. The tracker stands at the end of each, with what `tag` adds to it."""

    collector: str
    url: str = ""
    pages: dict[str, str] = field(default_factory=dict)
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)

    def page(self, path: str, body: str = "", *, title: str = "Home", tag: str = "", after: str = "") -> str:
        """Adds a page; its address. `after` is a script of the site's own that comes after the tracker."""
        script = f'<script src="{self.collector}/shoal.js" data-write-key="{KEY}" {tag}></script>'
        if after:
            self.files[f"{path}.js"] = ("text/javascript", after.encode())
            script += f'<script src="{path}.js"></script>'
        self.pages[path] = HEAD.format(title=title, body=f"{body}{script}</body></html>")
        return self.url + path


@contextmanager
def website(collector: str) -> Iterator[Site]:
    """A site that is there as long as this holds."""
    site = Site(collector)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            found = site.files.get(path)
            if found is None and path in site.pages:
                found = ("text/html; charset=utf-8", site.pages[path].encode())
            content = found[1] if found else b""
            begins = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range", ""))  # a video is moved on
            self.send_response(206 if begins and found else 200 if found else 404)
            if begins:
                first = int(begins[1])
                self.send_header("content-range", f"bytes {first}-{len(content) - 1}/{len(content)}")
                content = content[first:]
            self.send_header("accept-ranges", "bytes")
            self.send_header("content-length", str(len(content)))
            self.send_header("content-type", found[0] if found else "text/plain")
            self.send_header("content-security-policy", POLICY.format(collector=collector))
            self.end_headers()
            with suppress(ConnectionError):  # the browser has heard enough
                self.wfile.write(content)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


class Visitor:
    """Somebody with a browser of their own, and everything that it asked for and complained about."""

    def __init__(self, browser: Any, *, gpc: bool = False, **options: Any) -> None:
        headers = {"Sec-GPC": "1"} if gpc else {}
        options.setdefault("user_agent", AGENT.format(browser.version.split(".")[0]))
        self.context = browser.new_context(extra_http_headers=headers, **options)
        if gpc:
            script = "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true})"
            self.context.add_init_script(script)
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.context.on("request", lambda request: self.asked.append(request.url))
        self.page = self.open()

    def open(self) -> Any:
        """Another page of the same browser."""
        page = self.context.new_page()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))
        return page

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def goto(self, address: str, *, clock: bool = False) -> Any:
        """Opens an address, if wanted with a clock that can be moved on."""
        if clock:
            self.page.clock.install()
        self.page.goto(address)
        return self.page

    def stored(self) -> dict[str, str]:
        """What lies on the device for the site of the page."""
        kept: dict[str, str] = self.page.evaluate("() => ({...localStorage, ...sessionStorage})")
        return kept

    def sent(self, collector: str) -> list[str]:
        """The requests to the collector, but for the tracker itself."""
        return [url for url in self.asked if url.startswith(collector) and not url.endswith("/shoal.js")]

    def wait_until(self, is_so: Callable[[], bool], within_s: float = 20.0) -> None:
        """Looks again and again, while the browser is heard, until something is so."""
        ends = monotonic() + within_s
        waiting = self.page if not self.page.is_closed() else self.open()
        while not is_so():
            assert monotonic() < ends, "it did not come to be so in time"
            waiting.wait_for_timeout(20)

    def complaints_of_ours(self) -> list[str]:
        """What the browser complained about, but for streams that a collector alone does not have."""
        return [each for each in self.complaints if "/v1/stream" not in each and "ERR_FAILED" not in each]

    def close(self) -> None:
        self.context.close()


def arrived(served: Served, count: int, *, named: str = "", within_s: float = 20.0) -> pl.DataFrame:
    """The events (by that name), each once, when at least so many are there.

    In the order of the browser's own clock: what a slow request took on its way counts as a difference of clocks.
    """

    def found() -> pl.DataFrame:
        events = served.decoded().events.unique("message_id", keep="first", maintain_order=True)
        return events.filter(pl.col("name") == named) if named else events

    wait_until(lambda: len(found()) >= count, within_s)
    events = found()
    stated = {each["messageId"]: each["timestamp"] for batch in batches(served) for each in batch["batch"]}
    moments = events["message_id"].replace_strict(stated, return_dtype=pl.String).alias("stated")
    return events.with_columns(moments).sort("stated", maintain_order=True).drop("stated")


def values(events: pl.DataFrame, name: str, *properties: str) -> list[tuple[Any, ...]]:
    """Properties of the events of a name, whatever their types, None where they say nothing."""
    chosen = events.filter(pl.col("name") == name)
    return [tuple(_value(row, each) for each in properties) for row in chosen.iter_rows(named=True)]


def _value(row: dict[str, Any], path: str) -> Any:
    for kind in ("text", "number", "truth"):
        stated = row.get(f"properties.{path}:{kind}")
        if stated is not None:
            return stated
    return None


def names(events: pl.DataFrame) -> dict[str, int]:
    """How many events there are of each name."""
    return dict(sorted(Counter(events["name"].to_list()).items()))


def bodies(served: Served) -> str:
    """Everything that was ever sent, as it came."""
    return "\n".join(entry.arrival.body.decode() for entry in served.entries())


def batches(served: Served) -> list[dict[str, Any]]:
    """Every request, read."""
    return [json.loads(entry.arrival.body) for entry in served.entries()]
