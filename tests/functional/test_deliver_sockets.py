"""The worker in its thread, over real connections: one destination is well, and all the others are in trouble."""

from __future__ import annotations

import base64
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from shoal.definitions.acting import Destination
from shoal.deliver.destinations import Surroundings, open_all
from shoal.deliver.worker import Worker
from shoal.model.firing import Channel, Status
from shoal.runtime.acting import open_outbox
from shoal.runtime.live_loop import wall_clock_ms
from tests.delivering import delivery, put
from tests.functional.collecting import wait_until

COUNT = 300
PATIENCE_S = 120
SECRET = f"whsec_{base64.b64encode(b'1' * 32).decode()}"


class Answering(BaseHTTPRequestHandler):
    """Answers as its server says, and keeps the ids."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.server.ids[self.headers["webhook-id"]] += 1
        if self.server.takes_s:
            time.sleep(self.server.takes_s)
        self.send_response(self.server.status)
        self.send_header("content-length", "0")
        if self.server.status == 302:
            self.send_header("location", f"http://127.0.0.1:{self.server.elsewhere}/")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, status: int = 204, *, takes_s: float = 0, elsewhere: int = 0) -> None:
        self.ids = Counter[str]()
        self.status, self.takes_s, self.elsewhere = status, takes_s, elsewhere
        super().__init__(("127.0.0.1", 0), Answering)


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.socket.close()


def webhook(name: str, port: int) -> Destination:
    return Destination(
        name=name,
        channel=Channel.WEBHOOK,
        address=f"http://localhost:{port}/hook",
        secret_variables=("SECRET",),
        allowed_networks=("127.0.0.0/8", "::1/128"),
    )


def test_what_is_in_trouble_keeps_nobody_waiting(tmp_path: Path) -> None:
    """Refused connections, an address that is blocked, 410, 500, redirects, and one that does not answer at all.

    The one that is well gets everything once, before others' attempts are over; each of the others stands as its
    answers say, and the target of redirects has seen nothing.
    """
    with ExitStack() as stack:
        well, gone, failing = (stack.enter_context(serving(Server(status))) for status in (204, 410, 500))
        elsewhere = stack.enter_context(serving(Server()))
        redirecting = stack.enter_context(serving(Server(302, elsewhere=elsewhere.server_port)))
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=64))
        ports = {
            "well": well.server_port,
            "gone": gone.server_port,
            "failing": failing.server_port,
            "redirecting": redirecting.server_port,
            "silent": silent.getsockname()[1],
            "refusing": 1,
        }
        destinations = {name: webhook(name, port) for name, port in ports.items()}
        destinations["blocked"] = Destination(
            name="blocked",
            channel=Channel.WEBHOOK,
            address=f"http://localhost:{elsewhere.server_port}/",
            secret_variables=("SECRET",),
        )
        for name in destinations:
            put(
                tmp_path,
                *(
                    delivery(f"{name}_{number}", f"user_id:{number}", destination=name)
                    for number in range(COUNT if name == "well" else 40)
                ),
            )
        opened, troubles = open_all(
            destinations, Surroundings(environment={"SECRET": SECRET}, clock=wall_clock_ms)
        )
        assert troubles == {}
        worker = Worker(lambda: open_outbox(tmp_path), opened, clock=wall_clock_ms, why_not=lambda _: "")
        worker.start()
        wait_until(lambda: well.ids.total() >= COUNT, PATIENCE_S)
        assert not [key for key in worker.figures.attempts if key[0] == "silent"]
        wait_until(lambda: len(worker.troubles) == 5, PATIENCE_S)
        troubles = worker.troubles
        worker.stop()
        assert (well.ids.total(), len(well.ids)) == (COUNT, COUNT)
        assert elsewhere.ids == Counter()
    assert troubles == {
        "gone": "it answered 410: it wants nothing any more",
        "failing": "it is left alone for a while: it answered 500",
        "redirecting": "it is left alone for a while: it answered 302: redirects are not followed",
        "refusing": "it is left alone for a while: no connection: Connection refused",
        "blocked": troubles["blocked"],
    }
    assert troubles["blocked"].startswith("it is left alone for a while: blocked: ")
    with closing(open_outbox(tmp_path)) as outbox:
        stands = {(name, status): count for (_, name, status), count in outbox.counts().items()}
    assert stands["well", Status.DELIVERED] == COUNT
    assert stands["gone", Status.DEAD] == 40
    for name in ("failing", "redirecting", "silent", "refusing", "blocked"):
        assert stands[name, Status.READY] == 40


def test_a_worker_that_is_stopped_at_once_ends(tmp_path: Path) -> None:
    """Also before it has begun, and when it never did."""
    put(tmp_path, delivery())
    for begins in (True, False):
        worker = Worker(lambda: open_outbox(tmp_path), {}, clock=wall_clock_ms, why_not=lambda _: "")
        if begins:
            worker.start()
        worker.stop()
