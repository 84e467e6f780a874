"""Mistakes at the command line: each is told in words and ends with its exit code, never with a traceback."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from shoal import cli
from shoal.errors import InputError
from tests.functional.shop import Shop

COMMANDS = [
    ["run"],
    ["segments"],
    ["profile", "ann"],
    ["explain", "ann", "viewers"],
    ["export", "viewers"],
    ["identity"],
    ["check"],
    ["import", "events.csv", "--map", "segment"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda each: each[0])
def test_a_folder_that_is_no_workspace(shop: Shop, tmp_path: Path, command: list[str]) -> None:
    """Every command says so, and how to make one."""
    ran = shop.plain(*command, "--workspace", str(tmp_path / "nowhere"))
    assert ran.code == 2
    assert "is not a workspace" in ran.err
    assert "shoal init" in ran.err


@pytest.mark.parametrize(
    "command", [["explain", "ann", "nothing"], ["export", "nothing"]], ids=lambda each: each[0]
)
def test_a_segment_that_is_not_defined(shop: Shop, command: list[str]) -> None:
    """The segments that there are stand in the hint."""
    ran = shop.shoal(*command)
    assert ran.code == 2
    assert "there is no segment named nothing" in ran.err
    assert "left_cart" in ran.err


@pytest.mark.parametrize(
    "command",
    [["profile", "zoe@example.org"], ["explain", "zoe@example.org", "viewers"]],
    ids=lambda each: each[0],
)
def test_an_identifier_that_nobody_has(shop: Shop, command: list[str]) -> None:
    """The identifier is not repeated: it may be somebody's, and errors go to logs."""
    ran = shop.shoal(*command)
    assert ran.code == 2
    assert "no profile has this identifier" in ran.err
    assert "zoe" not in ran.err


@pytest.mark.parametrize("moment", ["yesterday", "2026-13-01", "99999-01-01", "", "1e9", "2026-02-30T25:00"])
@pytest.mark.parametrize("command", [["run"], ["profile", "ann"], ["identity"]], ids=lambda each: each[0])
def test_a_moment_that_is_none(shop: Shop, command: list[str], moment: str) -> None:
    """What a moment looks like is told; nothing is written."""
    ran = shop.shoal(*command, "--as-of", moment)
    assert ran.code == 2
    assert "is not a moment" in ran.err
    assert not (shop.folder / "out").exists()


@pytest.mark.parametrize("moment", ["0001-01-01", "9999-12-31T23:59:59.999Z", "1969-12-31"])
def test_moments_at_the_ends_of_time(shop: Shop, moment: str) -> None:
    """They are moments like others."""
    assert shop.shoal("run", "--as-of", moment).code == 0


def test_a_stretch_of_time_that_ends_before_it_begins(shop: Shop) -> None:
    """Also one without a beginning."""
    assert shop.shoal("run", "--from", "2026-03-02", "--to", "2026-03-01").code == 2
    assert shop.shoal("run", "--to", "2026-03-01").code == 2


def test_definitions_that_mean_nothing(shop: Shop) -> None:
    """Every problem is told at once, and nothing is evaluated or overwritten."""
    shop.shoal("run", "--as-of", "newest")
    before = (shop.folder / "out/run.json").read_bytes()
    shop.write("segments/bad.yaml", "segment: bad\nwhen: nonsense(1)\n---\nsegment: worse\nwhen: __class__\n")
    for command in (
        ["run"],
        ["profile", "ann"],
        ["explain", "ann", "viewers"],
        ["export", "viewers"],
        ["segments"],
    ):
        ran = shop.shoal(*command)
        assert ran.code == 3, command
        assert "segments/bad.yaml:2" in ran.err
        assert "segments/bad.yaml:5" in ran.err
    assert (shop.folder / "out/run.json").read_bytes() == before


def test_settings_of_identity_that_mean_nothing(shop: Shop) -> None:
    """They are problems of a file, with their code."""
    shop.write("shoal.yaml", "identity:\n  kinds: {email: {limit: many}}\n")
    assert shop.shoal("run").code == 3
    assert "SH041" in shop.plain("check", str(shop.folder)).out


