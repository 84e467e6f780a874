"""Running in production: readiness, figures, logs, settings, stopping, backup and restore, upgrades."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from stat import S_IMODE

import msgspec
import pytest

from shoal.cli import run
from shoal.definitions.workspace import load_workspace
from shoal.deliver.unsubscribe import signing_key
from shoal.errors import DefinitionError, InputError, StoreError
from shoal.journal import Archive
from shoal.journal.journal import Arrival
from shoal.journal.sqlite import SqliteJournal, read_journal
from shoal.model.change import MembershipChanged
from shoal.runtime import backup as backups
from shoal.runtime import live_loop
from shoal.runtime.backup import LIST_OF_FILES, back_up, read_backup, restore
from shoal.runtime.live_loop import LiveCondition, LiveLoop, wall_clock_ms
from shoal.runtime.live_state import LiveState
from shoal.runtime.places import ARCHIVE_FOLDER, JOURNAL_FOLDER, LIVE_STATE, SIGNING_KEY
from shoal.runtime.serve import Health
from shoal.runtime.serve_settings import CONFIG_VARIABLE, SERVE_SETTINGS, read_serving, variable
from tests.functional.test_serve_live import PATIENCE_S, members, send, wait_until, workspace_in

DOCS = Path(__file__).parents[2] / "docs"


def changes(folder: Path) -> list[MembershipChanged]:
    """Every change that was told."""
    state = LiveState(folder / LIVE_STATE)
    try:
        return list(state.changes())
    finally:
        state.close()


def arrival(who: str, what: str) -> Arrival:
    now = wall_clock_ms()
    message = {"type": "track", "userId": who, "event": what, "messageId": f"{who}-{what}", "timestamp": now}
    return Arrival(received_at=now, write_key="key", path="/v1/track", body=json.dumps(message).encode())


@contextmanager
def kept_true(folder: Path) -> Iterator[tuple[SqliteJournal, LiveLoop]]:
    """A journal and a live engine without a network."""
    journal = SqliteJournal(folder / JOURNAL_FOLDER)
    loop = LiveLoop(load_workspace(folder), journal)
    loop.start()
    try:
        yield journal, loop
    finally:
        loop.stop()
        journal.close()


@contextmanager
def served(folder: Path, *options: str, **environment: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A server that logs lines of JSON; the address that it logs."""
    command = [sys.executable, "-m", "shoal.cli", "serve", "--workspace", str(folder), "--port", "0", *options]
    given = {**os.environ, "SHOAL_LOG_FORMAT": "json", **environment}
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=given)
    assert server.stderr is not None
    assert server.stdout is not None
    try:
        lines = []
        for line in server.stderr:
            lines.append(line)
            if json.loads(line)["message"] == "listening":
                break
        server.seen = lines  # type: ignore[attr-defined]
        yield json.loads(lines[-1])["url"], server
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
        server.stderr.close()


def answer_of(url: str) -> tuple[int, str]:
    """The status and the text at an address."""
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


# Readiness


