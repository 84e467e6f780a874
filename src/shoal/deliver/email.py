"""E-mail over SMTP: encrypted unless the destination says otherwise, with a way out of it in one click.

Each e-mail has `List-Unsubscribe` and `List-Unsubscribe-Post` (RFC 8058), so that mail programs show a button, and
the same link at its end. Its Message-ID follows from the delivery's id: whoever gets it twice can tell.
"""

from __future__ import annotations

import asyncio
import html
import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, parseaddr

import aiosmtplib

from shoal.deliver.addresses import Blocked, Guard, Url, url_of
from shoal.deliver.sender import Sent
from shoal.deliver.unsubscribe import Links
from shoal.errors import InputError
from shoal.model.firing import Delivery
from shoal.model.time import SECOND

SCHEMES = ("smtp", "smtps", "smtp+plain")
"""How an address begins: STARTTLS is required, TLS from the start, no TLS."""

TIMEOUT_S = 20.0
"""For connecting, and for each answer."""

CONNECTIONS = 4
LONGEST_IDLE = 30 * SECOND
"""A connection that was not used for so long is not used again: servers close them."""

LONGEST_ADDRESS = 254

_LINE_BREAK = re.compile(r"[\r\n\v\f\x1c-\x1e\x85\u2028\u2029\x00]")


