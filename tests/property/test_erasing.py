"""Erasing anybody from any archive: exactly their events go, and nobody is found afterwards."""

from __future__ import annotations

import tempfile
from pathlib import Path

import polars as pl
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from shoal.definitions.workspace import Workspace
from shoal.identity import owners
from shoal.identity.rules import DEVICE
from shoal.journal import Archive
from shoal.model.event import Event
from shoal.model.frame import events_of_frame, frame_of_events
from shoal.runtime.erasing.archived import erase_from_archive
from shoal.runtime.erasing.person import ErasedPerson, gather_person
from shoal.runtime.erasing.search import search
from tests.property.test_identity import streams

FEWER = max(settings.default.max_examples // 4, 10)


def kept(archive: Archive) -> list[Event]:
    frames = list(archive.read())
    return list(events_of_frame(pl.concat(frames))) if frames else []


def stated(events: list[Event], person: ErasedPerson) -> set[str]:
    """Which of the person's identifiers events state, in the columns in which identifiers stand."""
    own = {(each.kind, each.value) for each in person.traces.identifiers}
    said = set()
    for event in events:
        said |= {("user_id", event.user_id), (DEVICE, event.anonymous_id)}
        said |= {("user_id", event.previous_id), (DEVICE, event.previous_id)}
        said |= {(kind, str(event.fields.get(f"traits.{kind}"))) for kind in ("email", "phone")}
    return {f"{kind}:{value}" for kind, value in own & said}


@settings(max_examples=FEWER)
@given(streams(), st.data())
def test_exactly_their_events_go(events: list[Event], data: st.DataObject) -> None:
    """Whoever it is, whatever was merged or shared: the events of others and of nobody stay at their places."""
    people = owners(events)
    assume(people)
    who = data.draw(st.sampled_from(sorted(people)))
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        archive = Archive(folder / "archive")
        archive.append(frame_of_events(sorted(events, key=lambda event: event.position)).drop("position"))
        person = gather_person(Workspace(folder=folder), who, archive)
        theirs = {event.message_id for event in people[who]}
        before = {event.message_id: event for event in kept(archive)}
        rewritten = erase_from_archive(archive, person)

        left = kept(archive)
        assert {event.message_id for event in left} == before.keys() - theirs
        assert [event.order for event in left] == sorted(before[event.message_id].order for event in left)
        assert rewritten.removed == len(theirs)
        assert stated(left, person) == set()
        assert search(folder, person.traces) == []
        assert (erase_from_archive(archive, person).removed, kept(archive)) == (0, left)


@settings(max_examples=FEWER)
@given(streams(), st.data())
def test_what_others_share_stays_theirs(events: list[Event], data: st.DataObject) -> None:
    """A device that others' events name is told, and stays in those events."""
    people = owners(events)
    assume(people)
    who = data.draw(st.sampled_from(sorted(people)))
    with tempfile.TemporaryDirectory() as root:
        archive = Archive(Path(root) / "archive")
        archive.append(frame_of_events(sorted(events, key=lambda event: event.position)).drop("position"))
        before = {event.message_id: event for event in kept(archive)}
        person = gather_person(Workspace(folder=Path(root)), who, archive)
        erase_from_archive(archive, person)

        for event in kept(archive):
            device = before[event.message_id].anonymous_id
            assert event.anonymous_id == device
            assert event.user_id == before[event.message_id].user_id
            assert device is None or device not in {
                each.value for each in person.identifiers if each.kind == DEVICE
            }
