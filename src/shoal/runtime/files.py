"""Files that people are given: all of a set are there whole, or the ones from before stay."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import polars as pl

from shoal.errors import StoreError
from shoal.journal.durable import UNFINISHED, failures_told

Writer = Callable[[BinaryIO], object]


def write_files(folder: Path, files: Mapping[str, Writer]) -> None:
    """Writes every file under another name first, and names them only when all are whole.

    Raises StoreError, and leaves what was there, when one cannot be written.
    """
    unfinished = {name: folder / f".{name}{UNFINISHED}" for name in files}
    with failures_told("Writing results", folder), _tables_told(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            for name, write in files.items():
                with unfinished[name].open("wb") as file:
                    write(file)
            for name, path in unfinished.items():
                path.replace(folder / name)
        finally:
            for path in unfinished.values():
                with suppress(OSError):
                    path.unlink(missing_ok=True)


@contextmanager
def _tables_told(folder: Path) -> Iterator[None]:
    """What Polars could not write, as a StoreError."""
    try:
        yield
    except pl.exceptions.PolarsError as error:
        raise StoreError(f"Writing results failed in {folder}: {error}") from error


def parquet(table: pl.DataFrame) -> Writer:
    """Writes a table as Parquet."""
    return lambda file: table.write_parquet(file, compression="zstd")


def text(content: str) -> Writer:
    """Writes a text in UTF-8."""
    return lambda file: file.write(content.encode())
