"""Events are enriched before the live engine sees them, as imports are."""

from __future__ import annotations

from pathlib import Path

from tests.property.test_live_workspace import ListJournal, arrival_of, decoder_of

from shoal.definitions.definition import Definitions, SegmentDefinition
from shoal.definitions.workspace import Workspace
from shoal.model.event import Event, EventKind
from shoal.runtime.live_workspace import LiveWorkspace

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.6 Mobile/15E148 Safari/604.1"
)
CRAWLER = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
DEFINITIONS = Definitions.of(
    SegmentDefinition(name="on_phones", when='context("device.type") == "mobile"'),
    SegmentDefinition(name="everybody", when="everyone()"),
)


def view(who: str, agent: str) -> Event:
    return Event(
        position=0,
        message_id=who,
        kind=EventKind.PAGE,
        name="Page Viewed",
        occurred_at=1_000,
        received_at=1_000,
        user_id=who,
        fields={"context.userAgent": agent},
    )


def test_devices_are_known_and_bots_are_not_people(tmp_path: Path) -> None:
    """A phone is known by its user agent, also after a restart, and a crawler is in no segment."""
    events = [view("ann", IPHONE), view("crawler", CRAWLER)]
    workspace = Workspace(folder=tmp_path, definitions=DEFINITIONS)
    journal = ListJournal()
    live = LiveWorkspace(workspace, journal, decoder_of(events), now=0)
    for number in range(len(events)):
        journal.append(arrival_of(number))
    live.tick(2_000)
    expected = {"user_id:ann": frozenset({"everybody", "on_phones"})}

    assert live.engine.memberships() == expected
    live.archive_events()
    live.close()
    again = LiveWorkspace(workspace, journal, decoder_of(events), now=3_000)
    assert again.engine.memberships() == expected
    again.close()
