"""An erasure that is killed anywhere is finished by whoever works on the workspace next."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shoal.runtime.places import ERASURES_FOLDER, REQUESTS_FOLDER
from tests.functional.erasing import USER, Workshop, make_workshop, places_with, standing
from tests.functional.test_serve_live import PATIENCE_S, serving, wait_until

DEATHS = 60 if os.environ.get("SHOAL_FULL") else 4

DYING = """
import os, signal, sys
from shoal.cli import run
from shoal.journal import archive, manifest, rewrite
from shoal.runtime.erasing import databases, erase, files, record, steps
from shoal.runtime import requests
from shoal.collect import suppression

folder, left = sys.argv[1], int(sys.argv[2])
count = 0

def step():
    global count, left
    count, left = count + 1, left - 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

def dying(owner, name):
    whole = getattr(owner, name)
    def stepping(*given, **named):
        step()
        result = whole(*given, **named)
        step()
        return result
    setattr(owner, name, stepping)

for owner, name in [
    (rewrite, "write_whole"), (archive, "commit_manifest"), (archive, "remove"), (record.Erasures, "begin"),
    (record.Erasures, "note"), (record.Erasures, "end"), (requests.Request, "done"), (files, "write_whole"),
    (suppression, "write_whole"), (databases, "_rows_of"), (databases, "_rows_naming"),
    (databases, "_empty_the_log"),
]:
    dying(owner, name)
for place, one in list(steps.STEPS.items()):
    def stepping(erasing, one=one):
        step()
        result = one(erasing)
        step()
        return result
    steps.STEPS[place] = stepping
code = run(["erase", sys.argv[3], "--yes", "--lists", "--workspace", folder])
print(count)
sys.exit(code)
"""
"""Erases somebody, and kills itself at a step that it is told, before or after a write. Says how many it took."""


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    root = tmp_path_factory.mktemp("shop")
    return make_workshop(root / "shop", root / "outside")


@contextmanager
def copied(pattern: Workshop, to: Path) -> Iterator[Workshop]:
    for name in ("shop", "outside"):
        shutil.copytree(pattern.folder.parent / name, to / name)
    made = Workshop(to / "shop", to / "outside", pattern.others)
    written = made.folder / ".shoal" / "written.txt"
    written.write_text(written.read_text().replace(str(pattern.outside), str(made.outside)))
    yield made
    shutil.rmtree(to)


def erased_until(made: Workshop, step: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", DYING, str(made.folder), str(step), USER]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)


def is_done(made: Workshop) -> bool:
    requests = made.folder / REQUESTS_FOLDER
    plans = list((made.folder / ERASURES_FOLDER).glob("plan-*"))
    return not plans and not list(requests.glob("erasure-*"))


def check_gone(made: Workshop) -> None:
    assert is_done(made)
    assert places_with(made.folder) == []
    assert standing(made) == made.others
    assert {Path(each).name for each in places_with(made.outside)} == {"events.ndjson", "orders.csv"}


def test_killed_at_any_step_it_is_finished_by_the_next_command(pattern: Workshop, tmp_path: Path) -> None:
    """At seeded steps, before and after each kind of write; nobody else is different afterwards."""
    with copied(pattern, tmp_path / "whole") as made:
        whole = erased_until(made, 0)
        assert whole.returncode == 0, whole.stderr
        check_gone(made)
    steps = int(whole.stdout.splitlines()[-1])
    assert steps > 50
    for step in random.Random(11).sample(range(1, steps + 1), min(DEATHS, steps)):
        with copied(pattern, tmp_path / "killed") as made:
            assert erased_until(made, step).returncode == -signal.SIGKILL
            if is_done(made):
                assert made.shoal("erase", USER, "--yes", "--lists") in (0, 2)
            else:
                assert made.shoal("erase", "eve-77@nowhere.example", "--yes") == 2
                assert erased_until(made, 0).returncode == 0
            check_gone(made)


def test_killed_again_and_again_it_is_finished(pattern: Workshop, tmp_path: Path) -> None:
    """Also when each try is killed a little later than the one before."""
    chance, step = random.Random(5), 1
    with copied(pattern, tmp_path / "killed") as made:
        while (ran := erased_until(made, step)).returncode == -signal.SIGKILL:
            step += chance.randrange(5, 60)
        assert ran.returncode in (0, 2), ran.stderr
        check_gone(made)


@pytest.mark.parametrize("step", [9, 31])
def test_a_server_that_starts_finishes_it_first(pattern: Workshop, tmp_path: Path, step: int) -> None:
    """Before segments are kept true, so that nothing is told of who is gone."""
    with copied(pattern, tmp_path / "killed") as made:
        assert erased_until(made, step).returncode == -signal.SIGKILL
        assert not is_done(made)
        with serving(made.folder) as (_, server):
            wait_until(lambda: is_done(made))
            server.send_signal(signal.SIGTERM)
            assert server.wait(PATIENCE_S) == 0
        check_gone(made)
