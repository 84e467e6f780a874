"""Traces: the ways in which a person's identifiers can stand in texts and bytes, found and taken out.

Some identifiers tell by themselves: `u-10423`, an e-mail address, a UUID. Wherever they stand, they are that
person. Others do not: `42` or `ann` stands in prices and in words. Those are looked for only where identifiers
stand: in a column of identifiers, under the key of one, or with their kind before them.
"""

from __future__ import annotations

import csv
import hashlib
import html
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from urllib.parse import quote, quote_plus

import polars as pl

from shoal.identity.rules import DEVICE, SHARED
from shoal.model.identifier import Identifier, normalised

ERASED = "erased"
"""What stands in a text of somebody else in the place of an identifier."""

LEAST_TELLING, LEAST_DIGITS, LEAST_LETTERS = 6, 9, 12
"""How long an identifier is that tells by itself: a mixed one, one of digits, one of letters."""

ENCODINGS = ("utf-8", "utf-16-le", "utf-32-le")
"""How texts lie in files, those of arrays included."""

USER = "user_id"
PLACES_OF = {
    "userId": (USER,),
    "user_id": (USER,),
    "anonymousId": (DEVICE,),
    "anonymous_id": (DEVICE,),
    "previousId": (USER, DEVICE),
    "previous_id": (USER, DEVICE),
}
"""The keys and columns in which an identifier stands, and of which kinds; others are named like their kind."""

NAMED = ("profile", "person")
"""The keys and columns in which the name of a profile stands."""

_NUMBERED = re.compile(
    r"\\u(00(?:2[013-9a-f]|[3-6][0-9a-f]|5[0-9abd-f]|7[0-9a-e])|0[1-9a-f][0-9a-f]{2}|[1-9a-c][0-9a-f]{3})", re.I
)
"""Letters by their numbers; not those that have a meaning in JSON, nor halves of letters."""

_FAILED_ROW = re.compile(rb'"row":("(?:[^"\\]|\\.)*")')

