"""The simulator's files: the same bytes for the same seed, well-formed messages in order, whole or absent."""

from __future__ import annotations

import gzip
import json
import multiprocessing
import os
import resource
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shoal.errors import InputError, StoreError
from shoal.model.time import DAY, parse_moment
from shoal.simulation import BUSINESSES, Simulated, Simulation, Truth, simulate, stream, truth_beside
from shoal.simulation.chance import Chance, Weighted, stable_share
from shoal.simulation.crowd import range_of
from shoal.simulation.sorting import Sorter

PEOPLE = 600


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    return simulate(Simulation(people=PEOPLE), tmp_path_factory.mktemp("simulated") / "shop.ndjson")


@pytest.fixture(scope="module")
def messages(simulated: Simulated) -> list[dict[str, Any]]:
    return [json.loads(line) for line in simulated.events.read_bytes().splitlines()]


def truths(simulated: Simulated) -> list[Truth]:
    return [msgspec.json.decode(line, type=Truth) for line in simulated.truth.read_bytes().splitlines()]


# The same bytes


def test_same_simulation_gives_the_same_bytes(simulated: Simulated, tmp_path: Path) -> None:
    """Two runs of one simulation cannot be told apart."""
    again = simulate(Simulation(people=PEOPLE), tmp_path / "again.ndjson")

    assert simulated.events.read_bytes() == again.events.read_bytes()
    assert simulated.truth.read_bytes() == again.truth.read_bytes()


def test_seed_decides_everything(simulated: Simulated, tmp_path: Path) -> None:
    """Another seed gives other people with other message ids."""
    other = simulate(Simulation(people=50, seed=2), tmp_path / "other.ndjson")
    ids = {json.loads(line)["messageId"] for line in simulated.events.read_bytes().splitlines()}

    assert not ids & {json.loads(line)["messageId"] for line in other.events.read_bytes().splitlines()}


def test_processes_change_nothing_but_time(simulated: Simulated, tmp_path: Path) -> None:
    """Two processes write the bytes that one writes."""
    two = simulate(Simulation(people=PEOPLE), tmp_path / "two.ndjson", processes=2)

    assert simulated.events.read_bytes() == two.events.read_bytes()
    assert simulated.truth.read_bytes() == two.truth.read_bytes()


def test_compressed_holds_the_same_lines(simulated: Simulated, tmp_path: Path) -> None:
    """A name that ends in .gz gets the same lines compressed, and the same bytes whatever the name."""
    one = simulate(Simulation(people=PEOPLE), tmp_path / "one.ndjson.gz")
    two = simulate(Simulation(people=PEOPLE), tmp_path / "two.ndjson.gz")

    assert simulated.events.read_bytes() == gzip.decompress(one.events.read_bytes())
    assert one.events.read_bytes() == two.events.read_bytes()


def test_people_do_not_depend_on_how_many_there_are(simulated: Simulated, tmp_path: Path) -> None:
    """The first people of a large simulation are those of a small one."""
    small = simulate(Simulation(people=40), tmp_path / "small.ndjson")

    assert set(small.events.read_bytes().splitlines()) <= set(simulated.events.read_bytes().splitlines())


def test_python_that_hashes_differently_gives_the_same_bytes(simulated: Simulated, tmp_path: Path) -> None:
    """Nothing depends on the order in which this process keeps its sets."""
    script = (
        "from pathlib import Path; from shoal.simulation import *; "
        f"simulate(Simulation(people={PEOPLE}), Path({str(tmp_path / 'x.ndjson')!r}))"
    )
    subprocess.run([sys.executable, "-c", script], check=True, env={**os.environ, "PYTHONHASHSEED": "7"})

    assert simulated.events.read_bytes() == (tmp_path / "x.ndjson").read_bytes()


# Sizes


@pytest.mark.parametrize("events", [1, 300, 9000])
def test_people_come_until_there_are_enough_events(events: int, tmp_path: Path) -> None:
    """The last person may bring a few messages more than asked for, and nobody comes after that."""
    made = simulate(Simulation(events=events), tmp_path / "shop.ndjson")
    counts = range_of(Simulation(events=events), 0, made.people, 1).counts

    assert made.messages == sum(counts) == len(made.events.read_bytes().splitlines())
    assert made.messages - counts[-1] < events <= made.messages


def test_two_processes_stop_at_the_same_person(tmp_path: Path) -> None:
    """How many processes there are does not decide who is the last."""
    one = simulate(Simulation(events=9000), tmp_path / "one.ndjson")
    two = simulate(Simulation(events=9000), tmp_path / "two.ndjson", processes=2)

    assert one.events.read_bytes() == two.events.read_bytes()


