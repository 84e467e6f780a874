"""The demo: a shop that fills itself, the same each time, with everything to look at."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import polars as pl
import pytest

from shoal.definitions.trigger import RunsOut
from shoal.definitions.workspace import load_workspace
from shoal.model.consent import REFUSED_BY_GPC, Purpose
from shoal.model.time import DAY, SECOND, parse_moment
from shoal.runtime.batch import archive_of
from shoal.runtime.demo import make_demo, start_until
from shoal.runtime.demo_serving import SECONDS_TO_WAIT
from shoal.runtime.moments import newest_event
from tests.functional.shop import Ran, Shop

EVENTS = "3000"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small demo."""
    folder = tmp_path_factory.mktemp("demo") / "shop"
    make_demo(folder, events=int(EVENTS))
    return folder


@pytest.fixture
def demo(made: Path, capsys: pytest.CaptureFixture[str]) -> Shop:
    """The command line in the demo's workspace."""
    shop = Shop.__new__(Shop)
    shop.folder, shop._capsys = made, capsys
    return shop


def test_the_demo_can_be_looked_at_with_every_command(demo: Shop) -> None:
    """The commands that it ends with all work."""
    ran = demo.plain("demo", str(demo.folder), "--events", EVENTS, "--no-serve")
    assert ran.code == 0
    lines = [line.strip() for line in ran.out.splitlines() if line.startswith("  shoal ")]
    assert len(lines) >= 6
    for line in lines:
        assert demo.plain(*line.split()[1:]).code == 0, line


def test_the_demo_twice_writes_the_same_tables(demo: Shop) -> None:
    """Events are imported once, and the answers stay."""
    tables = {path.name: path.read_bytes() for path in (demo.folder / "out").iterdir()}
    answer = json.loads(demo.plain("demo", str(demo.folder), "--events", EVENTS, "--json").out)
    assert {path.name: path.read_bytes() for path in (demo.folder / "out").iterdir()} == tables
    assert answer["workspace"] == str(demo.folder)
    assert answer["profiles"] > 100


def test_the_demo_has_members_and_a_trend(demo: Shop) -> None:
    """Past moments are evaluated too, so there is something to compare with."""
    answer = json.loads(demo.shoal("segments", "--json").out)
    shown = {each["segment"]: each for each in answer["segments"]}["high_intent_price_sensitive"]
    assert shown["members"] > 0
    assert len(shown["trend"]) == 5
    members = pl.read_parquet(demo.folder / "out/memberships.parquet")
    assert members["segment"].n_unique() > 8


def test_the_demo_leaves_other_folders_alone(demo: Shop, tmp_path: Path) -> None:
    """A folder that holds something else is not touched."""
    (tmp_path / "mine.txt").write_text("mine")
    ran: Ran = demo.plain("demo", str(tmp_path), "--no-serve")
    assert ran.code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_edited_definition_stays_when_the_demo_is_made_again(demo: Shop) -> None:
    """The demo is a workspace of its own, to play with."""
    path = demo.folder / "segments/mine.yaml"
    path.write_text("segment: mine\nwhen: count() >= 1\n")
    try:
        answer = json.loads(demo.plain("demo", str(demo.folder), "--events", EVENTS, "--json").out)
        assert answer["segments"]["mine"] > 0
    finally:
        path.unlink()
        demo.plain("demo", str(demo.folder), "--events", EVENTS, "--no-serve")


def test_a_demo_ends_at_the_hour_before_it_is_made(tmp_path: Path) -> None:
    """So that it goes on from there; made again later, it is the same demo."""
    now = parse_moment("2026-05-04T10:20:30Z")
    start = start_until(now)
    assert start == "2026-03-05T10:00:00.000Z"
    made = make_demo(tmp_path / "shop", events=1000, start=start)
    assert parse_moment("2026-05-03T10:00:00Z") < newest_event(archive_of(made.workspace)) <= now
    again = make_demo(tmp_path / "shop", events=1000, start=start_until(now + 7 * DAY))
    assert again.imported.added == 0
    assert again.simulation == made.simulation


def test_the_triggers_of_the_shop_are_part_of_the_demo(demo: Shop) -> None:
    """With a purpose that Global Privacy Control refuses, in a workspace that grants it until then."""
    workspace = load_workspace(demo.folder)
    triggers = [each for each in workspace.triggers if each.name.startswith("demo_") and "shop" in each.title]
    assert {each.purpose for each in triggers} == {Purpose.ADS}
    assert {each.on.span for each in triggers if isinstance(each.on, RunsOut)} == {SECONDS_TO_WAIT * SECOND}
    assert workspace.settings.consent[Purpose.ADS] is True
    assert Purpose.ADS in REFUSED_BY_GPC


def test_a_port_that_is_taken_is_told_before_anything_is_made(demo: Shop, tmp_path: Path) -> None:
    """Filling takes its time; a mistake should not."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ran = demo.plain("demo", str(tmp_path / "new"), "--port", port)
    assert ran.code == 2
    assert "--no-serve" in ran.err
    assert not (tmp_path / "new").exists()


def test_init_makes_a_workspace_that_checks_clean(demo: Shop, tmp_path: Path) -> None:
    """Every template has definitions and no problems."""
    from shoal.templates import TEMPLATES

    for template in TEMPLATES:
        ran = demo.plain("init", str(tmp_path / template), "--template", template)
        assert ran.code == 0
        assert demo.plain("check", str(tmp_path / template)).out == "No problems.\n"
    assert demo.plain("init", str(tmp_path / "dtc")).code == 2
    assert demo.plain("init", str(tmp_path / "other"), "--template", "bank").code == 2


def test_simulate_writes_events_and_the_truth(demo: Shop, tmp_path: Path) -> None:
    """One line for each message, one for each person."""
    path = tmp_path / "events.ndjson"
    answer = json.loads(demo.plain("simulate", str(path), "--people", "20", "--json").out)
    assert answer["people"] == 20
    assert len(path.read_text().splitlines()) == answer["messages"]
    assert len(Path(answer["truth"]).read_text().splitlines()) == 20
    assert demo.plain("simulate").code == 2
    assert demo.plain("simulate", str(path), "--people", "0").code == 2
