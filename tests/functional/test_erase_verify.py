"""`shoal erase --verify` finds whatever is left: in every kind of file, in every way of writing it."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import json
import lzma
import sqlite3
import zipfile
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from shoal.model.identifier import Identifier
from shoal.runtime.erasing.search import Found, search
from shoal.runtime.erasing.traces import Traces

MAIL = "ann.lee@example.org"
ANN = Traces([Identifier("user_id", "u-10423"), Identifier("user_id", "42"), Identifier("email", MAIL)])


def database(path: Path, *, is_deleted: bool = False, in_the_log: bool = False, value: object = MAIL) -> None:
    with closing(sqlite3.connect(path)) as connection:
        if in_the_log:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("PRAGMA secure_delete = OFF")
        connection.execute("CREATE TABLE told (profile, content)")
        connection.execute("INSERT INTO told VALUES ('user_id:bob', ?)", (value,))
        connection.commit()
        if is_deleted:
            connection.execute("DELETE FROM told")
            connection.commit()
        if in_the_log:  # closing it in order would empty the log
            path.with_name(f"{path.name}-wal").rename(path.with_name("kept-wal"))


def table(path: Path, **columns: list[object]) -> None:
    pl.DataFrame(columns).write_parquet(path)


PLANTED: dict[str, Callable[[Path], object]] = {
    "a text": lambda to: (to / "x.md").write_text(f"see {MAIL}\n"),
    "in other letters": lambda to: (to / "x.txt").write_text(MAIL.upper()),
    "an address of the web": lambda to: (to / "x.log").write_text(f"GET /?m={quote(MAIL, safe='')}\n"),
    "JSON with escapes": lambda to: (to / "x.json").write_text(json.dumps({"m": MAIL}).replace("@", "\\u0040")),
    "a hash for advertisers": lambda to: (to / "x.csv").write_text(
        f"a\n{hashlib.sha256(MAIL.encode()).hexdigest()}\n"
    ),
    "a row": lambda to: database(to / "x.sqlite"),
    "a packed cell": lambda to: database(to / "x.sqlite", value=gzip.compress(MAIL.encode())),
    "a row that was removed": lambda to: database(to / "x.sqlite", is_deleted=True),
    "a log of a database": lambda to: database(to / "x.sqlite", in_the_log=True),
    "a short identifier as profile": lambda to: database(to / "x.sqlite", value=json.dumps({"userId": "42"})),
    "a column of Parquet": lambda to: table(to / "x.parquet", a=["x", f"of {MAIL}"]),
    "the name of a column": lambda to: table(to / "x.parquet", **{f"properties.{MAIL}:number": [1.0]}),
    "a short identifier in Parquet": lambda to: table(to / "x.parquet", user_id=["41", "42"]),
    "a list": lambda to: ((to / "lists").mkdir(), (to / "lists" / "vip.csv").write_text("user_id\n42\n")),
    "an export": lambda to: (to / "x.csv").write_text('"profile","user_id"\n"user_id:9","42"\n'),
    "a failed row": lambda to: (to / "x.ndjson").write_text('{"row":"2026-01-01,42,Click","reason":"bad"}\n'),
    "gzip": lambda to: (to / "x.gz").write_bytes(gzip.compress(MAIL.encode())),
    "gzip in gzip": lambda to: (to / "x").write_bytes(gzip.compress(gzip.compress(MAIL.encode()))),
    "bzip2": lambda to: (to / "x").write_bytes(bz2.compress(MAIL.encode())),
    "xz": lambda to: (to / "x").write_bytes(lzma.compress(MAIL.encode())),
    "an object of git": lambda to: (to / "x").write_bytes(zlib.compress(MAIL.encode())),
    "zstandard": lambda to: (to / "x.zst").write_bytes(pa.compress(MAIL.encode() * 9, "zstd", asbytes=True)),
    "an Arrow file": lambda to: pl.DataFrame({"a": [MAIL] * 9}).write_ipc(to / "x.arrow"),
    "an archive of files": lambda to: zipped(to / "x.zip"),
    "an array of texts": lambda to: np.save(to / "x.npy", np.array(["x", MAIL])),
    "the name of a file": lambda to: (to / f"{MAIL}.csv").write_text("a\n"),
    "across the end of a chunk": lambda to: (to / "x.bin").write_bytes(b"\0" * (4 * 2**20 - 7) + MAIL.encode()),
}


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("deep/inside.txt", f"{MAIL}\n" * 50)


@pytest.mark.parametrize("planted", PLANTED)
def test_what_is_left_is_found(planted: str, tmp_path: Path) -> None:
    """And its file is named."""
    PLANTED[planted](tmp_path)
    assert search(tmp_path, ANN)


INNOCENT: dict[str, Callable[[Path], object]] = {
    "other people": lambda to: (to / "x.json").write_text(
        '{"userId":"421","mail":"joann.lee@example.org","n":42}'
    ),
    "a price": lambda to: table(to / "x.parquet", price=["42"], user_id=["u-104231"]),
    "a number in a table": lambda to: (to / "x.csv").write_text("who,quantity\nbob,42\n"),
    "a row of others": lambda to: database(to / "x.sqlite", value="42"),
    "nothing": lambda to: (to / "x").write_bytes(b""),
    "what only begins like something packed": lambda to: (to / "x").write_bytes(b"\x1f\x8b nothing"),
}


@pytest.mark.parametrize("innocent", INNOCENT)
def test_nobody_else_is_taken_for_them(innocent: str, tmp_path: Path) -> None:
    """Longer identifiers, and short ones where no identifier stands."""
    INNOCENT[innocent](tmp_path)
    assert search(tmp_path, ANN, others=["user_id:u-104231"]) == []


def test_the_place_is_told_and_nothing_of_the_person(tmp_path: Path) -> None:
    """Which file, and where in it; a link is not followed."""
    (tmp_path / "notes.md").write_text(f"first\n{MAIL}\n")
    (tmp_path / "link.md").symlink_to(tmp_path / "notes.md")
    table(tmp_path / "x.parquet", about=[MAIL])
    found = search(tmp_path, ANN)

    assert Found("notes.md", "line 2") in found
    assert Found("x.parquet", "column about") in found
    assert not any(MAIL in each.where or each.path == "link.md" for each in found)
