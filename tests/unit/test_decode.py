"""What requests mean: every message of every entry is an event or a failed event, read fast or slowly."""

from __future__ import annotations

import gzip
import json
import random
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from shoal.collect.http import Decoded, Decoder
from shoal.definitions.settings import Settings
from shoal.definitions.sources import Collecting
from shoal.journal.journal import EVENTS_PER_ENTRY, Arrival, Entry
from shoal.model.consent import Purpose
from shoal.model.time import DAY, MINUTE, parse_moment

NOW = "2026-03-10T12:00:00.000Z"
NOW_MS = parse_moment(NOW)
FAR = 10 * 365 * DAY
BROWSER = {"user-agent": "Mozilla/5.0 (X11)", "origin": "https://shop.example", "client-ip": "203.0.113.9"}
SERVER = {"user-agent": "analytics-python/2.4", "client-ip": "10.0.0.1"}


def entry(
    body: object,
    path: str = "/v1/batch",
    *,
    headers: dict[str, str] | None = None,
    at: int = NOW_MS,
    position: int = 1,
) -> Entry:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    arrival = Arrival(received_at=NOW_MS, write_key="web", path=path, body=content, headers=headers or {})
    return Entry(position=position, arrival=arrival)


def decoder(few: int = 32, **settings: Any) -> Decoder:
    categories = {"own category": Purpose.EMAIL}
    return Decoder(Settings(**settings), Collecting(consent_categories=categories), few=few)


def decode(*entries: Entry, **settings: Any) -> Decoded:
    """Read both ways, which give the same."""
    slow, fast = decoder(10**9, **settings).decode(entries), decoder(-1, **settings).decode(entries)
    assert slow.failed == fast.failed
    assert_frame_equal(with_values(slow.events), with_values(fast.events))
    return slow


def with_values(events: pl.DataFrame) -> pl.DataFrame:
    """Without fields that no event has."""
    kept = sorted(column for column in events.columns if events[column].null_count() < max(events.height, 1))
    return events.select(kept)


def track(**said: Any) -> dict[str, Any]:
    return {"type": "track", "event": "Click", "userId": "ann", "messageId": "m1", "timestamp": NOW, **said}


def row(decoded: Decoded) -> dict[str, Any]:
    [only] = decoded.events.iter_rows(named=True)
    return only


# When


@pytest.mark.parametrize(
    ("said", "expected", "is_adjusted"),
    [
        ({"originalTimestamp": NOW_MS - MINUTE, "sentAt": NOW_MS}, NOW_MS - MINUTE, False),
        ({"originalTimestamp": NOW_MS - MINUTE - FAR, "sentAt": NOW_MS - FAR}, NOW_MS - MINUTE, True),
        ({"originalTimestamp": NOW_MS - MINUTE + FAR, "sentAt": NOW_MS + FAR}, NOW_MS - MINUTE, True),
        ({"originalTimestamp": NOW_MS - DAY}, NOW_MS - DAY, False),
        ({"originalTimestamp": NOW_MS + FAR}, NOW_MS + 5 * MINUTE, True),
        ({"originalTimestamp": NOW_MS + FAR, "sentAt": NOW_MS}, NOW_MS + 5 * MINUTE, True),
        ({"originalTimestamp": NOW_MS - MINUTE, "sentAt": "yesterday"}, NOW_MS - MINUTE, False),
        ({"originalTimestamp": NOW_MS - FAR}, NOW_MS - 365 * DAY, True),
        ({"timestamp": None}, NOW_MS, False),
    ],
    ids=["right", "slow", "fast", "unsent", "future", "lie", "unread", "beyond retention", "no time"],
)
def test_a_wrong_clock_is_corrected_or_bounded(said: dict[str, Any], expected: int, is_adjusted: bool) -> None:
    """By the difference of the clocks; never later than five minutes from now, never before the retention."""
    iso = {key: _iso(value) if isinstance(value, int) else value for key, value in said.items()}
    found = row(decode(entry({"batch": [track(**iso)]}), retention=365 * DAY))
    assert found["occurred_at"] == expected
    assert found["received_at"] == NOW_MS
    assert (found.get("context.ts_adjusted:truth") is True) == is_adjusted


