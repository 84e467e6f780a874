"""The ledger of consent says what the judge says, of any person at any moment, over merges too."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shoal.definitions.definition import Definitions
from shoal.definitions.resolve import resolve
from shoal.definitions.settings import Settings
from shoal.evaluate.reference import Reference, ReferenceProfile, consents
from shoal.identity import owners
from shoal.model.consent import GRANTED_BY_DEFAULT, Purpose
from shoal.model.event import Event
from shoal.model.frame import frame_of_events
from shoal.runtime.consenting import Holding, Ledger, ledger_of
from shoal.runtime.people import Person
from tests.property.strategies import HUMAN, TINY, histories, interesting_moments

DEFAULTS = [GRANTED_BY_DEFAULT, {purpose: not granted for purpose, granted in GRANTED_BY_DEFAULT.items()}]


def judged(events: list[Event], now: int, settings: Settings) -> dict[Purpose, bool]:
    visible = [event for event in events if event.occurred_at <= now]
    profile = ReferenceProfile(Reference(resolve(Definitions(), settings)), visible, now)
    return {purpose: consents(profile, purpose) for purpose in Purpose}


def ledger(who: str, events: list[Event], now: int, settings: Settings) -> Ledger:
    visible = [event for event in events if event.occurred_at <= now]
    return ledger_of(Person(id=who, identifiers=(who,), frame=frame_of_events(visible)), now, settings.consent)


@given(histories(TINY, 20) | histories(HUMAN, 20), st.sampled_from(DEFAULTS), st.data())
def test_the_ledger_says_what_the_judge_says(
    events: list[Event], defaults: dict[Purpose, bool], data: st.DataObject
) -> None:
    """What holds now; since when, which is a moment before which something else held; and by whose word."""
    settings, now = Settings(consent=defaults), data.draw(interesting_moments(events, TINY))
    for who, theirs in owners(events, as_of=now).items():
        found = ledger(who, theirs, now, settings)
        assert {each.purpose: each.is_granted for each in found.holdings} == judged(theirs, now, settings)
        for holding in found.holdings:
            _check_since(holding, theirs, now, settings)


def _check_since(holding: Holding, events: list[Event], now: int, settings: Settings) -> None:
    moments = sorted({event.occurred_at for event in events if event.occurred_at <= now})
    answers = {at: judged(events, at, settings)[holding.purpose] for at in moments}
    if holding.since is None:
        assert holding.decided_by is None
        assert set(answers.values()) <= {settings.consent[holding.purpose]}
        return
    assert holding.decided_by is not None
    assert holding.decided_by.is_granted is holding.is_granted
    assert all(answer is holding.is_granted for at, answer in answers.items() if at >= holding.since)
    told = [each.at for each in ledger("", events, now, settings).statements if each.purpose is holding.purpose]
    assert holding.since in told
    earlier = [answers[at] for at in moments if at < holding.since and at >= told[0]]
    assert not earlier or earlier[-1] is not holding.is_granted or told.count(holding.since) > 1


@given(histories(TINY, 20))
def test_the_history_is_whole_and_in_order(events: list[Event]) -> None:
    """Nothing that was stated is missing, however often it was taken back."""
    found = ledger("someone", events, 10**15, Settings()).statements
    stated = [
        (event.order, purpose)
        for event in sorted(events, key=lambda event: event.order)
        for purpose in Purpose
        if isinstance(event.fields.get(f"consent.{purpose.value}"), bool)
        or (purpose in (Purpose.ADS, Purpose.SHARING) and event.fields.get("context.gpc") is True)
    ]
    assert [(each.at, each.purpose) for each in found] == [(order[0], purpose) for order, purpose in stated]