class EmailSender:
    """Sends to one mail server."""

    def __init__(
        self,
        address: str,
        guard: Guard,
        *,
        links: Links,
        sender: str,
        clock: Callable[[], int],
        user: str = "",
        password: str = "",
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Raises InputError for a server or a From that cannot be."""
        self.url, self.guard, self.clock, self.links = mail_url(address), guard, clock, links
        self.sender = read_sender(sender)
        self._user, self._password, self._timeout_s = user, password, timeout_s
        self._idle: list[tuple[int, aiosmtplib.SMTP]] = []

    async def send(self, delivery: Delivery) -> Sent:
        """One attempt."""
        try:
            message = email_message(delivery, self.sender, self.links.link(delivery.person, delivery.purpose))
        except ValueError as error:
            return Sent.refused(str(error))
        try:
            async with self._connection() as server:
                await server.send_message(message)
        except Blocked as blocked:
            return Sent.again(f"blocked: {blocked.message}")
        except (aiosmtplib.SMTPException, OSError) as error:
            return meaning_of_smtp(error)
        return Sent.delivered()

    async def close(self) -> None:
        idle, self._idle = self._idle, []
        for _, server in idle:
            await _quit(server)
        await asyncio.sleep(0)  # transports close on the loop's next turn

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[aiosmtplib.SMTP]:
        """One that is idle, or a new one. It is used again when nothing went wrong."""
        server = await self._idle_one() or await self._connected()
        try:
            yield server
        except aiosmtplib.SMTPRecipientsRefused:
            await self._put_back(server)
            raise
        except BaseException:
            _hang_up(server, server.transport)
            raise
        await self._put_back(server)

    async def _put_back(self, server: aiosmtplib.SMTP) -> None:
        if server.is_connected:
            self._idle.append((self.clock(), server))

    async def _idle_one(self) -> aiosmtplib.SMTP | None:
        while self._idle:
            since, server = self._idle.pop()
            if server.is_connected and self.clock() - since < LONGEST_IDLE:
                return server
            _hang_up(server, server.transport)
        return None

    async def _connected(self) -> aiosmtplib.SMTP:
        """A connection to an address that the guard has checked. The certificate has to be of the host."""
        async with asyncio.timeout(self._timeout_s):
            connected = await self.guard.connect(self.url.host, self.url.port)
        server = aiosmtplib.SMTP(
            hostname=self.url.host,
            sock=connected,
            local_hostname=self.sender.domain,
            timeout=self._timeout_s,
            use_tls=self.url.scheme == "smtps",
            start_tls=False,
            tls_context=ssl.create_default_context(),
        )
        try:
            await self._greet(server)
        except BaseException:
            _hang_up(server, server.transport)
            connected.close()
            raise
        return server

    async def _greet(self, server: aiosmtplib.SMTP) -> None:
        """Connects, encrypts where that is required, and only then says who we are."""
        await server.connect()
        if self.url.scheme == "smtp":
            await server.ehlo()
            if not server.supports_extension("starttls"):
                raise aiosmtplib.SMTPNotSupported("STARTTLS")
            await server.starttls()
        if self._user:
            await server.login(self._user, self._password)


async def _quit(server: aiosmtplib.SMTP) -> None:
    transport = server.transport
    with suppress(aiosmtplib.SMTPException, OSError):
        await server.quit()
    _hang_up(server, transport)


def _hang_up(server: aiosmtplib.SMTP, transport: asyncio.BaseTransport | None) -> None:
    """Ends a connection at once: nobody waits until the other side agrees to end its encryption."""
    server.close()
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()


def mail_url(address: str) -> Url:
    """The URL of a mail server: smtp://host, smtps://host or smtp+plain://host, with a port or without.

    Raises Blocked.
    """
    return url_of(address, schemes=SCHEMES, mail=True)


def read_sender(stated: str) -> Address:
    """The From of e-mail: `Shop <hello@shop.example>`. Raises InputError."""
    try:
        name, address = parseaddr(_one_line(stated, "From"))
        return _whole(Address(display_name=name, addr_spec=address))
    except (ValueError, MessageError, IndexError):
        raise InputError(
            f'"{stated[:80]}" is no sender of e-mail', hint="write it like Shop <hello@shop.example>"
        ) from None


def email_message(delivery: Delivery, sender: Address, unsubscribe: str) -> EmailMessage:
    """The e-mail for a delivery: the same at every attempt. Raises ValueError for what can be sent to nobody."""
    content = delivery.content
    message = EmailMessage(policy=SMTP_POLICY)
    message["From"] = sender
    message["To"] = _recipient(content.get("to"))
    message["Subject"] = _one_line(content.get("subject"), "subject")
    message["Date"] = format_datetime(datetime.fromtimestamp(delivery.created_at // 1000, UTC))
    message["Message-ID"] = f"<{delivery.id}@{sender.domain}>"
    message["List-Unsubscribe"] = f"<{unsubscribe}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message["Auto-Submitted"] = "auto-generated"
    text, rich = content.get("text"), content.get("html")
    if not text and not rich:
        raise ValueError("it has neither a text nor html")
    message.set_content(f"{text or 'This e-mail is shown as HTML.'}\n\n-- \nUnsubscribe: {unsubscribe}\n")
    if rich:
        message.add_alternative(_with_way_out(str(rich), unsubscribe), subtype="html")
    return message


def _with_way_out(rich: str, unsubscribe: str) -> str:
    """HTML with the link at the end of its body."""
    link = f'<p><a href="{html.escape(unsubscribe)}">Unsubscribe</a></p>'
    end = rich.lower().rfind("</body>")
    return f"{rich}{link}" if end < 0 else f"{rich[:end]}{link}{rich[end:]}"


def _recipient(stated: object) -> Address:
    """One address, and nothing that a mail server could read as two."""
    address = _one_line(stated, "address")
    try:
        return _whole(Address(addr_spec=address))
    except (ValueError, MessageError, IndexError):
        raise ValueError("the person's address is not one of e-mail") from None


def _whole(address: Address) -> Address:
    if not address.username or not address.domain or len(address.addr_spec) > LONGEST_ADDRESS:
        raise ValueError
    return address


def _one_line(stated: object, what: str) -> str:
    """A text for a header. A line break in it would begin another header (CWE-93)."""
    if not isinstance(stated, str) or not stated.strip():
        raise ValueError(f"it has no {what}")
    if _LINE_BREAK.search(stated):
        raise ValueError(f"its {what} holds a line break")
    return stated.strip()


def meaning_of_smtp(error: Exception) -> Sent:
    """What a failure means. Servers repeat addresses in what they say, so only their codes are told."""
    match error:
        case aiosmtplib.SMTPRecipientsRefused(recipients=[aiosmtplib.SMTPRecipientRefused(code=code), *_]):
            if code >= 500:
                return Sent.refused(f"the mail server does not take the address: {code}")
            return Sent.again(
                f"the mail server does not take the address yet: {code}", is_destinations_fault=False
            )
        case aiosmtplib.SMTPAuthenticationError(code=code):
            return Sent.again(f"the mail server does not take the user and password: {code}")
        case aiosmtplib.SMTPSenderRefused(code=code):
            return Sent.again(f"the mail server does not take the sender: {code}")
        case aiosmtplib.SMTPDataError(code=code) if code >= 500:
            return Sent.refused(f"the mail server does not take the e-mail: {code}")
        case aiosmtplib.SMTPResponseException(code=code):
            return Sent.again(f"the mail server answered {code}")
        case aiosmtplib.SMTPNotSupported():
            return Sent.again("the mail server offers no encryption (STARTTLS), or not what else is needed")
        case ssl.SSLError():
            return Sent.again("the certificate of the mail server is not valid")
        case TimeoutError():
            return Sent.again("no answer from the mail server in time")
    return Sent.again(f"no connection to the mail server ({type(error).__name__})")
