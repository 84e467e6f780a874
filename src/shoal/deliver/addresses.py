"""Which addresses deliveries may be sent to, and connections that go nowhere else.

A URL in shoal.yaml, or a name that somebody else's name server answers for, must not lead into the network that
Shoal itself stands in: there are databases, the metadata of clouds, and pages for administrators. So every
connection looks the name up itself, checks every address that it gets, and connects to one of these and no other.
What is checked last is the address that the socket is made for, just before it is connected.
"""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import quote, urlsplit

from shoal.errors import InputError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
AddressInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[object, ...]]
Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Looks a name up: the addresses of a host, as texts. Raises OSError when there are none."""

BLOCKED: tuple[tuple[str, str], ...] = (
    ("0.0.0.0/8", "this host"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "shared by customers of a provider (carrier-grade NAT)"),
    ("127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link-local, where clouds keep their metadata"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "reserved"),
    ("192.0.2.0/24", "for documentation"),
    ("192.88.99.0/24", "6to4 relay"),
    ("192.168.0.0/16", "private"),
    ("198.18.0.0/15", "for benchmarks"),
    ("198.51.100.0/24", "for documentation"),
    ("203.0.113.0/24", "for documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
    ("::/128", "unspecified"),
    ("::1/128", "loopback"),
    ("::/96", "an IPv4 address in IPv6 (compatible)"),
    ("::ffff:0:0/96", "an IPv4 address in IPv6 (mapped)"),
    ("64:ff9b::/96", "an IPv4 address in IPv6 (NAT64)"),
    ("64:ff9b:1::/48", "an IPv4 address in IPv6 (NAT64)"),
    ("2002::/16", "an IPv4 address in IPv6 (6to4)"),
    ("2001::/32", "an IPv4 address in IPv6 (Teredo)"),
    ("2001::/23", "reserved"),
    ("2001:db8::/32", "for documentation"),
    ("3fff::/20", "for documentation"),
    ("fc00::/7", "private"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "site-local"),
    ("ff00::/8", "multicast"),
)
"""Networks that nothing public is in, with what they are (IANA's registries of special-purpose addresses)."""

PUBLIC_IPV6 = ip_network("2000::/3")
"""Of IPv6 only this is given to anybody. All else is reserved."""

_SERVICES = (
    20,
    21,
    22,
    23,
    53,
    69,
    111,
    123,
    135,
    137,
    138,
    139,
    161,
    389,
    445,
    512,
    513,
    514,
    515,
    548,
    636,
    873,
)
_STORES = (636, 1433, 1521, 2049, 2375, 3306, 3389, 5432, 5900, 6379, 9200, 11211, 27017)
_MAIL = (25, 109, 110, 143, 465, 587, 993, 995, 2525)

BLOCKED_PORTS = frozenset((*_SERVICES, *_STORES, *_MAIL))
"""Ports of shells, name servers, file shares, databases and mail, where a request by HTTP could be mischief."""

MAIL_PORTS = frozenset((25, 465, 587, 2525))
"""Those at which mail is handed in: open to e-mail, and to nothing else."""

DEFAULT_PORTS = {"https": 443, "http": 80, "smtp": 587, "smtps": 465, "smtp+plain": 25}

LONGEST_URL = 2000
CONNECT_S = 3.0
"""So long an address may take to answer while there is another one."""

_BLOCKED = tuple((ip_network(network), what) for network, what in BLOCKED)
_ENDS_IN_A_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9a-fA-F]*)\.?")
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_WRITTEN_ODDLY = re.compile(r"[\x00-\x20\x7f\\]")


_KEPT = "%/:@!$&'()*+,;=?~-._[]"
"""Letters that stand in the path or the query of a URL as they are."""


