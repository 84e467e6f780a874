"""Destinations with the secrets of the environment: ready, or why not, in words that repeat no secret."""

from __future__ import annotations

import asyncio
import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from standardwebhooks import Webhook
from tests.certificates import make_certificate
from tests.delivering import LOOPBACK, NOW, Names, Sink, delivery

from shoal.definitions.acting import Destination
from shoal.deliver.audience import AudienceSender
from shoal.deliver.destinations import Opened, Surroundings, open_all
from shoal.deliver.email import EmailSender
from shoal.deliver.sender import Result, Sent
from shoal.deliver.slack import SlackSender
from shoal.deliver.unsubscribe import Links
from shoal.deliver.webhook import WebhookSender
from shoal.model.firing import Channel

SECRET = f"whsec_{base64.b64encode(b'1' * 32).decode()}"
OLD_SECRET = f"whsec_{base64.b64encode(b'0' * 32).decode()}"
ENVIRONMENT = {
    "SECRET": SECRET,
    "OLD_SECRET": OLD_SECRET,
    "WRITE_KEY": "abc123",
    "HOOK": "https://hooks.slack.example/services/T0/B0/hidden",
    "PRIVATE_HOOK": "http://user:hidden@hooks.slack.example/",
    "NOT_A_SECRET": "hunter2",
    "BROKEN": "hunter\n2",
    "EMPTY": " ",
}
LINKS = Links(b"k" * 32, "https://shoal.example")


def around(**other: Any) -> Surroundings:
    return Surroundings(**({"environment": ENVIRONMENT, "clock": lambda: NOW, "links": LINKS} | other))


def webhook(**other: Any) -> Destination:
    stated = {"name": "crm", "channel": Channel.WEBHOOK, "address": "https://crm.example/hook"}
    return Destination(**({**stated, "secret_variables": ("SECRET",)} | other))


def mail(**other: Any) -> Destination:
    stated = {
        "name": "crm",
        "channel": Channel.EMAIL,
        "address": "smtp://mail.example",
        "sender": "a@shop.example",
    }
    return Destination(**(stated | other))


def opened(destination: Destination, **other: Any) -> Opened:
    found, troubles = open_all({"crm": destination}, around(**other))
    assert troubles == {}
    return found["crm"]


def trouble(destination: Destination, **other: Any) -> str:
    found, troubles = open_all({"crm": destination}, around(**other))
    assert found == {}
    return troubles["crm"]


def test_each_channel_has_its_sender() -> None:
    """With how much at once, and how far apart."""
    assert isinstance(opened(webhook()).sender, WebhookSender)
    assert isinstance(opened(webhook(channel=Channel.AUDIENCE)).sender, AudienceSender)
    assert isinstance(opened(mail()).sender, EmailSender)
    slack = opened(Destination(name="crm", channel=Channel.SLACK, address_variable="HOOK"))
    assert isinstance(slack.sender, SlackSender)
    assert (slack.at_once, slack.spacing_ms) == (1, 1000)


@pytest.mark.parametrize(
    ("destination", "said"),
    [
        (webhook(secret_variables=("MISSING",)), "the environment variable MISSING is not set"),
        (webhook(secret_variables=("EMPTY",)), "the environment variable EMPTY is not set"),
        (webhook(secret_variables=("BROKEN",)), "the environment variable BROKEN holds a line break"),
        (webhook(secret_variables=("SECRET", "NOT_A_SECRET")), "NOT_A_SECRET holds no signing secret"),
        (webhook(secret_variables=()), "it has no secret to sign with"),
        (webhook(address=""), "it has no address"),
        (webhook(address="http://user:hidden@crm.example/"), "the URL holds a user or a password"),
        (webhook(address="http://crm.example:22/"), "port 22 is for other things than this"),
        (webhook(address="http://2130706433/"), "the URL has an address in an odd form"),
        (webhook(allowed_networks=("10.0.0.1/8",)), '"10.0.0.1/8" is no network'),
        (webhook(address="", address_variable="PRIVATE_HOOK"), "the URL holds a user or a password"),
        (mail(address="smtp://mail.example:6379"), "port 6379 is for other things than this"),
        (mail(sender="Shop"), '"Shop" is no sender of e-mail'),
        (mail(secret_variables=("MISSING",)), "the environment variable MISSING is not set"),
        (webhook(channel=Channel.PAGE), "page needs no destination"),
    ],
)
def test_what_is_wrong_is_said_in_words(destination: Destination, said: str) -> None:
    """And no secret is repeated."""
    found = trouble(destination)
    assert found.startswith(said)
    assert "hidden" not in found
    assert "hunter" not in found


