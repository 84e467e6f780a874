"""Messages of the Segment protocol: what they become, and that the fast way and the slow way agree."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.collect import load_mapping, parse_mapping
from shoal.collect.consents import tcf_purposes
from shoal.collect.ids import RowIds
from shoal.collect.mapping import Mapping
from shoal.collect.message import Reading
from shoal.collect.rows import Mapped, Raw, Rows
from shoal.collect.segment import MessageLines, events_of_line, frame_of_rows
from shoal.model.time import parse_moment

ADA = {
    "type": "track",
    "event": "Signed Up",
    "userId": "ada",
    "messageId": "m1",
    "timestamp": "2026-01-01T00:00:00Z",
}
SEGMENT = load_mapping("segment")
TC_STRING = "CO5rKAAO5rKAAAKABBENAwCgAI2AAAAAAAAAAAAA"
"""A core string of version 2, made bit by bit from the specification, with purposes 1, 5, 6, 8 and 9."""


def raw_of(lines: list[bytes]) -> Raw:
    ends = np.cumsum([len(line) + 1 for line in lines]) - 1
    return Raw(np.frombuffer(b"\n".join(lines), np.uint8), ends - [len(line) for line in lines], ends)


def mapped(lines: list[bytes], mapping: Mapping = SEGMENT) -> Mapped:
    raw = raw_of(lines)
    ids = RowIds(mapping.name, keeps_duplicates=False).of(raw)
    return MessageLines(mapping).mapped(Rows(raw, np.arange(1, len(lines) + 1)), ids)


def one_by_one(lines: list[bytes], mapping: Mapping = SEGMENT) -> tuple[pl.DataFrame, dict[int, str]]:
    """The same by the slow way alone."""
    reading = Reading(mapping.consent_categories, mapping.consent, mapping.retention_ms)
    ids = RowIds(mapping.name, keeps_duplicates=False).of(raw_of(lines)).all
    events, failed = [], {}
    for row, line in enumerate(lines):
        of_line, reason = events_of_line(line, reading, ids[row])
        events += [{"row": row, **event} for event in of_line]
        if reason is not None:
            failed[row] = reason
    return frame_of_rows(events).drop("row"), failed


def present(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if value is not None} for row in frame.iter_rows(named=True)]


def event(message: dict[str, Any], mapping: Mapping = SEGMENT) -> dict[str, Any]:
    """The only event of one message, by both ways."""
    line = json.dumps(message).encode()
    (fast,), (slow,) = present(mapped([line], mapping).events), present(one_by_one([line], mapping)[0])
    assert fast == slow
    return fast


def reason(message: Any) -> str:
    line = message if isinstance(message, bytes) else json.dumps(message).encode()
    found = mapped([line])
    assert found.events.is_empty()
    return found.failed[0]


# The calls


def test_a_track_is_an_event_by_its_name() -> None:
    """Its properties and its context are fields."""
    found = event({**ADA, "properties": {"plan": {"name": "Pro"}, "seats": 3}, "context": {"ip": "10.0.0.1"}})

    assert found == {
        "message_id": "m1",
        "kind": "track",
        "name": "Signed Up",
        "occurred_at": 1767225600000,
        "received_at": 1767225600000,
        "user_id": "ada",
        "properties.plan.name:text": "Pro",
        "properties.seats:number": 3.0,
        "context.ip:text": "10.0.0.1",
    }


def test_pages_and_screens_have_fixed_names() -> None:
    """The page's own name and category are properties, and win over properties of that name."""
    page = {**ADA, "type": "page", "name": "Home", "category": "Docs", "properties": {"name": "x", "path": "/"}}
    found = event(page)

    assert (found["kind"], found["name"]) == ("page", "Page Viewed")
    assert (found["properties.name:text"], found["properties.category:text"]) == ("Home", "Docs")
    assert event({**page, "type": "screen"})["name"] == "Screen Viewed"


def test_an_identify_states_traits() -> None:
    """Its own traits win over those in its context."""
    found = event(
        {
            **ADA,
            "type": "identify",
            "traits": {"email": "a@x.org"},
            "context": {"traits": {"email": "old", "age": 3}},
        }
    )

    assert (found["kind"], found["name"]) == ("identify", "")
    assert found["traits.email:text"] == "a@x.org"
    assert found["traits.age:number"] == 3


