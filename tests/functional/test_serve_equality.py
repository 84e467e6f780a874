"""What is sent over HTTP, shuffled and some of it twice, ends in the memberships of an import and a run."""

from __future__ import annotations

import os
import random
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from shoal.cli import run
from shoal.collect.http.connections import PatientProtocol
from shoal.definitions.workspace import load_workspace
from shoal.journal import Archive
from shoal.model.event import Event, EventKind
from shoal.model.frame import events_of_frame
from shoal.model.time import DAY
from shoal.model.value import Items
from shoal.runtime.batch import archive_of, evaluate_workspace
from shoal.runtime.live_loop import LiveLoop
from shoal.runtime.live_state import LiveState
from shoal.runtime.moments import newest_event
from shoal.runtime.places import ARCHIVE_FOLDER, FROZEN_FOLDER, LIVE_STATE
from shoal.runtime.serve import application, open_journal
from shoal.simulation import Simulation, simulate
from tests.functional.collecting import free_port, wait_until

EVENTS = 20_000 if os.environ.get("SHOAL_FULL") else 5_000
EVENTS_OF_A_REQUEST = 100
PATIENCE_S = 240

Members = set[tuple[str, str]]


class HandClock:
    """It is whatever moment the test says."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


@contextmanager
def served(folder: Path, clock: HandClock) -> Iterator[str]:
    """`shoal serve` on a thread, with a clock of its own; its address."""
    workspace = load_workspace(folder)
    journal = open_journal(workspace)
    app = application(workspace, journal, live=LiveLoop(workspace, journal, clock=clock))
    http = PatientProtocol.with_limits(app.limits)
    config = uvicorn.Config(app, port=free_port(), http=http, log_config=None, access_log=False, lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield f"http://127.0.0.1:{config.port}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE_S)
        journal.close()


def message_of(event: Event) -> dict[str, Any]:
    """An event as an SDK sends it. It says no `sentAt`, so no clock is corrected a second time."""
    parts: dict[str, dict[str, Any]] = {"properties": {}, "traits": {}, "context": {}, "consent": {}}
    for path, value in event.fields.items():
        part, _, name = path.partition(".")
        parts[part][name] = value.decoded() if isinstance(value, Items) else value
    context = parts["context"]
    message = {
        "type": event.kind.value,
        "event": event.name,
        "messageId": event.message_id,
        "originalTimestamp": event.occurred_at,
        "userId": event.user_id,
        "anonymousId": event.anonymous_id,
        "previousId": event.previous_id,
        "properties": parts["properties"],
        "context": context,
    }
    if parts["consent"]:
        context["consent"] = {"categoryPreferences": parts["consent"]}
    if event.kind is EventKind.IDENTIFY:
        message["traits"] = parts["traits"]
    elif parts["traits"]:
        context["traits"] = parts["traits"]
    if event.kind is EventKind.CONSENT:
        message |= {"type": "track", "event": "Consent Updated"}
    if event.kind is EventKind.GROUP:
        message["groupId"] = context.pop("groupId")
    return message


def send_everything(url: str, messages: list[dict[str, Any]]) -> int:
    """Shuffled, one in ten twice, by four senders as fast as they can. How many requests it took."""
    chance = random.Random(11)
    sent = messages + chance.sample(messages, len(messages) // 10)
    chance.shuffle(sent)
    batches = [sent[start : start + EVENTS_OF_A_REQUEST] for start in range(0, len(sent), EVENTS_OF_A_REQUEST)]
    with httpx.Client(auth=("server", ""), timeout=60) as client, ThreadPoolExecutor(4) as senders:
        statuses = set(
            senders.map(lambda batch: client.post(f"{url}/v1/batch", json={"batch": batch}).status_code, batches)
        )
    assert statuses == {200}
    return len(batches)


def told_members(folder: Path) -> Members:
    state = LiveState(folder / LIVE_STATE)
    try:
        return set(state.members())
    finally:
        state.close()


def has_come_to(folder: Path, now: int, last_entry: int) -> bool:
    """Whether every entry of the journal is taken in as of a moment."""
    state = LiveState(folder / LIVE_STATE)
    try:
        ticks = state.ticks()
    finally:
        state.close()
    return bool(ticks) and ticks[-1].now == now and ticks[-1].through == last_entry


def imported(folder: Path, file: Path, mapping: str) -> Path:
    """A shop by the template, with the events of a file."""
    assert run(["init", str(folder), "--template", "ecommerce"]) == 0
    assert run(["import", str(file), "--map", mapping, "--workspace", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated")
    simulate(Simulation(events=EVENTS, start="2024-01-01", seed=5), folder / "events.ndjson")
    return imported(folder / "shop", folder / "events.ndjson", "segment")


@pytest.fixture(scope="module")
def jd(tmp_path_factory: pytest.TempPathFactory, shared_data) -> Path:  # type: ignore[no-untyped-def]
    file = shared_data("jd") / "actions.csv.gz"
    return imported(tmp_path_factory.mktemp("jd") / "shop", file, "jd")


@pytest.mark.parametrize("log", ["simulated", "jd"])
def test_http_and_import_end_in_the_same_memberships(
    log: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """A week before the end, when later events wait, and at the end, to which the clock then moves on."""
    shop: Path = request.getfixturevalue(log)
    workspace = load_workspace(shop)
    last = newest_event(archive_of(workspace))
    assert last is not None
    expected = {now: set(evaluate_workspace(workspace, now).memberships.rows()) for now in (last, last - 7 * DAY)}
    live = tmp_path / "live"
    shutil.copytree(shop, live, ignore=shutil.ignore_patterns("archive", "runs"))
    assert (live / FROZEN_FOLDER).exists()
    messages = [message_of(event) for day in archive_of(workspace).read() for event in events_of_frame(day)]
    clock = HandClock(last - 7 * DAY)
    with served(live, clock) as url:
        entries = send_everything(url, messages)
        wait_until(lambda: has_come_to(live, last - 7 * DAY, entries), PATIENCE_S)
        assert told_members(live) == expected[last - 7 * DAY]
        clock.now = last
        wait_until(lambda: has_come_to(live, last, entries), PATIENCE_S)
        assert told_members(live) == expected[last]
    assert len(expected[last]) > 20
    assert Archive(live / ARCHIVE_FOLDER).event_count == len(messages)
    assert set(evaluate_workspace(load_workspace(live), last).memberships.rows()) == expected[last]