def test_ready_says_starting_until_segments_are_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By name, and not as trouble with the disk."""
    may_load = threading.Event()
    load = live_loop.LiveWorkspace

    def slowly(*given, **named):  # type: ignore[no-untyped-def]
        assert may_load.wait(PATIENCE_S)
        return load(*given, **named)

    monkeypatch.setattr(live_loop, "LiveWorkspace", slowly)
    with kept_true(workspace_in(tmp_path / "shop")) as (journal, loop):
        health = Health(journal, loop)
        assert (health.status, health.reason) == (LiveCondition.STARTING, "the live engine is starting")
        may_load.set()
        wait_until(lambda: health.status is LiveCondition.WELL)


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (StoreError("the disk is full"), "cannot_store"),
        (InputError("a list cannot be read"), "cannot_evaluate"),
        (DefinitionError([]), "cannot_evaluate"),
        (ZeroDivisionError("user_id:ann"), "live_engine_failed"),
    ],
)
def test_ready_names_the_trouble(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    name: str,
) -> None:
    """The disk is said to be the matter only when it is; when the trouble has passed, so has the name."""
    begin, troubled = live_loop.LiveWorkspace, threading.Event()

    def begins(*given, **named):  # type: ignore[no-untyped-def]
        if not troubled.is_set():
            raise error
        return begin(*given, **named)

    monkeypatch.setattr(live_loop, "LiveWorkspace", begins)
    monkeypatch.setattr(live_loop, "SECONDS_BEFORE_BEGINNING_AGAIN", 0.05)
    with kept_true(workspace_in(tmp_path / "shop")) as (journal, loop):
        health = Health(journal, loop)
        wait_until(lambda: health.status.value == name)
        assert "user_id" not in health.reason
        troubled.set()
        wait_until(lambda: health.status is LiveCondition.WELL)


# A server: figures, logs, and the end


def test_a_server_tells_figures_and_logs_nobody_and_takes_in_all_before_it_ends(tmp_path: Path) -> None:
    """Figures by name, logs of JSON without people and keys; what was answered 200 is archived at the end."""
    folder = workspace_in(tmp_path / "shop")
    (folder / "shoal.yaml").write_text("name: shop\nsources:\n  web: {write_key: k3y-of-web}\n")
    with served(folder, "--log-level", "debug") as (url, server):
        assert answer_of(f"{url}/healthz") == (200, '{"status":"ok"}')
        wait_until(lambda: answer_of(f"{url}/readyz")[0] == 200)
        send(url, ("ann-marie", "Order Completed"), ("bob-marley", "Order Completed"), key="k3y-of-web")
        refused = urllib.request.Request(f"{url}/v1/track?writeKey=wr0ng-key", b'{"userId":"cyd-charisse"}')
        with pytest.raises(urllib.error.HTTPError) as told:
            urllib.request.urlopen(refused)
        told.value.close()
        wait_until(lambda: 'shoal_segment_members{segment="buyers"} 2.0' in answer_of(f"{url}/metrics")[1])
        figures = answer_of(f"{url}/metrics")[1]
        assert "shoal_events_accepted_total 2.0" in figures
        assert 'shoal_requests_refused_total{reason="invalid_write_key"} 1.0' in figures
        assert 'shoal_membership_changes_total{direction="entered",segment="buyers"} 2.0' in figures
        assert "process_resident_memory_bytes" in figures
        late = [(f"late-{number}", "Order Completed") for number in range(2000)]
        send(url, *late, key="k3y-of-web")
        server.send_signal(signal.SIGTERM)
        out, err = server.communicate(timeout=PATIENCE_S)
        assert server.returncode == 0
        logged = [*server.seen, *err.splitlines()]  # type: ignore[attr-defined]
    assert out == ""
    assert Archive(folder / ARCHIVE_FOLDER).event_count == 2002
    assert len(changes(folder)) == 2002
    lines = [json.loads(line) for line in logged]
    assert {"time", "level", "logger", "message"} <= set.intersection(*(set(line) for line in lines))
    assert [line["message"] for line in lines][-1] == "stopped"
    for secret in ("ann-marie", "bob-marley", "cyd-charisse", "late-", "k3y-of-web", "wr0ng-key", "127.0.0.1:8"):
        assert secret not in "".join(logged).replace(url, "")
        assert secret not in figures


# Settings


def test_options_stand_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    """Each setting from the first that states it."""
    (tmp_path / "serve.yaml").write_text("port: 1\nhost: file\nlog_level: debug\nbodies_bytes: 2000000\n")
    serving = read_serving(
        tmp_path, options={"port": 3, "host": None}, environment={"SHOAL_PORT": "2", "SHOAL_HOST": "environment"}
    )
    assert (serving["port"], serving["host"], serving["log_level"]) == (3, "environment", "debug")
    assert serving.limits.bodies_bytes == 2_000_000
    other = tmp_path / "other.yaml"
    other.write_text("port: 4\n")
    assert read_serving(tmp_path, environment={CONFIG_VARIABLE: str(other)})["port"] == 4


@pytest.mark.parametrize(
    ("file", "environment", "told"),
    [
        ("prot: 1", {}, "did you mean port?"),
        ("port: high", {}, "serve.yaml: port: 'high' is no whole number from 0 to 65535"),
        ("- port", {}, "holds no settings"),
        ("port: [", {}, "cannot be read"),
        ("port: true", {}, "neither a text nor a number"),
        ("", {"SHOAL_PORT": "tcp://10.0.0.7:8000"}, "SHOAL_PORT: 'tcp://10.0.0.7:8000' is no whole number"),
        ("", {"SHOAL_LOG_FORMAT": "xml"}, "is none of plain, json"),
        ("", {"SHOAL_HEAD_SECONDS": "soon"}, "is no number of seconds"),
        ("", {"SHOAL_CONFIG": "nowhere.yaml"}, "nowhere.yaml is not there"),
        ("", {"SHOAL_HOST": ""}, "is empty"),
        ("", {"SHOAL_PUBLIC_URL": "http://shoal.shop.example"}, "does not begin with https://"),
        ("", {"SHOAL_PUBLIC_URL": "shoal.shop.example"}, "does not begin with https://"),
        ("", {"SHOAL_PUBLIC_URL": "https://a:b@shop.example"}, "is not the beginning of addresses"),
        ("public_url: https://shop.example/?x=1", {}, "is not the beginning of addresses of this server"),
    ],
)
def test_mistakes_in_settings_are_told(tmp_path: Path, file: str, environment: dict[str, str], told: str) -> None:
    """With the place, and what would be right."""
    (tmp_path / "serve.yaml").write_text(file)
    with pytest.raises(InputError) as error:
        read_serving(tmp_path, environment=environment)
    assert told in f"{error.value.message} {error.value.hint}"


def test_the_public_url_is_where_links_begin(tmp_path: Path) -> None:
    """Without a slash at its end; nothing where nobody says; this machine's own is fine to try things out."""
    stated = {"https://shoal.shop.example/": "https://shoal.shop.example", "http://localhost:8000": None}
    for url, read in stated.items():
        assert read_serving(tmp_path, environment={"SHOAL_PUBLIC_URL": url}).public_url == (read or url)
    assert read_serving(tmp_path).public_url == ""