def test_a_damaged_archive(shop: Shop) -> None:
    """What is damaged is named; it is the store's fault, so the exit code says that."""
    part = next((shop.folder / ".shoal/archive/events").rglob("*.parquet"))
    part.write_bytes(b"not a table")
    for command in (["run"], ["profile", "ann"], ["identity"]):
        ran = shop.shoal(*command, "--as-of", "now")
        assert ran.code == 4, command
        assert part.name in ran.err


def test_a_damaged_log_of_runs(shop: Shop) -> None:
    """The file is named."""
    shop.shoal("run")
    path = next((shop.folder / ".shoal/runs").iterdir())
    path.write_text("{")
    ran = shop.shoal("segments")
    assert ran.code == 4
    assert path.name in ran.err


def test_a_place_where_nothing_can_be_written(shop: Shop) -> None:
    """A file stands where the folder should be: the reason is told, nothing is half-written."""
    (shop.folder / "taken").write_text("mine")
    ran = shop.shoal("run", "--out", str(shop.folder / "taken"))
    assert ran.code == 4
    assert "Writing results failed" in ran.err
    assert (shop.folder / "taken").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_workspace_that_can_only_be_read(shop: Shop) -> None:
    """Evaluation ends with the store's exit code; looking works."""
    shop.folder.chmod(0o555)
    try:
        assert shop.shoal("run").code == 4
        assert shop.shoal("profile", "ann", "--as-of", "newest").code == 0
    finally:
        shop.folder.chmod(0o755)


def test_results_from_before_stay_when_writing_fails(shop: Shop) -> None:
    """One table cannot be replaced: of the new ones none is there under its name with a half of its bytes."""
    shop.shoal("run", "--as-of", "newest")
    (shop.folder / "out/run.json").unlink()
    (shop.folder / "out/.run.json.writing").mkdir()
    before = (shop.folder / "out/memberships.parquet").read_bytes()
    assert shop.shoal("run", "--as-of", "2026-03-01T10:00:00Z").code == 4
    assert (shop.folder / "out/memberships.parquet").read_bytes() == before


def test_a_file_to_import_that_is_not_there(shop: Shop) -> None:
    """And a mapping that is not there."""
    assert shop.shoal("import", "nothing.csv", "--map", "segment").code == 2
    assert shop.shoal("import", str(shop.folder / "shoal.yaml"), "--map", "nothing.yaml").code == 2


@pytest.mark.parametrize("name", ["members.xlsx", "members"])
def test_an_export_to_a_format_that_is_none(shop: Shop, name: str) -> None:
    """The two that there are stand in the message."""
    ran = shop.shoal("export", "viewers", "--out", name)
    assert ran.code == 2
    assert ".csv" in ran.err


def test_an_export_of_a_value_that_is_not_defined(shop: Shop) -> None:
    """The names that there are stand in the hint."""
    ran = shop.shoal("export", "viewers", "--with", "nothing")
    assert ran.code == 2
    assert "views" in ran.err


@pytest.mark.parametrize(
    "arguments", [["run", "--nonsense"], ["explain", "ann"], ["nonsense"], ["identity", "--limit", "no"], []]
)
def test_a_command_that_is_written_wrongly(shop: Shop, arguments: list[str]) -> None:
    """How it is written is told, with exit code 2."""
    assert shop.plain(*arguments).code == 2


def test_an_error_of_ours_is_short_and_kept_in_a_log(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line on the screen, the traceback in a file, exit code 1."""

    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr("shoal.commands.run.evaluate_workspace", fails)
    ran = shop.shoal("run")
    assert ran.code == 1
    log = re.search(r"The details are in (\S+)", ran.err)
    assert log is not None
    assert "a mistake of ours" in Path(log[1]).read_text()
    Path(log[1]).unlink()


def test_stopping_is_no_error(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends with 130 and one word."""

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("shoal.commands.run.evaluate_workspace", stopped)
    ran = shop.shoal("run")
    assert (ran.code, ran.err) == (130, "Stopped.\n")


def test_errors_know_their_exit_codes() -> None:
    """The sender's fault is 2."""
    assert InputError.exit_code == 2
    assert cli.UNEXPECTED == 1
