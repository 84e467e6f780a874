"""Nothing is delivered into our own network: the block is where the connection is made, on the address it goes to.

Each form is tried with a real server listening on this machine: it must not see a connection.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address, ip_network

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from tests.delivering import NOW, Names, Sink, delivery

from shoal.deliver.addresses import (
    BLOCKED,
    BLOCKED_PORTS,
    MAIL_PORTS,
    Blocked,
    Guard,
    look_up,
    url_of,
    why_blocked,
)
from shoal.deliver.email import EmailSender
from shoal.deliver.posting import Poster
from shoal.deliver.sender import Result, Sent
from shoal.deliver.unsubscribe import Links
from shoal.errors import InputError

PRIVATE = [
    "0.0.0.0",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.1.2.3",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:0808:0808::",
    "2001:0:7f00:1::",
    "2001:db8::1",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700::1111%eth0",
    "fec0::1",
    "ff02::1",
    "4000::1",
    "100::1",
    "5f00::1",
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "93.184.215.14", "100.63.255.255", "100.128.0.1", "172.32.0.1", "2606:4700::1111"]

ODD_URLS = [
    "http://2130706433/",
    "http://0x7f000001/",
    "http://017700000001/",
    "http://0177.0.0.1/",
    "http://0x7f.0.0.1/",
    "http://0x7f.1/",
    "http://127.1/",
    "http://127.0.1/",
    "http://127.0.0.1./",
    "http://010.0.0.1/",
    "http://2852039166/",
    "http://0xa9fea9fe/",
    "http://025177524776/",
    "http://169.254.43518/",
    "http://1.2.3.4.5/",
    "http://%31%32%37.0.0.1/",
    "http://127.0.0.1%20/",
    "http://999.1.1.1/",
    "http://1.1.1.1 &@127.0.0.1# @x/",
    "http://user:secret@crm.example/",
    "http://user@crm.example/",
    "http://@crm.example/",
    "http://crm.example@127.0.0.1/",
    "http://crm.example:secret@127.0.0.1:8000/",
    "http://crm.example:25/",
    "http://crm.example:22/",
    "https://crm.example:6379/",
    "http://crm.example:465/",
    "ftp://crm.example/",
    "file:///etc/passwd",
    "gopher://crm.example/",
    "javascript:alert(1)",
    "data:text/plain,hello",
    "unix:///run/docker.sock",
    "//crm.example/",
    "crm.example",
    "http://",
    "http:///path",
    "http://[fe80::1%25eth0]/",
    "http://crm.example\\@127.0.0.1/",
    "http://crm.exa mple/",
    "http://crm.example/\r\nx: y",
    "http://crm.example:99999/",
    "http://" + "a" * 2000 + ".example/",
]


def names_of(*answers: list[str]) -> Names:
    return Names(
        {"crm.example": list(answers), "localhost": [["127.0.0.1"]], "localhost.": [["127.0.0.1", "::1"]]}
    )


@contextmanager
def listening(host: str = "127.0.0.1", family: int = socket.AF_INET) -> Iterator[socket.socket]:
    """A socket that would take a connection, and is asked afterwards whether one came."""
    with socket.socket(family, socket.SOCK_STREAM) as server:
        server.bind((host, 0))
        server.listen()
        server.setblocking(False)
        yield server


def connections(server: socket.socket) -> int:
    """How many connections wait to be taken."""
    count = 0
    while True:
        try:
            server.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


def post(url: str, guard: Guard, *, timeout_s: float = 5.0) -> Sent:
    async def story() -> Sent:
        poster = Poster(url, guard, clock=lambda: NOW, timeout_s=timeout_s)
        try:
            return (await poster.post(b"{}", {}))[0]
        finally:
            await poster.close()

    return asyncio.run(story())


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_public_is_blocked(address: str) -> None:
    """Every network of IANA's registries, and IPv4 in any dress of IPv6."""
    with pytest.raises(Blocked):
        Guard().check(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_is_not(address: str) -> None:
    """Also just beside what is blocked."""
    Guard().check(address)


@given(st.ip_addresses())
def test_what_is_let_through_is_global_to_python_too(address: object) -> None:
    """Two lists of special addresses, of different authors: nothing that theirs knows is missing in ours."""
    found = ip_address(str(address))
    if why_blocked(found) is None:
        assert found.is_global
        assert not found.is_multicast
        assert not found.is_reserved


def test_every_network_of_the_list_is_blocked_from_its_first_to_its_last_address() -> None:
    """The edges are in."""
    for network, _ in BLOCKED:
        addresses = ip_network(network)
        assert why_blocked(addresses[0]) is not None
        assert why_blocked(addresses[-1]) is not None


@pytest.mark.parametrize("url", ODD_URLS)
def test_odd_urls_are_refused_before_anything_is_looked_up(url: str) -> None:
    """Forms that programs read differently, users and passwords, ports and schemes of other things."""
    with pytest.raises(Blocked):
        url_of(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://crm.example/hook?a=1",
        "http://crm.example:8080/",
        "https://93.184.215.14/",
        "http://[2606:4700::1]/",
    ],
)
def test_plain_urls_are_taken(url: str) -> None:
    """As they are."""
    found = url_of(url)
    assert f"{found.scheme}://{found.authority}{found.target}" == url


