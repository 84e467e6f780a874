"""Traces: the ways in which a person's identifiers can stand in texts and bytes, found and taken out.

Some identifiers are telling: `u-10423`, an e-mail address, a UUID. Wherever they stand, they are that person. Others
are not: `42` or `ann` stands in prices and in words. Those are looked for only where an identifier stands: in a cell
of its own, under the key of an identifier, or with their kind before them.
"""

from __future__ import annotations

import csv
import hashlib
import html
import json
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from urllib.parse import quote, quote_plus

from shoal.identity.rules import SHARED
from shoal.model.identifier import Identifier, normalised

ERASED = "erased"
"""What stands in a text of somebody else in the place of an identifier."""

LEAST_TELLING, LEAST_DIGITS, LEAST_LETTERS = 6, 9, 12
"""How long an identifier is that tells by itself: a mixed one, one of digits, one of letters."""

KEYS = ("userId", "user_id", "anonymousId", "anonymous_id", "previousId", "previous_id", "profile", "person")
"""The keys and columns under which an identifier stands, beside those of the kinds found in traits."""

_BEFORE = r"(?<![A-Za-z0-9_])(?<![A-Za-z0-9_][.\-@+])"
_AFTER = r"(?![A-Za-z0-9_]|[.\-@+][A-Za-z0-9_])"
"""An identifier is not found inside a longer one: `u-1` not in `u-12`, nor `ann@example.org` in `joann@example.org`."""


def is_telling(value: str) -> bool:
    """Whether a value is one person's wherever it stands."""
    if value.isdigit():
        return len(value) >= LEAST_DIGITS
    return len(value) >= (LEAST_LETTERS if value.isalpha() else LEAST_TELLING)


class Traces:
    """What one person may have left.

    `identifiers` are theirs alone, as they were stated. `names` are further names that their profile had: those of
    devices that others use too.
    """

    def __init__(self, identifiers: Iterable[Identifier], names: Iterable[str] = ()) -> None:
        stated = set(identifiers)
        self.identifiers = stated | {Identifier(kind, normalised(kind, value)) for kind, value in stated}
        own = {str(each) for each in self.identifiers}
        self.names = frozenset({*own, *(f"{each}{SHARED}" for each in own), *names})
        self.values = frozenset(each.value for each in self.identifiers)
        self._own_names = own

    @cached_property
    def telling(self) -> frozenset[str]:
        """Texts that are the person wherever they stand, in every way of writing them."""
        forms = (form for each in self.identifiers for form in forms_of(each))
        return frozenset(form for form in forms if is_telling(form)) | self._own_names

    # Texts

    def in_text(self, text: str) -> bool:
        """Whether a text is one of the identifiers, or holds one that tells."""
        return text in self.values or self._is_address(text) or self._pattern.search(text) is not None

    def without(self, text: str) -> str | None:
        """The text without the person: missing when it is an identifier, with ERASED in their places otherwise."""
        if text in self.values or text in self.names or self._is_address(text):
            return None
        return self._pattern.sub(ERASED, text)

    def in_message(self, raw: bytes) -> bool:
        """Whether a message, a row or a line names the person: JSON, whole or not, or cells of a table."""
        text = raw.decode(errors="replace")
        if self._pattern.search(text) or self._keyed.search(text):
            return True
        return text.lstrip()[:1] not in ("{", "[") and any(cell in self.values for cell in _cells(text))

    def _is_address(self, text: str) -> bool:
        return "@" in text and normalised("email", text) in self._addresses

    @cached_property
    def _addresses(self) -> frozenset[str]:
        return frozenset(each.value for each in self.identifiers if each.kind == "email")

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        addresses = {form for form in self.telling if "@" in form or "%40" in form}
        exact, loose = _any_of(self.telling - addresses), _any_of(addresses)
        return re.compile(f"{_BEFORE}(?:{exact}|(?i:{loose})){_AFTER}")

    @cached_property
    def _keyed(self) -> re.Pattern[str]:
        """A value under the key of an identifier, as a text or a number."""
        kinds = {each.kind for each in self.identifiers}
        written = {json.dumps(value)[1:-1] for value in self.values} | self.values
        return re.compile(f'"(?:{_any_of({*KEYS, *kinds})})"\\s*:\\s*"?(?:{_any_of(written)})["\\s,}}\\]]')

    # Bytes

    @cached_property
    def needles(self) -> tuple[bytes, ...]:
        """What tells, as bytes: in UTF-8, and as arrays of texts hold it."""
        forms = {form for text in self.telling for form in (text, text.lower())}
        encodings = ("utf-8", "utf-16-le", "utf-32-le")
        return tuple(sorted({form.encode(encoding) for form in forms for encoding in encodings}))


def forms_of(identifier: Identifier) -> Iterator[str]:
    """The ways in which an identifier is written: in JSON, in an address of the web, on a page, as a hash."""
    kind, value = identifier
    for text in {value, normalised(kind, value)}:
        yield text
        yield json.dumps(text)[1:-1]
        yield json.dumps(text, ensure_ascii=False)[1:-1]
        yield text.replace("/", "\\/")
        yield quote(text, safe="")
        yield quote(text)
        yield quote_plus(text)
        yield html.escape(text)
        yield _hashed(text)
        if kind == "phone":
            digits = "".join(filter(str.isdigit, text)).lstrip("0")
            yield from (digits, _hashed(digits), _hashed(f"+{digits}"))


def _hashed(text: str) -> str:
    """As advertising platforms are given identifiers."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def _any_of(texts: Iterable[str]) -> str:
    """Longer ones first, so that nothing of them is left."""
    return "|".join(re.escape(text) for text in sorted(texts, key=lambda text: (-len(text), text))) or r"(?!)"


def _cells(text: str) -> Iterator[str]:
    for separator in (",", ";", "\t", "|"):
        try:
            for row in csv.reader(text.splitlines(), delimiter=separator):
                yield from (cell.strip() for cell in row)
        except csv.Error:
            yield from (cell.strip() for cell in text.split(separator))
