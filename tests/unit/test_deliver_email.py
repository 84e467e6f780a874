"""E-mail against a real mail server in the test: encrypted, signed off in one click, one address and no other."""

from __future__ import annotations

import asyncio
import re
import stat
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from hypothesis import given
from hypothesis import strategies as st
from tests.certificates import Certificate, make_certificate
from tests.delivering import NOW, delivery, guard

from shoal.deliver.email import EmailSender, email_message, read_sender
from shoal.deliver.sender import Result, Sent
from shoal.deliver.unsubscribe import Links, Refusal, make_token, read_token, signing_key
from shoal.errors import InputError, NotFound, StoreError
from shoal.model.consent import Purpose
from shoal.model.firing import Channel, Delivery
from shoal.model.identifier import Identifier

KEY = b"k" * 32
LINKS = Links(KEY, "https://shoal.example/")
HELLO = {"to": "ann@x.example", "subject": "Your cart", "text": "Hello Ann", "html": "<p>Hello <b>Ann</b></p>"}
REFUSAL = Refusal(Identifier("user_id", "ann"), (Purpose.EMAIL, Purpose.PERSONALISATION))


def mail(id_: str = "fir_1_1", **content: Any) -> Delivery:
    return delivery(id_, channel=Channel.EMAIL, content=HELLO | content)


