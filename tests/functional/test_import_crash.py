"""Imports that are killed, or stopped by a full disk. Running them again brings what was missing, once."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shoal.collect import import_files, parse_mapping
from shoal.errors import StoreError
from shoal.journal import Archive

MAPPING = """
mapping: shop
user_id: who
occurred_at: {column: when, unit: ms}
name: {value: Product Viewed}
duplicates: keep
properties: {price: {column: price, type: number}}
"""

ROUNDS = 20 if os.environ.get("SHOAL_FULL") == "1" else 3

IMPORT = """
import sys
from pathlib import Path
import shoal.collect.importer as importer, shoal.collect.source as source
from shoal.collect import import_files, parse_mapping
from shoal.journal import Archive
importer.ROWS_OF_A_ROUND, source.CHUNK = 1000, 20_000
file, mapping, folder = map(Path, sys.argv[1:])
mapping = parse_mapping(mapping.read_text(), "map.yaml")
print("begins", flush=True)
import_files([file], mapping, Archive(folder / "archive"), failed=folder / "failed.ndjson")
"""


def lines(count: int) -> Iterator[str]:
    """Rows of which some are equal and every hundredth is bad."""
    for i in range(count):
        price = "cheap" if i % 100 == 99 else str(i // 3 % 7)
        yield f"u{i // 2 % 50},{1767225600000 + i // 2 * 60000},{price}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text("who,when,price\n" + "".join(lines(20_000)))
    return path


@pytest.fixture
def small_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shoal.collect.importer.ROWS_OF_A_ROUND", 1000)
    monkeypatch.setattr("shoal.collect.source.CHUNK", 20_000)


def load(file: Path, folder: Path) -> None:
    mapping = parse_mapping(MAPPING, "map.yaml")
    import_files([file], mapping, Archive(folder / "archive"), failed=folder / "failed.ndjson")


def kept(folder: Path) -> tuple[list[Any], list[Any]]:
    """Everything that an import leaves: events with their places, and failed rows."""
    columns = ("position", "message_id", "user_id", "occurred_at", "properties.price:number")
    events = [row for day in Archive(folder / "archive").read(columns) for row in day.rows()]
    failed = (folder / "failed.ndjson").read_bytes().splitlines()
    return events, [(entry["line"], entry["row"]) for entry in map(msgspec.json.decode, failed)]


def test_a_killed_import_goes_on(file: Path, tmp_path: Path) -> None:
    """Killed again and again at any moment, it ends with exactly what an import that was left alone ends with."""
    whole = tmp_path / "whole"
    load(file, whole)
    expected = kept(whole)
    mapping = tmp_path / "map.yaml"
    mapping.write_text(MAPPING)
    chance = random.Random(7)

    for round_ in range(ROUNDS):
        folder = tmp_path / f"killed{round_}"
        folder.mkdir()
        command = [sys.executable, "-c", IMPORT, str(file), str(mapping), str(folder)]
        kills = 0
        for _ in range(2):
            with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
                assert process.stdout is not None
                process.stdout.readline()
                time.sleep(chance.uniform(0.05, 1.0))
                process.send_signal(signal.SIGKILL)
                kills += process.wait() == -signal.SIGKILL
        load(file, folder)

        assert kept(folder) == expected
        assert kills


class FullDisk:
    """A disk with room for some writes."""

    def __init__(self, writes: int) -> None:
        self.left = writes

    def __call__(self, real: Any) -> Any:
        def write(*args: Any, **kwargs: Any) -> Any:
            self.left -= 1
            if self.left < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(*args, **kwargs)

        return write


@pytest.mark.parametrize("writes", [0, 1, 2, 3, 7, 19, 40])
@pytest.mark.usefixtures("small_rounds")
def test_a_full_disk_leaves_nothing_half_written(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    """Whichever write fails, the archive holds whole rounds; with room again the same import brings the rest."""
    load(file, tmp_path / "whole")
    folder = tmp_path / "full"
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", FullDisk(writes)(os.fsync))
        with pytest.raises(StoreError, match=r"No space left|the disk is full"):
            load(file, folder)

    archive = Archive(folder / "archive")
    assert archive.event_count == sum(len(day) for day in archive.read())
    load(file, folder)
    assert kept(folder) == kept(tmp_path / "whole")


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk of two megabytes, where this may be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.mark.usefixtures("small_rounds")
def test_a_real_full_disk_is_told(tmp_path: Path, tiny_disk: Path) -> None:
    """The error says what to do, what is there can be read, and with more room the import goes on."""
    file = tmp_path / "rows.csv"
    file.write_text("who,when,price\n" + "".join(lines(100_000)))

    with pytest.raises(StoreError) as caught:
        load(file, tiny_disk)
    assert "make room" in (caught.value.hint or "")
    archive = Archive(tiny_disk / "archive")
    before = archive.event_count
    assert before == sum(len(day) for day in archive.read())

    subprocess.run(["mount", "-o", "remount,size=200m", str(tiny_disk)], check=True)
    load(file, tiny_disk)
    load(file, tmp_path / "whole")
    assert before < archive.event_count
    assert kept(tiny_disk) == kept(tmp_path / "whole")


@pytest.mark.usefixtures("small_rounds")
def test_failed_rows_that_were_not_kept_are_written_again(file: Path, tmp_path: Path) -> None:
    """An import that died between the failed rows and the events of a round leaves neither twice."""
    load(file, tmp_path / "whole")
    folder = tmp_path / "died"
    mapping = parse_mapping(MAPPING, "map.yaml")

    class Dies(Archive):
        rounds = 0

        def append(self, *args: Any, **kwargs: Any) -> Any:
            self.rounds += 1
            if self.rounds == 5:
                raise KeyboardInterrupt
            return super().append(*args, **kwargs)

    failed = folder / "failed.ndjson"
    with pytest.raises(KeyboardInterrupt):
        import_files([file], mapping, Dies(folder / "archive"), failed=failed)
    with failed.open("ab") as half:
        half.write(b'{"file":"rows.csv","li')
    load(file, folder)

    assert kept(folder) == kept(tmp_path / "whole")


def test_only_one_imports_at_a_time(file: Path, tmp_path: Path) -> None:
    """A second import is told to wait."""
    with Archive(tmp_path / "archive").writing(), pytest.raises(StoreError, match="another import"):
        load(file, tmp_path)
