"""Batch and live identity resolution say what the replay by the book says, at every moment."""

from __future__ import annotations

import random
from collections import defaultdict

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from shoal.identity import IdentityRules, IdentityStream, KindRule, Resolution, owners, resolve
from shoal.identity.graph import NOBODY
from shoal.identity.rules import DEVICE
from shoal.model.event import Event, EventKind
from shoal.model.frame import frame_of_events
from shoal.model.identifier import Identifier

USERS = ("ann", "bob", "cyd", "dan", "null", "d1")
DEVICES = ("d1", "d2", "d3", "ann", "undefined")
EMAILS = ("a@x.com", " A@X.com", "b@x.com", "c@x.com", "null@x.com")
PHONES = ("+49 171 000-001", "+49171000001", "+4917100002", "000")
CARDS = ("card1", "card2", "test-card")


def maybe(values: tuple[str, ...]) -> st.SearchStrategy[str | None]:
    return st.none() | st.sampled_from(values)


@st.composite
def streams(draw: st.DrawFn, longest: int = 24) -> list[Event]:
    """Events of few people on few devices in order, with many ties in time."""
    kinds = st.sampled_from([EventKind.TRACK, EventKind.IDENTIFY, EventKind.IDENTIFY, EventKind.ALIAS])
    events = []
    for position in range(draw(st.integers(0, longest))):
        traits = {"email": draw(maybe(EMAILS)), "phone": draw(maybe(PHONES)), "card": draw(maybe(CARDS))}
        event = Event(
            position=position,
            message_id=f"m{position}",
            kind=draw(kinds),
            name="",
            occurred_at=draw(st.integers(0, 8)),
            received_at=0,
            user_id=draw(maybe(USERS)),
            anonymous_id=draw(maybe(DEVICES)),
            previous_id=draw(maybe((*USERS, *DEVICES))),
            fields={f"traits.{kind}": value for kind, value in traits.items() if value is not None},
        )
        events.append(event)
    return sorted(events, key=lambda event: event.order)


def kind_rules(limits: st.SearchStrategy[int | None]) -> st.SearchStrategy[IdentityRules]:
    """Rules with a kind of the workspace's own and pairs kept apart."""
    card = st.builds(KindRule, name=st.just("card"), limit=limits, blocked_patterns=st.just(("^TEST",)))
    people = st.tuples(
        st.builds(KindRule, name=st.just("user_id"), limit=limits),
        st.builds(KindRule, name=st.just("email"), limit=limits),
        card,
        st.builds(KindRule, name=st.just("phone"), limit=limits),
    )
    anyone = st.one_of(
        st.builds(Identifier, st.just("user_id"), st.sampled_from(USERS)),
        st.builds(Identifier, st.just("email"), st.sampled_from(EMAILS)),
        st.builds(Identifier, st.just(DEVICE), st.sampled_from(DEVICES)),
    )
    pairs = st.tuples(anyone, anyone).filter(lambda pair: str(pair[0]).lower() != str(pair[1]).lower())
    return st.builds(
        IdentityRules,
        people=people,
        device=st.builds(KindRule, name=st.just(DEVICE), limit=limits),
        shared_device_owners=st.integers(1, 3),
        separate=st.lists(pairs, max_size=2).map(tuple),
    )


ANY_RULES = st.just(IdentityRules()) | kind_rules(st.sampled_from([None, 1, 1, 2, 3]))


