"""SQLite files without a person: rows, and what SQLite keeps of rows that are gone."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from shoal.collect.http.bodies import unpacked_so_far
from shoal.collect.http.limits import Limits
from shoal.errors import StoreError
from shoal.runtime.erasing.traces import Traces

SECONDS_FOR_OTHERS = 30.0
"""How long a file that somebody else uses is waited for."""

_LIMITS = Limits()

Cell = object


def erase_rows_of(path: Path, traces: Traces) -> int:
    """Removes the rows whose profile or person it is, and takes the person out of the texts of other rows.

    How many rows were changed or went. Afterwards no byte of what went is in the file or beside it.
    """
    return _erased(path, lambda connection, table: _rows_of(connection, table, traces))


def erase_rows_naming(path: Path, traces: Traces) -> int:
    """Removes every row that names the person anywhere; how many. Afterwards no byte of them is in the file."""
    return _erased(path, lambda connection, table: _rows_naming(connection, table, traces))


def _erased(path: Path, erase: Callable[[sqlite3.Connection, str], int]) -> int:
    if not path.exists():
        return 0
    try:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=SECONDS_FOR_OTHERS)) as connection:
            connection.execute("PRAGMA secure_delete = ON")
            with _transaction(connection):
                count = sum(erase(connection, table) for table in tables_of(connection))
            connection.execute("VACUUM")
            _empty_the_log(connection, path)
            return count
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be changed: {error}", hint="make room, and run it again") from error


def _rows_of(connection: sqlite3.Connection, table: str, traces: Traces) -> int:
    connection.create_function(
        "is_of_person", 2, lambda at, cell: isinstance(cell, str) and traces.is_at(at, cell)
    )
    connection.create_function("names_person", 1, lambda cell: isinstance(cell, str) and traces.in_text(cell))
    connection.create_function("without_person", 1, lambda cell: traces.without(cell) or "")
    count = 0
    for column in columns_of(connection, table):
        count += _do(connection, "DELETE FROM {table} WHERE is_of_person('{name}', {column})", table, column)
    change = "UPDATE OR REPLACE {table} SET {column} = without_person({column}) WHERE names_person({column})"
    return count + sum(_do(connection, change, table, column) for column in columns_of(connection, table))


def _rows_naming(connection: sqlite3.Connection, table: str, traces: Traces) -> int:
    connection.create_function("names_person", 1, lambda cell: is_naming(cell, traces))
    delete = "DELETE FROM {table} WHERE names_person({column})"
    return sum(_do(connection, delete, table, column) for column in columns_of(connection, table))


def cells_of(connection: sqlite3.Connection, table: str, column: str) -> Iterator[Cell]:
    """Every cell of a column."""
    return (cell for (cell,) in connection.execute(f"SELECT {quoted(column)} FROM {quoted(table)}"))  # noqa: S608


def _do(connection: sqlite3.Connection, statement: str, table: str, column: str) -> int:
    """Does it for one column; how many rows it concerned. Names come from the schema, and stand in quotes."""
    name = column.replace("'", "''")
    return connection.execute(statement.format(table=quoted(table), column=quoted(column), name=name)).rowcount


def is_naming(cell: Cell, traces: Traces) -> bool:
    """Whether a cell names the person: a text, or bytes that may be packed."""
    if isinstance(cell, bytes):
        return traces.in_message(unpacked_so_far(cell, _LIMITS))
    return isinstance(cell, str) and traces.in_message(cell.encode())


def tables_of(connection: sqlite3.Connection) -> list[str]:
    """The tables of a database that hold something of ours."""
    query = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    return [name for (name,) in connection.execute(query)]


def columns_of(connection: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA table_info({quoted(table)})")]


def quoted(name: str) -> str:
    """A name of the schema as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _empty_the_log(connection: sqlite3.Connection, path: Path) -> None:
    """Old pages stand in the write-ahead log until nobody reads them any more."""
    ends = time.monotonic() + SECONDS_FOR_OTHERS
    while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
        if time.monotonic() > ends:
            raise StoreError(
                f"somebody is reading {path}", hint="wait until the other commands have ended, and run it again"
            )
        time.sleep(0.05)