def _iso(moment: int) -> str:
    from shoal.model.time import format_moment

    return format_moment(moment)


def test_a_sender_cannot_say_when_it_was_received() -> None:
    """Only the server's own clock bounds what may be said."""
    assert row(decode(entry({"batch": [track(receivedAt="2020-01-01T00:00:00Z")]})))["received_at"] == NOW_MS


def test_the_batch_says_when_it_was_sent() -> None:
    """For every message that does not say so itself."""
    batch = {"sentAt": _iso(NOW_MS + DAY), "batch": [track(timestamp=_iso(NOW_MS + DAY - MINUTE))]}
    assert row(decode(entry(batch)))["occurred_at"] == NOW_MS - MINUTE


# Who and what


def test_the_path_says_the_type_that_a_message_lacks() -> None:
    """One-letter paths of browsers too; a message's own type stands."""
    for path, kind in {"/v1/t": "track", "/v1/page": "page", "/v1/i": "identify"}.items():
        assert row(decode(entry({"event": "Click", "userId": "ann"}, path)))["kind"] == kind
    assert row(decode(entry({"type": "page", "userId": "ann"}, "/v1/t")))["kind"] == "page"


def test_what_a_batch_says_holds_for_its_messages() -> None:
    """Context is merged key by key, and the message's own word stands."""
    batch = {"context": {"app": {"name": "x"}, "locale": "de"}, "batch": [track(context={"locale": "fr"})]}
    found = row(decode(entry(batch)))
    assert (found["context.app.name:text"], found["context.locale:text"]) == ("x", "fr")


def test_a_browsers_address_is_the_persons_and_a_servers_is_not() -> None:
    """Filled in where the message says none."""
    found = row(decode(entry({"batch": [track()]}, headers=BROWSER)))
    assert found["context.ip:text"] == "203.0.113.9"
    assert found["context.userAgent:text"] == "Mozilla/5.0 (X11)"
    assert "context.ip:text" not in row(decode(entry({"batch": [track()]}, headers=SERVER)))
    said = track(context={"ip": "198.51.100.1", "userAgent": "Mine/1"})
    own = row(decode(entry({"batch": [said]}, headers=BROWSER)))
    assert (own["context.ip:text"], own["context.userAgent:text"]) == ("198.51.100.1", "Mine/1")


def test_global_privacy_control_comes_from_the_header() -> None:
    """A page cannot take back what the browser says; without the header a message's own word stands."""
    headers = {**BROWSER, "sec-gpc": "1"}
    assert row(decode(entry({"batch": [track()]}, headers=headers)))["context.gpc:truth"] is True
    said = {"batch": [track(context={"gpc": False})]}
    assert row(decode(entry(said, headers=headers)))["context.gpc:truth"] is True
    assert row(decode(entry(said, headers=BROWSER)))["context.gpc:truth"] is False
    odd = row(decode(entry({"batch": [track(context={"gpc": "no"})]}, headers=headers)))
    assert (odd["context.gpc:truth"], odd["context.gpc:text"]) == (True, None)


def test_consent_is_read_by_purpose() -> None:
    """On any message, and on the event that states it; also by categories of one's own."""
    consent = {"consent": {"categoryPreferences": {"Advertising": False, "Own Category": True}}}
    stated = track(event="Segment Consent Preference Updated", context=consent)
    found = row(decode(entry({"batch": [stated]})))
    assert (found["kind"], found["consent.ads:truth"], found["consent.email:truth"]) == ("consent", False, True)


# Ids


