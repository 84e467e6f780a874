"""The worker through hours of trouble, in virtual time: nothing is lost, and nobody waits for others' trouble."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from tests.delivering import NOW, Acted, Inline, VirtualLoop, delivery, in_virtual_time, put

from shoal.deliver.breaker import FAILURES_UNTIL_OPEN
from shoal.deliver.destinations import Opened
from shoal.deliver.posting import meaning_of
from shoal.deliver.schedule import DELAYS, JITTER
from shoal.deliver.sender import Sent
from shoal.deliver.worker import Worker
from shoal.errors import StoreError
from shoal.model.firing import Delivery, Status
from shoal.model.time import HOUR, MINUTE, SECOND
from shoal.runtime.acting import open_outbox
from shoal.triggers.outbox import Settlement, Wanted

Play = Callable[[int, Delivery], Sent]

GOOD: Play = lambda _now, _delivery: Sent.delivered()  # noqa: E731  (a destination in one line)


def many(destination: str, count: int, *, persons: int = 1000) -> list[Delivery]:
    """So many deliveries for a destination, of several people."""
    return [
        delivery(f"{destination}-{number:04}", f"user_id:{number % persons}", destination=destination)
        for number in range(count)
    ]


class World:
    """A workspace's outbox, destinations that are played, and a worker on virtual time."""

    def __init__(self, folder: Path, loop: VirtualLoop, plays: Mapping[str, Play], **options: object) -> None:
        self.folder, self.loop = folder, loop
        self.takes = {name: Acted(lambda: loop.now, play) for name, play in plays.items()}
        opened = {name: Opened(sender=each) for name, each in self.takes.items()}
        stated: dict[str, object] = {
            "why_not": lambda _: "",
            "clock": lambda: loop.now,
            "executor": Inline(),
            "look_ms": 10 * MINUTE,  # nothing of these tests depends on looking, save where they say so
        }
        self.outbox = open_outbox(folder)
        self.worker = Worker(lambda: self.outbox, opened, **(stated | options))  # type: ignore[arg-type]

    async def run_for(self, milliseconds: int) -> None:
        """Lets the worker run for so long, and stops it."""
        running = asyncio.create_task(self.worker.run())
        await asyncio.sleep(milliseconds / 1000)
        self.worker.stop()
        await running

    def stands(self) -> dict[str, Delivery]:
        outbox = open_outbox(self.folder)
        found = {each.id: each for each in outbox.find(Wanted(), 100_000)}
        outbox.close()
        return found

    def statuses(self) -> Counter[tuple[str, str]]:
        return Counter((each.destination, each.status.value) for each in self.stands().values())

    def moments_of(self, destination: str, id_: str) -> list[int]:
        return [at for at, tried in self.takes[destination].tried if tried == id_]


def live(folder: Path, plays: Mapping[str, Play], milliseconds: int, **options: object) -> World:
    """What a world has come to after so long."""

    async def story(loop: VirtualLoop) -> World:
        world = World(folder, loop, plays, **options)
        await world.run_for(milliseconds)
        return world

    return in_virtual_time(story)


def down_until(moment: int, status: int = 503) -> Play:
    return lambda now, _: Sent.delivered() if now >= moment else meaning_of(status, None, now)


def test_a_destination_that_is_down_for_an_hour_loses_nothing(tmp_path: Path) -> None:
    """All arrives in the end, as the schedule says; meanwhile it is hardly asked. The other waits for nothing."""
    put(tmp_path, *many("crm", 300), *many("ads", 300))
    world = live(tmp_path, {"crm": down_until(NOW + HOUR), "ads": GOOD}, 30 * HOUR)
    assert world.statuses() == {("crm", "delivered"): 300, ("ads", "delivered"): 300}
    assert Counter(world.takes["crm"].taken) == Counter(each.id for each in many("crm", 300))
    assert max(at for at, _ in world.takes["ads"].tried) < NOW + SECOND
    while_down = [at for at, _ in world.takes["crm"].tried if at < NOW + HOUR]
    assert len(while_down) < 64
    for id_ in {tried for _, tried in world.takes["crm"].tried}:
        moments = world.moments_of("crm", id_)
        for attempt, (before, after) in enumerate(pairwise(moments), start=1):
            assert after - before >= DELAYS[attempt]


