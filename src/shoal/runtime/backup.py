"""Backup: a whole copy of a workspace, made while it is served, and brought back into an empty folder.

A copy is a folder with the workspace's files as they lie there, and `backup.json`, which names each of them with
its length and checksum. The folder has its name when all of it is on the disk.

What belongs together is copied in an order in which nothing can be missing. Moving events from the journal to the
archive waits until the copy is made; so the archive stands still, the journal only grows, and the live state,
which is copied before the journal, speaks of no entry that is not in the copy.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from hashlib import blake2b
from pathlib import Path, PurePosixPath

import msgspec

from shoal import __version__
from shoal.definitions.settings_file import SETTINGS_FILE
from shoal.definitions.workspace import ALL_FOLDERS, Workspace, load_workspace
from shoal.errors import InputError, StoreError
from shoal.journal.archive import WRITING_LOCK
from shoal.journal.durable import UNFINISHED, failures_told, make_folder, sole_writer, sync_folder, write_whole
from shoal.journal.manifest import commit_manifest, load_manifest
from shoal.journal.sqlite_segment import seal_segment, segment_paths
from shoal.runtime.places import (
    ARCHIVE_FOLDER,
    ERASURES_FOLDER,
    FAILED_EVENTS,
    FAILED_FOLDER,
    FROZEN_FOLDER,
    JOURNAL_FOLDER,
    LIVE_STATE,
    RUNS_FOLDER,
    SHOAL_FOLDER,
    SIGNING_KEY,
    SUPPRESSION_FOLDER,
    WRITTEN_FILES,
)
from shoal.runtime.serve_settings import SERVE_FILE
from shoal.runtime.versions import refuse_newer

LIST_OF_FILES = "backup.json"
VERSION = 1

SECONDS_FOR_THE_ARCHIVE = 30.0
"""How long a backup waits for whoever adds to the archive."""

_CHUNK = 2**20


class Kept(msgspec.Struct, frozen=True):
    """A file of a backup: its length and what its bytes add up to."""

    bytes: int
    checksum: str


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds, as `backup.json` says it."""

    version: int = VERSION
    shoal: str = __version__
    made_at: int
    files: dict[str, Kept]

    @property
    def size(self) -> int:
        return sum(each.bytes for each in self.files.values())


class _Versioned(msgspec.Struct):
    version: int


def back_up(
    workspace: Workspace, to: Path, *, made_at: int, patience_s: float = SECONDS_FOR_THE_ARCHIVE
) -> Backup:
    """Copies everything of a workspace that cannot be made anew into an empty folder, also while it is served."""
    _refuse_full(to)
    if to.resolve().is_relative_to((workspace.folder / SHOAL_FOLDER).resolve()):
        raise InputError(f"{to} is inside what is to be copied", hint="name a folder elsewhere, on another disk")
    refuse_newer(workspace.folder)
    with failures_told("Making the backup", to), _whole(to) as copy:
        _copy_stores(workspace.folder, copy, patience_s)
        for place in _plain_files(workspace):
            _copy(workspace.folder / place, copy / place)
        made = Backup(made_at=made_at, files={place: _kept(copy / place) for place in _places(copy)})
        write_whole(copy / LIST_OF_FILES, [msgspec.json.format(msgspec.json.encode(made, order="sorted"))])
    return made


def restore(backup: Path, to: Path) -> Backup:
    """Brings a backup back into a folder that is empty or not there yet: whole, or not at all."""
    _refuse_full(to)
    made = read_backup(backup)
    with failures_told("Bringing the backup back", to), _whole(to) as copy:
        for place, kept in made.files.items():
            _copy(backup / place, copy / place)
            if _kept(copy / place) != kept:
                raise _damaged(backup / place)
        refuse_newer(copy)
    load_workspace(to)
    return made


def read_backup(folder: Path) -> Backup:
    """What a backup holds. Raises InputError when it is none, StoreError when it is damaged or of a later one."""
    path = folder / LIST_OF_FILES
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(
            f"{folder} is no whole backup: there is no {LIST_OF_FILES} in it",
            hint="name the folder that shoal backup wrote",
        ) from None
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from error
    try:
        version = msgspec.json.decode(content, type=_Versioned).version
        if version > VERSION:
            raise StoreError(
                f"{path} was written by a newer Shoal (backup version {version}; this one reads {VERSION})",
                hint="restore it with that version, or a later one",
            )
        made = msgspec.json.decode(content, type=Backup)
    except msgspec.DecodeError as error:
        raise _damaged(path) from error
    for place in made.files:
        if not _is_below(place):
            raise _damaged(path)
        if not (folder / place).is_file():
            raise _damaged(folder / place)
    return made


# What is copied


