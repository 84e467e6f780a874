"""Files that are there whole or not at all, also after a loss of power, and locks that die with their process."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from shoal.errors import StoreError

UNFINISHED = ".writing"
"""How the names of files end that are not yet whole."""

_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "a file would be larger than this process may write",
    errno.EROFS: "the disk can only be read",
    errno.EACCES: "permission was denied",
    errno.EPERM: "permission was denied",
}


@contextmanager
def failures_told(doing: str, place: Path) -> Iterator[None]:
    """Any failure of the operating system inside, as a StoreError that says what failed and where."""
    try:
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0) or error.strerror or str(error)
        raise StoreError(
            f"{doing} failed in {place}: {reason}. Nothing is half-written, and it is safe to run again.",
            hint="make room, or check who may write there, and run the same command again",
        ) from error


def make_folder(folder: Path) -> None:
    """The folder and those above it, lasting."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder last: without it a renamed file can be lost with the power."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, chunks: Iterable[bytes | memoryview], *, mode: int = 0o666) -> None:
    """A file with these bytes, whole on the disk before it has its name. Sync its folder afterwards.

    `mode` says who may read it, as far as the umask does not say less.
    """
    unfinished = path.with_name(f".{path.name}{UNFINISHED}")
    try:
        with open(unfinished, "wb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise


@contextmanager
def sole_writer(path: Path) -> Iterator[None]:
    """Refuses with a StoreError while anybody else, in this process or another, is inside."""
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(
                f"another import is writing to {path.parent}",
                hint="wait until it has ended (`shoal serve` writes for a moment every minute) and run the same "
                "command again; what is there already is skipped",
            ) from None
        yield


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """While inside, `no_readers` says so to whoever wants to remove files. Nothing to do before there are any."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        yield
        return
    with file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


@contextmanager
def no_readers(path: Path) -> Iterator[bool]:
    """Whether nobody is reading now; if so, nobody begins to inside."""
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
