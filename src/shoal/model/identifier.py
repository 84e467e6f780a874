"""Identifiers: the names by which a source knows a person or a device."""

from __future__ import annotations

import re
from typing import NamedTuple

_PUNCTUATION_OF_PHONES = str.maketrans("", "", " \t\u00a0\u202f-./()\u2010\u2011\u2012\u2013")
_RANDOM_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)


class Identifier(NamedTuple):
    """One identifier, such as `user_id:ann` or `anonymous_id:7f3…`."""

    kind: str
    value: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"

    @classmethod
    def parse(cls, text: str) -> Identifier:
        """The identifier of `kind:value`. Raises ValueError without a colon."""
        kind, colon, value = text.partition(":")
        if not colon:
            raise ValueError(f'"{text}" is not an identifier; write it as kind:value, for example user_id:{text}')
        return cls(kind, value)


def normalised(kind: str, value: str) -> str:
    """The form in which two statements of one identifier are the same text."""
    if kind == "email":
        return value.strip().lower()
    if kind == "phone":
        return value.translate(_PUNCTUATION_OF_PHONES)
    return value


def is_unguessable(value: str) -> bool:
    """Whether an identifier is a random UUID (RFC 9562, version 4): nobody finds that of another by trying."""
    return _RANDOM_UUID.fullmatch(value) is not None