def profiles(resolution: Resolution, frame: pl.DataFrame, as_of: int) -> dict[str, list[int]]:
    """The positions of each profile's events as of a moment, by profile id."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for at, position, profile in zip(
        frame["occurred_at"], frame["position"], resolution.profile_ids(as_of), strict=True
    ):
        if at <= as_of and profile is not None:
            found[profile].append(position)
    return dict(found)


@given(streams(), ANY_RULES)
def test_batch_says_at_every_moment_what_the_replay_says(events: list[Event], rules: IdentityRules) -> None:
    frame = frame_of_events(events)
    resolution = resolve(frame, rules)
    for moment in range(-1, 10):
        expected = owners(events, rules, moment)
        positions = {profile: [event.position for event in its] for profile, its in expected.items()}
        assert profiles(resolution, frame, moment) == positions


@given(streams(), ANY_RULES)
def test_live_gives_every_event_the_profile_of_the_replay(events: list[Event], rules: IdentityRules) -> None:
    stream = IdentityStream(rules)
    leaves: list[tuple[int, int]] = []
    for count, event in enumerate(events, start=1):
        leaf = stream.apply(event)
        if leaf is not None:
            leaves.append((event.position, leaf))
        live: defaultdict[str, list[int]] = defaultdict(list)
        for position, each in leaves:
            live[stream.profile_id(each)].append(position)
        expected = owners(events[:count], rules)
        assert dict(live) == {name: [each.position for each in its] for name, its in expected.items()}


@given(streams(), ANY_RULES)
def test_batch_and_live_report_the_same(events: list[Event], rules: IdentityRules) -> None:
    """Merges, refusals and shared devices, with the events that caused them."""
    resolution = resolve(frame_of_events(events), rules)
    stream = IdentityStream(rules)
    for event in events:
        stream.apply(event)
    names, news = stream.node_ids, stream.take_news()
    merges = [
        (at, row, names[old], names[new], names[a], names[b]) for at, row, old, new, a, b in news.merges.tolist()
    ]
    refused = [(at, row, names[other], names[leaf]) for at, row, other, leaf, _ in news.refusals.tolist()]
    shared = [(at, row, names[device], names[node]) for at, row, device, node in news.shared.tolist()]
    assert resolution.merges.drop("message_id").rows() == merges
    assert resolution.refused.drop("message_id", "reason").rows() == refused
    assert resolution.shared_devices.drop("message_id").rows() == shared
    for kind, value, _ in resolution.blocked.rows():
        assert stream.node_ids.find(Identifier(kind, value)) == NOBODY


@given(streams(), ANY_RULES, st.randoms())
def test_order_of_arrival_does_not_matter_without_ties(
    events: list[Event], rules: IdentityRules, chance: random.Random
) -> None:
    """The fold reads occurred_at first; position only breaks ties."""
    apart = [replaced(event, occurred_at=10 * place) for place, event in enumerate(events)]
    arrived = [*apart]
    chance.shuffle(arrived)
    arrived = [replaced(event, position=place) for place, event in enumerate(arrived)]
    assert by_message(owners(apart, rules)) == by_message(owners(arrived, rules))
    in_order = sorted(arrived, key=lambda event: event.order)
    assert resolve(frame_of_events(in_order), rules).profile_ids().to_list() == list(
        resolve(frame_of_events(apart), rules).profile_ids()
    )


@given(streams(), st.randoms())
def test_people_do_not_depend_on_times_when_no_rule_is_against_any_link(
    events: list[Event], chance: random.Random
) -> None:
    """Without limits, pairs kept apart and aliases, who is who among person-level identifiers is a matter of what
    was stated together, whenever that was. Only a profile's name may differ: it is the first of its best kind."""
    rules = IdentityRules(people=tuple(KindRule(name=name) for name in ("user_id", "email", "phone")))
    stated = [event for event in events if event.kind is not EventKind.ALIAS]
    shuffled = [replaced(event, occurred_at=chance.randrange(100)) for event in stated]
    shuffled.sort(key=lambda event: event.order)
    groups = people_together(stated, rules)
    assert groups == people_together(shuffled, rules) == connected(stated, rules)


@given(streams(), st.randoms())
def test_limits_that_the_whole_component_keeps_change_nothing(events: list[Event], chance: random.Random) -> None:
    """A cluster is part of its connected component, so when every component fits, no order meets a refusal."""
    rules = IdentityRules()
    stated = [event for event in events if event.kind is not EventKind.ALIAS]
    components = connected(stated, rules)
    if all(sum(text.startswith("user_id:") for text in component) <= 1 for component in components):
        shuffled = [replaced(event, occurred_at=chance.randrange(100)) for event in stated]
        shuffled.sort(key=lambda event: event.order)
        assert people_together(shuffled, rules) == components
        assert resolve(frame_of_events(shuffled), rules).refused.is_empty()


def replaced(event: Event, **changes: int) -> Event:
    values = {name: getattr(event, name) for name in event.__dataclass_fields__}
    return Event(**{**values, **changes})


def by_message(found: dict[str, list[Event]]) -> dict[str, list[str]]:
    return {profile: [event.message_id for event in its] for profile, its in found.items()}


def people_together(events: list[Event], rules: IdentityRules) -> set[frozenset[str]]:
    """The sets of person-level identifiers that are one profile in the end."""
    resolution = resolve(frame_of_events(events), rules)
    groups: defaultdict[int, set[str]] = defaultdict(set)
    for name, root in zip(resolution.node_ids, resolution.roots(), strict=True):
        if not name.startswith(DEVICE):
            groups[root].add(name)
    return {frozenset(group) for group in groups.values()}


def connected(events: list[Event], rules: IdentityRules) -> set[frozenset[str]]:
    """The connected components of person-level identifiers stated by one event."""
    groups: list[set[str]] = []
    for event in events:
        usable = [rules.usable(identifier) for identifier in rules.stated(event) if identifier.kind != DEVICE]
        stated = {str(identifier) for identifier in usable if identifier is not None}
        if stated:
            touched = [group for group in groups if group & stated]
            groups = [group for group in groups if not group & stated]
            groups.append(stated.union(*touched))
    return {frozenset(group) for group in groups}
