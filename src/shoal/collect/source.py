"""A file as a stream of bytes, whatever it is packed with, and how far it has been read."""

from __future__ import annotations

import bz2
import codecs
import hashlib
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pyarrow as pa

from shoal.errors import InputError, NotFound

CHUNK = 2**23
"""Unpacked bytes given at a time."""

_PACKED_CHUNK = 2**18

_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\x28\xb5\x2f\xfd": "zstd"}
_PACKED_SUFFIXES = {".gz": "gzip", ".bz2": "bzip2", ".zst": "zstd"}
_FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".txt": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "ndjson",
    ".parquet": "parquet",
}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import has come: bytes of the file as it lies on the disk, and rows."""

    path: Path
    bytes_done: int
    bytes_total: int
    rows: int


Report = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to import. `digest` is of its bytes: a file that changed is another one."""

    path: Path
    size: int
    digest: str
    packed: str | None
    is_parquet: bool

    @property
    def format(self) -> str | None:
        """csv, ndjson or parquet, by its content or its name; None when neither says."""
        if self.is_parquet:
            return "parquet"
        suffixes = [suffix.lower() for suffix in self.path.suffixes]
        if suffixes and suffixes[-1] in _PACKED_SUFFIXES:
            suffixes.pop()
        return _FORMATS.get(suffixes[-1]) if suffixes else None

    @property
    def is_tab_separated(self) -> bool:
        return any(suffix.lower() in (".tsv", ".tab") for suffix in self.path.suffixes)


def look_at(path: Path) -> SourceFile:
    """What a file is. Reads it once. Raises NotFound or InputError when it cannot be read."""
    digest = hashlib.sha256()
    with _readable(path) as file:
        size = os.fstat(file.fileno()).st_size
        start = file.read(4)
        digest.update(start)
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    packed = next((name for mark, name in _PACKED.items() if start.startswith(mark)), None)
    stated = _PACKED_SUFFIXES.get(path.suffix.lower())
    if size and stated is not None and packed != stated:
        raise InputError(f"{path} is named {path.suffix} but is not packed that way", hint="name it by what it is")
    return SourceFile(path, size, digest.hexdigest()[:32], packed, start == b"PAR1")


@contextmanager
def _readable(path: Path) -> Iterator[IO[bytes]]:
    if path.is_dir():
        raise InputError(f"{path} is a folder", hint=f"name the files in it, for example {path}/*.csv")
    try:
        with path.open("rb") as file:
            yield file
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}") from None
    except PermissionError:
        raise InputError(f"{path} cannot be read: permission was denied") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error


class Bytes:
    """The unpacked bytes of a file, chunk by chunk, as UTF-8. `done` counts the packed bytes read so far."""

    def __init__(self, source: SourceFile, encoding: str = "utf-8") -> None:
        self.source, self.encoding = source, encoding
        self.done = 0
        self.broken: str | None = None

    def chunks(self) -> Iterator[bytes]:
        """Non-empty chunks. When the file breaks off, `broken` says how, and what came before has been given."""
        with _readable(self.source.path) as file:
            chunks = self._recoded(self._unpacked(file)) if self.encoding != "utf-8" else self._unpacked(file)
            is_first = True
            for chunk in chunks:
                self.done = file.tell()
                yield self._without_mark(chunk) if is_first else chunk
                is_first = False
        if self.broken is None:
            self.done = self.source.size

    def _without_mark(self, chunk: bytes) -> bytes:
        if self.encoding == "utf-8" and chunk[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            raise InputError(f"{self.source.path} is UTF-16", hint="say encoding: utf-16 in the mapping")
        return chunk.removeprefix(codecs.BOM_UTF8)

    def _unpacked(self, file: IO[bytes]) -> Iterator[bytes]:
        unpack = _UNPACKERS.get(self.source.packed or "")
        try:
            if unpack is not None:
                yield from unpack(file)
            else:
                while chunk := file.read(CHUNK):
                    yield chunk
        except EOFError:
            self.broken = "it ends in the middle: it was cut off"
        except (zlib.error, pa.ArrowInvalid) as error:
            self.broken = f"it is damaged: {error}"
        except OSError as error:
            if error.errno is not None:
                raise
            self.broken = f"it is damaged: {error}"

    def _recoded(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        decoder = codecs.getincrementaldecoder(self.encoding)(errors="replace")
        for chunk in chunks:
            if text := decoder.decode(chunk):
                yield text.encode()
        if rest := decoder.decode(b"", final=True):
            yield rest.encode()


def _gunzipped(file: IO[bytes]) -> Iterator[bytes]:
    """Member after member, never more than CHUNK at a time however well it is packed."""
    rest = file.read(_PACKED_CHUNK)
    while rest:
        member = zlib.decompressobj(wbits=31)
        while not member.eof:
            if chunk := member.decompress(rest, CHUNK):
                yield chunk
            rest = member.unconsumed_tail
            if not rest and not member.eof and not (rest := file.read(_PACKED_CHUNK)):
                raise EOFError
        rest = member.unused_data.lstrip(b"\0") or file.read(_PACKED_CHUNK)


def _bunzipped(file: IO[bytes]) -> Iterator[bytes]:
    rest = file.read(_PACKED_CHUNK)
    while rest:
        member = bz2.BZ2Decompressor()
        while not member.eof:
            if member.needs_input and not rest and not (rest := file.read(_PACKED_CHUNK)):
                raise EOFError
            if chunk := member.decompress(rest, CHUNK):
                yield chunk
            rest = b""
        rest = member.unused_data or file.read(_PACKED_CHUNK)


def _unzstandarded(file: IO[bytes]) -> Iterator[bytes]:
    stream = pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd")
    while chunk := stream.read(CHUNK):
        yield chunk


_UNPACKERS = {"gzip": _gunzipped, "bzip2": _bunzipped, "zstd": _unzstandarded}
