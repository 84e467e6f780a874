"""The hold-out: a share of people for whom nothing is ever done, so that what triggers bring can be measured."""

from __future__ import annotations

from hashlib import blake2b

_SALT = b"hold-out"
_ALL = 2**64


def is_held_out(person: str, share: float) -> bool:
    """Whether a person is in the hold-out: always the same for the same name, and evenly spread.

    A larger share holds out everybody whom a smaller one does. The hash is blake2b (RFC 7693) of 64 bits.
    """
    digest = blake2b(person.encode(), digest_size=8, salt=_SALT).digest()
    return int.from_bytes(digest) < share * _ALL
