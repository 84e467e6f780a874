"""Destinations as they are written, with the secrets of the environment, as senders that are ready.

What is missing or wrong concerns one destination: its deliveries wait, and all others go on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from standardwebhooks import Webhook

from shoal.definitions.acting import Destination
from shoal.deliver.addresses import Guard, Resolve, look_up
from shoal.deliver.audience import AudienceSender
from shoal.deliver.email import CONNECTIONS as MAIL_CONNECTIONS
from shoal.deliver.email import EmailSender
from shoal.deliver.posting import CONNECTIONS, Poster
from shoal.deliver.sender import Sender
from shoal.deliver.slack import MILLISECONDS_BETWEEN, SlackSender
from shoal.deliver.unsubscribe import Links
from shoal.deliver.webhook import SECRET_PREFIX, Signatures, WebhookSender, read_secret
from shoal.errors import Error, InputError
from shoal.model.firing import Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A sender, how many deliveries may be under way to it, and how far apart they have to begin."""

    sender: Sender
    at_once: int = CONNECTIONS
    spacing_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What destinations need beside what is written of them. `links` is None where no public URL is set."""

    environment: Mapping[str, str] = field(repr=False)
    clock: Callable[[], int]
    links: Links | None = None
    resolve: Resolve = look_up


def open_all(
    destinations: Mapping[str, Destination], around: Surroundings
) -> tuple[dict[str, Opened], dict[str, str]]:
    """Every destination that can be sent to, and why the others cannot."""
    opened, troubles = dict[str, Opened](), dict[str, str]()
    for name, destination in destinations.items():
        try:
            opened[name] = open_destination(destination, around)
        except Error as error:
            troubles[name] = f"{error.message} ({error.hint})" if error.hint else error.message
    return opened, troubles


def open_destination(destination: Destination, around: Surroundings) -> Opened:
    """A sender for a destination. Raises InputError for what is missing or cannot be; it repeats no secret."""
    guard = Guard(destination.allowed_networks, resolve=around.resolve)
    clock = around.clock
    match destination.channel:
        case Channel.WEBHOOK:
            poster = Poster(_address(destination, around), guard, clock=clock)
            return Opened(sender=WebhookSender(poster, _signatures(destination, around), clock=clock))
        case Channel.AUDIENCE:
            poster = Poster(_address(destination, around), guard, clock=clock)
            return Opened(sender=_audience(destination, poster, around))
        case Channel.SLACK:
            poster = Poster(_address(destination, around), guard, clock=clock)
            return Opened(sender=SlackSender(poster), at_once=1, spacing_ms=MILLISECONDS_BETWEEN)
        case Channel.EMAIL:
            return Opened(sender=_email(destination, guard, around), at_once=MAIL_CONNECTIONS)
    raise InputError(f"{destination.channel.value} needs no destination: pages are reached by the tracker")


def _address(destination: Destination, around: Surroundings) -> str:
    if destination.address_variable:
        return _secret(destination.address_variable, around)
    if not destination.address:
        raise InputError("it has no address")
    return destination.address


def _signatures(destination: Destination, around: Surroundings) -> Signatures:
    if not destination.secret_variables:
        raise InputError("it has no secret to sign with", hint="name its environment variable under secrets")
    return Signatures([_signing(name, around) for name in destination.secret_variables])


def _audience(destination: Destination, poster: Poster, around: Surroundings) -> AudienceSender:
    """Secrets that begin as those of webhooks sign. Any other is a write key, as collectors want it."""
    names = destination.secret_variables
    if not names:
        return AudienceSender(poster, clock=around.clock)
    if _secret(names[0], around).startswith(SECRET_PREFIX):
        return AudienceSender(poster, clock=around.clock, signatures=_signatures(destination, around))
    return AudienceSender(poster, clock=around.clock, write_key=_secret(names[0], around))


def _email(destination: Destination, guard: Guard, around: Surroundings) -> EmailSender:
    if around.links is None:
        raise InputError(
            "public_url is not set, and each e-mail has to hold a link to refuse more",
            hint="public_url of serve.yaml, or SHOAL_PUBLIC_URL",
        )
    names = destination.secret_variables
    return EmailSender(
        _address(destination, around),
        guard,
        links=around.links,
        sender=destination.sender,
        clock=around.clock,
        user=destination.user,
        password=_secret(names[0], around) if names else "",
    )


def _signing(name: str, around: Surroundings) -> Webhook:
    stated = _secret(name, around)
    try:
        return read_secret(stated)
    except InputError as error:
        raise InputError(f"{name} holds {error.message}", hint=error.hint) from None


def _secret(name: str, around: Surroundings) -> str:
    """What an environment variable holds. Raises InputError, which says its name and nothing of its value."""
    stated = around.environment.get(name, "").strip()
    if not stated:
        raise InputError(f"the environment variable {name} is not set")
    if re.search(r"[\x00-\x1f\x7f]", stated):
        raise InputError(f"the environment variable {name} holds a line break")
    return stated
