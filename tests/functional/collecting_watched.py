"""A server that a test watches: `collecting_watched.py FOLDER REQUESTS SENDERS`. Its output says what it answered.

Requests come in by ASGI, without a network. Files of the journal are small, and events are archived often.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import msgspec

from shoal.collect.http import Collector
from shoal.definitions.workspace import load_workspace
from shoal.journal.sqlite import JournalLimits, SqliteJournal
from shoal.runtime import live_loop
from shoal.runtime.live_loop import LiveCondition, LiveLoop
from shoal.runtime.places import JOURNAL_FOLDER

live_loop.SECONDS_UNTIL_ARCHIVED = 0.3
live_loop.SECONDS_BETWEEN_LOOKS_AT_ARCHIVE = 0.1


async def send(app: Collector, ids: list[str]) -> int:
    """One batch. The status of the answer."""
    events = [{"type": "track", "event": "Click", "userId": each[:2], "messageId": each} for each in ids]
    body = msgspec.json.encode({"writeKey": "shoal", "batch": events})
    status = 0

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def answer(message: dict[str, object]) -> None:
        nonlocal status
        status = int(str(message.get("status", status)))

    scope = {"type": "http", "method": "POST", "path": "/v1/batch", "headers": [], "query_string": b""}
    await app(scope, receive, answer)
    return status


async def serve(folder: Path, requests: int, senders: int) -> None:
    workspace = load_workspace(folder)
    journal = SqliteJournal(folder / JOURNAL_FOLDER, limits=JournalLimits(segment_bytes=8_000))
    live = LiveLoop(workspace, journal)
    app = Collector(journal, workspace.collecting)
    live.start()
    while live.condition is not LiveCondition.WELL:
        await asyncio.sleep(0.01)

    async def sender(name: str) -> None:
        for number in range(requests // senders):
            ids = [f"{name}{number}-{index}" for index in range(1 + number % 4)]
            if await send(app, ids) == 200:
                os.write(1, f"kept {' '.join(ids)}\n".encode())
            await asyncio.sleep(0.01)

    await asyncio.gather(*(sender(f"s{number}") for number in range(senders)))
    await asyncio.to_thread(live.stop)
    journal.close()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
