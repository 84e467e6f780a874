"""Deliveries of a served workspace: from an event over HTTP to a webhook and a mail server, and the way out."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as default_policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from shoal.deliver.unsubscribe import PATH, Links
from shoal.model.consent import Purpose
from shoal.model.firing import Delivery, Status
from shoal.model.time import format_moment
from shoal.runtime.acting import open_outbox
from shoal.runtime.live_loop import wall_clock_ms
from shoal.runtime.places import SIGNING_KEY
from shoal.triggers.outbox import Wanted
from tests.docs.render import ROOT
from tests.functional.collecting import free_port, wait_until

SECRET = f"whsec_{base64.b64encode(b'a secret of 32 bytes, as usual..').decode()}"
ANN, HER_ADDRESS = "ann-4711", "ann@private.example"
PATIENCE_S = 120

SETTINGS = """
name: Shop
sources:
  web: {{write_key: key}}
destinations:
  crm: {{webhook: "http://localhost:{hook}/hook", secrets: [CRM_SECRET], networks: [127.0.0.0/8, "::1/128"]}}
  mail: {{smtp: "smtp+plain://127.0.0.1:{smtp}", from: "Shop <hello@shop.example>", networks: [127.0.0.0/8]}}
  team: {{slack: SLACK_HOOK}}
"""
TRIGGERS = """
trigger: bought
on: {event: Order Completed}
do:
  - webhook: crm
    values: {cart_value: 'sum("revenue", of="Order Completed")'}
  - slack: team
    content: {text: "{{ profile }} bought"}
---
trigger: hello
on: {event: Signed Up}
purpose: email
do:
  - email: mail
    content: {subject: Welcome, text: Hello}