def test_every_setting_and_variable_is_documented() -> None:
    """With its variable and its value when nothing is said; and no other variable is read anywhere."""
    page = (DOCS / "reference" / "operations.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| `(SHOAL_\w+)` \|", page, re.MULTILINE))
    assert rows == {name: variable(name) for name in SERVE_SETTINGS}
    for name, setting in SERVE_SETTINGS.items():
        assert re.search(rf"^\| `{name}` .*\| `{re.escape(str(setting.default))}` \|$", page, re.MULTILINE), name
    source = Path(live_loop.__file__).parents[1]
    read = {
        found
        for path in source.rglob("*.py")
        for found in re.findall(r"SHOAL_[A-Z_]+[A-Z]", path.read_text("utf-8"))
        if "bench" not in path.parts
    }
    named = {"SHOAL_FOLDER", SERVE_SETTINGS["server_key_variable"].default}
    assert read - named <= {*rows.values(), CONFIG_VARIABLE}
    assert f"`{CONFIG_VARIABLE}`" in page


# Backup and restore


@contextmanager
def sending(journal: SqliteJournal) -> Iterator[None]:
    """Buyers come in, one entry each, until it is left."""
    done = threading.Event()

    def keep_sending() -> None:
        number = 0
        while not done.is_set():
            journal.append(arrival(f"buyer-{number}", "Order Completed")).result()
            number += 1

    sender = threading.Thread(target=keep_sending)
    sender.start()
    try:
        yield
    finally:
        done.set()
        sender.join()


