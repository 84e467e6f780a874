"""The two node SDKs, unmodified, against a collector that listens; each also through one that refuses first."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.clients.journey import CALLS, check_journey
from tests.clients.refusing import refusing_first
from tests.functional.collecting import KEY, serving

SCRIPTS = pytest.mark.parametrize("script", ["segment_node.cjs", "rudder_node.cjs"])


def send(clients: Path, script: str, url: str) -> list[str]:
    """Makes the five calls; the message ids that the client says it sent."""
    command = ["node", str(clients / script), url, KEY]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    told = json.loads(ran.stdout.splitlines()[-1])
    assert told["failed"] == []
    return list(told["sent"])


@SCRIPTS
def test_every_call_arrives_once(tmp_path: Path, clients: Path, script: str) -> None:
    """As many as were sent, by the same message ids, each with what was said in it."""
    with serving(tmp_path / "shop") as served:
        sent = send(clients, script, served.url)
        events = check_journey(served)
    assert len(sent) == CALLS
    assert sorted(events["message_id"].to_list()) == sorted(sent)


@SCRIPTS
def test_what_was_refused_is_sent_again(tmp_path: Path, clients: Path, script: str) -> None:
    """After 503 the client comes back with the same message ids, and nothing is lost."""
    with serving(tmp_path / "shop") as served, refusing_first(served, (503,)) as between:
        sent = send(clients, script, between.url)
        events = check_journey(served)
    assert between.refused == 1
    assert sorted(events["message_id"].to_list()) == sorted(sent)
