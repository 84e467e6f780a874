"""Suppression: identifiers of people who were erased, as salted hashes, so that nothing of theirs comes in again.

A hash is SipHash-2-4 of 128 bits, keyed with a salt that no other workspace has. The two files do not say who was
erased; whoever has both can find out whether an identifier that they know already is among them.
"""

from __future__ import annotations

import csv
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from operator import or_
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from shoal.errors import StoreError
from shoal.journal.durable import failures_told, make_folder, sync_folder, write_whole
from shoal.model.frame import field_column
from shoal.model.identifier import Identifier, normalised
from shoal.model.text_hash import hash_texts

SALT_FILE, HASHES_FILE = "salt", "identifiers"
SALT_BYTES = 16
ONLY_OURS = 0o600

PEOPLE = ("email", "phone")
"""The kinds of identifiers that every workspace finds in traits; its settings may name more."""

Flags = NDArray[np.bool_]

_ENVELOPE_KINDS = (
    ("user_id", "user_id"),
    ("anonymous_id", "anonymous_id"),
    ("previous_id", "user_id"),
    ("previous_id", "anonymous_id"),
)
"""The columns of the envelope that name somebody, and as what."""

_KINDS_OF_KEY = {
    "userId": ("user_id",),
    "user_id": ("user_id",),
    "anonymousId": ("anonymous_id",),
    "anonymous_id": ("anonymous_id",),
    "previousId": ("user_id", "anonymous_id"),
}
_KEYS = re.compile(rb'"(\w{1,100})"\s*:\s*(?:"((?:[^"\\]|\\.)*)"|(\d+))')
_SEPARATORS = (",", ";", "\t", "|")