def test_traits_in_the_context_of_any_call_are_traits() -> None:
    """Libraries of phones send what they know of the person with every call."""
    assert event({**ADA, "context": {"traits": {"plan": "pro"}}})["traits.plan:text"] == "pro"


def test_traits_of_a_group_are_not_the_persons() -> None:
    """They are context of the call."""
    found = event({**ADA, "type": "group", "groupId": "acme", "traits": {"plan": "enterprise"}})

    assert found["context.groupId:text"] == "acme"
    assert found["context.group.plan:text"] == "enterprise"
    assert not any(column.startswith("traits.") for column in found)


def test_an_alias_names_the_former_id() -> None:
    """Only an alias has a previous id."""
    found = event({**ADA, "type": "alias", "previousId": "anon"})

    assert (found["kind"], found["previous_id"]) == ("alias", "anon")
    assert "previous_id" not in event({**ADA, "previousId": "anon"})


def test_a_batch_is_its_messages() -> None:
    """What the envelope says holds for each message that does not say otherwise; a bad one fails alone."""
    batch = {
        "batch": [{**ADA, "context": {"ip": "1"}}, {"type": "track", "userId": "bob"}, {**ADA, "messageId": None}],
        "context": {"ip": "2", "library": {"name": "py"}},
        "sentAt": "2026-01-01T00:00:10Z",
        "receivedAt": "2026-01-01T00:00:15Z",
    }
    found = mapped([json.dumps(batch).encode()])

    assert found.events["context.ip:text"].to_list() == ["1", "2"]
    assert found.events["context.library.name:text"].to_list() == ["py", "py"]
    assert found.events["occurred_at"].to_list() == [1767225605000] * 2
    assert found.events["message_id"][1].endswith(".2")
    assert found.failed == {0: "message 2 of 3: it is a track without the name of its event"}


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({**ADA, "userId": None}, "does not say whom"),
        ({**ADA, "userId": ""}, "does not say whom"),
        ({**ADA, "userId": ["a"]}, "userId is not a text"),
        ({**ADA, "event": ""}, "without the name"),
        ({**ADA, "event": 3}, "without the name"),
        ({**ADA, "type": "click"}, 'not a kind of event: "click"'),
        ({**ADA, "type": None}, "has no type"),
        ({**ADA, "type": "group"}, "without groupId"),
        ({**ADA, "type": "alias"}, "without previousId"),
        ({**ADA, "timestamp": "yesterday"}, 'timestamp is not a moment of the years 1 to 9999: "yesterday"'),
        ({**ADA, "timestamp": "10000-01-01T00:00:00Z"}, "timestamp is not a moment"),
        ({**ADA, "timestamp": None}, "does not say when"),
        ({**ADA, "properties": [1]}, "properties is not an object"),
        ({**ADA, "context": "x"}, "context is not an object"),
        ({**ADA, "context": {"traits": 3}}, "traits is not an object"),
        ([ADA], "not a JSON object"),
        (b"3", "not a JSON object"),
        (b"{", "not JSON"),
        (b'{"type":"track","userId":"a","x":NaN}', "not JSON"),
        (b'{"type":"track","userId":"a","x":1e999}', "not JSON"),
        (b"[" * 5000, "nested too deep"),
        (
            b'{"type":"track","event":"X","userId":"a","timestamp":"2026-01-01","traits":{"a":[{"b" 1}]}}',
            "not JSON",
        ),
        (json.dumps(ADA).encode()[:-1] + b',"traits":{"a":[{"b" 1}]}}', "not JSON"),
        (json.dumps(ADA).encode()[:-1] + b',"traits":{"a":[1e999]}}', "not JSON"),
        (json.dumps(ADA).encode()[:-1] + b',"version":1e400}', "not JSON"),
    ],
)
def test_what_is_no_event_is_told(message: Any, words: str) -> None:
    """A message that cannot be an event fails with its reason."""
    assert words in reason(message)


def test_a_deep_object_is_refused() -> None:
    """Sixteen levels are kept, more are not."""
    deep: dict[str, Any] = {"x": 1}
    for _ in range(14):
        deep = {"x": deep}

    assert event({**ADA, "properties": deep})["properties." + "x." * 14 + "x:number"] == 1
    assert "nested more than 16 levels" in reason({**ADA, "properties": {"x": {"x": deep}}})


