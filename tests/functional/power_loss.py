"""What a disk holds after a loss of power: a process is watched by strace, and what it did not sync is lost.

Every write, rename and sync of the process is recorded in order. At any point of that record the disk certainly
holds what was synced by then: contents by a sync of the file, names by a sync of their folder. Of all else there
may be nothing, or any part: single sectors of a write, later ones without earlier ones.
"""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

SECTOR = 512
CALLS = (
    "openat,open,creat,write,writev,pwrite64,pwritev,lseek,ftruncate,fallocate,fsync,fdatasync,"
    "rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,link,linkat,dup,dup2,dup3"
)
UNKNOWN_CALLS = frozenset({"writev", "pwritev", "fallocate", "link", "linkat", "rmdir"})
"""Calls that the model does not know. On files of the watched folder none of them may happen."""

_LINE = re.compile(r"(\d+) +(\w+)\((.*)\) += (-?\d+)(?:<([^>]*)>)?")
_UNFINISHED = re.compile(r"(\d+) +(\w+)\((.*) <unfinished \.\.\.>$")
_RESUMED = re.compile(r"(\d+) +<\.\.\. (\w+) resumed>(.*)$")
_FD = re.compile(r"(-?\d+|AT_FDCWD)<([^>]*)>(\(deleted\))?")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')


def can_watch() -> bool:
    """Whether strace is here and may watch processes."""
    if shutil.which("strace") is None:
        return False
    tried = subprocess.run(["strace", "-f", "-e", "trace=fsync", "true"], capture_output=True, check=False)
    return tried.returncode == 0


def watched(command: list[str], record: Path, *, within_s: float) -> subprocess.CompletedProcess[bytes]:
    """Runs a Python program to its end, and records its calls."""
    strace = [
        "strace",
        "-f",
        "-y",
        "-xx",
        "-s",
        "100000000",
        "--seccomp-bpf",
        "-e",
        f"trace={CALLS}",
        "-e",
        "signal=none",
    ]
    return subprocess.run(
        [*strace, "-o", str(record), sys.executable, *command], capture_output=True, timeout=within_s, check=False
    )


@dataclass(frozen=True, slots=True)
class Call:
    """One call, by the place in the record at which it began. `fd` and `path` are of its first file."""

    name: str
    result: int
    fd: int = -1
    path: str = ""
    texts: tuple[bytes, ...] = ()
    numbers: tuple[int, ...] = ()
    words: str = ""
    began: int = 0
    ended: int = 0
    is_deleted: bool = False

    def path_of(self, place: int = 0) -> str:
        """A name among its arguments, whole."""
        path = self.texts[place].decode()
        return path if path.startswith("/") else f"{self.path}/{path}"


def read_record(record: Path) -> Iterator[Call]:
    """The calls that ended well, in the order in which they ended."""
    waiting: dict[str, tuple[int, str]] = {}
    with record.open(errors="replace") as lines:
        for number, line in enumerate(lines):
            text = line.rstrip("\n")
            if begun := _UNFINISHED.match(text):
                waiting[begun[1]] = number, f"{begun[1]} {begun[2]}({begun[3]}"
                continue
            began = number
            if resumed := _RESUMED.match(text):
                began, start = waiting.pop(resumed[1])
                text = start + resumed[3]
            if (ended := _LINE.match(text)) and int(ended[4]) >= 0:
                yield _call(ended, began, number)


def _call(ended: re.Match[str], began: int, at: int) -> Call:
    arguments = ended[3]
    texts = []
    for found in _TEXT.finditer(arguments):
        assert not found[2], "the record holds only a part of what was written"
        texts.append(bytes.fromhex(found[1].replace("\\x", "")))
    rest = _TEXT.sub("", arguments)
    file = _FD.match(rest)
    numbers = tuple(int(each) for each in re.findall(r"(?<![\w<\\])-?\d+(?![\w<])", _FD.sub("", rest)))
    return Call(
        name=ended[2],
        result=int(ended[4]),
        fd=int(file[1]) if file and file[1] != "AT_FDCWD" else -1,
        path=_decoded(file[2]) if file else "",
        texts=tuple(texts),
        numbers=numbers,
        words=rest,
        began=began,
        ended=at,
        is_deleted=bool(file and file[3]),
    )


