"""How a server runs: from options, the environment and a file, in this order, each explained in one table.

What events mean stands in shoal.yaml and is the same wherever a workspace is served. What stands here is of one
machine: where it listens, what it logs, how much it may hold.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import yaml

from shoal.collect.http.limits import Limits
from shoal.decide import Rates, ServerKeys
from shoal.errors import InputError
from shoal.journal.sqlite import JournalLimits
from shoal.runtime.logs import FORMATS, LEVELS
from shoal.web import StreamLimits

SERVE_FILE = "serve.yaml"
"""Read from the workspace when it is there and no other file is named."""

PREFIX = "SHOAL_"
CONFIG_VARIABLE = f"{PREFIX}CONFIG"
MOST_BYTES = 2**40

NO_URL = "none"
"""What `public_url` is where nobody says."""

Value = str | int | float


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeSetting:
    """One setting: its value when nothing is said, what it is, and how what is said is read."""

    default: Value
    summary: str
    read: Callable[[str], Value]

    def value(self, stated: object, place: str) -> Value:
        """What is stated at a place. Raises InputError."""
        if isinstance(stated, bool) or not isinstance(stated, str | int | float):
            raise InputError(f"{place} is neither a text nor a number", hint=self.summary)
        try:
            return self.read(str(stated))
        except ValueError as error:
            raise InputError(f"{place}: {str(stated)[:80]!r} {error}", hint=self.summary) from None


def _one_of(*words: str) -> Callable[[str], str]:
    def read(stated: str) -> str:
        if stated not in words:
            raise ValueError(f"is none of {', '.join(words)}")
        return stated

    return read


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(stated: str) -> int:
        if not stated.isascii() or not stated.isdigit() or not least <= int(stated) <= most:
            raise ValueError(f"is no whole number from {least} to {most}")
        return int(stated)

    return read


def _seconds(most: float) -> Callable[[str], float]:
    def read(stated: str) -> float:
        try:
            seconds = float(stated)
        except ValueError:
            seconds = -1.0
        if not 0 < seconds <= most:
            raise ValueError(f"is no number of seconds up to {most:g}")
        return seconds

    return read


def _a_second(stated: str) -> float:
    try:
        rate = float(stated)
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= 10**6:
        raise ValueError("is no number a second up to 1000000")
    return rate


def _variable(stated: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,127}", stated):
        raise ValueError("is no name of an environment variable")
    return stated


def _public_url(stated: str) -> str:
    if stated == NO_URL:
        return stated
    url = urlsplit(stated)
    is_here = url.hostname in ("localhost", "127.0.0.1", "::1")
    if url.scheme != "https" and not (url.scheme == "http" and is_here):
        raise ValueError("does not begin with https://")
    if not url.hostname or url.query or url.fragment or "@" in url.netloc:
        raise ValueError("is not the beginning of addresses of this server")
    return stated.rstrip("/")


def _text(stated: str) -> str:
    if not stated:
        raise ValueError("is empty")
    return stated


_LIMITS, _JOURNAL, _RATES, _STREAMS = Limits(), JournalLimits(), Rates(), StreamLimits()

SERVE_SETTINGS: Mapping[str, ServeSetting] = MappingProxyType(
    {
        "host": ServeSetting(default="127.0.0.1", read=_text, summary="the address to listen on; 0.0.0.0 for all"),
        "port": ServeSetting(default=8000, read=_whole(0, 65535), summary="the port; 0 for any that is free"),
        "public_url": ServeSetting(
            default=NO_URL,
            read=_public_url,
            summary="where people reach this server, such as https://shoal.shop.example; e-mail needs it",
        ),
        "log_format": ServeSetting(default="plain", read=_one_of(*FORMATS), summary="plain, or json"),
        "log_level": ServeSetting(default="info", read=_one_of(*LEVELS), summary=", ".join(LEVELS)),
        "stop_seconds": ServeSetting(
            default=10, read=_whole(1, 3600), summary="how long requests that have begun may take after SIGTERM"
        ),
        "body_seconds": ServeSetting(
            default=_LIMITS.body_seconds, read=_seconds(3600), summary="how long the body of a request may take"
        ),
        "head_seconds": ServeSetting(
            default=_LIMITS.head_seconds, read=_seconds(3600), summary="how long the headers of a request may take"
        ),
        "bodies_bytes": ServeSetting(
            default=_LIMITS.bodies_bytes,
            read=_whole(2**20, MOST_BYTES),
            summary="all bodies that are being received, together",
        ),
        "waiting_connections": ServeSetting(
            default=_LIMITS.waiting_connections,
            read=_whole(1, 10**6),
            summary="connections that have not sent a request",
        ),
        "streams": ServeSetting(
            default=_STREAMS.streams, read=_whole(1, 10**6), summary="pages that wait for offers, in all"
        ),
        "streams_of_source": ServeSetting(
            default=_STREAMS.of_source, read=_whole(1, 10**6), summary="the same, with one write key"
        ),
        "streams_of_network": ServeSetting(
            default=_STREAMS.of_network, read=_whole(1, 10**6), summary="the same, from one address"
        ),
        "retry_after_seconds": ServeSetting(
            default=_LIMITS.retry_after_seconds,
            read=_whole(1, 3600),
            summary="what 429 and 503 tell senders to wait",
        ),
        "journal_waiting_bytes": ServeSetting(
            default=_JOURNAL.waiting_bytes,
            read=_whole(2**20, MOST_BYTES),
            summary="requests that wait to be written",
        ),
        "journal_file_bytes": ServeSetting(
            default=_JOURNAL.segment_bytes, read=_whole(2**20, MOST_BYTES), summary="one file of the journal"
        ),
        "server_key_variable": ServeSetting(
            default="SHOAL_SERVER_KEYS",
            read=_variable,
            summary="the environment variable that holds the secret keys of servers, with spaces between them",
        ),
        "questions_per_address": ServeSetting(
            default=_RATES.per_address,
            read=_a_second,
            summary="questions for decisions a second from one address; 0 for any number",
        ),
        "questions_per_key": ServeSetting(
            default=_RATES.per_key,
            read=_a_second,
            summary="questions for decisions a second with one key; 0 for any number",
        ),
    }
)
"""Every setting. The reference documents each, with its variable."""


@dataclass(frozen=True, slots=True)
class Serving:
    """What a server runs with."""

    values: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    @property
    def public_url(self) -> str:
        """Where people reach this server, without a slash at its end; empty when nobody says."""
        return "" if self["public_url"] == NO_URL else str(self["public_url"])

    @property
    def limits(self) -> Limits:
        names = ("body_seconds", "head_seconds", "bodies_bytes", "waiting_connections", "retry_after_seconds")
        return Limits(**{name: self[name] for name in names})

    @property
    def rates(self) -> Rates:
        return Rates(per_address=self["questions_per_address"], per_key=self["questions_per_key"])

    def server_keys(self, environment: Mapping[str, str]) -> ServerKeys:
        """The secrets of servers. Raises InputError for one that could be guessed."""
        return ServerKeys(environment.get(self["server_key_variable"], "").split())

    @property
    def stream_limits(self) -> StreamLimits:
        return StreamLimits(
            streams=self["streams"],
            of_source=self["streams_of_source"],
            of_network=self["streams_of_network"],
        )

    @property
    def journal_limits(self) -> JournalLimits:
        return JournalLimits(waiting_bytes=self["journal_waiting_bytes"], segment_bytes=self["journal_file_bytes"])


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"{PREFIX}{name.upper()}"


def read_serving(
    workspace: Path,
    *,
    options: Mapping[str, Value | None] | None = None,
    environment: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> Serving:
    """Each setting from the first that states it: options, the environment, the file. Raises InputError."""
    environment = environment or {}
    if file is None and environment.get(CONFIG_VARIABLE):
        file = Path(environment[CONFIG_VARIABLE])
    values = {name: setting.default for name, setting in SERVE_SETTINGS.items()}
    values |= _from_file(workspace / SERVE_FILE if file is None else file, is_named=file is not None)
    for name, setting in SERVE_SETTINGS.items():
        if (told := environment.get(variable(name))) is not None:
            values[name] = setting.value(told, variable(name))
        if options is not None and (given := options.get(name)) is not None:
            values[name] = setting.value(given, f"--{name.replace('_', '-')}")
    return Serving(MappingProxyType(values))


def _from_file(path: Path, *, is_named: bool) -> dict[str, Value]:
    try:
        read = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        if is_named:
            raise InputError(f"{path} is not there", hint="name a file that is, or leave it out") from None
        return {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path} cannot be read: {error}") from None
    if read is None:
        return {}
    if not isinstance(read, dict):
        raise InputError(f"{path} holds no settings", hint="write lines such as port: 8000")
    for name in read:
        if name not in SERVE_SETTINGS:
            close = difflib.get_close_matches(str(name), SERVE_SETTINGS, 1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(SERVE_SETTINGS)}"
            raise InputError(f"{path}: there is no setting {str(name)[:80]!r}", hint=hint)
    return {name: SERVE_SETTINGS[name].value(stated, f"{path}: {name}") for name, stated in read.items()}
