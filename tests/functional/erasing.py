"""A shop in which one person has left traces in every kind of file, beside other people who are to stay."""

from __future__ import annotations

import base64
import bz2
import gzip
import hashlib
import json
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from shoal.cli import run
from shoal.collect.http import FailedStore
from shoal.definitions.workspace import load_workspace
from shoal.journal import Archive
from shoal.journal.journal import Arrival
from shoal.journal.sqlite import SqliteJournal
from shoal.model.time import parse_moment
from shoal.runtime.batch import evaluate_workspace
from shoal.runtime.doors import decoder_of
from shoal.runtime.live_loop import LiveLoop, wall_clock_ms
from shoal.runtime.places import ARCHIVE_FOLDER, FAILED_FOLDER, JOURNAL_FOLDER, LIVE_STATE
from shoal.runtime.written import WrittenFiles
from tests.functional.test_serve_live import wait_until

USER, DEVICE, OLD_DEVICE, MAIL, PHONE = "u-10423", "7f3e-d1", "0c11-d2", "Ann.Lee@Example.org", "+49 170 1234-567"
SHARED = "5b2c-shared"
"""A device that Ann and Bob use."""

BOB = "u-104230"
"""Whose id begins like hers."""

NEEDLES = [
    each.encode()
    for text in (USER, DEVICE, OLD_DEVICE, MAIL, MAIL.lower(), "+491701234567")
    for each in (text, text.replace("@", "%40"), hashlib.sha256(text.encode()).hexdigest())
]
"""Ann, as bytes."""

SETTINGS = """
name: Shop
minimum_members: 1
sources:
  web: {write_key: web}
"""

DEFINITIONS = """
segment: viewers
when: happened("Product Viewed")
---
segment: buyers
when: happened("Order Completed")
---
segment: regulars
when: count() >= 3
"""

TRIGGER = """
trigger: welcome
on: {enter: viewers}
purpose: analytics
do:
  - page: {offer: content, title: "Hello {{ mail }}"}
    values: {mail: trait("email")}
"""

MAPPING = "mapping: orders\nuser_id: who\noccurred_at: at\nname: {value: Order Completed}\n"

DAY_ONE = "2026-03-01T10:{minute:02}:00Z"


def message(minute: int, kind: str, **said: Any) -> dict[str, Any]:
    return {"type": kind, "messageId": f"m-{minute}", "timestamp": DAY_ONE.format(minute=minute), **said}


def messages() -> list[dict[str, Any]]:
    """Ann on two devices before and after she says who she is; Bob on a device of both; Eve, who speaks of Ann."""
    about_ann = {
        "friend": MAIL,
        "note": f"invited {USER}, see {MAIL}",
        "url": "https://x/?m=" + MAIL.replace("@", "%40"),
    }
    return [
        message(0, "track", event="Product Viewed", anonymousId=OLD_DEVICE),
        message(1, "identify", userId=USER, anonymousId=OLD_DEVICE, traits={"email": MAIL, "phone": PHONE}),
        message(2, "track", event="Product Viewed", userId=USER, anonymousId=DEVICE, properties={"price": 3}),
        message(3, "track", event="Order Completed", userId=USER, anonymousId=SHARED, properties={"only_hers": 1}),
        message(4, "track", event="Product Viewed", anonymousId=DEVICE),
        message(5, "track", event="Product Viewed", anonymousId=SHARED),
        message(6, "track", event="Product Viewed", userId=BOB, anonymousId=SHARED, properties={"price": 4}),
        message(7, "track", event="Invited", userId="eve-77", properties=about_ann),
        message(8, "track", event="Order Completed", userId="eve-77"),
        message(9, "identify", userId="eve-77", traits={"email": "eve@example.org", "referrer": USER}),
        message(10, "track", event=f"Seen {USER}", userId="eve-77"),
        message(11, "track", event="Product Viewed", userId="eve-77", properties={"list": [1, MAIL]}),
    ]