def _copy_stores(folder: Path, to: Path, patience_s: float) -> None:
    """The archive, then the live state, then the journal: see the top of this file for why."""
    with _archive_stands_still(folder / ARCHIVE_FOLDER, patience_s):
        manifest = load_manifest(folder / ARCHIVE_FOLDER)
        for place in manifest.places():
            _copy(folder / ARCHIVE_FOLDER / place, to / ARCHIVE_FOLDER / place)
        if manifest.rounds:
            commit_manifest(to / ARCHIVE_FOLDER, manifest)
        _copy_database(folder / LIVE_STATE, to / LIVE_STATE)
        _copy_journal(folder / JOURNAL_FOLDER, to / JOURNAL_FOLDER)
    for path in sorted((folder / FAILED_FOLDER).glob("*.sqlite")):
        _copy_database(path, to / FAILED_FOLDER / path.name)


def _copy_journal(folder: Path, to: Path) -> None:
    """Every file, also those that are begun meanwhile: they say up to where the one before is certain."""
    copied = set[str]()
    while new := [path for path in segment_paths(folder) if path.name not in copied]:
        for path in new:
            copied.add(path.name)
            if _copy_database(path, to / path.name):
                seal_segment(to / path.name)


def _plain_files(workspace: Workspace) -> Iterator[str]:
    """Files that are there whole whenever they are there, relative to the workspace."""
    folder, enriching = workspace.folder, workspace.enriching
    ours = (SETTINGS_FILE, SERVE_FILE, FAILED_EVENTS, WRITTEN_FILES, SIGNING_KEY)
    for place in dict.fromkeys((*ours, enriching.place_database, enriching.motives)):
        if place and _is_below(place) and (folder / place).is_file():
            yield place
    kept = (FROZEN_FOLDER, RUNS_FOLDER, SUPPRESSION_FOLDER, ERASURES_FOLDER)
    for below in (*ALL_FOLDERS, *kept):
        for path in sorted((folder / below).rglob("*")):
            if path.is_file() and not path.name.endswith(UNFINISHED):
                yield path.relative_to(folder).as_posix()


@contextmanager
def _archive_stands_still(folder: Path, patience_s: float) -> Iterator[None]:
    """Nobody adds to the archive inside. Waits for whoever does so now."""
    make_folder(folder)
    ends = time.monotonic() + patience_s
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(sole_writer(folder / WRITING_LOCK))
                break
            except StoreError:
                if time.monotonic() >= ends:
                    hint = "wait until the import has ended, and try again"
                    raise StoreError(f"somebody is adding to {folder}", hint=hint) from None
                time.sleep(0.05)
        yield


def _is_below(place: str) -> bool:
    """Whether a path stays inside the folder that it is relative to."""
    path = PurePosixPath(place)
    return not path.is_absolute() and ".." not in path.parts


# Copying


def _copy(path: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)  # some of it is secret
    with path.open("rb") as source, os.fdopen(descriptor, "wb") as target:
        shutil.copyfileobj(source, target, _CHUNK)
    shutil.copymode(path, to)


def _copy_database(path: Path, to: Path) -> bool:
    """A database as it is at one moment, whoever writes to it. False when it is not there, or no more."""
    if not path.exists():
        return False
    to.parent.mkdir(parents=True, exist_ok=True)
    try:
        with (
            closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as source,
            closing(sqlite3.connect(to)) as target,
        ):
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        if not path.exists():  # it was no longer needed: what it held is in the archive
            to.unlink(missing_ok=True)
            return False
        raise StoreError(f"{path} cannot be copied: {error}", hint="make room, and try again") from error
    return True


def _places(folder: Path) -> Iterable[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _kept(path: Path) -> Kept:
    digest, size = blake2b(digest_size=16), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return Kept(size, digest.hexdigest())


@contextmanager
def _whole(to: Path) -> Iterator[Path]:
    """A folder to fill, which has its name once all of it is on the disk. What an earlier try left is removed."""
    to = to.absolute()
    unfinished = to.with_name(f".{to.name}{UNFINISHED}")
    make_folder(to.parent)
    if unfinished.exists():
        shutil.rmtree(unfinished)
    unfinished.mkdir()
    try:
        yield unfinished
        _sync(unfinished)
        unfinished.replace(to)
        sync_folder(to.parent)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _sync(folder: Path) -> None:
    """Everything below a folder, certainly on the disk."""
    for path in [folder, *folder.rglob("*")]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _refuse_full(folder: Path) -> None:
    """Refuses what cannot be replaced by a whole folder in one step."""
    if folder.is_mount():
        raise InputError(f"{folder} is a disk of its own", hint="name a folder in it")
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists() or folder.is_symlink():
        raise InputError(f"{folder} is there already and not empty", hint="name a folder that is empty or new")


def _damaged(path: Path) -> StoreError:
    return StoreError(f"{path} is missing or damaged", hint="use another backup; nothing was changed")
