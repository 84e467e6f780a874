"""Traces: a person is found in every way of writing them, and nobody else is taken for them."""

from __future__ import annotations

import hashlib
import json
from urllib.parse import quote

import pytest

from shoal.model.identifier import Identifier
from shoal.runtime.erasing.traces import Traces, is_telling

MAIL = 'Ann.O"Neil@Example.org'
ANN = Traces(
    [
        Identifier("user_id", "u-10423"),
        Identifier("user_id", "42"),
        Identifier("anonymous_id", "7f3e-d1"),
        Identifier("email", MAIL),
        Identifier("phone", "+49 (170) 123-456"),
    ]
)


@pytest.mark.parametrize(
    ("value", "tells"),
    [
        ("u-10423", True),
        ("ann@example.org", True),
        ("49170123456", True),
        ("wilhelminavonposen", True),
        ("42", False),
        ("10423", False),
        ("ann", False),
        ("customer", False),
        ("d1", False),
    ],
)
def test_what_tells_by_itself(value: str, tells: bool) -> None:
    """Short numbers and words stand in everything."""
    assert is_telling(value) is tells


@pytest.mark.parametrize(
    "text",
    [
        "u-10423",
        "see u-10423.",
        "user_id:42",
        "user_id:42 left",
        "anonymous_id:7f3e-d1",
        'mail to ann.o"neil@example.ORG!',
        json.dumps({"a": MAIL}),
        f"https://shop.example/?mail={quote(MAIL, safe='')}&x=1",
        f"https://shop.example/?mail={quote(MAIL.lower(), safe='').lower()}",
        "call +49170123456 now",
        "call +49 (170) 123-456",
        hashlib.sha256(MAIL.lower().encode()).hexdigest(),
        hashlib.sha256(b"49170123456").hexdigest(),
    ],
)
def test_the_person_is_found(text: str) -> None:
    """And taken out, so that nothing is found afterwards."""
    assert ANN.in_text(text)
    left = ANN.without(text)
    assert left is None or not ANN.in_text(left)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "u-104234",
        "xu-10423",
        "u-10423-b",
        "421",
        "price 42",
        "user_id:421",
        "U-10423",
        "+491701234567",
        "7f3e-d12",
    ],
)
def test_nobody_else_is_found(text: str) -> None:
    """A longer identifier is another one, and so is one in other letters."""
    assert not ANN.in_text(text)
    assert ANN.without(text) == text


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("user_id", "42"),
        ("userId", "u-10423"),
        ("previous_id", "7f3e-d1"),
        ("profile", "user_id:42"),
        ("person", "anonymous_id:7f3e-d1"),
        ("email", 'ANN.o"neil@example.ORG '),
        ("traits.phone:text", "+49 (170) 123-456"),
        ("user_id", "7 42"),
    ],
)
def test_columns_of_identifiers_are_read_whole(column: str, cell: str) -> None:
    """There a short one tells, too, alone or among others of its kind."""
    assert ANN.is_at(column, cell)


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("user_id", "421"),
        ("anonymous_id", "42"),
        ("price", "42"),
        ("profile", "42"),
        ("name", "u-10423"),
        ("person", ""),
    ],
)
def test_other_columns_and_other_kinds_are_others(column: str, cell: str) -> None:
    """The user 42 is not the device 42."""
    assert not ANN.is_at(column, cell)


def test_what_others_wrote_is_kept_around_it() -> None:
    """Only the identifier goes."""
    assert ANN.without("ask u-10423, or call") == "ask erased, or call"
    assert ANN.without("u-10423") is None


@pytest.mark.parametrize(
    "raw",
    [
        b'{"userId": 42}',
        b'{"batch":[{"userId":"42"',
        b'{"email" : "ann.o\\"neil@example.org"}',
        b"42,2026-01-01,Click",
        b"x;42;y",
        b'"42"\t7',
    ],
)
def test_messages_are_known_by_keys_and_cells(raw: bytes) -> None:
    """Also by identifiers that do not tell by themselves."""
    assert ANN.in_message(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"price": 42, "anonymousId": "42"}',
        b'{"price": 42, "userId": "421"}',
        b"421,7",
        b"",
        b"\xff\xfe",
        b'{"userId":"4"}',
    ],
)
def test_messages_of_others_are_theirs(raw: bytes) -> None:
    """A price is no user."""
    assert not ANN.in_message(raw)


def test_nobody_leaves_no_traces() -> None:
    """Without identifiers nothing is found."""
    assert not Traces([]).in_message(b'{"userId": "42"}')
    assert Traces([]).needles() == ()