def test_a_message_without_id_gets_one_from_its_content() -> None:
    """So that importing it again changes nothing."""
    line = json.dumps({**ADA, "messageId": None}).encode()

    first, again = mapped([line]).events, mapped([line, json.dumps(ADA).encode()]).events
    assert first["message_id"][0] == again["message_id"][0]
    assert len(first["message_id"][0]) == 32


# When


@pytest.mark.parametrize(
    ("clocks", "occurred", "is_adjusted"),
    [
        ({"originalTimestamp": "10:00:00", "sentAt": "10:00:10", "receivedAt": "12:00:15"}, "12:00:05", True),
        ({"timestamp": "10:00:00", "sentAt": "10:00:10", "receivedAt": "10:00:10"}, "10:00:00", False),
        ({"timestamp": "11:00:00", "originalTimestamp": "10:00:00", "receivedAt": "10:00:10"}, "10:00:00", False),
        ({"timestamp": "10:00:00", "sentAt": "soon", "receivedAt": "10:00:10"}, "10:00:00", False),
        ({"timestamp": "15:00:00", "sentAt": "10:00:00", "receivedAt": "10:00:00"}, "10:05:00", True),
        ({"timestamp": "15:00:00", "receivedAt": "10:00:00"}, "10:05:00", True),
        ({"timestamp": "10:00:00", "sentAt": "11:00:00"}, "10:00:00", False),
        ({"receivedAt": "10:00:00"}, "10:00:00", False),
        ({"sentAt": "10:00:00"}, "10:00:00", False),
    ],
)
def test_clock_skew_is_corrected(clocks: dict[str, str], occurred: str, is_adjusted: bool) -> None:
    """receivedAt - (sentAt - originalTimestamp), at most five minutes after it was received."""
    stated = {key: f"2026-01-01T{clock}Z" if clock[0].isdigit() else clock for key, clock in clocks.items()}
    found = event({**{key: value for key, value in ADA.items() if key != "timestamp"}, **stated})

    assert found["occurred_at"] == parse_moment(f"2026-01-01T{occurred}Z")
    assert found.get("context.ts_adjusted:truth", False) == is_adjusted


def test_corrected_moments_stay_within_the_retention() -> None:
    """A clock that is years behind does not put an event out of sight, when the mapping says how far counts."""
    mapping = parse_mapping("mapping: segment\nformat: segment\nretention: 30 days\n", "m")
    found = event({**ADA, "timestamp": "1990-01-01", "receivedAt": "2026-01-31T00:00:00Z"}, mapping)

    assert found["occurred_at"] == parse_moment("2026-01-01")


# Consent


def consents(message: dict[str, Any], mapping: Mapping = SEGMENT) -> dict[str, bool]:
    found = event(message, mapping)
    return {key[8:-6]: value for key, value in found.items() if key.startswith("consent.")}


def test_consent_categories_are_purposes() -> None:
    """Common names are known, others can be named; where two are one purpose, refusal wins."""
    context = {
        "consent": {
            "categoryPreferences": {"Advertising": True, "marketing": False, "C7": True, "Analytics": True}
        }
    }
    mapping = parse_mapping("mapping: s\nformat: segment\nconsent_categories: {C7: email}\n", "m")

    assert consents({**ADA, "context": context}) == {"ads": False, "analytics": True}
    assert consents({**ADA, "context": context}, mapping) == {"ads": False, "analytics": True, "email": True}


def test_a_consent_update_is_a_statement() -> None:
    """It is not activity: nobody did anything in the shop."""
    context = {"consent": {"categoryPreferences": {"Email": False}}}
    found = event({**ADA, "event": "Segment Consent Preference Updated", "context": context})

    assert (found["kind"], found["name"], found["consent.email:truth"]) == ("consent", "", False)


def test_an_import_states_the_basis_of_its_records() -> None:
    """What a message states itself goes before."""
    mapping = parse_mapping("mapping: s\nformat: segment\nconsent: {email: granted, ads: refused}\n", "m")
    refusing = {**ADA, "context": {"consent": {"categoryPreferences": {"email": False}}}}

    assert consents(ADA, mapping) == {"email": True, "ads": False}
    assert consents(refusing, mapping) == {"email": False, "ads": False}


def consented(**context: Any) -> dict[str, bool]:
    return consents({**ADA, "context": context})


