"""Links that let a person refuse e-mail with one click: who, for what, and a signature that only we can make.

The link is in the `List-Unsubscribe` header of each e-mail (RFC 8058) and at its end. It works without logging in
and does not run out, so it must not be guessed: its token is signed with a key that stays in the workspace.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

import msgspec

from shoal.errors import NotFound, StoreError
from shoal.model.consent import Purpose
from shoal.model.identifier import Identifier

PATH = "/v1/unsubscribe"

KEY_BYTES = 32
SIGNATURE_BYTES = 16
LONGEST_TOKEN = 4000

_SAID_BEFORE = b"shoal unsubscribe 1\0"
"""What is signed begins like this: a signature made for something else is none here."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Who does not want to be used for which purposes any more."""

    who: Identifier
    purposes: tuple[Purpose, ...]


class Links:
    """Makes the links of one workspace, and reads what comes back."""

    def __init__(self, key: bytes, public_url: str) -> None:
        """`public_url` is where people reach this server, such as https://shoal.shop.example."""
        self._key, self._base = key, public_url.rstrip("/") + PATH

    def link(self, person: str, purpose: Purpose) -> str:
        """The link in an e-mail that was sent to a person for a purpose: it refuses this one, and e-mail.

        Whoever has it can do that for this person, and nothing else.
        """
        purposes = tuple(sorted({Purpose.EMAIL, purpose}))
        return f"{self._base}/{make_token(self._key, Refusal(Identifier.parse(person), purposes))}"


def make_token(key: bytes, refusal: Refusal) -> str:
    """A refusal as a text that fits into a URL, signed."""
    told = msgspec.json.encode([*refusal.who, *(purpose.value for purpose in refusal.purposes)])
    return f"{_as_text(told)}.{_as_text(_signature(key, told))}"


def read_token(key: bytes, token: str) -> Refusal:
    """What a token refuses. Raises NotFound for one that we did not make."""
    told = _verified(key, token)
    if told is None:
        raise NotFound("this link is not one of ours, or not all of it is there")
    kind, value, *purposes = msgspec.json.decode(told, type=list[str])
    return Refusal(Identifier(kind, value), tuple(Purpose(purpose) for purpose in purposes))


def _verified(key: bytes, token: str) -> bytes | None:
    """What a token tells, if it is signed; nothing of it is read before."""
    told_text, _, signature_text = token[:LONGEST_TOKEN].partition(".")
    try:
        told, signature = _as_bytes(told_text), _as_bytes(signature_text)
    except ValueError:
        return None
    return told if hmac.compare_digest(signature, _signature(key, told)) else None


def signing_key(path: Path) -> bytes:
    """The key of a workspace, made when it is not there yet. Only its owner can read the file.

    Raises StoreError. Without the same key, links in e-mails that were sent do not work any more.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _write_key(path)
        key = path.read_bytes()
    except OSError as error:
        raise StoreError(f"the signing key in {path} failed: {error.strerror}") from error
    if len(key) != KEY_BYTES:
        raise StoreError(f"{path} holds no signing key", hint="bring it back from a backup, or remove it")
    return key


def _write_key(path: Path) -> None:
    """Whole or not at all: a key under its name is one, also after a loss of power."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(unfinished, path)
        except FileExistsError:
            return  # somebody else was quicker: theirs is the key
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        unfinished.unlink()


def _signature(key: bytes, told: bytes) -> bytes:
    return hmac.digest(key, _SAID_BEFORE + told, hashlib.sha256)[:SIGNATURE_BYTES]


def _as_text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _as_bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise ValueError from None
