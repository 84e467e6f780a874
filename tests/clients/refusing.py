"""A server between a client and the collector that refuses the first requests, as one under pressure does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

from tests.functional.collecting import Served


class Refusing:
    """Where it listens, and what passed through it: statuses in order, and how often each path was asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.statuses: list[int] = []
        self.paths: list[str] = []
        self.origins: set[str] = set()

    @property
    def refused(self) -> int:
        return sum(status in (429, 503) for status in self.statuses)


@contextmanager
def refusing_first(served: Served, refusals: tuple[int, ...] = (503,)) -> Iterator[Refusing]:
    """Refuses the first POSTs with these statuses, each with Retry-After, and passes on everything else."""
    left, lock = list(refusals), threading.Lock()
    passing = httpx.Client(timeout=20)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            body = self._body()
            status = 0
            with lock:
                if self.command == "POST" and left:
                    status = left.pop(0)
            if status:
                told = b'{"code":"cannot_store","message":"nothing can be kept at present"}'
                origin = self.headers.get("Origin")
                extra = {"Retry-After": "1", "Content-Type": "application/json"}
                if origin:
                    extra["Access-Control-Allow-Origin"] = origin
                    extra["Access-Control-Expose-Headers"] = "Retry-After"
                self._answer(status, told, extra)
                return
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _OF_CONNECTION}
            answered = passing.request(self.command, f"{served.url}{self.path}", headers=headers, content=body)
            kept = {name: value for name, value in answered.headers.items() if name not in _OF_CONNECTION}
            self._answer(answered.status_code, answered.content, kept)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            chunks = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(chunks)

        def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            with lock:
                seen.statuses.append(status)
                seen.paths.append(f"{self.command} {self.path.split('?')[0]}")
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(BrokenPipeError):  # a client that was sure of its answer may be gone
                self.wfile.write(body)

        do_POST = do_GET = do_OPTIONS = _pass  # noqa: N815  (names that http.server asks for)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    seen = Refusing(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
        passing.close()


_OF_CONNECTION = {
    *("host", "content-length", "connection", "transfer-encoding", "date", "accept-encoding", "content-encoding"),
}