def test_an_empty_choice_refuses_everything() -> None:
    """Segment says so: an empty object refuses all of it; without an object nothing is stated."""
    refused = dict.fromkeys(("analytics", "personalisation", "email", "ads", "sharing"), False)

    assert consented(consent={"categoryPreferences": {}}) == refused
    assert consented(consent={}) == {}


def test_google_consent_mode_is_read() -> None:
    """Its own words, of which several stand for advertising: all of them have to be granted."""
    google = {"ad_storage": "granted", "ad_user_data": "denied", "analytics_storage": "granted", "x": "denied"}

    assert consented(consent={"google": google}) == {"ads": False, "analytics": True}


def test_a_tc_string_is_read() -> None:
    """IAB's string for purposes 1, 5, 6, 8 and 9: analytics and content, but no advertising."""
    assert tcf_purposes(TC_STRING) == {1, 5, 6, 8, 9}
    assert consented(consent={"tcf": TC_STRING}) == {"analytics": True, "personalisation": True, "ads": False}
    assert consented(consent={"tcf": "nonsense"}) == {}


@pytest.mark.parametrize("text", ["", "AAAA", "é", "B" + TC_STRING[1:], TC_STRING[:20], "=" * 40])
def test_what_is_no_tc_string_states_nothing(text: str) -> None:
    """Of an older version, cut off, or something else."""
    assert tcf_purposes(text) is None


def test_consent_of_rudderstack_is_read() -> None:
    """Lists of categories that were allowed and denied, as its browser library sends them."""
    management = {"allowedConsentIds": ["C0002", "other"], "deniedConsentIds": ["C0004"], "provider": "oneTrust"}

    assert consented(consentManagement=management) == {"analytics": True, "ads": False}


def test_of_all_that_a_message_states_refusal_wins() -> None:
    """Two ways of stating one purpose may differ."""
    consent = {"categoryPreferences": {"Ads": True}, "purposes": {"ads": False, "email": True}}

    assert consented(consent=consent) == {"ads": False, "email": True}


@pytest.mark.parametrize("key", ["version", "policyVersion", "policy_version"])
def test_the_version_of_the_policy_is_kept(key: str) -> None:
    """So that it can be shown what somebody agreed to, and who wrote it down."""
    found = event({**ADA, "context": {"consent": {key: "2026-02", "by": "hotline"}}})

    assert (found["context.consent.version:text"], found["context.consent.by:text"]) == ("2026-02", "hotline")


def test_privacy_signals_are_context() -> None:
    """Global Privacy Control is kept where the rules of consent look for it."""
    assert event({**ADA, "context": {"gpc": True}})["context.gpc:truth"] is True