_BEFORE = r"(?<![A-Za-z0-9_])(?<![A-Za-z0-9_][.\-@+])"
_AFTER = r"(?![A-Za-z0-9_]|[.\-@+][A-Za-z0-9_])"
"""An identifier is not found inside a longer one: `u-1` not in `u-12`, nor `ann@x.example` in `joann@x.example`"""


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

    def is_one(self, cell: str) -> bool:
        """Whether a cell that may be an identifier of any kind is one of the person's."""
        return cell in self.values or cell in self.names or normalised("email", cell) in self._values_of("email")

    def is_at(self, column: str, cell: str) -> bool:
        """Whether a column in which identifiers or names of profiles stand has the person there.

        Several identifiers may stand in one cell, parted by spaces.
        """
        if column in NAMED:
            return cell in self.names
        kinds = self._kinds_at(column)
        stated = {cell, *cell.split(" ")} if kinds else set()
        return any(not stated.isdisjoint(self._values_of(kind)) for kind in kinds) or (
            "email" in kinds and normalised("email", cell) in self._values_of("email")
        )

    def _kinds_at(self, column: str) -> tuple[str, ...]:
        kind = column.removeprefix("traits.").removesuffix(":text")
        return PLACES_OF.get(column) or ((kind,) if kind in self._kinds else ())

    @cached_property
    def _kinds(self) -> frozenset[str]:
        return frozenset(each.kind for each in self.identifiers)

    def lines_naming(self, lines: Sequence[bytes]) -> list[int]:
        """Which of many lines name the person. Most do not, which is found out for all of them at once."""
        texts = pl.Series([line.decode(errors="replace") for line in lines], dtype=pl.String)
        likely = set((self.may_hold(texts) | texts.str.contains('"row":', literal=True)).arg_true())
        return [
            number
            for number, (line, text) in enumerate(zip(lines, texts, strict=True))
            if (number in likely and self.in_line(line)) or self._keyed.search(text)
        ]

    def may_hold(self, texts: pl.Series) -> pl.Series:
        """Which of many texts may hold what tells: quicker than to look into each of them."""
        if not self.telling:
            return pl.Series([False], dtype=pl.Boolean).new_from_index(0, len(texts))
        found = texts.str.contains_any(sorted(self.telling), ascii_case_insensitive=True)
        return found | texts.str.contains("\\u", literal=True)

    def _values_of(self, kind: str) -> frozenset[str]:
        return self._by_kind.get(kind, frozenset())

    @cached_property
    def _by_kind(self) -> dict[str, frozenset[str]]:
        return {
            kind: frozenset(each.value for each in self.identifiers if each.kind == kind) for kind in self._kinds
        }

    def in_text(self, text: str) -> bool:
        """Whether a text holds an identifier that tells."""
        return self._pattern.search(_read(text)) is not None

    def without(self, text: str) -> str | None:
        """A text without what tells: missing when it is nothing else, with ERASED in its places otherwise."""
        read = text if self._pattern.search(text) else _read(text)
        return None if self._pattern.fullmatch(read) else self._pattern.sub(ERASED, read)

    def is_keyed(self, text: str) -> bool:
        """Whether an identifier stands under the key of one, in a text that is JSON, whole or not."""
        return self._keyed.search(_read(text)) is not None

    def in_message(self, raw: bytes) -> bool:
        """Whether a message or a row that came in names the person: JSON, whole or not, or cells of a table."""
        text = raw.decode(errors="replace")
        if self.in_text(text) or self.is_keyed(text):
            return True
        return text.lstrip()[:1] not in ("{", "[") and any(map(self.is_one, _cells(text)))

    def in_line(self, raw: bytes) -> bool:
        """Whether a line of a file names the person. In one of failed events the row that failed is a text."""
        text = raw.decode(errors="replace")
        if self.in_text(text) or self.is_keyed(text):
            return True
        return any(self.in_message(_unescaped(row)) for row in _FAILED_ROW.findall(raw))

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        addresses = {form for form in self.telling if "@" in form or "%40" in form}
        exact, loose = _any_of(self.telling - addresses), _any_of(addresses)
        return re.compile(f"{_BEFORE}(?:{exact}|(?i:{loose})){_AFTER}")

    @cached_property
    def _keyed(self) -> re.Pattern[str]:
        """A value under the key of an identifier of its kind, as a text or a number."""
        held = {key: self._values_at(kinds) for key, kinds in PLACES_OF.items()}
        held |= {kind: self._values_of(kind) for kind in self._kinds if kind not in held}
        held |= dict.fromkeys(NAMED, self.names)
        written = {key: values | {json.dumps(each)[1:-1] for each in values} for key, values in held.items()}
        keyed = "|".join(f'"{re.escape(key)}"\\s*:\\s*"?(?:{_any_of(values)})' for key, values in written.items())
        return re.compile(f'(?:{keyed})["\\s,}}\\]]')

    def _values_at(self, kinds: Iterable[str]) -> frozenset[str]:
        return frozenset(value for kind in kinds for value in self._values_of(kind))

    # Bytes

    def needles(self, others: Iterable[str] = ()) -> tuple[bytes, ...]:
        """What tells, as bytes: in UTF-8, and as arrays of texts hold it.

        Without what is a part of an identifier of somebody else: in bytes `u-1042` stands in `u-10423`, too.
        """
        forms = {form for text in self.telling for form in (text, text.lower())}
        for other in others:
            forms -= {form for form in forms if form in other}
        return tuple(sorted({form.encode(encoding, "replace") for form in forms for encoding in ENCODINGS}))


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


def _read(text: str) -> str:
    """A text in which letters that JSON writes by their numbers are letters."""
    return _NUMBERED.sub(lambda match: chr(int(match[1], 16)), text) if "\\u" in text else text


def _unescaped(text: bytes) -> bytes:
    try:
        return str(json.loads(text)).encode(errors="replace")
    except ValueError:
        return text


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
