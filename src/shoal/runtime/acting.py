"""Acting on a workspace that is served: where its outbox is."""

from __future__ import annotations

from pathlib import Path

from shoal.runtime.live_state import open_live_state
from shoal.runtime.places import LIVE_STATE
from shoal.triggers.sqlite_outbox import SqliteOutbox


def open_outbox(folder: Path) -> SqliteOutbox:
    """The outbox of a workspace, over a connection of its own: for another thread or process than the engine's.

    Results may be lost with the power: what was sent is then sent again, under the same id.
    """
    connection = open_live_state(folder / LIVE_STATE)
    connection.execute("PRAGMA synchronous = NORMAL")
    return SqliteOutbox(connection)
