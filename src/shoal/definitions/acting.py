"""How a workspace acts: destinations, caps, quiet hours, hold-out. `acting` and `destinations` of shoal.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shoal.model.firing import Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """From one time of day to another (maybe of the next day), in minutes after midnight on the person's clock."""

    begins: int
    ends: int
    channels: frozenset[Channel]


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where actions go. What is secret is named by its environment variable and stands in no file.

    `address` is the URL of a webhook or of a mail server (smtp://host:port); for Slack and where the URL itself is
    the secret it is empty and `address_variable` names the environment variable.
    """

    name: str
    channel: Channel
    address: str = ""
    address_variable: str = ""
    secret_variables: tuple[str, ...] = ()
    """Signing secrets of a webhook, the newest first; the password of a mail server."""
    user: str = ""
    sender: str = ""
    """The From address of e-mail."""
    allowed_networks: tuple[str, ...] = ()
    """Private networks, as 10.1.0.0/16, that this destination may be in. None by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """What shoal.yaml states about acting, or its defaults.

    `caps` is how many deliveries a person gets at most per channel and calendar day on that person's clock.
    `hold_out` is the share of people, 0 to 1, for whom nothing is ever done.
    """

    hold_out: float = 0.0
    caps: Mapping[Channel, int] = field(default_factory=dict)
    quiet_hours: tuple[QuietHours, ...] = ()
    destinations: Mapping[str, Destination] = field(default_factory=dict)
