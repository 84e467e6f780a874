"""Where definitions were written, so that a problem in an expression has its place in a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from shoal.errors import Problem


class Row(NamedTuple):
    """Where a row of an expression begins: the place in the expression, and the one in its file."""

    begins: tuple[int, int]
    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a definition was written: a file, a line, and for each expression in it the rows that it stands on."""

    path: str = ""
    line: int | None = None
    rows: Mapping[str, tuple[Row, ...]] = field(default_factory=dict)

    def locate(self, problem: Problem, part: str) -> Problem:
        """The problem with its place in the file instead of its place in the expression."""
        line, column = self._place(part, problem.line, problem.column)
        return replace(problem, path=self.path or problem.path, line=line, column=column)

    def _place(self, part: str, line: int | None, column: int | None) -> tuple[int | None, int | None]:
        rows = self.rows.get(part, ())
        if line is None:
            return (rows[0].line if rows else self.line), column
        inside = (line, column or 1)
        row = next((row for row in reversed(rows) if row.begins <= inside), None)
        if row is None:
            return (line if self.line is None else self.line + line - 1), column
        if row.begins[0] < line:  # a row that YAML wrote otherwise
            return row.line + line - row.begins[0], column
        return row.line, None if column is None else row.column + column - row.begins[1]