def test_progress_counts_the_messages(tmp_path: Path) -> None:
    """Whoever waits is told how many messages there are so far, and in the end all of them."""
    told: list[int] = []
    made = simulate(Simulation(people=600), tmp_path / "shop.ndjson", progress=told.append)

    assert told == sorted(told)
    assert told[-1] == made.messages
    assert len(told) > 2


# Messages


def test_every_message_is_well_formed(messages: list[dict[str, Any]]) -> None:
    """Each has an id, a known type, somebody it is of, four moments, and what its type asks for."""
    for message in messages:
        assert 0 < len(message["messageId"]) <= 100
        assert message["type"] in {"track", "page", "screen", "identify", "group"}
        assert message["anonymousId"]
        for key in ("timestamp", "originalTimestamp", "sentAt", "receivedAt"):
            parse_moment(message[key])
        assert ("event" in message) == (message["type"] == "track")
        assert ("name" in message) == (message["type"] in {"page", "screen"})
        assert message.get("userId") or message["type"] not in {"identify", "group"}
        assert message["context"]["timezone"]
        assert message["context"]["device"]["type"] in {"mobile", "desktop", "tablet"}
        assert "ip" not in message["context"]


def test_every_line_is_small_enough_for_the_protocol(simulated: Simulated) -> None:
    """No message has more than the 32 kilobytes that senders may use."""
    assert max(map(len, simulated.events.read_bytes().splitlines())) < 32 * 1024


def test_messages_are_in_order_of_arrival(messages: list[dict[str, Any]]) -> None:
    """A line never arrives before the line above it."""
    assert all(one["receivedAt"] <= two["receivedAt"] for one, two in pairwise(messages))


def test_everything_arrives_within_the_days(messages: list[dict[str, Any]]) -> None:
    """Nothing happens before the first day or arrives after the last."""
    start = Simulation(people=1).start_ms

    assert all(start <= parse_moment(message["timestamp"]) for message in messages)
    assert all(parse_moment(message["receivedAt"]) < start + 60 * DAY for message in messages)


def test_only_the_truth_knows_intents(simulated: Simulated) -> None:
    """No message gives away what moves a person."""
    intents = {truth.intent.encode() for truth in truths(simulated)}
    text = simulated.events.read_bytes()

    assert len(intents) == 12
    assert not [intent for intent in intents if intent in text]


def test_channels_and_kinds_of_devices_occur(messages: list[dict[str, Any]]) -> None:
    """People come on the web and in the app, and write in the chat."""
    channels = Counter(message["context"]["channel"] for message in messages)

    assert set(channels) == {"web", "app", "chat"}
    assert {message["type"] for message in messages if message["context"]["channel"] == "app"} >= {"screen"}


def test_texts_carry_tone_and_motive(messages: list[dict[str, Any]]) -> None:
    """What people write has a text, a tone from -1 to 1 and a motive."""
    written = [
        (message["properties"], body)
        for message in messages
        for event, body in (("Live Chat Message Sent", "message_body"), ("Product Reviewed", "review_body"))
        if message.get("event") == event
    ]

    assert len(written) > 50
    assert all(properties[body] and -1 <= properties["tone"] <= 1 for properties, body in written)
    assert all(properties["motive"] for properties, _ in written)


def test_consent_choices_are_stated(simulated: Simulated, messages: list[dict[str, Any]]) -> None:
    """A choice names every purpose; a withdrawal refuses them all."""
    choices = [
        message["context"]["consent"]["categoryPreferences"]
        for message in messages
        if message.get("event") == "Segment Consent Preference Updated"
    ]
    chose = [truth for truth in truths(simulated) if truth.consent is not None]

    assert all(list(choice) == ["Analytics", "Personalisation", "Email", "Ads", "Sharing"] for choice in choices)
    assert not all(any(choice.values()) for choice in choices)
    assert 0.5 * PEOPLE < len(chose) < 0.7 * PEOPLE


def test_money_adds_up(messages: list[dict[str, Any]]) -> None:
    """An order's parts make its total, to the cent."""
    orders = [message["properties"] for message in messages if message.get("event") == "Order Completed"]

    assert len(orders) > 50
    for order in orders:
        lines = sum(round(100 * line["price"]) * line["quantity"] for line in order["products"])
        revenue, total = round(100 * order["revenue"]), round(100 * order["total"])
        assert round(100 * order["subtotal"]) == lines == revenue + round(100 * order.get("discount", 0))
        assert total == revenue + round(100 * order["shipping"]) + round(100 * order["tax"])


# The truth


def test_truth_is_of_everybody_in_order(simulated: Simulated) -> None:
    """The truth has one line for each person, by number."""
    assert [truth.person for truth in truths(simulated)] == list(range(PEOPLE))
    assert simulated.people == PEOPLE


