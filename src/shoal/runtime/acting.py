"""Acting on what the engine finds: the triggers of a workspace that is kept true, and where its outbox is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path

from shoal.definitions.implied import is_implied
from shoal.definitions.workspace import Workspace
from shoal.model.change import MembershipChanged
from shoal.model.firing import Status
from shoal.runtime.live import LiveEngine
from shoal.runtime.live_people import LivePeople
from shoal.runtime.live_state import LiveState, open_live_state
from shoal.runtime.places import LIVE_STATE
from shoal.triggers import tables
from shoal.triggers.machine import Acted, TriggerMachine
from shoal.triggers.occasions import News
from shoal.triggers.retention import forget_before, kept_since
from shoal.triggers.sqlite_memory import SqliteMemory
from shoal.triggers.sqlite_outbox import SqliteOutbox


class Actor:
    """The triggers of a workspace, which remember in its live state. They act within its transactions."""

    def __init__(self, workspace: Workspace, state: LiveState) -> None:
        self._connection = state.connection
        memory, zone = SqliteMemory(state.connection), workspace.settings.time_zone
        self._machine = TriggerMachine(workspace.triggers, workspace.acting, memory, zone=zone)

    def begin(self, engine: LiveEngine, *, after_a_gap: bool = False) -> Acted:
        """Takes an engine on whose changes were not followed until now."""
        return self._machine.switch_on(LivePeople(engine), engine.now, after_a_gap=after_a_gap)

    def follow(self, engine: LiveEngine, changes: Iterable[MembershipChanged], before: int) -> Acted:
        """Acts on the changes of a step of the engine, which stood at `before` until then."""
        implied = [each for each in changes if is_implied(each.segment)]
        news = News(changes=implied, merges=engine.merges, before=before)
        return self._machine.step(news, LivePeople(engine), engine.now)

    def forget_old(self, now: int) -> int:
        """Forgets what was done so long ago that nobody needs it; how many rows there were."""
        triggers = self._machine.triggers.values()
        return forget_before(self._connection, kept_since(triggers, now), triggers)

    @property
    def next_moment(self) -> int:
        """When there is something to do though nothing changes."""
        return self._machine.next_moment


def open_outbox(folder: Path) -> SqliteOutbox:
    """The outbox of a workspace, over a connection of its own: for another thread or process than the engine's.

    Results may be lost with the power: what was sent is then sent again, under the same id.
    """
    connection = open_live_state(folder / LIVE_STATE)
    connection.execute("PRAGMA synchronous = NORMAL")
    return SqliteOutbox(connection)


def count_deliveries(folder: Path) -> Mapping[tuple[str, str, Status], int]:
    """How many deliveries a workspace has, by trigger, destination and status; none before it is served."""
    if not (folder / LIVE_STATE).exists():
        return {}
    with closing(open_outbox(folder)) as outbox:
        return outbox.counts()


def count_fired(folder: Path, trigger: str, since: int, until: int) -> int:
    """How often a trigger really fired after one moment and up to another; never before it is served."""
    if not (folder / LIVE_STATE).exists():
        return 0
    with closing(open_live_state(folder / LIVE_STATE)) as connection:
        return tables.count_fired(connection, trigger, since, until)
