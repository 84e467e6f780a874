"""`shoal erase`: nothing of a person is left in any file, nobody else changes, and they do not come back."""

from __future__ import annotations

import json
import shutil
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from shoal.definitions.workspace import load_workspace
from shoal.journal.sqlite import SqliteJournal, read_journal
from shoal.runtime.live_state import LiveState
from shoal.runtime.places import JOURNAL_FOLDER, LIVE_STATE, PLACES, SHOAL_FOLDER
from tests.functional.erasing import (
    MAIL,
    NEEDLES,
    SHARED,
    USER,
    Workshop,
    hear,
    make_workshop,
    places_with,
    standing,
)
from tests.functional.test_serve_live import members, send, serving, status_of, wait_until


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Made once: it takes a while."""
    root = tmp_path_factory.mktemp("shop")
    return make_workshop(root / "shop", root / "outside")


@pytest.fixture
def made(pattern: Workshop, tmp_path: Path) -> Workshop:
    """A copy for each test. Exports outside are named by whole paths, so the outside is copied beside it."""
    for name in ("shop", "outside"):
        shutil.copytree(pattern.folder.parent / name, tmp_path / name)
    copied = Workshop(tmp_path / "shop", tmp_path / "outside", pattern.others)
    written = copied.folder / ".shoal" / "written.txt"
    written.write_text(written.read_text().replace(str(pattern.outside), str(copied.outside)))
    return copied


def test_the_shop_holds_her_everywhere(made: Workshop) -> None:
    """Otherwise there would be nothing to show."""
    found = {Path(path).relative_to(made.folder).as_posix() for path in places_with(made.folder)}
    kinds = ["archive/events", "live.sqlite", "failed.sqlite", "journal/", "failed-events", "out/", "viewers.csv"]
    assert [kind for kind in kinds if not any(kind in path for path in found)] == []


def test_all_that_shoal_keeps_is_in_known_places(made: Workshop) -> None:
    """So that an erasure gets everywhere."""
    assert made.shoal("erase", USER, "--yes") == 0
    kept = (path for path in (made.folder / SHOAL_FOLDER).rglob("*") if path.is_file())
    known = {made.folder / place.path for place in PLACES}
    beside = ("-wal", "-shm")
    assert [
        path for path in kept if known.isdisjoint({path, *path.parents}) and not path.name.endswith(beside)
    ] == []


def test_no_byte_is_left(made: Workshop, capsys: pytest.CaptureFixture[str]) -> None:
    """By any of her identifiers; a search by brute force finds nothing where a search by Shoal finds nothing."""
    assert made.shoal("erase", MAIL, "--verify", "--yes", "--lists", "--json") == 0
    answer = json.loads(capsys.readouterr().out)

    assert answer["found"] == []
    assert (answer["identifiers"], answer["shared_devices"]) == (5, 1)
    assert places_with(made.folder) == []
    assert {Path(each).name for each in places_with(made.outside)} == {"events.ndjson", "orders.csv"}
    assert not (made.folder / "report.html").exists()
    assert answer["removed_files"] == [str(made.folder / "report.html")]


def test_others_are_as_they_were(made: Workshop) -> None:
    """Their events, their evaluation, their failed events, their memberships as they were told, their files."""
    before = [each for each in made.events() if each[0] in {"m-6", "m-7", "m-8", "m-9", "m-10", "m-11"}]
    state = LiveState(made.folder / LIVE_STATE)
    told = [each for each in state.changes() if "eve-77" in each.profile or "bob" in each.profile]
    members = [each for each in state.members() if "eve-77" in each[0]]
    state.close()
    assert made.shoal("erase", USER, "--yes") == 0

    assert standing(made) == made.others
    after = {each[0]: each for each in made.events()}
    assert set(after) >= {"m-6", "m-7", "m-8", "m-9", "m-10", "m-11", "h-0-1", "h-1-1"}
    untouched = [each for each in before if "Seen" not in each[2]]
    assert [after[each[0]] for each in untouched] == untouched
    assert after["m-10"][2] == "Seen erased"
    assert after["m-6"][4] == SHARED
    state = LiveState(made.folder / LIVE_STATE)
    assert set(told) <= set(state.changes())
    assert set(members) <= set(state.members())
    assert not any(USER in each.profile for each in state.changes())
    state.close()
    assert (made.folder / "viewers.csv").read_text().count("user_id:eve-77") == 1
    assert b"eve-77" in (made.folder / ".shoal/failed-events.ndjson").read_bytes()
    assert b"joe-1" in (made.folder / ".shoal/failed/failed.sqlite").read_bytes()


def test_the_archive_knows_nothing_of_her(made: Workshop) -> None:
    """Neither in its catalog, nor in its columns, nor in its index: other events may have her message ids."""
    assert "properties.only_hers:number" in made.archive.columns()
    assert made.shoal("erase", USER, "--yes") == 0

    assert "properties.only_hers:number" not in made.archive.columns()
    catalog = made.archive.catalog()
    assert catalog.events["Product Viewed"].count == sum(each[2] == "Product Viewed" for each in made.events())
    assert f"Seen {USER}" not in catalog.events


def test_what_she_sends_again_stays_outside(made: Workshop, capsys: pytest.CaptureFixture[str]) -> None:
    """By import, over HTTP, and as a failed event that is tried again; events of others beside it come in."""
    assert made.shoal("erase", USER, "--yes") == 0
    lines = made.outside / "again.ndjson"
    again = [
        {"type": "track", "event": "Back", "userId": USER, "messageId": "b1", "timestamp": "2026-04-01T00:00:00Z"},
        {
            "type": "track",
            "event": "Back",
            "userId": "eve-77",
            "messageId": "b2",
            "timestamp": "2026-04-01T00:00:00Z",
        },
        {
            "type": "identify",
            "userId": "new",
            "traits": {"email": MAIL},
            "messageId": "b3",
            "timestamp": "2026-04-01",
        },
        {"type": "odd", "userId": USER},
    ]
    lines.write_text("".join(json.dumps(each) + "\n" for each in again))
    capsys.readouterr()
    assert made.shoal("import", str(lines), "--map", "segment", "--json") == 0
    imported = json.loads(capsys.readouterr().out)
    assert imported["events_added"] == 1
    assert imported["skipped"] == {"an event of somebody who was erased": 3}

    journal = SqliteJournal(made.folder / JOURNAL_FOLDER)
    hear(journal, {"userId": USER, "event": "Back"}, {"userId": "eve-77", "event": "Home"}, {"userId": USER})
    journal.close()
    assert made.shoal("erase", "nobody-at-all", "--yes") == 2
    assert made.shoal("erase", MAIL, "--yes", "--verify") == 1  # her lists are left
    assert [each[3] for each in made.events() if each[2] in ("Back", "Home")] == ["eve-77", "eve-77"]
    assert {Path(each).name for each in places_with(made.folder)} == {"vip.csv"}


def test_files_of_people_are_told_and_left(made: Workshop, capsys: pytest.CaptureFixture[str]) -> None:
    """They belong to whoever wrote them; with --lists those of lists are changed as well."""
    assert made.shoal("erase", USER, "--yes", "--verify") == 1
    out = capsys.readouterr().out
    assert "lists/vip.csv names the person and was not changed" in out
    assert "lists/vip.csv" in out.split("Not verified")[1]
    assert made.shoal("erase", MAIL, "--yes", "--verify", "--lists") == 0
    assert (made.folder / "lists/vip.csv").read_text() == "email,note\neve@example.org,second\n"


def test_the_record_names_nobody(made: Workshop) -> None:
    """It says when, how much, and by which hashes somebody who knows the identifier can prove it."""
    assert made.shoal("erase", USER, "--yes", "--lists") == 0
    [path] = (made.folder / ".shoal/erasures").iterdir()
    record = json.loads(path.read_text())

    assert record["done_at"] > record["asked_at"]
    assert len(record["hashes"]) == 5
    assert record["places"][".shoal/archive"] > 5
    assert not any(needle in path.read_bytes() for needle in NEEDLES)
    hashes = (made.folder / ".shoal/suppression/identifiers").read_text().split()
    assert hashes == record["hashes"]


def test_it_is_asked_first(
    made: Workshop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With everything that goes, and what stays with others. Nothing happens until it is confirmed."""
    monkeypatch.setattr("typer.confirm", _decline)
    assert made.shoal("erase", USER) == 130
    out = capsys.readouterr().out
    assert f"email:{MAIL}" in out
    assert f"anonymous_id:{SHARED}: others use this device as well" in out
    assert len(places_with(made.folder)) > 5
    assert made.shoal("erase", USER, "--json") == 2