@dataclass
class Workshop:
    """The workspace, and a file outside that was exported from it."""

    folder: Path
    outside: Path
    others: dict[str, Any] = field(default_factory=dict)

    @property
    def archive(self) -> Archive:
        return Archive(self.folder / ARCHIVE_FOLDER)

    def shoal(self, *arguments: str) -> int:
        return run([*arguments, "--workspace", str(self.folder)])

    def events(self) -> list[tuple[Any, ...]]:
        columns = ["message_id", "kind", "name", "user_id", "anonymous_id", "occurred_at"]
        frames = list(self.archive.read(columns))
        return pl.concat(frames).rows() if frames else []


def make_workshop(folder: Path, outside: Path) -> Workshop:
    """Everything that can hold a person holds Ann."""
    made = Workshop(folder, outside)
    for name, text in {"segments/all.yaml": DEFINITIONS, "triggers/welcome.yaml": TRIGGER}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "shoal.yaml").write_text(SETTINGS)
    _imported(made, outside)
    _collected(made)
    _written(made)
    made.others = standing(made)
    return made


def _imported(made: Workshop, outside: Path) -> None:
    outside.mkdir(parents=True, exist_ok=True)
    lines = outside / "events.ndjson"
    odd = {"type": "odd", "userId": USER, "messageId": "x"}
    lines.write_text("".join(json.dumps(each) + "\n" for each in [*messages(), odd, {**odd, "userId": "eve-77"}]))
    assert made.shoal("import", str(lines), "--map", "segment") == 0
    orders, mapping = outside / "orders.csv", outside / "orders.yaml"
    orders.write_text(f"who,at,mail\n{USER},2026-03-01,{MAIL}\neve-77,2026-03-01,\n{USER},never,\neve-77,never,\n")
    mapping.write_text(MAPPING)
    assert made.shoal("import", str(orders), "--map", str(mapping)) == 0


def _collected(made: Workshop) -> None:
    """What came over HTTP: archived, waiting in the journal, and failed."""
    journal = SqliteJournal(made.folder / JOURNAL_FOLDER)
    loop = LiveLoop(load_workspace(made.folder), journal)
    loop.start()
    wait_until(lambda: not loop.trouble)
    hear(journal, {"userId": USER, "event": "Product Viewed"}, {"userId": "eve-77", "event": "Product Viewed"})
    wait_until(lambda: loop.figures.position >= journal.position)
    loop.stop()
    hear(journal, {"userId": USER, "event": "Order Completed"}, {"userId": "bob-1", "event": "Order Completed"})
    broken = b'{"batch":[{"userId":"u-10423","type":"track"'
    _keep(journal, gzip.compress(broken), "gzip")
    hear(journal, {"userId": USER}, {"userId": "eve-77"}, {"anonymousId": "joe-1", "event": 7})
    decoded = decoder_of(load_workspace(made.folder)).decode(journal.read(0, 10**6))
    FailedStore(made.folder / FAILED_FOLDER).add(decoded.failed)
    journal.close()
    _act(made.folder / LIVE_STATE)


def hear(journal: SqliteJournal, *said: dict[str, Any]) -> None:
    now, place = wall_clock_ms(), journal.position
    batch = [
        {"type": "track", "messageId": f"h-{place}-{number}", "timestamp": now, **each}
        for number, each in enumerate(said)
    ]
    _keep(journal, json.dumps({"batch": batch}).encode())


def _keep(journal: SqliteJournal, body: bytes, encoding: str = "") -> None:
    headers = {"content-encoding": encoding} if encoding else {}
    arrival = Arrival(received_at=wall_clock_ms(), write_key="web", path="/v1/batch", body=body, headers=headers)
    journal.append(arrival).result(20)


