"""The power is lost: whatever was answered 200 is there again, once, whatever else the disk kept or lost.

The collector, the live engine and the archive run under strace; `power_loss.py` says what the disk certainly held
at any moment of that run. There, Shoal begins again.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from shoal.definitions.workspace import load_workspace
from shoal.journal import Archive
from shoal.journal.sqlite import SqliteJournal
from shoal.runtime.doors import decoder_of
from shoal.runtime.live_workspace import LiveWorkspace
from shoal.runtime.places import ARCHIVE_FOLDER, JOURNAL_FOLDER
from tests.functional.power_loss import Call, Disk, can_watch, read_record, watched

FULL = bool(os.environ.get("SHOAL_FULL"))
LOSSES = 200 if FULL else 25
REQUESTS, SENDERS = (400, 4) if FULL else (120, 4)

SERVE = Path(__file__).with_name("collecting_watched.py")


@dataclass(frozen=True)
class Run:
    """The folder of the server, a copy of it from before, and every call."""

    folder: Path
    before: Path
    calls: list[Call]

    @property
    def disk(self) -> Disk:
        """As it was before."""
        disk = Disk(self.folder)
        disk.begin_with(self.before)
        return disk


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A server that took requests from several senders, archived now and then, and stopped; and all it did."""
    if not can_watch():
        pytest.skip("strace is not installed, or may not watch processes here")
    folder = tmp_path_factory.mktemp("watched") / "shop"
    (folder / "segments").mkdir(parents=True)
    (folder / "shoal.yaml").write_text("name: Shop\n")
    (folder / "segments" / "shop.yaml").write_text('segment: keen\nwhen: count("Click") >= 3\n')
    record, before = folder.with_name("record"), folder.with_name("before")
    shutil.copytree(folder, before)
    done = watched([str(SERVE), str(folder), str(REQUESTS), str(SENDERS)], record, within_s=300)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return Run(folder, before, list(read_record(record)))


def recovered(folder: Path) -> list[str]:
    """The message ids that a server which begins again on this disk has, after it has archived everything."""
    workspace = load_workspace(folder)
    decoder = decoder_of(workspace)
    with closing(SqliteJournal(folder / JOURNAL_FOLDER)) as journal:
        live = LiveWorkspace(workspace, journal, lambda entries: decoder.decode(entries).events, now=NOW)
        with closing(live):
            while live.last_tick.through < journal.position:
                live.tick(NOW)
            assert set(live.state.members()) == {
                (profile, segment) for profile, names in live.engine.memberships().items() for segment in names
            }
            live.archive_events()
    archive = Archive(folder / ARCHIVE_FOLDER)
    frames = list(archive.read(["message_id"]))
    return pl.concat(frames)["message_id"].to_list() if frames else []


NOW = 4_000_000_000_000
"""Later than everything that happens here."""


def losses(run: Run, chance: random.Random) -> Iterator[tuple[int, Disk]]:
    """Moments at which the power is lost, half of them right after a sync or an answer, and the disk at each."""
    calls, disk, taken = run.calls, run.disk, 0
    begins = next(place for place, call in enumerate(calls) if call.name == "mkdir" and b".shoal" in call.texts[0])
    near = [
        place + 1 for place in range(begins, len(calls)) if calls[place].fd == 1 or "sync" in calls[place].name
    ]
    anywhere = range(begins, len(calls) + 1)
    moments = sorted([*chance.choices(near, k=LOSSES // 2), *chance.choices(anywhere, k=LOSSES - LOSSES // 2)])
    for moment in moments:
        for call in calls[taken:moment]:
            disk.take(call)
        taken = moment
        yield moment, disk


@pytest.mark.parametrize(
    "keeps_some", [False, True], ids=["all that was not synced is lost", "parts of it are there"]
)
def test_what_was_answered_survives(run: Run, tmp_path: Path, *, keeps_some: bool) -> None:
    """At every moment: each event that was answered is there, none twice, and Shoal goes on without a hand."""
    most = 0
    for number, (moment, disk) in enumerate(losses(run, random.Random(7))):
        target = tmp_path / f"{number}"
        disk.after_loss(target, random.Random(moment) if keeps_some else None)
        ids = recovered(target)
        answered = {each for line in disk.told for each in line.removeprefix("kept ").split()}
        assert len(ids) == len(set(ids)), f"at call {moment}"
        assert answered <= set(ids), (
            f"at call {moment}: {sorted(answered - set(ids))[:5]} were answered and are lost"
        )
        most = max(most, len(answered))
    assert most > REQUESTS


def test_the_model_loses_what_is_not_synced(tmp_path: Path) -> None:
    """A program that answers before it syncs is found out: the test above can fail."""
    if not can_watch():
        pytest.skip("strace is not installed, or may not watch processes here")
    folder = tmp_path / "disk"
    folder.mkdir()
    program = tmp_path / "program.py"
    program.write_text(CARELESS)
    done = watched([str(program), str(folder)], tmp_path / "record", within_s=60)
    assert done.returncode == 0, done.stderr.decode()
    disk, left = Disk(folder), {}
    for call in read_record(tmp_path / "record"):
        told = len(disk.told)
        disk.take(call)
        if len(disk.told) > told:
            target = tmp_path / disk.told[-1]
            disk.after_loss(target)
            left[target.name] = {path.name: path.read_bytes() for path in target.iterdir()}
    nameless = b"synced, but its name is not"
    assert left == {
        "kept a": {"synced": b"first "},
        "kept b": {"synced": b"first "},
        "kept c": {"synced": b"first ", "nameless": nameless, "renamed": b"whole"},
        "kept d": {"synced": b"first ", "nameless": nameless, "renamed": b"whole"},
    }


CARELESS = """
import os, sys
folder = sys.argv[1]
def place(name): return os.path.join(folder, name)
def sync_folder():
    at = os.open(folder, os.O_RDONLY); os.fsync(at); os.close(at)
with open(place("synced"), "wb", buffering=0) as file:
    file.write(b"first "); os.fsync(file.fileno()); sync_folder(); file.write(b"second")
os.write(1, b"kept a\\n")
with open(place("nameless"), "wb", buffering=0) as file:
    file.write(b"synced, but its name is not"); os.fsync(file.fileno())
os.write(1, b"kept b\\n")
with open(place("unfinished"), "wb", buffering=0) as file:
    file.write(b"whole"); os.fsync(file.fileno())
os.rename(place("unfinished"), place("renamed")); sync_folder()
os.write(1, b"kept c\\n")
os.unlink(place("nameless")); os.rename(place("renamed"), place("moved"))
os.write(1, b"kept d\\n")
"""