def test_ports_of_mail_are_open_to_mail_only() -> None:
    """And those of databases are open to neither."""
    assert MAIL_PORTS <= BLOCKED_PORTS
    assert url_of("smtp://mail.example:587", schemes=("smtp",), mail=True).port == 587
    with pytest.raises(Blocked):
        url_of("smtp://mail.example:6379", schemes=("smtp",), mail=True)


HOSTS_HERE = [
    "127.0.0.1",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
    "crm.example",
    "CRM.example",
    "localhost",
    "localhost.",
]


@pytest.mark.parametrize("host", HOSTS_HERE)
def test_no_connection_reaches_a_server_on_this_machine(host: str) -> None:
    """Whether the address stands in the URL or a name leads to it; with leave to go there, the same URL does."""
    is_ipv6 = host == "[::1]"
    family, address = (socket.AF_INET6, "::1") if is_ipv6 else (socket.AF_INET, "127.0.0.1")
    with listening(address, family) as server:
        url = f"http://{host}:{server.getsockname()[1]}/"
        sent = post(url, Guard(resolve=names_of(["127.0.0.1"])))
        assert sent.result is Result.AGAIN
        assert sent.reason.startswith("blocked: ")
        assert connections(server) == 0
        leave = ["127.0.0.0/8", "::1/128", "::ffff:127.0.0.0/104"]
        sent = post(url, Guard(leave, resolve=names_of(["127.0.0.1"])), timeout_s=0.5)
        assert not sent.reason.startswith("blocked")
        assert connections(server) == 1


@pytest.mark.parametrize("private", [each for each in PRIVATE if "%" not in each])
def test_a_name_that_leads_to_a_private_address_is_blocked(private: str) -> None:
    """Also when a public address comes along with it: then nothing is connected to at all."""
    for answer in ([private], ["8.8.8.8", private], [private, "8.8.8.8"]):
        sent = post("http://crm.example:8080/", Guard(resolve=names_of(answer)))
        assert sent.reason.startswith("blocked: ")


def test_what_is_looked_up_is_no_address() -> None:
    """A resolver that gives back a name does not lead around the check."""
    sent = post("http://crm.example:8080/", Guard(resolve=names_of(["127.0.0.1.nip.example"])))
    assert sent.reason.startswith("blocked: ")


def test_rebinding_is_blocked_at_the_next_connection() -> None:
    """A name that was public first and private then: each connection looks it up, and goes where it looked.

    127.0.0.2 stands for the public address, by leave.
    """

    async def story() -> None:
        closing = web.Response(headers={"connection": "close"})
        names = names_of(["127.0.0.2"], ["127.0.0.1"])
        async with Sink(lambda _: closing, host="127.0.0.2") as public:
            guard = Guard(["127.0.0.2/32"], resolve=names)
            poster = Poster(f"http://crm.example:{public.port}/", guard, clock=lambda: NOW)
            private = Sink()
            await private.begin(public.port)
            first, _ = await poster.post(b"{}", {})
            second, _ = await poster.post(b"{}", {})
            await poster.close()
            await private.end()
            assert first.result is Result.DELIVERED
            assert second.reason == "blocked: 127.0.0.1 is loopback"
            assert (len(public.got), len(private.got), names.asked) == (1, 0, ["crm.example"] * 2)
            assert public.got[0].headers["Host"] == f"crm.example:{public.port}"

    asyncio.run(story())