def test_a_message_without_an_id_has_the_same_one_when_it_is_sent_again() -> None:
    """Made of what was sent, so a repeated request changes nothing."""
    bare = {"type": "track", "event": "Click", "userId": "ann", "timestamp": NOW}
    first = decode(entry({"batch": [bare, bare]}, position=1)).events["message_id"].to_list()
    again = decode(entry({"batch": [bare, bare]}, position=2)).events["message_id"].to_list()
    assert first == again
    assert len(set(first)) == 2


def test_messages_that_say_no_time_are_two() -> None:
    """Nothing tells a second click from a repeated request, and losing a click is worse."""
    bare = {"type": "track", "event": "Click", "userId": "ann"}
    first, second = (row(decode(entry({"batch": [bare]}, position=position)))["message_id"] for position in (1, 2))
    assert first != second


def test_positions_are_in_order_of_arrival() -> None:
    """By request, then by place in the batch."""
    batch = {"batch": [track(messageId=f"{number}") for number in range(3)]}
    events = decode(entry(batch, position=7), entry(batch, position=8)).events
    first, second = 7 * EVENTS_PER_ENTRY, 8 * EVENTS_PER_ENTRY
    assert events["position"].to_list() == [first, first + 1, first + 2, second, second + 1, second + 2]


# What fails


BAD = {
    "5": "it is not a JSON object",
    '{"type":"track","userId":"a"}': "it is a track without the name of its event",
    '{"type":"trick","userId":"a"}': 'its type is not a kind of event: "trick"',
    '{"userId":"a","event":"x"}': "it has no type",
    '{"type":"track","event":"x"}': "it does not say whom",
    '{"type":"group","userId":"a"}': "it is a group call without groupId",
    '{"type":"alias","userId":"a"}': "it is an alias without previousId",
    '{"type":"track","event":"x","userId":"a","timestamp":"never"}': "timestamp is not a moment",
    '{"type":"track","event":"x","userId":"a","properties":{"n":1e999}}': "it is not JSON",
    '{"type":"track","event":"x","userId":"a","properties":[1]}': "properties is not an object",
    '{"type":"track","event":"x","userId":["a"]}': "userId is not a text",
    '{"type":"track","event":"x","userId":"a","properties":{"big":"'
    + "x" * 33_000
    + '"}}': "it is larger than 32 KB",
}


@pytest.mark.parametrize("bad", BAD, ids=[reason[:30] for reason in BAD.values()])
def test_one_bad_message_never_fails_its_batch(bad: str) -> None:
    """It is kept with its reason and its place; its neighbours are events."""
    good = json.dumps(track())
    decoded = decode(entry(f'{{"batch":[{good},{bad},{good}]}}'.encode(), position=4))
    [failed] = decoded.failed
    assert decoded.events.height == 2
    assert (failed.position, failed.index, failed.arrival.write_key) == (4, 1, "web")
    assert failed.reason.startswith(BAD[bad])
    assert failed.message.decode() == bad


def test_bytes_that_are_no_text_fail_alone() -> None:
    """Invalid UTF-8 in one message leaves the others as they are."""
    body = b'{"batch":[{"type":"track","event":"\xff","userId":"a"},' + json.dumps(track()).encode() + b"]}"
    decoded = decode(entry(body))
    assert (decoded.events.height, len(decoded.failed)) == (1, 1)


def test_a_damaged_entry_is_one_failed_event() -> None:
    """And what stands beside it in the journal is read."""
    damaged = Entry(position=1, arrival=entry({"batch": [track()]}).arrival, is_whole=False)
    decoded = decode(damaged, entry({"batch": [track()]}, position=2))
    assert decoded.events.height == 1
    assert decoded.failed[0].reason == "the disk gave back other bytes than were written"


def test_a_compressed_body_is_read_whatever_its_headers_say() -> None:
    """RudderStack's node client says it sends a form."""
    packed = gzip.compress(json.dumps({"batch": [track()]}).encode())
    for headers in ({}, {"content-encoding": "gzip"}, {"content-encoding": "identity"}):
        assert decode(entry(packed, headers=headers)).events.height == 1


