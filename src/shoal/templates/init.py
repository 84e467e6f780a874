"""A new workspace from a template: all of it, or nothing."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from shoal.errors import InputError, NotFound, StoreError

TEMPLATES = ("ecommerce", "saas", "travel", "dtc")
"""The templates by name."""

SHARED = "shared"
SETTINGS_FILE = "shoal.yaml"
IGNORED = ".gitignore"
IGNORED_FILES = "# What Shoal keeps beside the definitions: events, identities, results.\n.shoal/\n"
MAY_BE_THERE = frozenset({".git"})
"""A folder that holds only this counts as empty."""


def init_workspace(folder: Path, template: str) -> None:
    """Makes a folder into a workspace. What fails leaves nothing behind.

    Raises NotFound when there is no such template, InputError when the folder is not empty, and StoreError when
    it cannot be written.
    """
    files = read_template(template)
    _refuse_used(folder)
    made = _Made()
    try:
        made.folder(folder)
        for path, text in files.items():
            made.file(folder / path, text)
    except OSError as error:
        made.take_back()
        reason = error.strerror or "it is not accessible"
        raise StoreError(f"{folder} cannot be written: {reason}") from error
    except BaseException:
        made.take_back()
        raise


def read_template(template: str) -> dict[str, str]:
    """The files of a template by their paths. The settings come last: without them a folder is no workspace."""
    if template not in TEMPLATES:
        close = difflib.get_close_matches(template, TEMPLATES, 1)
        hint = f"did you mean {close[0]}?" if close else f"one of {', '.join(TEMPLATES)}"
        raise NotFound(f'there is no template "{template[:80]}"', hint=hint)
    root = resources.files("shoal.templates")
    files = {IGNORED: IGNORED_FILES}
    for name in (SHARED, template):
        files |= dict(_texts(root / name, ""))
    files[SETTINGS_FILE] = files.pop(SETTINGS_FILE)
    return files


def _texts(folder: Traversable, path: str) -> Iterator[tuple[str, str]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _texts(entry, f"{path}{entry.name}/")
        else:
            yield path + entry.name, entry.read_text("utf-8")


def _refuse_used(folder: Path) -> None:
    try:
        found = sorted(path.name for path in folder.iterdir() if path.name not in MAY_BE_THERE)
    except FileNotFoundError:
        if folder.is_symlink():
            raise InputError(f"{folder} leads nowhere", hint="name a new folder") from None
        return
    except NotADirectoryError:
        raise InputError(f"{folder} is a file, or would be inside one", hint="name a new folder") from None
    except (OSError, ValueError) as error:  # no permission, or a name that no folder can have
        raise InputError(f"{str(folder)[:200]!r} cannot be read: {error}") from error
    if SETTINGS_FILE in found:
        raise InputError(f"{folder} is a workspace already", hint="name a new folder")
    if found:
        some = ", ".join(found[:3]) + (", ..." if len(found) > 3 else "")
        raise InputError(f"{folder} is not empty: it holds {some}", hint="name a new folder, or empty this one")


class _Made:
    """The files and folders that have been made so far, so that they can be taken back."""

    def __init__(self) -> None:
        self.paths: list[Path] = []

    def folder(self, path: Path) -> None:
        if path.is_dir():
            return
        self.folder(path.parent)
        path.mkdir()
        self.paths.append(path)

    def file(self, path: Path, text: str) -> None:
        self.folder(path.parent)
        with path.open("x", encoding="utf-8", newline="\n") as file:
            self.paths.append(path)
            file.write(text)

    def take_back(self) -> None:
        """Removes what was made, the last first; what cannot be removed is left."""
        for path in reversed(self.paths):
            try:
                path.rmdir() if path.is_dir() else path.unlink()
            except OSError:
                continue