def test_truth_agrees_with_the_messages(simulated: Simulated, messages: list[dict[str, Any]]) -> None:
    """Orders, revenue, arms and identifiers of the truth are those in the messages of that person."""
    events: dict[int, dict[str, dict[str, Any]]] = {}
    for message in messages:
        person = int(message["messageId"].split("-")[1], 16)
        events.setdefault(person, {})[message["messageId"]] = message
    for truth in truths(simulated):
        of_person = events[truth.person].values()
        orders = [each["properties"] for each in of_person if each.get("event") == "Order Completed"]
        arms = [each["properties"] for each in of_person if each.get("event") == "Experiment Viewed"]
        assert {each["anonymousId"] for each in of_person} == set(truth.anonymous_ids)
        assert {each["userId"] for each in of_person if "userId" in each} <= {truth.user_id}
        assert (len(orders), truth.bought) == (truth.orders, truth.orders > 0)
        assert sum(round(100 * order["revenue"]) for order in orders) == round(100 * truth.revenue)
        assert [arm["variation_id"] for arm in arms] == ([truth.arm] if truth.arm else [])


def test_truth_has_a_place_of_its_own() -> None:
    """The truth lies beside the events, under a name that no importer of the events takes in."""
    assert truth_beside(Path("a/demo.ndjson.gz")) == Path("a/demo.truth.ndjson")
    assert truth_beside(Path("demo")) == Path("demo.truth.ndjson")


# Files are whole or absent


def test_interruption_leaves_nothing(tmp_path: Path) -> None:
    """When it is stopped half-way there is no file, no truth and nothing else."""

    def stop(messages: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(Simulation(people=600), tmp_path / "shop.ndjson", progress=stop)

    assert list(tmp_path.iterdir()) == []


def test_killed_process_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    """When one of several processes is killed the error says what to do, and there is no file."""

    def kill(messages: int) -> None:
        for child in multiprocessing.active_children():
            child.kill()

    with pytest.raises(StoreError, match="ended from outside"):
        simulate(Simulation(people=3000), tmp_path / "shop.ndjson", progress=kill, processes=2)

    assert list(tmp_path.iterdir()) == []


def test_full_disk_is_told_and_leaves_the_old_file(tmp_path: Path) -> None:
    """When the disk does not take it the error says so, and what was there before is still there."""
    to = tmp_path / "shop.ndjson"
    to.write_bytes(b"before")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(StoreError, match="Nothing is half-written"):
            simulate(Simulation(people=600), to)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert to.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [to]


def test_refuses_places_that_are_no_files(tmp_path: Path) -> None:
    """A folder, or a file in a folder that is not there, is told before anything is simulated."""
    with pytest.raises(InputError, match="is a folder"):
        simulate(Simulation(people=1), tmp_path)
    with pytest.raises(InputError, match="there is no folder"):
        simulate(Simulation(people=1), tmp_path / "nowhere" / "shop.ndjson")


# Configuration


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"business": "bakery", "people": 1}, "business: there is no 'bakery'; choose one of ecommerce, saas"),
        ({}, "either a number of events or a number of people"),
        ({"people": 1, "events": 1}, "either a number of events or a number of people"),
        ({"people": 0}, "people: 0 is not a whole number from 1"),
        ({"people": True}, "people: True is not a whole number"),
        ({"events": 1.5}, r"events: 1\.5 is not a whole number"),
        ({"events": 100_000_001}, "from 1 to 100000000"),
        ({"people": 1, "seed": -1}, "seed: -1"),
        ({"people": 1, "days": 13}, "days: 13 is not a whole number from 14 to 3650"),
        ({"people": 1, "late": 1.5}, r"late: 1\.5 is not a number from 0 to 1"),
        ({"people": 1, "duplicates": float("nan")}, "duplicates: nan"),
        ({"people": 1, "skewed": "many"}, "skewed: 'many'"),
        ({"people": 1, "discount_effect": 0.9}, r"discount_effect: 0\.9 is not a number from -0\.1 to 0\.7"),
        ({"people": 1, "start": "soon"}, 'start: "soon" is not a moment'),
        ({"people": 1, "start": "0001-01-01"}, "is not between 1980 and 2090"),
        ({"people": 1, "start": 2026}, "start: 2026 is not a text"),
    ],
)
def test_wrong_configuration_is_told(wrong: dict[str, Any], message: str) -> None:
    """Every mistake names its setting, the value, and what would do."""
    with pytest.raises(InputError, match=message):
        Simulation(**wrong)


def test_refuses_an_impossible_number_of_processes(tmp_path: Path) -> None:
    """No process at all cannot do the work."""
    with pytest.raises(InputError, match="processes: 0"):
        simulate(Simulation(people=1), tmp_path / "shop.ndjson", processes=0)


