"""The trigger machine against a slow and obvious judge, with both of its memories."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from hypothesis import given, note
from hypothesis import strategies as st

from shoal.definitions.acting import Acting, QuietHours
from shoal.definitions.implied import condition_segment, consent_segment, trigger_segment
from shoal.definitions.trigger import (
    ActionDefinition,
    Becomes,
    Changes,
    Enters,
    Happens,
    Leaves,
    SessionEnds,
    TriggerDefinition,
)
from shoal.model.change import Direction, MembershipChanged, ProfilesMerged
from shoal.model.consent import Purpose
from shoal.model.firing import Channel, Delivery, Status
from shoal.model.time import DAY, HOUR, MINUTE, NEVER, parse_moment, to_datetime
from shoal.triggers import tables
from shoal.triggers.machine import Acted, TriggerMachine
from shoal.triggers.memory import Memory, MemoryInMemory
from shoal.triggers.occasions import News
from shoal.triggers.outbox import Settlement
from shoal.triggers.sqlite_memory import SqliteMemory
from shoal.triggers.sqlite_outbox import SqliteOutbox
from tests.property.trigger_judge import Judge, Made, ToldPeople

BEGIN = parse_moment("2026-03-27T12:00Z")
"""Two days before clocks are changed in Europe."""

PROFILES = ("user_id:ann", "user_id:bob", "anonymous_id:x", "anonymous_id:y")
ZONES = {"user_id:ann": "Europe/Paris", "user_id:bob": "America/New_York"}
WORKSPACE_ZONE = "Asia/Kathmandu"
ADDRESSES = {"user_id:ann": "ann@shop.example", "anonymous_id:x": "x@shop.example"}
OCCASIONS = (Enters("a"), Leaves("a"), Changes("a"), Happens("A"), SessionEnds(), Becomes("everyone()"))
SPANS = (0, MINUTE, HOUR, 3 * HOUR, DAY)

actions = st.sampled_from((Channel.PAGE, Channel.EMAIL)).map(lambda channel: ActionDefinition(channel=channel))


def triggers(number: int) -> st.SearchStrategy[TriggerDefinition]:
    return st.builds(
        TriggerDefinition,
        name=st.just(f"trigger_{number}"),
        on=st.sampled_from(OCCASIONS),
        actions=st.lists(actions, min_size=1, max_size=2).map(tuple),
        condition=st.sampled_from((None, None, "everyone()")),
        purpose=st.sampled_from((Purpose.PERSONALISATION, Purpose.EMAIL)),
        valid_for=st.sampled_from(SPANS[1:]),
        cooldown=st.sampled_from(SPANS),
        is_dry_run=st.sampled_from((False, False, False, True)),
        is_transactional=st.sampled_from((False, False, False, True)),
    )


quiet_hours = st.builds(
    QuietHours,
    begins=st.sampled_from((0, 60, 21 * 60, 23 * 60 + 30)),
    ends=st.sampled_from((0, 150, 8 * 60, 21 * 60)),
    channels=st.sets(st.sampled_from((Channel.PAGE, Channel.EMAIL)), min_size=1).map(frozenset),
)
actings = st.builds(
    Acting,
    hold_out=st.sampled_from((0.0, 0.0, 0.3)),
    caps=st.dictionaries(st.sampled_from((Channel.PAGE, Channel.EMAIL)), st.integers(0, 2)),
    quiet_hours=st.lists(quiet_hours, max_size=2).map(tuple),
)


@dataclass
class Followed:
    """A machine with one of the memories."""

    machine: TriggerMachine
    memory: Memory
    outbox: SqliteOutbox | None = None

    def settle(self, ids: Sequence[str], status: Status, now: int) -> None:
        if self.outbox is not None:
            self.outbox.settle(Settlement(id=id_, status=status, at=now, attempts=1) for id_ in ids)
        else:
            assert isinstance(self.memory, MemoryInMemory)
            self.memory.settle(ids, status, now)


def both(chosen: Sequence[TriggerDefinition], acting: Acting) -> tuple[Followed, Followed]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for statement in tables.TABLES.split(";"):
        connection.execute(statement)
    memories = MemoryInMemory(), SqliteMemory(connection)
    machines = [TriggerMachine(chosen, acting, memory, zone=WORKSPACE_ZONE) for memory in memories]
    return Followed(machines[0], memories[0]), Followed(machines[1], memories[1], SqliteOutbox(connection))


def news_of_a_step(draw, chosen: Sequence[TriggerDefinition], people: ToldPeople, before: int) -> News:
    """What is told of a step: some of it late, some of it merges. Each change changes something."""
    segments = [trigger_segment(each.name) for each in chosen]
    segments += [condition_segment(each.name) for each in chosen]
    segments += [consent_segment(purpose) for purpose in (Purpose.PERSONALISATION, Purpose.EMAIL)]
    present = [each for each in PROFILES if people.person(each) == each]
    happenings: list[tuple[int, str, str]] = []
    for _ in range(draw(st.integers(0, 6))):
        is_late = draw(st.integers(0, 5)) == 0
        at = draw(st.integers(before - 2 * HOUR, before) if is_late else st.integers(before + 1, people.now))
        happenings.append((at, draw(st.sampled_from(present)), draw(st.sampled_from(segments))))
    merge = None
    if len(present) > 1 and draw(st.integers(0, 5)) == 0:
        merge = ProfilesMerged(draw(st.integers(before + 1, people.now)), *draw(st.permutations(present))[:2])
        happenings += [(merge.effective_at, merge.old, segment) for segment in segments]
        happenings += [(merge.effective_at, merge.new, segment) for segment in segments if draw(st.booleans())]
    changes: list[MembershipChanged] = []
    for at, profile, segment in sorted(set(happenings)):
        is_over = merge is not None and profile == merge.old and at >= merge.effective_at
        was_in = people.held(profile, segment, at)
        known = (each for each in people.changes if (each.profile, each.segment) == (profile, segment))
        is_overtaken = any(each.effective_at >= at for each in known)
        if not is_overtaken and (was_in or not is_over):
            direction = Direction.LEFT if was_in else Direction.ENTERED
            changes.append(MembershipChanged(at, profile, segment, direction))
            people.changes.append(changes[-1])
    merges = [merge] if merge is not None else []
    people.merges += merges
    return News(changes=sorted(changes), merges=merges, before=before)


def as_judged(acted: Acted) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    firings = [
        (each.trigger, each.profile, each.effective_at, each.direction, each.outcome) for each in acted.firings
    ]
    every = (*acted.released, *acted.deliveries)
    return firings, [(each.id, each.status, each.person, each.not_before, each.reason) for each in every]


@given(st.data())
def test_machine_does_what_the_judge_says(data: st.DataObject) -> None:
    """Each step fires and delivers exactly what it has to, whichever memory is used."""
    draw = data.draw
    chosen = [draw(triggers(number)) for number in range(draw(st.integers(1, 2)))]
    acting = draw(actings)
    people = ToldPeople(ZONES, ADDRESSES, now=BEGIN)
    for profile in PROFILES:
        consents = draw(st.sets(st.sampled_from(Purpose)))
        at = BEGIN - 3 * DAY
        people.changes += [
            MembershipChanged(at, profile, consent_segment(each), Direction.ENTERED) for each in consents
        ]
    judge = Judge(chosen, acting, people, WORKSPACE_ZONE)
    one, other = both(chosen, acting)
    for followed in (one, other):
        assert followed.machine.switch_on(people, BEGIN) == Acted()
    sent: list[tuple[int, Made]] = []
    for _ in range(draw(st.integers(1, 6))):
        before = people.now
        people.now += draw(st.integers(1, 4)) * draw(st.sampled_from((MINUTE, HOUR, 5 * HOUR)))
        news = news_of_a_step(draw, chosen, people, before)
        note(f"{to_datetime(people.now)} {news}")
        known, made = len(judge.fired), len(judge.made)
        judge.step(news)
        acted = one.machine.step(news, people, people.now)
        assert acted == other.machine.step(news, people, people.now)
        expected = [(trigger.name, *key, outcome) for trigger, *key, outcome in judge.fired[known:]]
        assert as_judged(acted)[0] == expected
        assert [each.status for each in acted.deliveries] == [each.status for each in judge.made[made:]]
        assert _standing(one.memory) == Counter((each.status, _until(each)) for each in judge.made)
        assert one.machine.next_moment == other.machine.next_moment
        _ready_ones_are_in_line(one.memory, other.outbox)
        assert _persons(one.memory) == {judge.people.person(profile) for _, profile, *_ in judge.fired}
        assert one.memory.persons() == other.memory.persons()
        for followed in (one, other):
            assert followed.machine.step(news, people, people.now) == Acted()
        _settle_some(draw, judge, (one, other), sent)
    _nobody_got_too_much(acting, people, sent)


def _until(made: Made) -> int:
    return made.until if made.status == "held" else 0


def _standing(memory: Memory) -> Counter[tuple[str, int]]:
    assert isinstance(memory, MemoryInMemory)
    held = Status.HELD
    return Counter(
        (each.status.value, each.not_before if each.status is held else 0) for each in memory.deliveries
    )


def _persons(memory: Memory) -> set[str]:
    assert isinstance(memory, MemoryInMemory)
    return {person for _, person in memory.firings}


def _ready_ones_are_in_line(memory: Memory, outbox: SqliteOutbox | None) -> None:
    """What is due is one for each person, of those that are READY."""
    assert isinstance(memory, MemoryInMemory)
    assert outbox is not None
    ready = [each for each in memory.deliveries if each.status is Status.READY]
    due = outbox.due("page", NEVER, 100)
    assert {each.person for each in ready if each.expires_at < NEVER} >= {each.person for each in due}
    assert {each.id for each in due} <= {each.id for each in ready}
    assert len({each.person for each in due}) == len(due)


def _settle_some(draw, judge: Judge, followed: tuple[Followed, Followed], sent: list[tuple[int, Made]]) -> None:
    memory = followed[0].memory
    assert isinstance(memory, MemoryInMemory)
    for made, delivery in zip(judge.made, memory.deliveries, strict=True):
        if delivery.status is Status.READY and draw(st.booleans()):
            status = draw(st.sampled_from((Status.DELIVERED, Status.DELIVERED, Status.DEAD, Status.NO_CONSENT)))
            for each in followed:
                each.settle([delivery.id], status, judge.people.now)
            judge.settle(made, status.value)
            if status is Status.DELIVERED:
                sent.append((judge.people.now, made))


def _nobody_got_too_much(acting: Acting, people: ToldPeople, sent: list[tuple[int, Made]]) -> None:
    """By the person of now: whoever was two people until a merge may have got what both were allowed."""
    merged = {name for merge in people.merges for name in (merge.old, people.person(merge.new))}
    got: Counter[tuple[str, Channel, object]] = Counter()
    for at, made in sent:
        person = people.person(made.profile)
        if not made.trigger.is_transactional and person not in merged:
            zone = ZoneInfo(people.zones.get(person, WORKSPACE_ZONE))
            got[person, made.channel, to_datetime(at, zone).date()] += 1
    assert [key for key, count in got.items() if count > acting.caps.get(key[1], count)] == []


def test_deliveries_are_equal_in_both_memories() -> None:
    """The judge compares what is told; here a delivery is what it is, field by field."""
    trigger = TriggerDefinition(
        name="hello",
        on=Happens("A"),
        actions=(ActionDefinition(channel=Channel.EMAIL, destination="mail", content={"subject": "Hello"}),),
        purpose=Purpose.EMAIL,
    )
    people = ToldPeople(ZONES, ADDRESSES, now=BEGIN)
    people.changes.append(MembershipChanged(0, "user_id:ann", consent_segment(Purpose.EMAIL), Direction.ENTERED))
    one, other = both([trigger], Acting())
    change = MembershipChanged(BEGIN + 1, "user_id:ann", trigger_segment("hello"), Direction.ENTERED)
    people.now = BEGIN + 5
    for followed in (one, other):
        followed.machine.switch_on(people, BEGIN)
        followed.machine.step(News(changes=[change], before=BEGIN), people, people.now)
    assert isinstance(one.memory, MemoryInMemory)
    assert other.outbox is not None
    [delivery] = one.memory.deliveries
    assert other.outbox.due("mail", people.now, 10) == [delivery]
    assert isinstance(delivery, Delivery)
    assert delivery.content == {"subject": "Hello", "to": "ann@shop.example"}