class Suppression:
    """The hashes in a folder, which need not be there yet. Every process that uses it sees what others add."""

    def __init__(self, folder: Path, kinds: Sequence[str] = PEOPLE) -> None:
        self.folder, self.kinds = folder, tuple(kinds)
        self._seen: object = None
        self._salt, self._high, self._pairs = b"", np.zeros(0, np.uint64), set[tuple[int, int]]()

    def __len__(self) -> int:
        self._look()
        return len(self._pairs)

    def add(self, identifiers: Iterable[Identifier]) -> None:
        """Keeps identifiers out from now on; it lasts when this returns."""
        self._look()
        with failures_told("Keeping who was erased", self.folder):
            self._make_salt()
            self._write(self._pairs | self._hashed(identifiers))

    def remove(self, identifiers: Iterable[Identifier]) -> int:
        """Lets identifiers in again; how many of them had been kept out."""
        self._look()
        found = self._hashed(identifiers) & self._pairs if self._pairs else set()
        if found:
            with failures_told("Keeping who was erased", self.folder):
                self._write(self._pairs - found)
        return len(found)

    def holds(self, identifier: Identifier) -> bool:
        """Whether an identifier is kept out, however it is written."""
        return len(self) > 0 and not self._hashed([identifier]).isdisjoint(self._pairs)

    def named(self, events: pl.DataFrame) -> Flags:
        """Which events of a frame name somebody who is kept out, in their envelope or in their traits."""
        nobody = np.zeros(len(events), np.bool_)
        if not len(self) or not len(events):
            return nobody
        traits = ((field_column(f"traits.{kind}", "text"), kind) for kind in self.kinds)
        present = ((name, kind) for name, kind in (*_ENVELOPE_KINDS, *traits) if name in events.columns)
        return reduce(or_, (self._are_held(events[name], kind) for name, kind in present), nobody)

    def is_named_in(self, raw: bytes) -> bool:
        """Whether bytes that are no event name somebody who is kept out: as JSON, whole or not, or as cells."""
        if not len(self):
            return False
        stated = self._of_json(raw) if raw.lstrip()[:1] in (b"{", b"[") else self._of_cells(raw)
        return not self._hashed(stated).isdisjoint(self._pairs)

    def hashes_of(self, identifiers: Iterable[Identifier]) -> list[str]:
        """As they stand in the file: with them it can be shown later that somebody was erased."""
        self._look()
        return sorted(f"{high:016x}{low:016x}" for high, low in self._hashed(identifiers)) if self._salt else []

    # What is stated

    def _are_held(self, values: pl.Series, kind: str) -> Flags:
        rows = np.flatnonzero(values.is_not_null().to_numpy())
        held = np.zeros(len(values), np.bool_)
        if len(rows):
            distinct = values.drop_nulls().unique()
            high, low = self._hashes_of(distinct.to_list(), kind)
            likely = np.flatnonzero(np.isin(high, self._high)).tolist()
            sure = [place for place in likely if (int(high[place]), int(low[place])) in self._pairs]
            if sure:
                held = values.is_in(distinct.gather(sure).to_list()).fill_null(value=False).to_numpy()
        return held

    def _of_json(self, raw: bytes) -> Iterator[Identifier]:
        for key, text, number in _KEYS.findall(raw):
            name = key.decode()
            kinds = _KINDS_OF_KEY.get(name, (name,) if name in self.kinds else ())
            for kind in kinds:
                yield Identifier(kind, _unescaped(text) if text else number.decode())

    def _of_cells(self, raw: bytes) -> Iterator[Identifier]:
        text = raw.decode(errors="replace")
        for separator in _SEPARATORS:
            if separator in text or separator == ",":
                for cell in _cells(text, separator):
                    for kind in ("user_id", "anonymous_id", *self.kinds):
                        yield Identifier(kind, cell)

    # Hashes

    def _hashed(self, identifiers: Iterable[Identifier]) -> set[tuple[int, int]]:
        found = set[tuple[int, int]]()
        by_kind: dict[str, list[str]] = {}
        for kind, value in identifiers:
            by_kind.setdefault(kind, []).append(value)
        for kind, values in by_kind.items():
            high, low = self._hashes_of(values, kind)
            found |= set(zip(high.tolist(), low.tolist(), strict=True))
        return found

    def _hashes_of(self, values: Sequence[str], kind: str) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        texts = [f"{kind}:{normalised(kind, value)}" for value in values]
        return hash_texts(pl.Series(texts, dtype=pl.String), self._salt)

    # Files

    def _look(self) -> None:
        """Reads the files again when they are others than they were."""
        path = self.folder / HASHES_FILE
        try:
            status = path.stat()
        except FileNotFoundError:
            if (self.folder / SALT_FILE).exists():
                self._salt = self._read_salt()
            self._take(set())
            return
        state = status.st_mtime_ns, status.st_size, status.st_ino
        if state == self._seen:
            return
        with failures_told("Reading who was erased", self.folder):
            self._salt = self._read_salt()
            lines = path.read_bytes().split()
        try:
            pairs = {(int(line[:16], 16), int(line[16:], 16)) for line in lines}
        except ValueError as error:
            raise StoreError(f"{path} is damaged: {error}", hint="bring it back from a copy") from error
        self._take(pairs)
        self._seen = state

    def _take(self, pairs: set[tuple[int, int]]) -> None:
        self._pairs, self._seen = pairs, None
        self._high = np.array(sorted(high for high, _ in pairs), np.uint64)

    def _read_salt(self) -> bytes:
        path = self.folder / SALT_FILE
        salt = path.read_bytes()
        if len(salt) != SALT_BYTES:
            message = f"{path} is damaged: it is not as long as it should be"
            raise StoreError(message, hint="bring it back from a copy")
        return salt

    def _make_salt(self) -> None:
        if not self._salt:
            make_folder(self.folder)
            write_whole(self.folder / SALT_FILE, [secrets.token_bytes(SALT_BYTES)], mode=ONLY_OURS)
            self._salt = self._read_salt()

    def _write(self, pairs: set[tuple[int, int]]) -> None:
        lines = sorted(f"{high:016x}{low:016x}\n" for high, low in pairs)
        write_whole(self.folder / HASHES_FILE, ["".join(lines).encode()], mode=ONLY_OURS)
        sync_folder(self.folder)
        self._look()


def _unescaped(text: bytes) -> str:
    try:
        return msgspec.json.decode(b'"' + text + b'"', type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return text.decode(errors="replace")


def _cells(text: str, separator: str) -> Iterator[str]:
    try:
        for row in csv.reader([text], delimiter=separator):
            yield from row
    except csv.Error:
        yield from text.split(separator)