# Both ways agree


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(["", "1", "é😀", '\n\t"\\', "a" * 40]),
)
keys = st.sampled_from(["a", "b", "a.b", "c", "é", 'q"', "traits", "consent", "name", ""])
objects = st.recursive(
    st.dictionaries(keys, scalars | st.lists(scalars, max_size=2), max_size=3),
    lambda below: st.dictionaries(keys, scalars | below | st.lists(below, max_size=2), max_size=3),
    max_leaves=6,
)
moments = st.sampled_from(
    [
        "2026-01-01T00:00:00Z",
        "2026-01-01 01:00",
        "0001-01-01",
        "9999-12-31T23:59:59.999Z",
        "bad",
        "",
        None,
        5,
        1e30,
    ]
)
ids = st.sampled_from(["ann", "", None, 7, True, ["x"], "bob"])
categories = st.sampled_from(["Ads", "Marketing", "Email", "C7"])
messages = st.fixed_dictionaries(
    {"type": st.sampled_from(["track"] * 4 + ["page", "screen", "identify", "group", "alias", "x", None, 1])},
    optional={
        "event": st.sampled_from(["Signed Up", "Segment Consent Preference Updated", "", None, 3]),
        **dict.fromkeys(("userId", "anonymousId", "previousId", "groupId", "messageId"), ids),
        **dict.fromkeys(("timestamp", "originalTimestamp", "sentAt", "receivedAt"), moments),
        "name": scalars,
        "category": scalars,
        "properties": objects | scalars,
        "traits": objects | scalars,
        "context": st.fixed_dictionaries(
            {},
            optional={
                "traits": objects | scalars,
                "a": objects | scalars,
                "ts_adjusted": scalars,
                "consent": st.fixed_dictionaries(
                    {},
                    optional={
                        "categoryPreferences": st.dictionaries(
                            st.sampled_from(["Ads", "Marketing", "Email", "C7"]),
                            scalars | st.booleans(),
                            max_size=3,
                        )
                        | scalars,
                        "other": scalars,
                        "version": scalars,
                        "policyVersion": scalars,
                        "by": scalars,
                        "purposes": st.dictionaries(st.sampled_from(["email", "ads", "x"]), scalars, max_size=2)
                        | scalars,
                        "google": st.dictionaries(
                            st.sampled_from(["ad_storage", "ad_user_data", "analytics_storage", "x"]),
                            st.sampled_from(["granted", "denied", True, "no"]),
                            max_size=3,
                        )
                        | scalars,
                        "tcf": scalars | st.just(TC_STRING),
                    },
                )
                | scalars,
                "consentManagement": st.fixed_dictionaries(
                    {},
                    optional={
                        "allowedConsentIds": st.lists(categories | scalars, max_size=2) | scalars,
                        "deniedConsentIds": st.lists(categories, max_size=2),
                    },
                )
                | scalars,
            },
        )
        | scalars,
        "batch": st.one_of(st.none(), st.lists(objects, max_size=2)),
    },
)
valid_messages = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["track", "page", "screen", "identify"]),
        "event": st.sampled_from(["Signed Up", "Segment Consent Preference Updated"]),
        "userId": st.sampled_from(["ann", "bob"]),
        "timestamp": st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-01 01:00"]),
    },
    optional={
        "properties": objects,
        "traits": objects,
        "receivedAt": st.just("2026-01-01T00:00:05Z"),
        "sentAt": moments,
        "context": st.fixed_dictionaries({}, optional={"traits": objects, "a": objects, "gpc": st.booleans()}),
    },
)
writers = st.sampled_from([{"separators": (",", ":")}, {"indent": 1}, {"ensure_ascii": False}])


@given(st.lists(st.tuples(messages | valid_messages, writers), min_size=1, max_size=6))
def test_the_fast_way_agrees_with_the_slow_way(drawn: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """For any messages, however odd: the same events with the same fields, and the same reasons."""
    lines = [json.dumps(message, **how).replace("\n", " ").encode() for message, how in drawn]

    fast, (slow, failed) = mapped(lines), one_by_one(lines)

    assert present(fast.events) == present(slow)
    assert fast.failed == failed


@given(
    st.lists(st.binary(max_size=60) | st.text(max_size=30).map(lambda text: text.encode()), min_size=1, max_size=4)
)
def test_garbage_never_stops_an_import(lines: list[bytes]) -> None:
    """Any bytes at all fail with a reason."""
    found = mapped([line.replace(b"\n", b" ") for line in lines])

    assert found.events.is_empty()
    assert set(found.failed) == set(range(len(lines)))


@given(valid_messages, st.data())
def test_a_damaged_message_is_read_the_same_both_ways(message: dict[str, Any], data: st.DataObject) -> None:
    """One byte more, less or other anywhere in a good line."""
    line = bytearray(json.dumps(message).encode())
    place = data.draw(st.integers(0, len(line) - 1))
    line[place : place + data.draw(st.integers(0, 1))] = data.draw(
        st.sampled_from([b"", b'"', b"{", b"0", b"\\", b"-", b","])
    )

    fast, (slow, failed) = mapped([bytes(line)]), one_by_one([bytes(line)])

    assert present(fast.events) == present(slow)
    assert fast.failed == failed


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.decimals(allow_nan=False, allow_infinity=False))
)
def test_numbers_are_read_to_the_last_bit(numbers: list[Any]) -> None:
    """As Python reads them, however they are written."""
    lines = [
        json.dumps({**ADA, "messageId": str(index)}).encode()[:-1] + f',"properties":{{"x":{literal}}}}}'.encode()
        for index, number in enumerate(numbers)
        if _is_json(literal := str(number))
    ]
    if lines:
        assert present(mapped(lines).events) == present(one_by_one(lines)[0])


def _is_json(literal: str) -> bool:
    try:
        return abs(float(json.loads(literal))) < float("inf")
    except ValueError:
        return False
