"""The door: of the erased nothing comes in, and of those who allow nothing only that they do."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from shoal.collect import import_files, load_mapping
from shoal.collect.door import OF_ERASED, WITHOUT_CONSENT, Door
from shoal.collect.http import Decoded, Decoder
from shoal.collect.suppression import Suppression
from shoal.definitions.settings import Settings
from shoal.definitions.sources import Collecting, WithoutConsent
from shoal.journal import Archive
from shoal.journal.journal import Arrival, Entry
from shoal.model.identifier import Identifier

NOTHING = {"analytics": False, "personalisation": False, "email": False, "ads": False, "sharing": False}
EMAIL_ONLY = {"analytics": False, "email": True}


@pytest.fixture
def suppression(tmp_path: Path) -> Suppression:
    made = Suppression(tmp_path / "suppression")
    made.add([Identifier("user_id", "ann"), Identifier("email", "ann@example.org")])
    return made


def track(user: str, consent: dict[str, bool] | None = None, **said: Any) -> dict[str, Any]:
    context = {"page": {"path": "/secret"}, **({"consent": {"purposes": consent}} if consent else {})}
    message = {"type": "track", "event": "Click", "userId": user, "messageId": f"{user}-1", "context": context}
    return {**message, "properties": {"price": 3}, "timestamp": "2026-01-01T00:00:00Z", **said}


def decode(door: Door, *messages: Any, body: bytes | None = None, few: int = 100, encoding: str = "") -> Decoded:
    content = json.dumps({"batch": messages}).encode() if body is None else body
    headers = {"content-encoding": encoding} if encoding else {}
    arrival = Arrival(received_at=1767225600000, write_key="web", path="/v1/batch", body=content, headers=headers)
    entries = [Entry(position=1, arrival=arrival)]
    return Decoder(Settings(), Collecting(), door=door, few=few).decode(entries)


@pytest.mark.parametrize("few", [-1, 100])
def test_events_of_the_erased_stay_outside(suppression: Suppression, few: int) -> None:
    """Read fast or slowly; those of others in the same request come in at their own places."""
    found = decode(Door(suppression), track("bob"), track("ann"), track("eve"), few=few)

    assert found.events["user_id"].to_list() == ["bob", "eve"]
    assert (found.events["position"] % 4096).to_list() == [0, 2]
    assert (found.failed, found.left_out) == ([], {OF_ERASED: 1})


@pytest.mark.parametrize(
    "body",
    [
        b'{"batch":[{"userId":"ann"},{"userId":"bob"}]}',
        b'{"userId":"ann"',
        gzip.compress(b'{"batch":[{"traits":{"email":"ANN@example.org"}},' + bytes(range(256)) * 40)[:-9],
    ],
)
def test_nothing_of_the_erased_is_kept_as_failed(suppression: Suppression, body: bytes) -> None:
    """Neither a message that is no event, nor a request that cannot be read, packed or not."""
    found = decode(Door(suppression), body=body)

    assert found.left_out == {OF_ERASED: 1}
    assert [json.loads(each.message)["userId"] for each in found.failed] in ([], ["bob"])


@pytest.mark.parametrize("few", [-1, 100])
def test_of_an_event_that_allows_nothing_only_the_refusal_is_kept(few: int) -> None:
    """Whose it is, when, and what was refused, by which policy."""
    refusing = track("bob", NOTHING)
    refusing["context"]["consent"]["version"] = "v3"
    found = decode(Door(), refusing, track("eve", EMAIL_ONLY), track("joe"), few=few)
    kept = found.events.row(0, named=True)

    assert found.left_out == {WITHOUT_CONSENT: 1}
    assert (kept["kind"], kept["name"], kept["user_id"], kept["occurred_at"]) == (
        "consent",
        "",
        "bob",
        1767225600000,
    )
    stated = {name for name, value in kept.items() if value is not None and ":" in name}
    assert stated == {f"consent.{each}:truth" for each in NOTHING} | {"context.consent.version:text"}
    assert found.events["properties.price:number"].to_list() == [None, 3, 3]
    assert found.events["name"].to_list() == ["", "Click", "Click"]


def test_a_refusal_is_no_loss() -> None:
    """What only states consent says nothing else, and is not counted."""
    update = track("bob", NOTHING, event="Segment Consent Preference Updated", properties={})
    found = decode(Door(), update)

    assert found.events["consent.analytics:truth"].to_list() == [False]
    assert found.left_out == {}


def test_who_is_who_is_kept_of_a_refusal() -> None:
    """An alias says whose the events are: without it the refusal would not hold for all of them."""
    alias = {**track("bob", NOTHING), "type": "alias", "previousId": "d1"}
    found = decode(Door(), alias).events.row(0, named=True)

    assert (found["kind"], found["user_id"], found["previous_id"]) == ("alias", "bob", "d1")


def test_the_settings_may_keep_events_that_allow_nothing() -> None:
    """Then evaluation enforces consent, and nothing else does."""
    found = decode(Door(without_consent=WithoutConsent.KEEP), track("bob", NOTHING))

    assert (found.events["name"].to_list(), found.left_out) == (["Click"], {})


def test_an_import_goes_through_the_door(tmp_path: Path, suppression: Suppression) -> None:
    """Its events and its failed rows: those of the erased are kept nowhere, and counted."""
    bad = {**track("ann"), "type": "odd", "traits": {"email": "ann@example.org"}}
    lines = [
        track("bob"),
        track("ann"),
        track("eve", NOTHING),
        bad,
        {**bad, "userId": "bob", "messageId": "b", "traits": {}},
    ]
    path, failed = tmp_path / "events.ndjson", tmp_path / "failed.ndjson"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    archive = Archive(tmp_path / "archive")
    imported = import_files([path], load_mapping("segment"), archive, failed=failed, door=Door(suppression))

    assert pl.concat(archive.read(["user_id"]))["user_id"].to_list() == ["bob", "eve"]
    assert imported.skipped == {OF_ERASED: 2, WITHOUT_CONSENT: 1}
    assert (imported.failed.total(), failed.read_bytes().count(b"\n")) == (1, 1)
    assert b'"ann' not in failed.read_bytes()


def test_failed_rows_of_a_table_go_through_the_door(tmp_path: Path, suppression: Suppression) -> None:
    """Any cell may say whose a row is."""
    path, failed, mapping = tmp_path / "events.csv", tmp_path / "failed.ndjson", tmp_path / "map.yaml"
    path.write_text("when,who,mail\nnever,ann,\nnever,bob,Ann@example.org\nnever,bob,\n2026-01-01,bob,\n")
    mapping.write_text("mapping: table\nname: {value: Click}\nuser_id: who\noccurred_at: when\n")
    archive, door = Archive(tmp_path / "archive"), Door(suppression)
    found = import_files([path], load_mapping(str(mapping)), archive, failed=failed, door=door)

    assert (found.added, found.skipped, found.failed.total()) == (1, {OF_ERASED: 2}, 1)