def test_backups_under_load_miss_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whenever it is made, also between two moves to the archive: each entry of the copy is told once."""
    monkeypatch.setattr(live_loop, "SECONDS_BETWEEN_LOOKS_AT_ARCHIVE", 0.0)
    monkeypatch.setattr(live_loop, "SECONDS_UNTIL_ARCHIVED", 0.02)
    copy_database = backups._copy_database

    def copy_slowly(path: Path, to: Path) -> bool:
        time.sleep(0.1)
        return copy_database(path, to)

    monkeypatch.setattr(backups, "_copy_database", copy_slowly)
    folder = workspace_in(tmp_path / "shop")
    copies = [tmp_path / f"copy-{number}" for number in range(5)]
    with kept_true(folder) as (journal, loop), sending(journal):
        for number, copy in enumerate(copies):
            wait_until(lambda least=30 * number: len(members(folder)) > least)
            back_up(load_workspace(folder), copy, made_at=wall_clock_ms())
        assert loop.condition is LiveCondition.WELL
    moved = set()
    for copy in copies:
        again = tmp_path / f"again-{copy.name}"
        restore(copy, again)
        archived = Archive(again / ARCHIVE_FOLDER).source_progress("journal")
        moved.add(archived)
        entries = {entry.position for entry in read_journal(again / JOURNAL_FOLDER, archived, 10**9)}
        last = max(entries, default=archived)
        assert entries == set(range(archived + 1, last + 1))
        assert members(again) <= members(folder)
        assert set(changes(again)) <= set(changes(folder))
        with kept_true(again) as (journal, _):
            journal.append(arrival("new", "Order Completed")).result()
            wait_until(lambda again=again: ("user_id:new", "buyers") in members(again))
        assert len(members(again)) == last + 1
        assert len(changes(again)) == last + 1
    assert len(moved) > 1


def test_a_restored_workspace_is_equal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The archive, the live state, the definitions and every other file, by the commands."""
    folder, copy, again = workspace_in(tmp_path / "shop"), tmp_path / "copy", tmp_path / "again"
    (folder / "lists").mkdir()
    (folder / "lists" / "vip.csv").write_text("user_id\nann\n")
    (folder / ".shoal" / "frozen").mkdir(parents=True)
    (folder / ".shoal" / "frozen" / "note").write_text("kept")
    signing_key(folder / SIGNING_KEY)
    with kept_true(folder) as (journal, _):
        journal.append(arrival("ann", "Order Completed")).result()
        journal.append(
            Arrival(received_at=1, write_key="key", path="/v1/track", body=b'{"userId":"bob"}')
        ).result()
        wait_until(lambda: len(members(folder)) == 1)
    assert run(["backup", str(copy), "--workspace", str(folder)]) == 0
    assert run(["restore", str(copy), str(again), "--json"]) == 0
    assert '"files"' in capsys.readouterr().out
    assert changes(again) == changes(folder)
    assert members(again) == members(folder)
    archives = [Archive(each / ARCHIVE_FOLDER) for each in (folder, again)]
    assert archives[0].fingerprint() == archives[1].fingerprint()
    assert [each.event_count for each in archives] == [1, 1]
    assert [S_IMODE((each / SIGNING_KEY).stat().st_mode) for each in (copy, again)] == [0o600, 0o600]
    for place in ("shoal.yaml", "segments/carts.yaml", "lists/vip.csv", ".shoal/frozen/note", SIGNING_KEY):
        assert (again / place).read_bytes() == (folder / place).read_bytes()
    assert run(["failed", "--workspace", str(again), "--json"]) == 0
    assert '"bob' in capsys.readouterr().out


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """A backup of a workspace with one buyer."""
    folder = workspace_in(tmp_path / "shop")
    with kept_true(folder) as (journal, _):
        journal.append(arrival("ann", "Order Completed")).result()
        wait_until(lambda: len(members(folder)) == 1)
    back_up(load_workspace(folder), tmp_path / "backup", made_at=1)
    return tmp_path / "backup"


def test_nothing_is_written_over(backup: Path, tmp_path: Path) -> None:
    """Neither by a backup nor by a restore; and a backup is not put into what it copies."""
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("mine")
    workspace = load_workspace(tmp_path / "shop")
    with pytest.raises(InputError, match="not empty"):
        back_up(workspace, full, made_at=1)
    with pytest.raises(InputError, match="not empty"):
        restore(backup, full)
    with pytest.raises(InputError, match="disk of its own"):
        back_up(workspace, Path("/proc"), made_at=1)
    with pytest.raises(InputError, match="inside"):
        back_up(workspace, tmp_path / "shop" / ".shoal" / "backup", made_at=1)
    assert [path.name for path in full.iterdir()] == ["mine.txt"]


