"""Identifiers: the names by which a source knows a person or a device."""

from __future__ import annotations

from typing import NamedTuple


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
