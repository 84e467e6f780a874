"""Suppression: people who were erased are known by salted hashes, in every way of naming them."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from shoal.collect.suppression import HASHES_FILE, SALT_FILE, Suppression
from shoal.errors import StoreError
from shoal.model.frame import ENVELOPE
from shoal.model.identifier import Identifier

ANN = (
    Identifier("user_id", "ann"),
    Identifier("anonymous_id", "d1"),
    Identifier("email", "Ann@Example.org "),
    Identifier("phone", "+49 170 / 123"),
)


@pytest.fixture
def suppression(tmp_path: Path) -> Suppression:
    made = Suppression(tmp_path / "suppression")
    made.add(ANN)
    return made


def frame(*rows: dict[str, Any]) -> pl.DataFrame:
    said = {"message_id": "m", "kind": "track", "name": "Click", "occurred_at": 0, "received_at": 0}
    traits = {"traits.email:text": pl.String, "traits.phone:text": pl.String}
    columns = {**ENVELOPE, **traits}
    return pl.DataFrame([{**dict.fromkeys(columns), **said, **row} for row in rows], schema=columns)


def test_an_event_is_known_by_whatever_names_somebody(suppression: Suppression) -> None:
    """User, device, former id, e-mail and telephone, however they are written."""
    events = frame(
        {"user_id": "ann"},
        {"user_id": "bob", "anonymous_id": "d1"},
        {"user_id": "bob", "previous_id": "ann"},
        {"user_id": "bob", "previous_id": "d1"},
        {"user_id": "bob", "traits.email:text": "ann@example.ORG"},
        {"user_id": "bob", "traits.phone:text": "+49170123"},
        {"user_id": "bob", "anonymous_id": "ann"},
        {"user_id": "Ann"},
        {"user_id": "d1"},
        {},
    )

    assert suppression.named(events).tolist() == [True] * 6 + [False] * 4


@pytest.mark.parametrize(
    "raw",
    [
        b'{"userId": "ann", "type": "odd"}',
        b'{"batch":[{"userId":"bob"},{"anonymousId":"d1","type":',
        b'{"traits":{"email":"ANN@example.org"}}',
        b'{"previousId":"d\\u0031"}',
        b"2026-01-01,bad,ann@example.org,12",
        b"x;ann;y",
        b'"ann",1',
    ],
)
def test_what_is_no_event_is_known_as_well(suppression: Suppression, raw: bytes) -> None:
    """Whole or broken JSON, and rows of a table."""
    assert suppression.is_named_in(raw)


@pytest.mark.parametrize("raw", [b"", b'{"userId":"bob","event":"ann"}', b"anna,2", b"\xff\x00,\n", b'"'])
def test_others_are_not_named(suppression: Suppression, raw: bytes) -> None:
    """A value that only looks like an identifier of the erased is none."""
    assert not suppression.is_named_in(raw)


def test_what_is_kept_names_nobody(suppression: Suppression) -> None:
    """Only hashes stand in files that nobody else may read, and they are others in another workspace."""
    files = {path.name: path for path in suppression.folder.iterdir()}
    assert set(files) == {SALT_FILE, HASHES_FILE}
    for path in files.values():
        content = path.read_bytes().lower()
        assert not any(word in content for word in (b"ann", b"d1\n", b"example", b"49170"))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    other = Suppression(suppression.folder.parent / "other")
    other.add(ANN)
    assert (other.folder / HASHES_FILE).read_bytes() != files[HASHES_FILE].read_bytes()


def test_others_see_what_is_added_and_removed(suppression: Suppression) -> None:
    """A server that runs hears of an erasure by a command, and of one that is taken back."""
    server = Suppression(suppression.folder)
    assert (len(server), server.holds(Identifier("email", "ann@example.org"))) == (4, True)
    suppression.add([Identifier("user_id", "bob")])
    assert server.holds(Identifier("user_id", "bob"))
    assert suppression.remove([Identifier("email", "ANN@example.org"), Identifier("user_id", "eve")]) == 1
    assert not server.holds(Identifier("email", "ann@example.org"))
    assert server.holds(Identifier("user_id", "ann"))


def test_nobody_is_kept_out_before_anybody_was_erased(tmp_path: Path) -> None:
    """Nothing is written, and nothing is asked."""
    empty = Suppression(tmp_path / "suppression")
    assert not empty.named(frame({"user_id": "ann"})).any()
    assert not empty.is_named_in(b'{"userId":"ann"}')
    assert not (tmp_path / "suppression").exists()


@pytest.mark.parametrize("name", [SALT_FILE, HASHES_FILE])
def test_damage_is_told(suppression: Suppression, name: str) -> None:
    """Letting the erased in again because a file cannot be read would be worse than stopping."""
    (suppression.folder / name).write_bytes(b"nonsense")
    (suppression.folder / HASHES_FILE).touch()
    with pytest.raises(StoreError, match="damaged"):
        len(Suppression(suppression.folder))


def test_a_lost_salt_is_told(suppression: Suppression) -> None:
    """Hashes without their salt would let everybody in again."""
    (suppression.folder / SALT_FILE).unlink()
    with pytest.raises(StoreError):
        len(Suppression(suppression.folder))
