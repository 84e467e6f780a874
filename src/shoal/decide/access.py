"""Who asks for a decision, and about whom they may ask.

A write key is public: whoever reads a page has it. It may ask only about an anonymous id, which nobody can guess
who does not hold it already. About anybody else asks who has a server key, which is a secret.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shoal.collect.http.answers import Refused
from shoal.collect.http.request import Keys
from shoal.definitions.sources import Source
from shoal.errors import InputError
from shoal.model.identifier import Identifier, is_unguessable

SHORTEST_SERVER_KEY = 24
NOBODYS_KEY = "invalid_key"
"""The code of an answer to a token that may be meant to be a secret one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks. `name` is for limits and figures, and is no secret."""

    name: str
    is_server: bool


class ServerKeys:
    """The secrets of servers, kept as hashes: what is in memory dumps and errors is no key."""

    def __init__(self, keys: Iterable[str] = ()) -> None:
        """Raises InputError for a key that could be guessed."""
        self._hashes = []
        for key in keys:
            if len(key) < SHORTEST_SERVER_KEY:
                raise InputError(
                    f"a server key of {len(key)} characters could be guessed",
                    hint='make one with python -c "import secrets; print(secrets.token_urlsafe(32))"',
                )
            self._hashes.append(_hash(key))

    def number_of(self, key: str) -> int | None:
        """Which key it is, counted from 0; None when it is none. Takes as long for every key that is none."""
        hashed, found = _hash(key), None
        for number, known in enumerate(self._hashes):
            if hmac.compare_digest(hashed, known):
                found = number
        return found

    def __bool__(self) -> bool:
        return bool(self._hashes)


class Access:
    """Reads who asks from the headers of a request and the write key in its body."""

    def __init__(self, sources: Iterable[Source], keys: Keys, server_keys: ServerKeys) -> None:
        """Raises InputError when a write key, which is public, is a server key, too."""
        self._keys, self._server_keys = keys, server_keys
        for source in sources:
            if server_keys.number_of(source.write_key) is not None:
                raise InputError(
                    f"the write key of source {source.name} is a server key, too: everybody can read it",
                    hint="make another server key",
                )

    def asker(self, headers: Mapping[bytes, bytes], in_body: object = None) -> Asker:
        """Raises Refused (401, 403, 404) for a key that is missing, of nobody, or not for this page.

        A token (`Authorization: Bearer`, or `X-API-Key`) is a server key or a write key; Basic and the body bring
        write keys, as events do.
        """
        token = _token(headers)
        if token is None:
            return self._source(headers, in_body)
        number = self._server_keys.number_of(token)
        if number is None:
            if self._keys.find(token) is None:
                raise Refused(401, NOBODYS_KEY, "this is no server key and no write key of this workspace")
            others = {name: value for name, value in headers.items() if name != b"authorization"}
            return self._source(others, token)
        if b"origin" in headers:
            message = "a server key is a secret and does not belong in a page: use a write key there"
            raise Refused(403, "server_key_in_page", message)
        return Asker(name=f"server key {number + 1}", is_server=True)

    def _source(self, headers: Mapping[bytes, bytes], key: object) -> Asker:
        source = self._keys.of_request(headers, b"", key)
        return Asker(name=source.name, is_server=False)


def refuse_about(asker: Asker, identifier: Identifier) -> None:
    """Raises Refused when this asker may not ask about an identifier."""
    if asker.is_server:
        return
    if identifier.kind != "anonymous_id":
        message = f"only a server key may ask by {identifier.kind}; with a write key, ask by anonymousId"
        raise Refused(403, "server_key_needed", message)
    if not is_unguessable(identifier.value):
        message = "with a write key, the anonymousId is a random UUID, as SDKs make them: others could be guessed"
        raise Refused(403, "guessable_id", message)


def _token(headers: Mapping[bytes, bytes]) -> str | None:
    scheme, _, credentials = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        return credentials.strip().decode("latin-1")
    told = headers.get(b"x-api-key")
    return None if told is None else told.strip().decode("latin-1")


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