def test_a_damaged_backup_is_refused(backup: Path, tmp_path: Path) -> None:
    """A byte that changed, a file that is missing, a list that was not written; and nothing is left behind."""
    part = next(backup.rglob("part-*.parquet"))
    whole = part.read_bytes()
    part.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(StoreError, match="damaged"):
        restore(backup, tmp_path / "again")
    part.unlink()
    with pytest.raises(StoreError, match="missing"):
        restore(backup, tmp_path / "again")
    part.write_bytes(whole)
    restore(backup, tmp_path / "again")
    (backup / LIST_OF_FILES).unlink()
    with pytest.raises(InputError, match="no whole backup"):
        restore(backup, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_list_that_leads_elsewhere_is_refused(backup: Path, tmp_path: Path) -> None:
    """A backup from somebody else writes nowhere but into its folder."""
    path = backup / LIST_OF_FILES
    told = json.loads(path.read_text())
    told["files"]["../escaped"] = {"bytes": 0, "checksum": ""}
    path.write_text(json.dumps(told))
    with pytest.raises(StoreError, match="damaged"):
        restore(backup, tmp_path / "again")


def test_a_backup_waits_for_an_import_only_so_long(backup: Path, tmp_path: Path) -> None:
    """And says who is in the way."""
    workspace = load_workspace(tmp_path / "shop")
    with Archive(tmp_path / "shop" / ARCHIVE_FOLDER).writing(), pytest.raises(StoreError, match="adding"):
        back_up(workspace, tmp_path / "other", made_at=1, patience_s=0.1)
    assert not [path for path in tmp_path.iterdir() if "other" in path.name]
    back_up(workspace, tmp_path / "other", made_at=1)


# Upgrades


def make_newer(folder: Path, what: str) -> None:
    """As a later version of Shoal would have left it."""
    if what == "archive":
        path = folder / ARCHIVE_FOLDER / "manifest.json"
        path.write_bytes(msgspec.json.encode({**msgspec.json.decode(path.read_bytes()), "version": 99}))
        return
    path = folder / LIVE_STATE if what == "live" else sorted((folder / JOURNAL_FOLDER).glob("*.sqlite"))[-1]
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize("what", ["archive", "live", "journal"])
def test_what_a_newer_version_wrote_is_refused(
    backup: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    """By serve and backup, before anything is changed, with what to do."""
    folder = tmp_path / "shop"
    make_newer(folder, what)
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(("-shm", "-wal"))]
    before = {path: path.read_bytes() for path in files}
    assert run(["serve", "--workspace", str(folder), "--port", "0"]) == StoreError.exit_code
    assert run(["backup", str(tmp_path / "other"), "--workspace", str(folder)]) == StoreError.exit_code
    told = capsys.readouterr().err
    assert re.search("written by a (newer|later)", told)
    assert "Traceback" not in told
    assert {path: path.read_bytes() for path in before} == before
    assert not (tmp_path / "other").exists()


def test_a_backup_of_a_newer_version_is_refused(backup: Path, tmp_path: Path) -> None:
    """By its own version."""
    path = backup / LIST_OF_FILES
    path.write_text(path.read_text().replace('"version": 1', '"version": 2'))
    with pytest.raises(StoreError, match="newer Shoal"):
        read_backup(backup)


def test_an_interrupted_restore_is_done_again(backup: Path, tmp_path: Path) -> None:
    """What it left behind is no workspace and in nobody's way."""
    left = tmp_path / ".again.writing"
    shutil.copytree(backup, left)
    restore(backup, tmp_path / "again")
    assert not left.exists()
    assert members(tmp_path / "again") == {("user_id:ann", "buyers")}


def test_what_version_1_wrote_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A backup of it with archived events, one that is not yet archived, and a failed one is read for ever."""
    folder = tmp_path / "shop"
    restore(Path(__file__).parents[1] / "fixtures" / "backup-1", folder)
    before = changes(folder)
    assert [(each.profile, each.segment) for each in before if each.segment == "buyers"] == [
        ("user_id:ann", "buyers"),
        ("user_id:cyd", "buyers"),
    ]
    with kept_true(folder) as (journal, _):
        journal.append(arrival("dan", "Order Completed")).result()
        wait_until(lambda: ("user_id:dan", "buyers") in members(folder))
    assert set(before) < set(changes(folder))
    assert {who for who, segment in members(folder) if segment == "buyers"} == {
        "user_id:ann",
        "user_id:cyd",
        "user_id:dan",
    }
    assert Archive(folder / ARCHIVE_FOLDER).event_count == 4
    assert run(["failed", "--workspace", str(folder), "--json"]) == 0
    assert "nobody" in capsys.readouterr().out