def _decline(*_: Any, **__: Any) -> None:
    import typer

    raise typer.Abort


def test_somebody_in_no_profile_is_erased_from_files(made: Workshop, capsys: pytest.CaptureFixture[str]) -> None:
    """An address that only stands in a list goes from there; one that nobody ever named is no success."""
    hidden = made.folder / "lists" / "more.csv"
    hidden.write_text("email\nzoe.zimmer@example.net\n")
    assert made.shoal("erase", "zoe.zimmer@example.net", "--yes", "--lists", "--verify") == 0
    assert hidden.read_text() == "email\n"
    capsys.readouterr()
    assert made.shoal("erase", "zoe.zimmer@example.com", "--yes") == 2
    assert "nothing in this workspace names this identifier" in capsys.readouterr().err


def test_somebody_may_be_let_in_again(made: Workshop, capsys: pytest.CaptureFixture[str]) -> None:
    """Who comes back as a customer. What was erased stays erased."""
    assert made.shoal("erase", USER, "--yes") == 0
    assert made.shoal("erase", MAIL, "--let-in") == 0
    assert "may come in again" in capsys.readouterr().out
    assert made.shoal("erase", MAIL, "--let-in") == 0
    assert "nothing was changed" in capsys.readouterr().out


def test_a_backup_keeps_who_was_erased(made: Workshop, tmp_path: Path) -> None:
    """So that they do not come back in a workspace that is brought back; the salt stays its owner's alone."""
    assert made.shoal("erase", USER, "--yes", "--lists") == 0
    assert made.shoal("backup", str(tmp_path / "backup")) == 0
    from shoal.cli import run

    assert run(["restore", str(tmp_path / "backup"), str(tmp_path / "again")]) == 0
    again = Workshop(tmp_path / "again", made.outside)
    assert ((again.folder / ".shoal/suppression/salt").stat().st_mode & 0o777) == 0o600
    assert again.shoal("erase", USER, "--yes", "--verify") == 0


