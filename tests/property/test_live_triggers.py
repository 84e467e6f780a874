"""Triggers of a live workspace: where it is stopped and begun again makes no difference to what they do."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given, note, settings
from hypothesis import strategies as st

from shoal.definitions.acting import Acting, Destination, QuietHours
from shoal.definitions.trigger import ActionDefinition, Happens, TriggerDefinition
from shoal.definitions.workspace import Workspace
from shoal.model.consent import Purpose
from shoal.model.event import Event
from shoal.model.firing import Channel
from shoal.model.time import HOUR
from shoal.runtime.acting import open_outbox
from shoal.runtime.live_workspace import LiveWorkspace
from shoal.triggers.outbox import Wanted
from tests.property.strategies import TINY, Author, World, histories, worlds
from tests.property.test_engines_agree import texts
from tests.property.test_live_workspace import ListJournal, arrival_of, decoder_of
from tests.property.test_occasions import occasion

PAGE = ActionDefinition(channel=Channel.PAGE, content={"offer": "content", "title": "{{ at }}"})
HOOK = ActionDefinition(channel=Channel.WEBHOOK, destination="crm")
CRM = Destination(name="crm", channel=Channel.WEBHOOK, address="https://crm.example/hook")


@st.composite
def acting_workspaces(draw) -> tuple[World, Workspace]:
    """A tiny world with a few triggers, and narrow bounds. Its folder is to be filled in."""
    world = draw(worlds(TINY, profiles=1, size=0))
    author = Author(draw, TINY)
    names = [each.name for each in world.definitions.segments]
    triggers = tuple(
        TriggerDefinition(
            name=f"trigger_{number}",
            on=occasion(author, names) if author.chance() else Happens("*"),
            actions=(PAGE, HOOK),
            condition=author.condition(0) if author.chance(3) else None,
            purpose=Purpose.ANALYTICS if author.chance() else Purpose.EMAIL,
            valid_for=draw(st.integers(1, 20)),
            cooldown=draw(st.integers(0, 6)),
            include_present=author.chance(),
        )
        for number in range(draw(st.integers(1, 2)))
    )
    quiet = QuietHours(begins=0, ends=12 * 60, channels=frozenset({Channel.WEBHOOK}))
    acting = Acting(
        hold_out=draw(st.sampled_from((0.0, 0.0, 0.4))),
        caps=draw(st.sampled_from(({}, {Channel.PAGE: 2, Channel.WEBHOOK: 1}))),
        quiet_hours=(quiet,) if author.chance() else (),
        destinations={"crm": CRM},
    )
    workspace = Workspace(
        folder=Path(),
        definitions=world.definitions,
        settings=world.settings,
        triggers=triggers,
        acting=acting,
    )
    return world, workspace


@settings(max_examples=max(settings.default.max_examples // 3, 20))
@given(acting_workspaces(), histories(TINY, 10), st.data())
def test_restarts_change_nothing_of_what_is_done(
    made: tuple[World, Workspace], events: list[Event], data: st.DataObject
) -> None:
    """Stopped and begun again at any point, archived at any point: the same firings and deliveries, each once."""
    world, workspace = made
    note(texts(world))
    note(repr(workspace.triggers))
    interruptions = data.draw(
        st.lists(st.sampled_from(("", "", "restart", "archive", "both")), min_size=30, max_size=30)
    )
    assert _followed(workspace, events, interruptions) == _followed(workspace, events, [""] * 14)


def _followed(workspace: Workspace, events: list[Event], interruptions: Sequence[str]) -> tuple[Any, Any]:
    """Everything that was done while the events came in, with an interruption after some of the steps."""
    folder = Path(tempfile.mkdtemp())
    try:
        return _in_folder(replace(workspace, folder=folder), events, interruptions)
    finally:
        shutil.rmtree(folder)


def _in_folder(workspace: Workspace, events: list[Event], interruptions: Sequence[str]) -> tuple[Any, Any]:
    journal, decode = ListJournal(), decoder_of(events)
    now = min((event.occurred_at for event in events), default=0) - 1
    live = LiveWorkspace(workspace, journal, decode, now=now)
    moments = sorted({event.occurred_at for event in events})
    steps = [*moments, *(moments[-1:] or [0]) * 2, (moments[-1:] or [0])[0] + 18 * HOUR]
    for number, (moment, interruption) in enumerate(zip(steps, interruptions, strict=False)):
        for place, event in enumerate(events):
            if event.occurred_at == moment and number < len(moments):
                journal.append(arrival_of(place))
        now = max(now, moment) + (3 if number >= len(moments) else 0)
        live.tick(now)
        if interruption in ("archive", "both"):
            live.archive_events()
        if interruption in ("restart", "both"):
            live.close()
            live = LiveWorkspace(workspace, journal, decode, now=now)
    live.close()
    outbox = open_outbox(workspace.folder)
    try:
        return outbox.find_firings(Wanted(), 10_000), outbox.find(Wanted(), 10_000)
    finally:
        outbox.close()
