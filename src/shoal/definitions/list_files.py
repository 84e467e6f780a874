"""Lists of identifiers from text files: one a line, or a CSV whose header names their kinds."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Iterator

from shoal.definitions.definition import ListDefinition
from shoal.definitions.source import Source
from shoal.errors import Problem
from shoal.model.identifier import Identifier

KNOWN_KINDS = ("user_id", "email", "phone", "anonymous_id")
"""The kinds that every workspace has; its identity rules may name more."""

DEFAULT_KIND = KNOWN_KINDS[0]
MAXIMUM_LENGTH = 1000


class ListProblem(ValueError):
    """A list that cannot be read, with the line that is the reason."""

    def __init__(self, message: str, line: int, hint: str = "") -> None:
        super().__init__(message)
        self.problem = Problem(code="SH012", message=message, line=line, hint=hint)


def read_list(name: str, text: str, path: str, kinds: Collection[str]) -> ListDefinition:
    """The list of one file. Raises ListProblem."""
    read = _of_table if path.endswith(".csv") else _of_lines
    identifiers = frozenset(read(text.splitlines(), kinds))
    return ListDefinition(name=name, identifiers=identifiers, source=Source(path=path, line=1))


def _of_lines(lines: list[str], kinds: Collection[str]) -> Iterator[Identifier]:
    """One identifier a line; a first line that is a kind says which kind they are."""
    header = lines[0].strip() if lines else ""
    has_header = header in kinds
    kind = header if has_header else DEFAULT_KIND
    for number, line in enumerate(lines[has_header:], start=1 + has_header):
        yield from _identifier(kind, line, number)


def _of_table(lines: Iterable[str], kinds: Collection[str]) -> Iterator[Identifier]:
    rows = csv.reader(lines, strict=True)
    columns: dict[int, str] = {}
    try:
        for row in rows:
            if columns:
                for column, kind in columns.items():
                    yield from _identifier(kind, row[column] if column < len(row) else "", rows.line_num)
            elif row:
                columns = _kind_columns(row, kinds)
    except csv.Error as error:
        raise ListProblem(f"not a CSV file: {error}", rows.line_num) from None


def _kind_columns(header: list[str], kinds: Collection[str]) -> dict[int, str]:
    columns = {index: cell.strip() for index, cell in enumerate(header) if cell.strip() in kinds}
    if not columns:
        raise ListProblem("the header names no kind of identifier", 1, f"begin with one of {', '.join(kinds)}")
    return columns


def _identifier(kind: str, cell: str, line: int) -> Iterator[Identifier]:
    value = cell.strip()
    if len(value) > MAXIMUM_LENGTH:
        raise ListProblem(f"an identifier of {len(value)} characters; at most {MAXIMUM_LENGTH} are read", line)
    if value:
        yield Identifier(kind, value.lower() if kind == "email" else value)
