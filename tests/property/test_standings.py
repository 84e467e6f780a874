"""What other threads see of the live engine: after each step the standings are what engine and judge say."""

from __future__ import annotations

from hypothesis import given, note
from hypothesis import strategies as st

from shoal.identity import IdentityRules, owners
from shoal.model.event import Event, EventKind
from shoal.model.frame import frame_of_events
from shoal.model.identifier import Identifier
from shoal.runtime.live import LiveEngine
from tests.property.strategies import TINY, World, worlds
from tests.property.test_engines_agree import texts
from tests.property.test_identity import DEVICES, USERS
from tests.property.test_live import shuffled_streams

ASKED = [*(Identifier("user_id", each) for each in USERS), *(Identifier("anonymous_id", each) for each in DEVICES)]
PROBE = 10**9
"""The position of an event that is made up to ask the judge whose an identifier is now."""


def judged(come: list[Event], rules: IdentityRules, asked: Identifier, now: int) -> str | None:
    """The profile that an event of this identifier would belong to now, if it has any event."""
    probe = Event(
        position=PROBE,
        message_id="probe",
        kind=EventKind.TRACK,
        name="",
        occurred_at=now,
        received_at=now,
        **{asked.kind: asked.value},
    )
    for profile, events in owners([*come, probe], rules, as_of=now).items():
        if len(events) > 1 and any(event.position == PROBE for event in events):
            return profile
    return None


@given(worlds(TINY, profiles=1, size=0), shuffled_streams(), st.data())
def test_standings_are_those_of_the_engine(world: World, stream, data) -> None:
    """For every identifier, after every batch of a shuffled stream: the profile of the judge, and its segments."""
    note(texts(world))
    _, rules, batches = stream
    engine = LiveEngine(world.resolved, rules, frozen=world.frozen, now=-1)
    come: list[Event] = []
    loaded = data.draw(st.booleans())
    for batch in [*batches, []]:
        now = engine.now + data.draw(st.integers(0, 5))
        come += batch
        if loaded and batches and batch is batches[0]:
            engine = LiveEngine(world.resolved, rules, frozen=world.frozen, now=now)
            engine.load([frame_of_events(batch)])
        else:
            engine.process(frame_of_events(batch), now)
        members = engine.memberships()
        for asked in ASKED:
            standing, profile = engine.standings.find(asked), judged(come, rules, asked, now)
            assert (standing and standing.profile) == profile
            assert standing is None or set(standing) == members.get(standing.profile, frozenset())