def test_the_journal_is_taken_in_before(made: Workshop) -> None:
    """What a killed server left there of others is archived, and of hers nothing stays."""
    assert list(read_journal(made.folder / JOURNAL_FOLDER, 0, 99))
    assert made.shoal("erase", USER, "--yes") == 0
    assert list(read_journal(made.folder / JOURNAL_FOLDER, 0, 99)) == []
    assert ("h-1-1", "bob-1") in {(each[0], each[3]) for each in made.events()}
    load_workspace(made.folder).resolve()


def test_a_server_that_runs_does_it(made: Workshop, capsys: pytest.CaptureFixture[str]) -> None:
    """It goes on afterwards: what others send counts, what she sends does not, and figures say so."""
    with serving(made.folder) as (url, _):
        assert made.shoal("erase", USER, "--yes", "--verify", "--lists", "--json") == 0
        assert json.loads(capsys.readouterr().out)["found"] == []
        wait_until(lambda: status_of(f"{url}/readyz") == 200)
        send(url, (USER, "Order Completed"), ("zoe-1", "Order Completed"), key="web")
        wait_until(lambda: ("user_id:zoe-1", "buyers") in members(made.folder))
        figures = urllib.request.urlopen(f"{url}/metrics").read().decode()
        assert 'shoal_events_left_out_total{reason="erased"} 1.0' in figures
        assert made.shoal("erase", USER, "--yes", "--verify") == 0
    assert not any(who.partition(":")[2] == USER for who, _ in members(made.folder))
    assert standing(made) == made.others
