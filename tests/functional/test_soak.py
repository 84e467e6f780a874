"""Months in a row: what is not events does not grow, and what was done long ago is forgotten."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

from shoal.model.time import DAY
from shoal.triggers.retention import KEPT_FOR

FULL = bool(os.environ.get("SHOAL_FULL"))
DAYS, STEPS, KEPT_DAYS = (730, 24, KEPT_FOR // DAY) if FULL else (48, 2, 15)
BYTES_PER_EVENT, SLACK = 400, 30 * 2**20
"""What an event may hold, with all of its columns and its share of who it is of; and what allocators keep back."""

SOAK = Path(__file__).with_name("soaking.py")


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, int]]:
    """What was held at the end of each day."""
    command = [
        sys.executable,
        str(SOAK),
        str(tmp_path_factory.mktemp("soak")),
        str(DAYS),
        str(STEPS),
        str(KEPT_DAYS),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=7200, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == DAYS
    return found


@pytest.mark.slow
def test_memory_grows_by_events_and_by_nothing_else(days: list[dict[str, int]]) -> None:
    """Ticks, decisions, requests and archived files leave nothing behind in the process."""
    early, late = days[10:20], days[-10:]
    events = median(day["events"] for day in late) - median(day["events"] for day in early)
    grown = median(day["rss"] for day in late) - median(day["rss"] for day in early)
    assert events > 0
    assert grown < events * BYTES_PER_EVENT + SLACK


@pytest.mark.slow
def test_files_that_are_written_every_day_stay_small(days: list[dict[str, int]]) -> None:
    """Entries of the journal and steps go when their events are archived."""
    half = len(days) // 2
    assert max(day["journal"] for day in days[half:]) <= 2 * max(day["journal"] for day in days[:half])
    assert max(day["ticks"] for day in days) <= STEPS + 2


@pytest.mark.slow
def test_what_triggers_did_long_ago_is_forgotten(days: list[dict[str, int]]) -> None:
    """As many firings as those of the days that are kept, however long it goes on."""
    of_kept_days = days[KEPT_DAYS]["firings"]
    assert of_kept_days > KEPT_DAYS
    assert max(day["firings"] for day in days[KEPT_DAYS:]) <= 1.3 * of_kept_days