class Blocked(InputError):
    """Deliveries may not be sent there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Url:
    """Where something is sent. `host` is as it is looked up and stands in certificates, `target` what is asked."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """Host and port as a request names them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def read_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Networks as they are written: 10.1.0.0/16, fd00::/8, or a single address. Raises InputError."""
    found = list[Network]()
    for text in texts:
        try:
            found.append(ip_network(text))
        except ValueError:
            raise InputError(
                f'"{text[:80]}" is no network', hint="write it like 10.1.0.0/16, without bits behind its length"
            ) from None
    return tuple(found)


def url_of(text: str, *, schemes: Iterable[str] = ("https", "http"), mail: bool = False) -> Url:
    """A URL, taken apart. Raises Blocked for one that no delivery may be sent to.

    Only whole and plain ones: a scheme that is expected, no user or password in it, a port that is not blocked,
    and a host that is a name or an address in its usual form. 2130706433, 0x7f.1 and 0177.0.0.1 are forms of
    127.0.0.1 that programs read differently. Whoever connects takes host and port from here, and reads no URL.
    """
    if len(text) > LONGEST_URL or _WRITTEN_ODDLY.search(text):
        raise Blocked("the URL is too long, or has characters that no URL has")
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").encode("idna").decode("ascii"), parts.port
    except ValueError:
        raise Blocked("the URL cannot be read") from None
    if parts.scheme not in schemes:
        raise Blocked(f"the URL does not begin with {' or '.join(f'{each}://' for each in schemes)}")
    if "@" in parts.netloc:
        raise Blocked("the URL holds a user or a password", hint="leave what stands before the @ out")
    _refuse_odd_host(host)
    if port is not None and (port == 0 or (port in BLOCKED_PORTS and not (mail and port in MAIL_PORTS))):
        raise Blocked(f"port {port} is for other things than this")
    target = quote(parts.path or "/", safe=_KEPT) + (f"?{quote(parts.query, safe=_KEPT)}" if parts.query else "")
    return Url(scheme=parts.scheme, host=host, port=port or DEFAULT_PORTS[parts.scheme], target=target)


def _refuse_odd_host(host: str) -> None:
    if not host:
        raise Blocked("the URL names no host")
    if ":" in host:
        if "%" in host:
            raise Blocked("the URL names an interface of this machine")
        return
    if not _NAME.fullmatch(host):
        raise Blocked("the host of the URL is neither a name nor an address")
    if _ENDS_IN_A_NUMBER.fullmatch(host):
        try:
            IPv4Address(host)
        except ValueError:
            raise Blocked("the URL has an address in an odd form", hint="write it like 203.0.113.7") from None


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def why_blocked(address: Address) -> str | None:
    """What an address is that nothing public has; None for a public one."""
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return "of an interface of this machine"
    for network, what in _BLOCKED:
        if address.version == network.version and address in network:
            return what
    if isinstance(address, IPv6Address) and address not in PUBLIC_IPV6:
        return "reserved"
    return None


async def look_up(host: str, port: int) -> list[str]:
    """The addresses that this machine's resolver gives for a host.

    In a thread of its own: a name server that does not answer holds up one destination, and not the end of the
    process either.
    """
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[str]] = loop.create_future()

    def tell(addresses: list[str] | None, error: OSError | None) -> None:
        if found.done():
            return
        if addresses is None:
            found.set_exception(error or OSError())
        else:
            found.set_result(addresses)

    def work() -> None:
        addresses, error = None, None
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            addresses = list(dict.fromkeys(str(info[4][0]) for info in infos))
        except (OSError, UnicodeError) as caught:
            error = caught if isinstance(caught, OSError) else OSError("the name cannot be looked up")
        with suppress(RuntimeError):  # nobody waits any more
            loop.call_soon_threadsafe(tell, addresses, error)

    threading.Thread(target=work, name="look up a name", daemon=True).start()
    return await found


class Guard:
    """Lets connections through to public addresses, and to the networks that a destination explicitly allows."""

    def __init__(self, allowed: Iterable[str] = (), *, resolve: Resolve = look_up) -> None:
        """Raises InputError for networks that are none."""
        self.allowed = read_networks(allowed)
        self._resolve = resolve
        self._looking = asyncio.Lock()

    def check(self, address: str) -> None:
        """Raises Blocked unless this address may be connected to."""
        try:
            found = ip_address(address)
        except ValueError:
            raise Blocked("a name was looked up, and what came is no address") from None
        if any(found.version == network.version and found in network for network in self.allowed):
            return
        if (what := why_blocked(found)) is not None:
            raise Blocked(
                f"{found} is {what}",
                hint="networks of the destination says which networks of your own it may be in",
            )

    async def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of a host, every one of them checked. Raises Blocked for all when one is not allowed.

        An address is its own; a name is looked up. A destination looks one name up at a time, so that a slow name
        server is not asked by many at once.
        """
        if _is_address(host):
            found = [host]
        else:
            async with self._looking:
                found = await self._resolve(host, port)
        if not found:
            raise OSError("the name has no address")
        for address in found:
            self.check(address)
        return found

    def make_socket(self, info: AddressInfo) -> socket.socket:
        """A socket for one address, which is checked here again: nothing comes between this and the connection."""
        family, kind, protocol, _, address = info
        self.check(str(address[0]))
        return socket.socket(family, kind, protocol)

    async def connect(self, host: str, port: int) -> socket.socket:
        """A connected socket to a host. Raises Blocked, or OSError when none of its addresses answers."""
        addresses = await self.addresses(host, port)
        loop, last = asyncio.get_running_loop(), OSError("the name has no address")
        for address in addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            connected = self.make_socket((family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port)))
            connected.setblocking(False)
            try:
                async with asyncio.timeout(None if address == addresses[-1] else CONNECT_S):
                    await loop.sock_connect(connected, (address, port))
            except OSError as error:  # TimeoutError is one
                connected.close()
                last = error
            except BaseException:
                connected.close()
                raise
            else:
                return connected
        raise last
