"""Requests of commands to the server that runs: small files that last until they are done.

A command writes one; whoever works on the workspace does it and removes it: the server, or the command itself when
no server runs. After a crash it is still there.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from shoal.errors import StoreError
from shoal.journal.durable import UNFINISHED, failures_told, make_folder, sync_folder, write_whole
from shoal.runtime.places import REQUESTS_FOLDER

CONSENT, ERASURE = "consent", "erasure"

ONLY_OURS = 0o600
"""Requests name people."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request that is not done yet."""

    path: Path
    content: dict[str, Any]

    def is_waiting(self) -> bool:
        return self.path.exists()

    def done(self) -> None:
        """It need not be done again."""
        with failures_told("Removing a request that is done", self.path.parent):
            self.path.unlink(missing_ok=True)
            sync_folder(self.path.parent)


class Requests:
    """The requests to one workspace."""

    def __init__(self, workspace_folder: Path) -> None:
        self.folder = workspace_folder / REQUESTS_FOLDER

    def add(self, kind: str, content: dict[str, Any], *, now: int) -> Request:
        """A new request; it lasts when this returns."""
        path = self.folder / f"{kind}-{now:015d}-{uuid.uuid4().hex[:12]}.json"
        with failures_told("Writing a request", self.folder):
            make_folder(self.folder)
            write_whole(path, [msgspec.json.encode(content)], mode=ONLY_OURS)
            sync_folder(self.folder)
        return Request(path, content)

    def are_waiting(self, kind: str) -> bool:
        """Whether there is any. Cheap enough to be asked ten times a second."""
        return self.folder.is_dir() and any(self.folder.glob(f"{kind}-*.json"))

    def waiting(self, kind: str) -> list[Request]:
        """Those of a kind, in the order in which they were made."""
        found = []
        for path in sorted(self.folder.glob(f"{kind}-*.json")) if self.folder.is_dir() else ():
            try:
                found.append(Request(path, msgspec.json.decode(path.read_bytes())))
            except FileNotFoundError:  # somebody else has just done it
                continue
            except (OSError, msgspec.DecodeError) as error:
                raise StoreError(
                    f"{path} cannot be read: {error}", hint="remove this file, and ask again"
                ) from error
        return found

    def remove_unfinished(self) -> None:
        """What commands were killed over."""
        for path in self.folder.glob(f".*{UNFINISHED}") if self.folder.is_dir() else ():
            path.unlink(missing_ok=True)