"""


class Receiver:
    """A webhook's other end in a thread of this process. `answer` may be changed at any time."""

    def __init__(self) -> None:
        self.got = list[tuple[dict[str, str], bytes]]()
        self.answer: Callable[[], int] = lambda: 204
        receiver = self

        class Hook(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.got.append((dict(self.headers), body))
                self.send_response(receiver.answer())
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def ids(self) -> list[str]:
        return [{name.lower(): value for name, value in headers.items()}["webhook-id"] for headers, _ in self.got]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Mailbox:
    """A mail server in a thread of this process."""

    def __init__(self) -> None:
        from aiosmtpd.smtp import SMTP

        self.messages = list[EmailMessage]()
        self._loop = asyncio.new_event_loop()

        async def begin() -> int:
            listening = await self._loop.create_server(lambda: SMTP(self, loop=self._loop), "127.0.0.1", 0)
            self._listening = listening
            port: int = listening.sockets[0].getsockname()[1]
            return port

        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(begin(), self._loop).result(20)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        message = message_from_bytes(envelope.content, policy=default_policy)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        return "250 taken"

    def close(self) -> None:
        async def end() -> None:
            self._listening.close()
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await asyncio.sleep(0.05)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@dataclass
class Shop:
    """A workspace, where its server is and what it logged."""

    folder: Path
    environment: dict[str, str]
    port: int = field(default_factory=free_port)
    server: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text("utf-8")

    def start(self) -> None:
        command = [sys.executable, "-m", "shoal.cli", "serve", "--workspace", str(self.folder)]
        command += ["--port", str(self.port), "--log-format", "json", "--log-level", "debug"]
        environment = {**os.environ, "NO_COLOR": "1", "SHOAL_PUBLIC_URL": self.url, **self.environment}
        with (self.folder / "log").open("a") as log:
            self.server = subprocess.Popen(command, stdout=log, stderr=log, text=True, env=environment)
        wait_until(lambda: self.readyz().get("status") == "ok", PATIENCE_S)

    def readyz(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = httpx.get(f"{self.url}/readyz", timeout=20).json()
        except httpx.HTTPError:
            return {}
        return found

    def stop(self, how: int = signal.SIGTERM) -> int:
        assert self.server is not None
        self.server.send_signal(how)
        return self.server.wait(PATIENCE_S)

    def send(self, *messages: dict[str, Any]) -> None:
        now = format_moment(wall_clock_ms())
        batch = [{"userId": ANN, "timestamp": now, **message} for message in messages]
        sent = httpx.post(f"{self.url}/v1/batch", json={"batch": batch}, auth=("key", ""), timeout=20)
        assert sent.status_code == 200

    def happens(self, event: str, message_id: str, **properties: Any) -> None:
        self.send({"type": "track", "event": event, "messageId": message_id, "properties": properties})

    def deliveries(self, destination: str = "") -> list[Delivery]:
        outbox = open_outbox(self.folder)
        found = outbox.find(Wanted(destination=destination), 100)
        outbox.close()
        return found[::-1]

    def email_consent(self, who: str) -> dict[str, Any]:
        """What `shoal consent` says holds for e-mail to somebody."""
        command = [sys.executable, "-m", "shoal.cli", "consent", who, "--workspace", str(self.folder), "--json"]
        told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        return dict(told["purposes"]["email"])

    def stands(self, destination: str) -> list[Status]:
        return [each.status for each in self.deliveries(destination)]


@pytest.fixture
def hook() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    made = Mailbox()
    yield made
    made.close()


@contextmanager
def shop(folder: Path, hook: int, smtp: int = 1, **environment: str) -> Iterator[Shop]:
    """A shop that is served, with its secrets in the environment."""
    (folder / "triggers").mkdir(parents=True)
    (folder / "shoal.yaml").write_text(SETTINGS.format(hook=hook, smtp=smtp))
    (folder / "triggers" / "all.yaml").write_text(TRIGGERS)
    made = Shop(folder, {"CRM_SECRET": SECRET, **environment})
    made.start()
    try:
        yield made
    finally:
        if made.server is not None:
            made.server.kill()
            made.server.wait()


def test_a_webhook_reaches_the_receiver_of_the_how_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Python of `receive-a-webhook.md`, as it stands there, verifies what comes and hears of each once."""
    page = (ROOT / "docs" / "how-to" / "receive-a-webhook.md").read_text("utf-8")
    [example] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.setenv("CRM_SECRET", SECRET)
    names: dict[str, Any] = {"__name__": "hook"}
    exec(compile(example, "receive-a-webhook.md", "exec"), names)
    heard = list[dict[str, Any]]()
    names["handle"] = heard.append
    monkeypatch.setattr(names["Hook"], "log_message", lambda *_: None)
    server = ThreadingHTTPServer(("127.0.0.1", 0), names["Hook"])
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    with shop(tmp_path / "shop", server.server_port) as served:
        served.happens("Order Completed", "1", revenue=40)
        wait_until(lambda: served.stands("crm") == [Status.DELIVERED], PATIENCE_S)
    forged = httpx.post(f"http://127.0.0.1:{server.server_port}/hook", content=b"{}", headers={"webhook-id": "x"})
    server.shutdown()
    server.server_close()
    assert forged.status_code == 401
    [told] = heard
    assert (told["trigger"], told["person"], told["direction"]) == ("bought", f"user_id:{ANN}", "entered")
    assert told["values"] == {"cart_value": 40.0}


def test_a_kill_during_an_attempt_sends_it_again_under_its_id(tmp_path: Path, hook: Receiver) -> None:
    """At least once, under one id: the attempt that nobody heard the end of is repeated after the start."""
    is_down = threading.Event()

    def answer() -> int:
        if not is_down.is_set():
            is_down.wait(PATIENCE_S)
            return 503
        return 204

    hook.answer = answer
    with shop(tmp_path / "shop", hook.port) as served:
        served.happens("Order Completed", "1")
        wait_until(lambda: len(hook.got) == 1, PATIENCE_S)
        served.stop(signal.SIGKILL)
        is_down.set()
        assert served.stands("crm") == [Status.READY]
        served.start()
        wait_until(lambda: served.stands("crm") == [Status.DELIVERED], PATIENCE_S)
        assert served.stop() == 0
    assert len(set(hook.ids)) == 1
    assert len(hook.ids) == 2
    assert hook.got[0][1] == hook.got[1][1]
    Webhook(SECRET).verify(hook.got[1][1], hook.got[1][0])


def test_what_one_destination_lacks_concerns_no_other(tmp_path: Path, hook: Receiver) -> None:
    """Slack has no URL: its deliveries wait, /readyz says why and answers 200, figures tell, the webhook goes out.

    Named otherwise in shoal.yaml while it is served, what waited is sent.
    """
    with shop(tmp_path / "shop", hook.port, OTHER_HOOK=f"http://127.0.0.1:{hook.port}/slack") as served:
        served.happens("Order Completed", "1")
        wait_until(lambda: served.stands("crm") == [Status.DELIVERED], PATIENCE_S)
        assert served.stands("team") == [Status.READY]
        assert served.readyz() == {
            "status": "ok",
            "destinations": {"team": "the environment variable SLACK_HOOK is not set"},
        }
        figures = httpx.get(f"{served.url}/metrics", timeout=20).text
        assert 'shoal_destination_trouble{destination="team"} 1.0' in figures
        assert 'shoal_delivery_attempts_total{destination="crm",result="delivered"} 1.0' in figures
        assert 'shoal_delivery_attempt_duration_seconds_count{destination="crm"} 1.0' in figures
        settings = (served.folder / "shoal.yaml").read_text()
        mended = settings.replace("{slack: SLACK_HOOK}", "{slack: OTHER_HOOK, networks: [127.0.0.0/8]}")
        (served.folder / "shoal.yaml").write_text(mended)
        wait_until(lambda: any(json.loads(body).get("text") for _, body in hook.got), PATIENCE_S)
        assert served.stop() == 0
    said = {"text": f"user_id:{ANN} bought", "unfurl_links": False}
    assert said in [json.loads(body) for _, body in hook.got]


def test_who_unsubscribes_gets_no_more_e_mail(tmp_path: Path, hook: Receiver, mailbox: Mailbox) -> None:
    """Looking at the link changes nothing; one click does, as an event, also for what would come next."""
    consents = {"consent": {"purposes": {"email": True}}}
    with shop(tmp_path / "shop", hook.port, mailbox.port) as served:
        identify = {"type": "identify", "messageId": "i", "traits": {"email": HER_ADDRESS}, "context": consents}
        served.send(identify)
        served.happens("Signed Up", "1")
        wait_until(lambda: len(mailbox.messages) == 1, PATIENCE_S)
        [message] = mailbox.messages
        assert (message["To"], message["Subject"]) == (HER_ADDRESS, "Welcome")
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        link = message["List-Unsubscribe"].strip("<>")
        assert link.startswith(f"{served.url}{PATH}/")

        shown = httpx.get(link, timeout=20)
        assert shown.status_code == 200
        assert '<form method="post"><button>' in shown.text
        assert "default-src 'none'" in shown.headers["content-security-policy"]
        assert (shown.headers["referrer-policy"], shown.headers["cache-control"]) == ("no-referrer", "no-store")
        assert httpx.head(link, timeout=20).status_code == 200
        served.happens("Signed Up", "2")
        wait_until(lambda: len(mailbox.messages) == 2, PATIENCE_S)

        clicked = httpx.post(link, content=b"List-Unsubscribe=One-Click", timeout=20)
        assert (clicked.status_code, "Done" in clicked.text) == (200, True)
        served.happens("Signed Up", "3")
        served.happens("Order Completed", "4")
        wait_until(lambda: served.stands("crm") == [Status.DELIVERED], PATIENCE_S)
        assert [each.status for each in served.deliveries("mail")] == [Status.DELIVERED] * 2
        assert httpx.post(f"{link}x", timeout=20).status_code == 404
        assert served.stop() == 0
        held = served.email_consent(ANN)
    assert len(mailbox.messages) == 2
    assert (held["granted"], held["decided_by"]["by"]) == (False, "unsubscribe link")


def test_a_refusal_counts_for_whoever_the_person_is_known_by(tmp_path: Path, hook: Receiver) -> None:
    """A visitor whom Shoal knows by an address only, and one by a device."""
    with shop(tmp_path / "shop", hook.port) as served:
        consents = {"consent": {"purposes": {"email": True}}}
        traits = {"email": HER_ADDRESS}
        visitor = {
            "type": "identify",
            "messageId": "i",
            "anonymousId": "d1",
            "traits": traits,
            "context": consents,
        }
        other = {"type": "track", "event": "Came", "messageId": "j", "anonymousId": "d2", "context": consents}
        served.send({**visitor, "userId": None}, {**other, "userId": None})
        links = Links((served.folder / SIGNING_KEY).read_bytes(), served.url)
        for who in (f"email:{HER_ADDRESS}", "anonymous_id:d2"):
            assert httpx.post(links.link(who, Purpose.EMAIL), timeout=20).status_code == 200
        assert served.stop() == 0
        for who in (f"email:{HER_ADDRESS}", "anonymous_id:d2"):
            assert served.email_consent(who)["granted"] is False


def test_logs_hold_no_secret_and_nobody(tmp_path: Path, hook: Receiver, mailbox: Mailbox) -> None:
    """Whatever happens to deliveries, at the most talkative level: no id, no address, no secret, no hook."""
    hook.answer = lambda: 500
    hidden = f"http://127.0.0.1:{hook.port}/services/T0/B0/hidden-path"
    with shop(tmp_path / "shop", hook.port, mailbox.port, SLACK_HOOK=hidden) as served:
        consents = {"consent": {"purposes": {"email": True}}}
        traits = {"email": HER_ADDRESS}
        served.send({"type": "identify", "messageId": "i", "traits": traits, "context": consents})
        served.happens("Signed Up", "0")
        for number in range(1, 8):
            served.happens("Order Completed", str(number), note="a private note")
        wait_until(lambda: len(hook.got) >= 1 and len(mailbox.messages) == 1, PATIENCE_S)
        link = mailbox.messages[0]["List-Unsubscribe"].strip("<>")
        assert httpx.post(link, timeout=20).status_code == 200
        assert served.stop() == 0
        log = served.log
    assert '"logger":"shoal' in log
    for private in (ANN, HER_ADDRESS, SECRET, SECRET[6:], "hidden-path", "private note", link.rsplit("/", 1)[1]):
        assert private not in log, private