def test_what_waits_while_the_breaker_is_open_uses_no_attempts_up(tmp_path: Path) -> None:
    """Most of what waited through the hour arrives at its first attempt, soon after the destination is back."""
    put(tmp_path, *many("crm", 300))
    world = live(tmp_path, {"crm": down_until(NOW + HOUR)}, 2 * HOUR)
    firsts = [each for each in world.stands().values() if each.attempts == 1 and each.status is Status.DELIVERED]
    assert len(firsts) > 240
    moments = [at for at, id_ in world.takes["crm"].tried if id_ in {each.id for each in firsts}]
    assert max(moments) < NOW + HOUR + 6 * MINUTE


def test_a_flapping_destination_loses_nothing(tmp_path: Path) -> None:
    """Half a minute well, half a minute not, while new deliveries keep coming."""

    async def story(loop: VirtualLoop) -> World:
        flaps: Play = lambda now, _: Sent.delivered() if (now // 30_000) % 2 else meaning_of(500, None, now)  # noqa: E731
        world = World(tmp_path, loop, {"crm": flaps, "ads": GOOD})
        running = asyncio.create_task(world.worker.run())
        for number in range(60):
            put(
                tmp_path, *(replace(each, id=f"{each.id}-{number}") for each in (*many("crm", 5), *many("ads", 1)))
            )
            world.worker.wake(["crm", "ads"])
            await asyncio.sleep(60)
        await asyncio.sleep(100 * HOUR / 1000)
        world.worker.stop()
        await running
        return world

    world = in_virtual_time(story)
    assert world.statuses() == {("crm", "delivered"): 300, ("ads", "delivered"): 60}
    assert max(Counter(world.takes["crm"].taken).values()) == 1


def test_410_ends_a_destination_and_no_other(tmp_path: Path) -> None:
    """What waits for it is dead, with the reason; it is hardly asked any more; `/readyz` can tell."""
    put(tmp_path, *many("crm", 300), *many("ads", 20))

    async def story(loop: VirtualLoop) -> World:
        world = World(tmp_path, loop, {"crm": lambda now, _: meaning_of(410, None, now), "ads": GOOD})
        running = asyncio.create_task(world.worker.run())
        await asyncio.sleep(10)
        assert world.worker.troubles == {"crm": "it answered 410: it wants nothing any more"}
        world.worker.stop()
        await running
        return world

    world = in_virtual_time(story)
    assert world.statuses() == {("crm", "dead"): 300, ("ads", "delivered"): 20}
    assert {each.reason for each in world.stands().values() if each.destination == "crm"} == {
        "it answered 410: it wants nothing any more"
    }
    assert len(world.takes["crm"].tried) <= world.worker._opened["crm"].at_once


def test_a_slow_destination_delays_no_other(tmp_path: Path) -> None:
    """One that takes 19 seconds for each has many under way at a time, and the other is done at once."""
    put(tmp_path, *many("crm", 200), *many("ads", 500))

    async def story(loop: VirtualLoop) -> World:
        world = World(tmp_path, loop, {"crm": GOOD, "ads": GOOD})
        world.takes["crm"].takes_s = 19
        await world.run_for(200 * SECOND)
        return world

    world = in_virtual_time(story)
    assert world.statuses() == {("crm", "delivered"): 200, ("ads", "delivered"): 500}
    assert max(at for at, _ in world.takes["ads"].tried) < NOW + SECOND
    assert world.takes["crm"].most_at_once == world.worker._opened["crm"].at_once


def test_redirects_are_failures_until_it_is_given_up(tmp_path: Path) -> None:
    """Ten attempts at the moments of the schedule, then dead with the reason."""
    put(tmp_path, *many("crm", 1))
    world = live(tmp_path, {"crm": lambda now, _: meaning_of(302, None, now)}, 100 * HOUR)
    [dead] = world.stands().values()
    assert (dead.status, dead.attempts) == (Status.DEAD, len(DELAYS))
    assert dead.reason == "given up after 10 attempts, the last: it answered 302: redirects are not followed"
    moments = world.moments_of("crm", dead.id)
    waits = [after - before for before, after in pairwise(moments)]
    for wait, delay in zip(waits, DELAYS[1:], strict=True):
        assert delay <= wait <= delay * (1 + JITTER) + 2 * SECOND


def test_a_destination_that_asks_for_rest_gets_it(tmp_path: Path) -> None:
    """Whatever was not on its way already waits as long as Retry-After says."""
    put(tmp_path, *many("crm", 200))
    back_at = NOW + 10 * MINUTE

    def play(now: int, _: Delivery) -> Sent:
        return Sent.delivered() if now >= back_at else meaning_of(429, str((back_at - now) // SECOND), now)

    world = live(tmp_path, {"crm": play}, 20 * MINUTE)
    early = [at for at, _ in world.takes["crm"].tried if at < back_at - SECOND]
    assert len(early) <= world.worker._opened["crm"].at_once
    assert world.statuses() == {("crm", "delivered"): 200}


def test_one_delivery_that_is_not_taken_holds_up_only_its_person(tmp_path: Path) -> None:
    """What is behind it for the same person waits, in order; everybody else's goes on."""
    put(
        tmp_path,
        *(delivery(f"{name}-{number}", f"user_id:{name}") for number in range(5) for name in ("ann", "bob")),
    )

    def play(now: int, one: Delivery) -> Sent:
        is_bad = one.id == "ann-0" and now < NOW + MINUTE
        return meaning_of(422, None, now) if is_bad else Sent.delivered()

    world = live(tmp_path, {"crm": play}, HOUR)
    assert world.statuses() == {("crm", "delivered"): 10}
    taken = world.takes["crm"].taken
    for name in ("ann", "bob"):
        assert [each for each in taken if each.startswith(name)] == [f"{name}-{number}" for number in range(5)]
    assert max(at for at, id_ in world.takes["crm"].tried if id_.startswith("bob")) < NOW + 5 * SECOND


def test_many_bad_deliveries_do_not_open_the_breaker(tmp_path: Path) -> None:
    """A destination that answers 422 is well."""
    put(tmp_path, *many("crm", FAILURES_UNTIL_OPEN * 4))
    world = live(tmp_path, {"crm": lambda now, _: meaning_of(422, None, now)}, 2 * SECOND)
    assert len(world.takes["crm"].tried) == FAILURES_UNTIL_OPEN * 4


def test_consent_is_asked_for_just_before(tmp_path: Path) -> None:
    """Who withdrew it since gets nothing; of whom it is not known at present waits."""
    put(tmp_path, *(delivery(name, f"user_id:{name}") for name in ("ann", "bob", "cyd", "dan")))

    async def story(loop: VirtualLoop) -> World:
        def why_not(one: Delivery) -> str:
            if one.person in ("user_id:cyd", "user_id:dan") and loop.now < NOW + MINUTE:
                raise StoreError("the engine is starting")
            return "withdrawn" if one.person == "user_id:bob" else ""

        world = World(tmp_path, loop, {"crm": GOOD}, why_not=why_not)
        await world.run_for(50 * SECOND)
        assert {id_: each.status.value for id_, each in world.stands().items()} == {
            "ann": "delivered",
            "bob": "no_consent",
            "cyd": "ready",
            "dan": "ready",
        }
        world = World(tmp_path, loop, {"crm": GOOD}, why_not=why_not)
        await world.run_for(50 * SECOND)
        assert world.takes["crm"].taken == ["cyd", "dan"]
        return world

    world = in_virtual_time(story)
    assert (world.stands()["bob"].attempts, world.stands()["bob"].reason) == (0, "withdrawn")


def test_what_is_pointless_by_now_is_not_sent(tmp_path: Path) -> None:
    """It expired while its destination was left alone."""
    put(tmp_path, *(replace(each, expires_at=NOW + MINUTE) for each in many("crm", 20)))
    world = live(tmp_path, {"crm": down_until(NOW + HOUR)}, 2 * HOUR)
    assert world.statuses() == {("crm", "expired"): 20}
    assert max(at for at, _ in world.takes["crm"].tried) <= NOW + MINUTE


def test_a_stop_lets_what_is_on_its_way_arrive(tmp_path: Path) -> None:
    """And nothing else is begun; what does not arrive in time stays ready, and comes again under its id."""
    put(tmp_path, *many("crm", 100), *many("ads", 100))

    async def story(loop: VirtualLoop) -> World:
        world = World(tmp_path, loop, {"crm": GOOD, "ads": GOOD})
        world.takes["crm"].takes_s, world.takes["ads"].takes_s = 3, 50
        await world.run_for(SECOND)
        at_once = world.worker._opened["crm"].at_once
        assert world.statuses() == {
            ("crm", "delivered"): at_once,
            ("crm", "ready"): 100 - at_once,
            ("ads", "ready"): 100,
        }
        assert all(each.attempts == 0 for each in world.stands().values() if each.status is Status.READY)
        assert world.takes["crm"].is_closed
        assert world.takes["ads"].is_closed
        again = World(tmp_path, loop, {"crm": GOOD, "ads": GOOD})
        await again.run_for(MINUTE)
        tried = [id_ for _, id_ in (*world.takes["ads"].tried, *again.takes["ads"].tried)]
        assert set(tried) == {each.id for each in many("ads", 100)}
        return again

    assert in_virtual_time(story).statuses() == {("crm", "delivered"): 100, ("ads", "delivered"): 100}


def test_a_full_disk_stops_sending_before_too_much_is_sent_twice(tmp_path: Path) -> None:
    """Results are kept until they can be written; nothing is sent twice by the same process."""
    put(tmp_path, *many("crm", 3000, persons=3000))

    async def story(loop: VirtualLoop) -> World:
        world = World(tmp_path, loop, {"crm": GOOD})
        settle = world.outbox.settle

        def full(results: list[Settlement]) -> None:
            if loop.now < NOW + MINUTE:
                raise StoreError("no space left")
            settle(results)

        world.outbox.settle = full  # type: ignore[method-assign,assignment]
        running = asyncio.create_task(world.worker.run())
        await asyncio.sleep(30)
        assert len(world.takes["crm"].taken) == 1000
        assert world.worker.trouble == "no space left"
        await asyncio.sleep(60)
        world.worker.stop()
        await running
        return world

    world = in_virtual_time(story)
    assert world.statuses() == {("crm", "delivered"): 3000}
    assert len(world.takes["crm"].taken) == 3000


def test_begins_are_as_far_apart_as_a_destination_wants(tmp_path: Path) -> None:
    """One a second, as for Slack."""
    put(tmp_path, *many("team", 10))

    async def story(loop: VirtualLoop) -> World:
        world = World(tmp_path, loop, {"team": GOOD})
        world.worker._opened["team"] = Opened(sender=world.takes["team"], at_once=1, spacing_ms=SECOND)
        await world.run_for(20 * SECOND)
        return world

    moments = [at for at, _ in in_virtual_time(story).takes["team"].tried]
    assert len(moments) == 10
    assert all(after - before >= SECOND for before, after in pairwise(moments))
    assert moments[-1] - moments[0] < 12 * SECOND


class Pages:
    """A hub of pages: some people are there, and go."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop, self.there, self.shown = loop, set[str](), list[tuple[int, str]]()

    def persons(self) -> set[str]:
        return set(self.there)

    async def send(self, one: Delivery) -> Sent:
        if one.person not in self.there:
            return Sent.away()
        self.shown.append((self.loop.now, one.id))
        return Sent.delivered()


@pytest.mark.parametrize("present", [5, 200])
@pytest.mark.parametrize("waiting", [50, 1500])
def test_pages_are_found_however_many_there_are(tmp_path: Path, present: int, waiting: int) -> None:
    """Few people who look and many offers that wait, or the other way round."""
    offers = [delivery(f"{number:04}", f"user_id:{number}", destination="page") for number in range(waiting)]
    put(tmp_path, *offers)

    async def story(loop: VirtualLoop) -> Pages:
        pages = Pages(loop)
        pages.there = {f"user_id:{number * 7}" for number in range(present)}
        await World(tmp_path, loop, {}, pages=pages).run_for(5 * SECOND)
        return pages

    shown = {id_ for _, id_ in in_virtual_time(story).shown}
    assert shown == {f"{number * 7:04}" for number in range(present) if number * 7 < waiting}


def test_a_page_is_reached_while_somebody_looks_at_it(tmp_path: Path) -> None:
    """An offer waits until its person is there, and no longer than it makes sense."""
    offers = [delivery(name, f"user_id:{name}", destination="page") for name in ("ann", "bob", "cyd")]
    put(tmp_path, *(replace(each, expires_at=NOW + HOUR) for each in offers))

    async def story(loop: VirtualLoop) -> tuple[World, Pages]:
        pages = Pages(loop)
        pages.there = {"user_id:ann", "user_id:zoe"}
        world = World(tmp_path, loop, {}, pages=pages)
        running = asyncio.create_task(world.worker.run())
        await asyncio.sleep(60)
        pages.there.add("user_id:bob")
        world.worker.wake(["page"])
        await asyncio.sleep(2 * HOUR / 1000)
        world.worker.stop()
        await running
        return world, pages

    world, pages = in_virtual_time(story)
    assert [id_ for _, id_ in pages.shown] == ["ann", "bob"]
    assert pages.shown[1][0] == NOW + MINUTE
    assert {id_: each.status.value for id_, each in world.stands().items()} == {
        "ann": "delivered",
        "bob": "delivered",
        "cyd": "expired",
    }


def test_a_mistake_of_a_sender_is_an_attempt_that_failed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is tried again; the log says where, and names nobody."""
    put(tmp_path, delivery("one", "user_id:secret-person"))

    def play(now: int, one: Delivery) -> Sent:
        if now < NOW + SECOND:
            raise RuntimeError(f"cannot handle {one.person}")
        return Sent.delivered()

    world = live(tmp_path, {"crm": play}, MINUTE)
    assert world.stands()["one"].attempts == 2
    assert world.statuses() == {("crm", "delivered"): 1}
    assert "secret-person" not in " ".join(record.getMessage() for record in caplog.records)


def test_what_waits_for_a_destination_that_nobody_names_is_told(tmp_path: Path) -> None:
    """It waits; a destination that lacks a secret, too."""
    put(tmp_path, *many("old", 2), *many("mail", 2), *many("crm", 2))

    async def story(loop: VirtualLoop) -> World:
        troubles = {"mail": "the environment variable MAIL is not set"}
        world = World(tmp_path, loop, {"crm": GOOD}, troubles=troubles)
        running = asyncio.create_task(world.worker.run())
        await asyncio.sleep(10)
        assert world.worker.troubles == {
            "mail": "the environment variable MAIL is not set",
            "old": "deliveries wait for it, and shoal.yaml does not name it",
        }
        world.worker.stop()
        await running
        return world

    assert in_virtual_time(story).statuses() == {
        ("old", "ready"): 2,
        ("mail", "ready"): 2,
        ("crm", "delivered"): 2,
    }


def test_something_new_is_sent_at_once_when_it_is_told(tmp_path: Path) -> None:
    """And within a second when another process put it there."""

    async def story(loop: VirtualLoop) -> World:
        world = World(tmp_path, loop, {"crm": GOOD}, look_ms=SECOND)
        running = asyncio.create_task(world.worker.run())
        await asyncio.sleep(10.5)
        put(tmp_path, delivery("told"))
        world.worker.wake(["crm"])
        await asyncio.sleep(10)
        put(tmp_path, delivery("found"))
        await asyncio.sleep(10)
        world.worker.stop()
        await running
        return world

    (told, _), (found, _) = in_virtual_time(story).takes["crm"].tried
    assert told == NOW + 10_500
    assert 0 <= found - (NOW + 20_500) <= SECOND
