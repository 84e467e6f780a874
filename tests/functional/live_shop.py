"""A shop that is served with a clock of ours: what happens comes in by the journal, what is done goes out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from shoal.collect.http import Decoder
from shoal.definitions.definition import Definitions
from shoal.definitions.trigger import TriggerDefinition
from shoal.definitions.workspace import Workspace
from shoal.journal.journal import Arrival, Entry
from shoal.model.change import MembershipChanged
from shoal.model.firing import Delivery, Firing
from shoal.model.time import parse_moment
from shoal.runtime.acting import open_outbox
from shoal.runtime.live_workspace import LiveWorkspace
from shoal.triggers.outbox import Wanted
from tests.property.test_live_workspace import ListJournal

WRITE_KEY = "key"


def moment(text: str | int) -> int:
    return text if isinstance(text, int) else parse_moment(text)


class LiveShop:
    """A workspace whose clock stands still until somebody moves it."""

    def __init__(self, workspace: Workspace, now: str | int) -> None:
        self.workspace, self.now = workspace, moment(now)
        self.journal = ListJournal()
        self.changes: list[MembershipChanged] = []
        self._messages = 0
        self.live = self._begin()

    @classmethod
    def of(
        cls, folder: Path, definitions: Definitions, *triggers: TriggerDefinition, now: str | int, **other: Any
    ) -> LiveShop:
        return cls(Workspace(folder=folder, definitions=definitions, triggers=triggers, **other), now)

    def _begin(self) -> LiveWorkspace:
        decoder = Decoder(self.workspace.settings, self.workspace.collecting)

        def decode(entries: Iterable[Entry]) -> pl.DataFrame:
            decoded = decoder.decode(entries)
            assert not decoded.failed
            return decoded.events

        return LiveWorkspace(self.workspace, self.journal, decode, now=self.now)

    # What happens

    def hears(self, at: str | int, type_: str = "track", **message: Any) -> None:
        """A message comes in when it happened, or now if that was before. Nobody has looked at it yet."""
        self._messages += 1
        received_at = max(moment(at), self.now)
        stated = {"type": type_, "messageId": f"m{self._messages}", "timestamp": moment(at), **message}
        self.journal.append(
            Arrival(
                received_at=received_at, write_key=WRITE_KEY, path="/v1/track", body=json.dumps(stated).encode()
            )
        )

    def sees(self, at: str | int, who: str, event: str, **properties: Any) -> None:
        """Something happens to a user, at this moment, and the engine takes a step."""
        self.hears(at, userId=who, event=event, properties=properties)
        self.waits_until(at)

    def waits_until(self, at: str | int) -> None:
        """Time goes on, with each step when it is due."""
        end = max(moment(at), self.now)
        while self.live.next_moment < end:
            self.now = max(self.live.next_moment, self.now + 1)
            self.changes += self.live.tick(self.now)
        self.now = end
        self.changes += self.live.tick(end)

    def starts_again(self) -> None:
        """As after a crash: what is not on the disk is gone."""
        self.live.close()
        self.live = self._begin()

    def redefines(self, *triggers: TriggerDefinition, **other: Any) -> None:
        self.workspace = replace(self.workspace, triggers=triggers, **other)
        self.changes += self.live.redefine(self.workspace, self.now)

    # What came of it

    def firings(self, trigger: str = "") -> list[Firing]:
        """The first one first."""
        outbox = open_outbox(self.workspace.folder)
        found = outbox.find_firings(Wanted(trigger=trigger), 10_000)
        outbox.close()
        return found[::-1]

    def deliveries(self, trigger: str = "") -> list[Delivery]:
        """The first one first."""
        outbox = open_outbox(self.workspace.folder)
        found = outbox.find(Wanted(trigger=trigger), 10_000)
        outbox.close()
        return found[::-1]

    def close(self) -> None:
        self.live.close()
