"""Statements of consent that commands record while a server runs: it takes them in like anything that was sent."""

from __future__ import annotations

from typing import Any

import msgspec

from shoal.definitions.workspace import Workspace
from shoal.journal.journal import Arrival, Journal
from shoal.runtime.requests import CONSENT, Requests

SECONDS_TO_KEEP = 30.0
"""How long a statement may take until it lasts where it counts."""


def take_in_statements(workspace: Workspace, journal: Journal) -> int:
    """Puts waiting statements into the journal of the server that runs; how many. They last afterwards."""
    requests = Requests(workspace.folder)
    if not requests.are_waiting(CONSENT):
        return 0
    waiting = requests.waiting(CONSENT)
    for request in waiting:
        journal.append(arrival_of(request.content)).result(SECONDS_TO_KEEP)
        request.done()
    return len(waiting)


def arrival_of(content: dict[str, Any]) -> Arrival:
    """A request of a command as one that was sent. After a crash it may come twice, with the same message ids."""
    body = msgspec.json.encode({"batch": content["batch"]})
    return Arrival(received_at=int(content["received_at"]), write_key="", path="/v1/batch", body=body)