def _decoded(path: str) -> str:
    return re.sub(r"\\x([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), path)


Change = tuple[int, bytes] | int
"""Bytes at an offset, or a length that a file is cut or stretched to."""


@dataclass(slots=True)
class _File:
    """Contents now, contents that are certain, and the changes since then, each with when it ended."""

    now: bytearray = field(default_factory=bytearray)
    certain: bytearray = field(default_factory=bytearray)
    since: list[tuple[int, Change]] = field(default_factory=list)

    def do(self, change: Change, ended: int) -> None:
        _apply(self.now, change)
        self.since.append((ended, change))

    def sync(self, began: int) -> None:
        """A sync makes certain what had ended when it began."""
        for ended, change in self.since:
            if ended < began:
                _apply(self.certain, change)
        self.since = [each for each in self.since if each[0] >= began]

    def after_loss(self, chance: random.Random | None) -> bytes:
        """What is left of it: what is certain, with any part of what was done since when there is a chance."""
        left = bytearray(self.certain)
        if chance is not None:
            parts = [part for _, change in self.since for part in _sectors(change)]
            for part in parts:
                if chance.random() < 0.5:
                    _apply(left, part)
        return bytes(left)


def _apply(content: bytearray, change: Change) -> None:
    if isinstance(change, int):
        del content[change:]
        content.extend(bytes(max(change - len(content), 0)))
        return
    offset, data = change
    content.extend(bytes(max(offset - len(content), 0)))
    content[offset : offset + len(data)] = data


def _sectors(change: Change) -> Iterator[Change]:
    if isinstance(change, int):
        yield change
        return
    offset, data = change
    first = SECTOR - offset % SECTOR
    yield offset, data[:first]
    for start in range(first, len(data), SECTOR):
        yield offset + start, data[start : start + SECTOR]


class Disk:
    """The files below one folder, as a record tells of them. What goes to the output stream is `told`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.told = str(folder), list[str]()
        self.syncs = 0
        self._names: dict[str, _File | None] = {}
        """By path; None is a folder."""
        self._certain: dict[str, _File | None] = {}
        self._renames: list[tuple[str, str | None, _File | None]] = []
        """Names made (path, None, file), moved (path, new, file) and removed since a sync of their folder."""
        self._places: dict[int, int | None] = {}
        """By file descriptor: where the next plain write goes; None is at the end."""

    def begin_with(self, copy: Path) -> None:
        """What lies in the copy of the folder was certain before the record began."""
        for path in sorted(copy.rglob("*")):
            content = path.read_bytes() if path.is_file() else None
            file = None if content is None else _File(bytearray(content), bytearray(content))
            name = f"{self.folder}/{path.relative_to(copy)}"
            self._names[name] = self._certain[name] = file

    def take(self, call: Call) -> None:
        """One call of the record."""
        if call.name == "write" and call.fd == 1:
            self.told += call.texts[0].decode().splitlines()
        elif call.name in ("openat", "open", "creat"):
            self._open(call)
        elif call.name.startswith("rename"):
            self._rename(call.path_of(0), call.path_of(1))
        elif call.name in ("unlink", "unlinkat"):
            self._unlink(call)
        elif call.name in ("mkdir", "mkdirat"):
            self._make(call.path_of(), None)
        elif self._is_ours(call.path) and not call.is_deleted:
            self._on_file(call)

    def _on_file(self, call: Call) -> None:
        assert call.name not in UNKNOWN_CALLS, f"the model does not know {call.name}"
        file = self._names.get(call.path)
        if call.name in ("fsync", "fdatasync"):
            self.syncs += 1
            self._sync_folder(call.path) if file is None else file.sync(call.began)
        elif file is not None and call.name == "pwrite64":
            file.do((call.numbers[-1], call.texts[0][: call.result]), call.ended)
        elif file is not None and call.name == "write":
            known = self._places.get(call.fd)
            place = len(file.now) if known is None else known
            file.do((place, call.texts[0][: call.result]), call.ended)
            if known is not None:
                self._places[call.fd] = place + call.result
        elif file is not None and call.name == "ftruncate":
            file.do(call.numbers[-1], call.ended)
        elif call.name == "lseek" and self._places.get(call.fd) is not None:
            self._places[call.fd] = call.result
        elif call.name in ("dup", "dup2", "dup3"):
            raise AssertionError("the model does not know two descriptors of one file")

    def _open(self, call: Call) -> None:
        path = call.path_of()
        if not self._is_ours(path):
            return
        self._places[call.result] = None if "O_APPEND" in call.words else 0
        if path not in self._names and ("O_CREAT" in call.words or call.name == "creat"):
            self._make(path, _File())
        file = self._names.get(path)
        if file is not None and ("O_TRUNC" in call.words or call.name == "creat") and file.now:
            file.do(0, call.ended)

    def _make(self, path: str, file: _File | None) -> None:
        if self._is_ours(path):
            self._names[path] = file
            self._renames.append((path, None, file))

    def _rename(self, old: str, new: str) -> None:
        if self._is_ours(old):
            file = self._names.pop(old)
            assert file is not None, "the model does not know folders that get another name"
            self._names[new] = file
            self._renames.append((old, new, file))

    def _unlink(self, call: Call) -> None:
        path = call.path_of()
        if self._is_ours(path) and path in self._names:
            del self._names[path]
            self._renames.append((path, "", None))

    def _sync_folder(self, folder: str) -> None:
        """Names in this folder are certain from here on."""
        here = [each for each in self._renames if _parent(each[0]) == folder]
        self._renames = [each for each in self._renames if _parent(each[0]) != folder]
        for each in here:
            _follow(self._certain, each)

    def _is_ours(self, path: str) -> bool:
        return path.startswith(f"{self.folder}/") or path == self.folder

    def after_loss(self, target: Path, chance: random.Random | None = None) -> None:
        """Lays what is left of the disk out in a folder.

        Without a chance everything that was not synced is lost. With one, any sectors of it are there, and of the
        changes of names some of the first: file systems keep them in order.
        """
        names = dict(self._certain)
        kept = 0 if chance is None else chance.randint(0, len(self._renames))
        for each in self._renames[:kept]:
            _follow(names, each)
        target.mkdir(parents=True)
        for path, file in sorted(names.items()):
            place = target / PurePosixPath(path).relative_to(self.folder)
            if place.name.endswith("-shm") or not place.parent.is_dir():
                continue  # SQLite makes the first anew after a crash; the second was lost with its folder
            if file is None:
                place.mkdir(exist_ok=True)
            else:
                place.write_bytes(file.after_loss(chance))


def _follow(names: dict[str, _File | None], change: tuple[str, str | None, _File | None]) -> None:
    path, new, file = change
    if new is None:
        names[path] = file
    elif new:
        names.pop(path, None)
        names[new] = file
    else:
        names.pop(path, None)


def _parent(path: str) -> str:
    return path.rpartition("/")[0]