def test_the_address_that_was_checked_is_the_one_that_is_connected_to() -> None:
    """Rebinding between the check and the connection finds nothing: the name is looked up once for both."""

    async def story() -> None:
        names = names_of(["127.0.0.2"], ["127.0.0.1"])
        async with Sink(host="127.0.0.2") as public:
            guard = Guard(["127.0.0.2/32"], resolve=names)
            poster = Poster(f"http://crm.example:{public.port}/", guard, clock=lambda: NOW)
            sent, _ = await poster.post(b"{}", {})
            await poster.close()
            assert (sent.result, names.asked) == (Result.DELIVERED, ["crm.example"])

    asyncio.run(story())


def test_the_block_is_at_the_socket_even_when_the_lookup_is_not_checked() -> None:
    """Whoever gives aiohttp an address on another way than by the guard's lookup still meets the guard."""

    class Careless(Guard):
        async def addresses(self, _host: str, _port: int) -> list[str]:
            return ["127.0.0.1"]

    with listening() as server:
        sent = post(f"http://crm.example:{server.getsockname()[1]}/", Careless())
        assert sent.reason == "blocked: 127.0.0.1 is loopback"
        assert connections(server) == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    """Neither to private addresses nor to any other: they are failures."""

    async def story() -> None:
        async with Sink(host="127.0.0.2") as private:
            target = {"location": f"http://127.0.0.2:{private.port}/"}
            async with Sink(lambda _: web.Response(status=status, headers=target)) as sink:
                guard = Guard(["127.0.0.0/8"])
                poster = Poster(f"http://127.0.0.1:{sink.port}/", guard, clock=lambda: NOW)
                sent, _ = await poster.post(b"{}", {})
                await poster.close()
                assert sent.result is Result.AGAIN
                assert sent.reason == f"it answered {status}: redirects are not followed"
                assert (len(sink.got), len(private.got)) == (1, 0)

    asyncio.run(story())


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would connect where the guard does not see it."""
    with listening() as server:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{server.getsockname()[1]}")
        sent = post("http://crm.example:8080/", Guard(resolve=names_of(["10.0.0.1"])))
        assert sent.reason.startswith("blocked: ")
        assert connections(server) == 0


@pytest.mark.parametrize("scheme", ["smtp", "smtps", "smtp+plain"])
def test_mail_meets_the_same_guard(scheme: str) -> None:
    """A mail server on this machine sees no connection unless it is allowed."""
    with listening() as server:

        async def story() -> Sent:
            address = f"{scheme}://crm.example:{server.getsockname()[1]}"
            guard = Guard(resolve=names_of(["127.0.0.1"]))
            links = Links(b"k" * 32, "https://shoal.example")
            mail = EmailSender(address, guard, links=links, sender="a@shop.example", clock=lambda: NOW)
            sent = await mail.send(delivery(content={"to": "ann@x.example", "subject": "Hi", "text": "Hello"}))
            await mail.close()
            return sent

        sent = asyncio.run(story())
        assert sent.reason.startswith("blocked: ")
        assert connections(server) == 0


def test_networks_have_to_be_networks() -> None:
    """A misspelled one allows nothing by mistake."""
    for written in ("10.0.0.1/8", "10.0.0", "example", "10.0.0.0/33", ""):
        with pytest.raises(InputError):
            Guard([written])


def test_leave_holds_for_its_network_only() -> None:
    """10.1.0.0/16 says nothing of 10.2.0.1, nor of the same address in the dress of IPv6."""
    guard = Guard(["10.1.0.0/16"])
    guard.check("10.1.2.3")
    for address in ("10.2.0.1", "::ffff:10.1.2.3", "127.0.0.1"):
        with pytest.raises(Blocked):
            guard.check(address)


def test_the_machines_own_resolver_is_asked_off_the_loop() -> None:
    """It finds localhost, and a name that does not exist is an OSError."""
    assert "127.0.0.1" in asyncio.run(look_up("localhost", 80)) or "::1" in asyncio.run(look_up("localhost", 80))
    with pytest.raises(OSError):  # noqa: PT011  (what it says depends on the machine)
        asyncio.run(look_up("does-not-exist.invalid", 80))
