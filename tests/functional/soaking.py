"""Months of a small shop in seconds: `soaking.py FOLDER DAYS STEPS KEPT`. A line of JSON a day says what it holds.

The clock is simulated; journal, decoding, live state and archive are the real ones. The same forty people come
most days, and every day five who never come back. What triggers did is kept for KEPT days.
"""

from __future__ import annotations

import gc
import json
import os
import random
import sqlite3
import sys
import uuid
from contextlib import closing
from pathlib import Path

import msgspec

from shoal.decide import Context, Person
from shoal.definitions.workspace import load_workspace
from shoal.journal.journal import Arrival
from shoal.journal.sqlite import SqliteJournal
from shoal.model.identifier import Identifier
from shoal.model.time import DAY, parse_moment
from shoal.runtime.deciding import terms_of
from shoal.runtime.doors import decoder_of
from shoal.runtime.live_workspace import LiveWorkspace
from shoal.runtime.places import JOURNAL_FOLDER, LIVE_STATE
from shoal.triggers import retention

BEGIN = parse_moment("2026-01-01")
REGULARS, STRANGERS_A_DAY = 40, 5
PAGES = os.sysconf("SC_PAGE_SIZE")

FILES = {
    "shoal.yaml": "name: Soak\n",
    "segments/shop.yaml": """
segment: viewers
when: count("Product Viewed", within="2 days") >= 3
---
segment: left_cart
when: |
  happened("Product Added", within="7 days") and time_since("Product Added") >= "3 hours"
  and not happened("Order Completed", after=time_of_last("Product Added"))
""",
    "slots/page.yaml": """
slot: hero
choices:
  - choice: cart
    when: in_segment("left_cart")
    content: {title: Your cart waits}
default: {title: Welcome}
""",
    "triggers/shop.yaml": """
trigger: cart
on: {enter: left_cart}
dry_run: true
do:
  - page: {offer: content, title: Your cart waits}
""",
}


class Shop:
    """Who comes, and what they do."""

    def __init__(self, seed: int) -> None:
        self._chance, self._number = random.Random(seed), 0
        self.regulars = [self._device() for _ in range(REGULARS)]

    def _device(self) -> str:
        return str(uuid.UUID(int=self._chance.getrandbits(128), version=4))

    def visits(self, at: int, share: float) -> list[Arrival]:
        """The requests of one part of a day."""
        who = [each for each in self.regulars if self._chance.random() < 0.7 * share]
        who += [self._device() for _ in range(STRANGERS_A_DAY) if self._chance.random() < share]
        return [self._visit(device, at) for device in who]

    def _visit(self, device: str, at: int) -> Arrival:
        names = ["Product Viewed"] * self._chance.randrange(1, 5)
        names += self._chance.choice([[], ["Product Added"], ["Product Added", "Order Completed"]])
        batch = []
        for place, name in enumerate(names):
            self._number += 1
            event = {"type": "track", "event": name, "anonymousId": device, "messageId": f"m{self._number}"}
            batch.append({**event, "timestamp": at + place, "properties": {"price": self._chance.randrange(100)}})
        body = msgspec.json.encode({"writeKey": "shoal", "batch": batch})
        return Arrival(received_at=at + 60_000, write_key="shoal", path="/v1/batch", body=body)


def held(folder: Path, live: LiveWorkspace, day: int) -> dict[str, int]:
    """What the process and its files hold at the end of a day."""
    gc.collect()
    journal = sum(path.stat().st_size for path in (folder / JOURNAL_FOLDER).iterdir())
    with closing(sqlite3.connect(folder / LIVE_STATE)) as state:
        ticks, firings = (
            state.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("tick", "firing")
        )
    return {
        "day": day,
        "rss": int(Path("/proc/self/statm").read_text().split()[1]) * PAGES,
        "events": live.engine.arena.event_count,
        "journal": journal,
        "ticks": ticks,
        "firings": firings,
    }


def soak(folder: Path, days: int, steps: int) -> None:
    """Lives through the days, and says of each what is held at its end."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    workspace = load_workspace(folder)
    journal, decoder, shop = SqliteJournal(folder / JOURNAL_FOLDER), decoder_of(workspace), Shop(1)
    live = LiveWorkspace(workspace, journal, lambda entries: decoder.decode(entries).events, now=BEGIN)
    chooser = terms_of(workspace).chooser
    for day in range(days):
        for step in range(steps):
            begins = BEGIN + day * DAY + step * DAY // steps
            for future in [journal.append(arrival) for arrival in shop.visits(begins, 1 / steps)]:
                future.result(30)
            live.tick(begins + DAY // steps - 1)
            for device in shop.regulars:
                standing = live.engine.standings.find(Identifier("anonymous_id", device))
                chooser.choose(chooser.slots["hero"], Person(memberships=standing), Context())
        live.archive_events()
        live.forget_old()
        sys.stdout.write(json.dumps(held(folder, live, day)) + "\n")
    live.close()
    journal.close()


if __name__ == "__main__":
    retention.KEPT_FOR = int(sys.argv[4]) * DAY
    soak(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