def test_nothing_gives_an_empty_frame_with_the_envelope() -> None:
    """So that whoever reads on needs no exception for it."""
    decoded = decode()
    assert decoded.events.height == 0
    assert decoded.events.columns[:2] == ["position", "message_id"]


HOSTILE = (
    "__class__",
    "a'; DROP TABLE entries; --",
    '"',
    "a.b:number",
    ":text",
    "{{7*7}}",
    "<script>",
    "\\",
    "é\u202e",
    "",
)


def test_hostile_names_are_names() -> None:
    """Whatever a property is called, it is a field of that name, and nothing else happens."""
    found = row(decode(entry({"batch": [track(properties=dict.fromkeys(HOSTILE, 1))]})))
    assert {column for column in found if column.startswith("properties.")} == {
        f"properties.{name}:number" for name in HOSTILE
    }


# Both ways agree


def test_fast_and_slow_agree_on_anything() -> None:
    """Thousands of messages made of odd and ordinary pieces, in batches of odd shapes."""
    chance = random.Random(1)
    entries = [entry(_batch(chance), headers=chance.choice((BROWSER, SERVER)), position=n) for n in range(1, 61)]
    decoded = decode(*entries)
    assert decoded.events.height > 500
    assert len(decoded.failed) > 200
    positions = [(each.position, each.index) for each in decoded.failed]
    read = {divmod(position, EVENTS_PER_ENTRY) for position in decoded.events["position"].to_list()}
    assert len(positions) + len(read) == sum(len(json.loads(each.arrival.body)["batch"]) for each in entries)
    assert not read & set(positions)


ODD: tuple[Any, ...] = (
    None, "", "x", "2026-03-10T11:00:00Z", 0, 1, -0.0, 1.5, 2**53 + 1, 2**70, True, False, [], [1, {"a": 2}], {},
    {"a": {"b": "c"}}, "é\u0000\ud83d\ude00", '"quoted\\"', "null", {"batch": [1]}, {"": ""}, "track", "page",
)  # fmt: skip
KEYS = (
    "type", "event", "userId", "anonymousId", "messageId", "timestamp", "originalTimestamp", "sentAt",
    "receivedAt", "context", "properties", "traits", "groupId", "previousId", "name", "category", "batch",
    "integrations", "writeKey",
)  # fmt: skip


def _batch(chance: random.Random) -> dict[str, Any]:
    batch: dict[str, Any] = {"batch": [_message(chance) for _ in range(chance.randrange(40))], "writeKey": "web"}
    if chance.random() < 0.5:
        batch["sentAt"] = chance.choice(ODD)
    if chance.random() < 0.2:
        batch["context"] = chance.choice(({}, {"locale": "de"}, None, 5, {"ip": "1.2.3.4"}))
    return batch


def _message(chance: random.Random) -> Any:
    if chance.random() < 0.03:
        return chance.choice(ODD)
    message: dict[str, Any] = {
        "type": chance.choice(("track", "page", "identify", "screen", "group", "alias")),
        "event": "Click",
        "userId": chance.choice(("ann", "bob")),
        "messageId": f"{chance.random()}",
        "properties": {"price": chance.choice((1, 2.5)), "name": "x"},
        "groupId": "acme",
        "previousId": "before",
        "timestamp": NOW,
        "context": {"page": {"path": "/"}, "traits": {"age": 5}},
    }
    for _ in range(chance.choice((0, 0, 1, 1, 2, 4))):
        key = chance.choice(KEYS)
        if chance.random() < 0.3:
            message.pop(key, None)
        else:
            message[key] = chance.choice(ODD)
    return message


def test_positions_of_a_frame_are_unique() -> None:
    """One position is one event, whatever came."""
    chance = random.Random(2)
    events = decoder().decode([entry(_batch(chance), position=n) for n in range(1, 20)]).events
    assert events["position"].is_unique().all()
    assert isinstance(events, pl.DataFrame)