@pytest.mark.parametrize("business", BUSINESSES)
@pytest.mark.parametrize("days", [14, 400])
def test_any_stretch_of_days_works(business: str, days: int) -> None:
    """Short and long stretches keep everybody inside them, whatever moment of the day they begin at."""
    simulation = Simulation(business=business, people=80, days=days, start="2027-03-28T17:30:00Z")
    found = range_of(simulation, 0, 80, 7)

    assert set(found.blocks) <= set(range(7))
    assert min(found.counts) > 0


# Streaming at a rate


class Watch:
    """A clock that stands still but for sleeping."""

    def __init__(self) -> None:
        self.now = 50.0

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def streamed(rate: float, watch: Watch) -> Iterator[bytes]:
    return stream(Simulation(people=PEOPLE), rate, clock=lambda: watch.now, sleep=watch.sleep)


def test_stream_gives_the_lines_of_the_file(simulated: Simulated) -> None:
    """A stream is the file, line by line."""
    assert b"".join(streamed(1e6, Watch())) == simulated.events.read_bytes()


def test_stream_keeps_the_rate() -> None:
    """At 200 lines a second the line after 1,000 others comes after five seconds."""
    watch = Watch()
    lines = streamed(200, watch)
    times = [watch.now for _ in zip(range(1001), lines, strict=False)]

    assert times[0] == pytest.approx(50)
    assert times[1000] == pytest.approx(55)
    assert max(two - one for one, two in pairwise(times)) == pytest.approx(1 / 200)


def test_stream_catches_up_after_a_pause() -> None:
    """Lines that are due because their reader was slow come at once, and then the rate is kept again."""
    watch = Watch()
    lines = streamed(10, watch)
    next(lines)
    watch.now += 2
    times = [watch.now for _ in zip(range(25), lines, strict=False)]

    assert times[19] == pytest.approx(52)
    assert times[-1] == pytest.approx(52.5)


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf"), "fast", True])
def test_stream_refuses_an_impossible_rate(rate: Any) -> None:
    """The mistake is told at once, not when the first line is asked for."""
    with pytest.raises(InputError, match="rate: "):
        stream(Simulation(people=1), rate)


# Parts


def test_sorting_on_disk_gives_what_sorting_in_memory_gives(tmp_path: Path) -> None:
    """However little memory there is, the lines are the same, and no file is left."""
    blocks = [range_of(Simulation(people=200), first, first + 50, 20).blocks for first in (0, 50, 100, 150)]
    small, large = Sorter(tmp_path, 20, most_bytes=10_000), Sorter(tmp_path / "unused", 20)
    for each in blocks:
        small.add(each)
        large.add(each)

    assert any(tmp_path.iterdir())
    assert list(small.slices()) == list(large.slices())
    assert not any(tmp_path.iterdir())


def test_chance_depends_on_its_key_alone() -> None:
    """The same key draws the same numbers, which are even; another key draws others."""
    one, two, other = Chance(1, 2, 3), Chance(1, 2, 3), Chance(1, 2, 4)
    draws = [one.uniform() for _ in range(2000)]

    assert draws == [two.uniform() for _ in range(2000)]
    assert draws[:5] != [other.uniform() for _ in range(5)]
    assert sum(draws) / 2000 == pytest.approx(0.5, abs=0.03)


def test_weighted_choices_come_as_often_as_they_weigh() -> None:
    """Three of four is three of four."""
    chance, coin = Chance(1), Weighted([("often", 3), ("seldom", 1)])

    assert Counter(coin.pick(chance) for _ in range(4000))["often"] == pytest.approx(3000, abs=120)


def test_stable_shares_are_even() -> None:
    """Arms of experiments are of the same size."""
    shares = [stable_share("cart_discount", person) for person in range(4000)]

    assert all(0 <= share < 1 for share in shares)
    assert sum(share < 0.5 for share in shares) == pytest.approx(2000, abs=130)


# Memory

SCRIPT = """
import resource, sys
from pathlib import Path
from shoal.simulation import Simulation, simulate
made = simulate(Simulation(events=int(sys.argv[1])), Path(sys.argv[2]))
print(made.messages, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def peak_memory_mb(events: int, to: Path) -> int:
    answer = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(events), str(to)], check=True, capture_output=True, text=True
    )
    return int(answer.stdout.split()[1])


@pytest.mark.slow
@pytest.mark.skipif(os.environ.get("SHOAL_FULL") != "1", reason="takes minutes; set SHOAL_FULL=1")
def test_a_million_events_take_no_more_memory_than_a_few(tmp_path: Path) -> None:
    """Ten times the events, of ten times the buffer, need the memory of the buffer and one slice more."""
    few, many = (peak_memory_mb(events, tmp_path / f"{events}.ndjson") for events in (100_000, 1_000_000))

    assert many < 350
    assert many - few < 150
