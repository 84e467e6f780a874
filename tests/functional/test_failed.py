"""`shoal serve` and `shoal failed` on the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from shoal.cli import run
from shoal.collect.http import Decoder, FailedStore
from shoal.definitions.workspace import load_workspace
from shoal.journal import Archive
from shoal.runtime.places import ARCHIVE_FOLDER, FAILED_FOLDER
from tests.functional.collecting import Served, make_workspace, serving, wait_until

BAD = {"type": "track", "userId": "ann", "messageId": "m1"}


@pytest.fixture
def shop(tmp_path: Path) -> Served:
    """A workspace that took one event without a name, and one that is well."""
    with serving(tmp_path / "shop") as served:
        assert served.post("/v1/batch", {"batch": [BAD, {**BAD, "event": "Click", "messageId": "m2"}]}).is_success
    _keep_failed(served)
    return served


def _keep_failed(served: Served) -> None:
    workspace = load_workspace(served.folder)
    decoded = Decoder(workspace.settings, workspace.collecting).decode(served.entries())
    FailedStore(served.folder / FAILED_FOLDER).add(decoded.failed)


def shoal(served: Served, *arguments: str) -> int:
    return run(["failed", "--workspace", str(served.folder), *arguments])


def test_lists_reasons_and_messages(shop: Served, capsys: pytest.CaptureFixture[str]) -> None:
    """In a table, and for machines."""
    assert shoal(shop) == 0
    assert "without the name of its event" in capsys.readouterr().out
    assert shoal(shop, "--json", "--search", "m1") == 0
    [failed] = json.loads(capsys.readouterr().out)["failed"]
    assert failed["key"] == "1.0"
    assert json.loads(failed["message"]) == BAD


def test_says_when_nothing_failed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also where nothing was ever collected."""
    served = Served(make_workspace(tmp_path / "shop"), "")
    assert shoal(served) == 0
    assert "Nothing has failed" in capsys.readouterr().out


def test_corrects_by_a_file(shop: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Written, changed, tried again: the message is an event, and nothing is open."""
    file = tmp_path / "failed.ndjson"
    assert shoal(shop, "--replay", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"events": 0, "failed": 1}
    assert shoal(shop, "--write", str(file)) == 0
    line = json.loads(file.read_text())
    line["message"]["event"] = "Corrected"
    file.write_text(json.dumps(line))
    capsys.readouterr()
    assert shoal(shop, "--from", str(file), "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"events": 1, "failed": 0}
    assert shop.events()["name"].to_list() == ["Click", "Corrected"]
    assert shoal(shop) == 0


def test_tells_what_is_wrong_with_a_file(shop: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By line, and with what to do."""
    file = tmp_path / "failed.ndjson"
    assert shoal(shop, "--from", str(file)) == 2
    for content in ("{", "5", "{}", '{"key": "9.9", "message": {}}'):
        file.write_text(content)
        assert shoal(shop, "--from", str(file)) == 2
    assert "shoal failed" in capsys.readouterr().err


def test_the_running_server_tries_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only one process writes the journal, so the command asks the server."""
    with serving(tmp_path / "shop") as served:
        served.post("/v1/batch", {"batch": [BAD]})
        _keep_failed(served)
        file = tmp_path / "failed.ndjson"
        shoal(served, "--write", str(file))
        file.write_text(file.read_text().replace('"userId"', '"event":"Corrected","userId"'))
        assert shoal(served, "--from", str(file)) == 0
        assert "by the server that is running" in capsys.readouterr().out
        wait_until(lambda: served.events().height == 1)


def test_serve_listens_until_it_is_stopped(tmp_path: Path) -> None:
    """Says for whom and where; SIGTERM ends it with 0."""
    folder = make_workspace(tmp_path / "shop")
    command = [sys.executable, "-m", "shoal.cli", "serve", "--workspace", str(folder), "--port", "0"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("Collecting for Shop: website (web)")
    url = process.stdout.readline().split()[-1]
    assert Served(folder, url).post("/v1/track", {**BAD, "event": "Click"}).status_code == 200
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 0
    kept = [Served(folder, url).events(), *Archive(folder / ARCHIVE_FOLDER).read(["name"])]
    assert {name for events in kept for name in events["name"]} == {"Click"}