def _act(path: Path) -> None:
    """Firings and deliveries of Ann, and of Eve, that speak of Ann; then rows that went, but not their bytes."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA secure_delete = OFF")
        names = {table: _columns(connection, table) for table in ("firing", "delivery", "waiting")}
        for number, who in ((901, f"user_id:{USER}"), (902, "user_id:eve-77")):
            told = {
                "facts": json.dumps({"email": MAIL}),
                "content": json.dumps({"to": MAIL}),
                "person": who,
                "profile": who,
            }
            for table, columns in names.items():
                values = [
                    told.get(name, number if kind == "INTEGER" else f"{name}-{number}") for name, kind in columns
                ]
                marks = ", ".join("?" * len(values))
                connection.execute(f"INSERT INTO {table} VALUES ({marks})", values)
        connection.execute(
            "INSERT INTO change VALUES (?, 'old', 5, 'entered', 0)", (f"anonymous_id:{OLD_DEVICE}",)
        )
        connection.executemany(
            "INSERT INTO change VALUES (?, 'gone', ?, 'left', 0)", [(f"user_id:{USER}", at) for at in range(200)]
        )
        connection.commit()
        connection.execute("DELETE FROM change WHERE segment = 'gone'")
        connection.commit()


def _columns(connection: sqlite3.Connection, table: str) -> list[tuple[str, str]]:
    return [(row[1], row[2]) for row in connection.execute(f"PRAGMA table_info({table})")]


def _written(made: Workshop) -> None:
    """Results, exports inside and outside, failed events by hand, and what people wrote themselves."""
    folder = made.folder
    assert made.shoal("run", "--as-of", "now", "--from", "2026-02-01") == 0
    assert made.shoal("export", "viewers", "--out", str(folder / "viewers.csv")) == 0
    assert made.shoal("export", "viewers", "--out", str(made.outside / "viewers.parquet")) == 0
    assert made.shoal("failed", "--write", str(folder / "failed.ndjson")) == 0
    (folder / "report.html").write_text(f"<p>{MAIL}</p>")
    WrittenFiles(folder).note([folder / "report.html"])
    lists = folder / "lists"
    lists.mkdir()
    (lists / "vip.csv").write_text(f"email,note\n{MAIL},first\neve@example.org,second\n")
    (lists / "staff.txt").write_text("user_id\neve-77\n")


def standing(made: Workshop) -> dict[str, Any]:
    """What is so of everybody but Ann."""
    results = evaluate_workspace(load_workspace(made.folder), parse_moment("2026-03-02T00:00:00Z"))
    tables = {"memberships": results.memberships, "features": results.features}
    return {name: [row for row in table.rows() if not is_ann(str(row[0]))] for name, table in tables.items()}


def is_ann(profile: str) -> bool:
    return profile.partition(":")[2] in (USER, DEVICE, OLD_DEVICE, MAIL.lower(), "+491701234567")


# Looking


def places_with(folder: Path, needles: list[bytes] = NEEDLES) -> list[str]:
    """Every file that holds any of these bytes, itself or in what is packed inside: by hand and brute force."""
    return [str(path) for path in sorted(folder.rglob("*")) if path.is_file() and _holds(path, needles)]


def _holds(path: Path, needles: list[bytes]) -> bool:
    contents = list(_unpacked(path.read_bytes()))
    if path.suffix == ".parquet":
        contents.append(pl.read_parquet(path).write_json().encode())
    if path.suffix == ".sqlite":
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            tables = [
                name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            ]
            for table in tables:
                for row in connection.execute(f"SELECT * FROM {table}"):
                    contents += [part for cell in row if isinstance(cell, bytes) for part in _unpacked(cell)]
                    contents.append(repr(row).encode())
    named = [content.replace(BOB.encode(), b"") for content in (*contents, path.name.encode())]
    return any(needle in content for content in named for needle in needles)


def _unpacked(content: bytes) -> Iterator[bytes]:
    yield content
    for unpack in (
        gzip.decompress,
        zlib.decompress,
        bz2.decompress,
        _unzstd,
        base64.b64decode,
        _as_far_as_it_goes,
    ):
        try:
            yield unpack(content)
        except Exception:
            continue


def _unzstd(content: bytes) -> bytes:
    return pa.CompressedInputStream(pa.BufferReader(content), "zstd").read()


def _as_far_as_it_goes(content: bytes) -> bytes:
    return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(content)