@dataclass(slots=True)
class Inbox:
    """A mail server's end: what it took, over what, and what it does not take."""

    refuses: dict[str, str] = field(default_factory=dict)
    answer: str = "250 taken"
    got: list[Envelope] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802  (a name of aiosmtpd)
        self, _server: Any, _session: Any, envelope: Envelope, address: str, _options: Any
    ) -> str:
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 known"

    async def handle_DATA(self, _server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.got.append(envelope)
        self.sessions.append(session)
        return self.answer

    @property
    def messages(self) -> list[Message]:
        return [message_from_bytes(bytes(each.content or b""), policy=policy.default) for each in self.got]


@asynccontextmanager
async def serving(inbox: Inbox, **options: Any) -> AsyncIterator[int]:
    """A mail server on this machine; its port."""
    loop = asyncio.get_running_loop()
    connected = set[SMTP]()

    def begin() -> SMTP:
        connected.add(server := SMTP(inbox, loop=loop, **options))
        return server

    listening = await loop.create_server(begin, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for each in connected:
            if each.transport is not None:
                each.transport.close()
        await listening.wait_closed()
        await asyncio.sleep(0.01)


def sent_to(
    inbox: Inbox,
    *deliveries: Delivery,
    scheme: str = "smtp+plain",
    server: dict[str, Any] | None = None,
    **options: Any,
) -> list[Sent]:
    """What is said of e-mails to a real server."""

    async def story() -> list[Sent]:
        async with serving(inbox, **(server or {})) as port:
            sender = EmailSender(
                f"{scheme}://sink.example:{port}",
                guard(),
                links=LINKS,
                sender="Shop <hello@shop.example>",
                clock=lambda: NOW,
                timeout_s=5,
                **options,
            )
            sent = [await sender.send(each) for each in deliveries]
            await sender.close()
            return sent

    return asyncio.run(story())


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Certificate:
    """One that this process trusts."""
    made = make_certificate(tmp_path, "sink.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(made.path))
    return made


def test_an_e_mail_arrives_as_it_was_meant() -> None:
    """From, to, subject and both forms of its text."""
    inbox = Inbox()
    [sent] = sent_to(inbox, mail(subject="Grüße, Ann"))
    [message], [envelope] = inbox.messages, inbox.got
    assert sent.result is Result.DELIVERED
    assert (envelope.mail_from, envelope.rcpt_tos) == ("hello@shop.example", ["ann@x.example"])
    assert (message["From"], message["To"], message["Subject"]) == (
        "Shop <hello@shop.example>",
        "ann@x.example",
        "Grüße, Ann",
    )
    assert message["Message-ID"] == "<fir_1_1@shop.example>"
    assert isinstance(message, EmailMessage)
    text, rich = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert rich is not None
    assert text.get_content().startswith("Hello Ann")
    assert "<p>Hello <b>Ann</b></p>" in rich.get_content()


def test_every_e_mail_can_be_refused_in_one_click() -> None:
    """The headers of RFC 8058, and the same link at the end of both texts."""
    inbox = Inbox()
    sent_to(inbox, mail(), mail("fir_2_1", html="<html><body><p>Hi</p></body></html>"))
    for message in inbox.messages:
        assert isinstance(message, EmailMessage)
        link = message["List-Unsubscribe"].strip("<>")
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert link.startswith("https://shoal.example/v1/unsubscribe/")
        assert read_token(KEY, link.rsplit("/", 1)[1]) == REFUSAL
        text, rich = message.get_body(("plain",)), message.get_body(("html",))
        assert text is not None
        assert rich is not None
        assert text.get_content().rstrip().endswith(f"Unsubscribe: {link}")
        assert f'<a href="{link}">Unsubscribe</a></p>' in rich.get_content()
    assert rich.get_content().rstrip().endswith("</body></html>")


def test_the_same_at_every_attempt() -> None:
    """So that a mail program shows a repetition once."""
    inbox = Inbox()
    sent_to(inbox, mail(), delivery("fir_1_1", channel=Channel.EMAIL, content=HELLO, attempts=3))
    first, second = inbox.messages
    assert [first[name] for name in ("Message-ID", "Date", "List-Unsubscribe")] == [
        second[name] for name in ("Message-ID", "Date", "List-Unsubscribe")
    ]


def test_one_connection_serves_many() -> None:
    """A server is not connected to anew for each."""
    inbox = Inbox()
    sent = sent_to(inbox, *(mail(f"fir_{number}_1") for number in range(20)))
    assert [each.result for each in sent] == [Result.DELIVERED] * 20
    assert len({id(session) for session in inbox.sessions}) == 1


def test_starttls_is_required(certificate: Certificate) -> None:
    """A server that does not offer it gets nothing, unless the destination says that it may."""
    inbox = Inbox()
    [sent] = sent_to(inbox, mail(), scheme="smtp")
    assert (sent.result, inbox.got) == (Result.AGAIN, [])
    assert "STARTTLS" in sent.reason
    [sent] = sent_to(inbox, mail(), scheme="smtp", server={"tls_context": certificate.for_server})
    assert sent.result is Result.DELIVERED
    assert inbox.sessions[0].ssl is not None


def test_a_certificate_has_to_be_of_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of its name, and of somebody whom this machine trusts."""
    (tmp_path / "other").mkdir()
    of_other = make_certificate(tmp_path / "other", "other.example")
    ours = make_certificate(tmp_path, "sink.example")
    inbox = Inbox()
    for trusted, presented in ((of_other, of_other), (of_other, ours)):
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted.path))
        [sent] = sent_to(inbox, mail(), scheme="smtp", server={"tls_context": presented.for_server})
        assert (sent.result, inbox.got) == (Result.AGAIN, [])


def test_a_user_logs_in(certificate: Certificate) -> None:
    """With the password of the environment; a wrong one is told by its code and not by its letters."""
    inbox, tried = Inbox(), list[tuple[bytes, bytes]]()

    def check(_server: Any, _session: Any, _envelope: Any, _mechanism: Any, data: Any) -> AuthResult:
        tried.append((data.login, data.password))
        return AuthResult(success=data.password == b"right", handled=False)

    options = {"tls_context": certificate.for_server, "authenticator": check, "auth_required": True}
    options["auth_exclude_mechanism"] = ["CRAM-MD5"]
    [sent] = sent_to(inbox, mail(), scheme="smtp", server=options, user="shop", password="right")
    assert (sent.result, tried) == (Result.DELIVERED, [(b"shop", b"right")])
    [sent] = sent_to(inbox, mail(), scheme="smtp", server=options, user="shop", password="wrong")
    assert (sent.result, sent.reason) == (
        Result.AGAIN,
        "the mail server does not take the user and password: 535",
    )


@pytest.mark.parametrize(
    ("answer", "result"), [("550 no such user", Result.REFUSED), ("450 later, please", Result.AGAIN)]
)
def test_an_address_that_is_not_taken(answer: str, result: Result) -> None:
    """For good, or for now; the server is well either way, and its words are not repeated."""
    inbox = Inbox(refuses={"ann@x.example": answer})
    first, second = sent_to(inbox, mail(), mail("fir_2_1", to="bob@x.example"))
    assert (first.result, second.result) == (result, Result.DELIVERED)
    assert answer[:3] in first.reason
    assert "ann" not in first.reason
    assert result is Result.REFUSED or not first.is_destinations_fault


@pytest.mark.parametrize(("answer", "result"), [("554 no spam", Result.REFUSED), ("451 busy", Result.AGAIN)])
def test_an_e_mail_that_is_not_taken(answer: str, result: Result) -> None:
    """As the server says: never, or not now."""
    [sent] = sent_to(Inbox(answer=answer), mail())
    assert sent.result is result


@pytest.mark.parametrize(
    "content",
    [
        {"subject": "Hi\r\nBcc: eve@x.example"},
        {"subject": "Hi\nBcc: eve@x.example"},
        {"subject": "Hi\rBcc: eve@x.example"},
        {"subject": "Hi\u2028Bcc: eve@x.example"},
        {"subject": "Hi\x00"},
        {"to": "ann@x.example\r\nBcc: eve@x.example"},
        {"to": "ann@x.example, eve@x.example"},
        {"to": "ann@x.example eve@x.example"},
        {"to": "<ann@x.example>\r\nRCPT TO:<eve@x.example>"},
        {"to": "Ann <ann@x.example>"},
        {"to": "ann"},
        {"to": "@x.example"},
        {"to": ""},
        {"to": None},
        {"to": f"{'a' * 300}@x.example"},
        {"subject": ""},
        {"subject": None},
        {"text": "", "html": ""},
    ],
)
def test_what_would_be_more_than_one_e_mail_to_one_person_is_refused(content: dict[str, Any]) -> None:
    """Line breaks in headers, two addresses in one; and what has no address or nothing to say."""
    inbox = Inbox()
    [sent] = sent_to(inbox, mail(**content))
    assert (sent.result, inbox.got) == (Result.REFUSED, [])
    assert "eve" not in sent.reason


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_text_adds_a_header_or_a_recipient(subject: str, to: str) -> None:
    """Whatever people are called: an e-mail has the headers it always has, or there is none."""
    try:
        message = email_message(
            mail(subject=subject, to=to), read_sender("hello@shop.example"), "https://x.example"
        )
    except ValueError:
        return
    again = message_from_bytes(message.as_bytes(), policy=policy.default)
    assert sorted(again.keys()) == sorted(message.keys())
    assert len(again["To"].addresses) == 1


@pytest.mark.parametrize("wrong", ["", "Shop", "Shop <hello>", "a@b.example\r\nBcc: c@d.example", "<>", "a@"])
def test_a_sender_has_to_be_one(wrong: str) -> None:
    """When the server starts, and not with the first e-mail."""
    with pytest.raises(InputError):
        read_sender(wrong)


def test_a_server_that_is_away_is_a_failure_that_may_pass() -> None:
    """Nobody listens, or somebody who says nothing."""

    async def story(begin: Callable[[], asyncio.Protocol] | None) -> Sent:
        loop = asyncio.get_running_loop()
        listening = await loop.create_server(begin or asyncio.Protocol, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        if begin is None:
            listening.close()
        sender = EmailSender(
            f"smtp+plain://sink.example:{port}",
            guard(),
            links=LINKS,
            sender="hello@shop.example",
            clock=lambda: NOW,
            timeout_s=0.2,
        )
        sent = await sender.send(mail())
        await sender.close()
        listening.close()
        return sent

    assert asyncio.run(story(None)).reason == "no connection to the mail server (ConnectionRefusedError)"
    assert asyncio.run(story(asyncio.Protocol)).reason == "no answer from the mail server in time"


# Links


@given(st.lists(st.sampled_from(Purpose)), st.text(min_size=1), st.text(min_size=1))
def test_a_token_says_who_and_what_for(purposes: list[Purpose], kind: str, value: str) -> None:
    """And fits into a URL."""
    refusal = Refusal(Identifier(kind, value), tuple(purposes))
    token = make_token(KEY, refusal)
    assert re.fullmatch(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", token)
    assert read_token(KEY, token) == refusal


@given(st.data())
def test_a_token_that_was_changed_is_none(data: st.DataObject) -> None:
    """Whatever letter is another one; also one of another workspace."""
    token = make_token(KEY, REFUSAL)
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from("abcXYZ019-_."))
    changed = token[:place] + letter + token[place + 1 :]
    if _bits(changed) != _bits(token):
        with pytest.raises(NotFound):
            read_token(KEY, changed)
    with pytest.raises(NotFound):
        read_token(b"o" * 32, token)


def _bits(token: str) -> list[bytes] | str:
    """What a token's letters stand for: the last one may have spare bits."""
    parts = token.split(".")
    if len(parts) != 2 or any(len(part) % 4 == 1 for part in parts):
        return token
    return [urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in parts]


@pytest.mark.parametrize("wrong", ["", ".", "a.b", "x" * 10_000, "..", "é.é", "AAAA.AAAA", "../../etc/passwd"])
def test_what_is_no_token_is_not_found(wrong: str) -> None:
    """Without saying in which way."""
    with pytest.raises(NotFound):
        read_token(KEY, wrong)


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    """Many that start at a time get the same."""
    path, found = tmp_path / ".shoal" / "signing.key", list[bytes]()
    threads = [Thread(target=lambda: found.append(signing_key(path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(found) == {signing_key(path)}
    assert len(found[0]) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_damaged_key_is_told(tmp_path: Path) -> None:
    """Rather than signing with half of it."""
    (tmp_path / "signing.key").write_bytes(b"short")
    with pytest.raises(StoreError):
        signing_key(tmp_path / "signing.key")