def test_e_mail_needs_to_be_refused() -> None:
    """Without a public address of this server there is no link, and without one no e-mail."""
    assert trouble(mail(), links=None).startswith("public_url is not set")


def test_what_one_lacks_concerns_no_other() -> None:
    """All the others are ready."""
    found, troubles = open_all({"good": webhook(), "bad": webhook(secret_variables=("MISSING",))}, around())
    assert (set(found), set(troubles)) == ({"good"}, {"bad"})


def test_nothing_shows_the_environment() -> None:
    """What is printed by mistake holds no secret."""
    assert "hunter2" not in repr(around())


def posted(destination: Destination) -> tuple[dict[str, str], bytes]:
    """What comes to a server, for a delivery to it: headers and body."""

    async def story() -> tuple[dict[str, str], bytes]:
        async with Sink() as sink:
            place = {"address": f"http://sink.example:{sink.port}/", "allowed_networks": LOOPBACK}
            stated = {**{name: getattr(destination, name) for name in destination.__slots__}, **place}
            found = opened(Destination(**stated), resolve=Names({"sink.example": [["127.0.0.1"]]}))
            sent = await found.sender.send(delivery(content={"audience_key": "vip", "is_member": True}))
            await found.sender.close()
            assert sent.result is Result.DELIVERED
            return {name.lower(): value for name, value in sink.got[0].headers.items()}, sink.got[0].body

    return asyncio.run(story())


def test_all_secrets_sign() -> None:
    """The newest first."""
    headers, body = posted(webhook(secret_variables=("SECRET", "OLD_SECRET")))
    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    signed = [Webhook(each).sign(headers["webhook-id"], at, body.decode()) for each in (SECRET, OLD_SECRET)]
    assert headers["webhook-signature"].split(" ") == signed


def test_an_audience_signs_or_has_a_write_key() -> None:
    """By how its secret begins; or neither."""
    signed, _ = posted(webhook(channel=Channel.AUDIENCE))
    keyed, _ = posted(webhook(channel=Channel.AUDIENCE, secret_variables=("WRITE_KEY",)))
    bare, _ = posted(webhook(channel=Channel.AUDIENCE, secret_variables=()))
    assert ("webhook-signature" in signed, "authorization" in signed) == (True, False)
    assert keyed["authorization"] == f"Basic {base64.b64encode(b'abc123:').decode()}"
    assert not {"webhook-signature", "authorization"} & set(bare)


@pytest.mark.parametrize(("name", "result"), [("sink.example", Result.DELIVERED), ("other.example", Result.AGAIN)])
def test_tls_is_of_the_name_though_the_address_is_pinned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, result: Result
) -> None:
    """The certificate has to be of the name in the URL, which is also what the server hears as SNI and Host."""
    certificate = make_certificate(tmp_path, "sink.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
    heard = list[str | None]()
    context = certificate.for_server
    context.sni_callback = lambda _socket, said, _context: heard.append(said)

    async def story() -> tuple[Sent, list[str]]:
        sink = await Sink(lambda _: web.Response()).begin(ssl_context=context)
        destination = webhook(address=f"https://{name}:{sink.port}/", allowed_networks=LOOPBACK)
        found = opened(destination, resolve=Names({name: [["127.0.0.1"]]}))
        sent = await found.sender.send(delivery())
        await found.sender.close()
        await sink.end()
        return sent, [each.headers["Host"].split(":")[0] for each in sink.got]

    sent, hosts = asyncio.run(story())
    assert (sent.result, heard) == (result, [name])
    assert hosts == ([name] if result is Result.DELIVERED else [])
    assert result is Result.DELIVERED or sent.reason == "its certificate is not valid"
