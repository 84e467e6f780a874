"""Every error a user can meet. One table maps an error to its exit code.

Error
├─ InputError         the sender's fault           exit 2
├─ DefinitionError    the author's fault           exit 3
├─ NotFound           asked for what is not there  exit 2
└─ StoreError         the environment's fault      exit 4, safe to retry
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Error(Exception):
    """Shoal could not do what was asked."""

    exit_code = 1

    def __init__(self, message: str | None = None, *, hint: str | None = None) -> None:
        self.message = message or (type(self).__doc__ or "").splitlines()[0]
        self.hint = hint
        super().__init__(self.message)


class InputError(Error):
    """What came in cannot be read."""

    exit_code = 2


class NotFound(Error):
    """There is nothing by that name."""

    exit_code = 2


class StoreError(Error):
    """The disk, or what is stored on it, failed. It is safe to try again."""

    exit_code = 4


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One finding about a definition: where it is, what is wrong, what to do.

    `code` is stable and documented in `docs/reference/problems.md`. `line` and `column` count from 1.
    """

    code: str
    message: str
    hint: str = ""
    path: str = ""
    line: int | None = None
    column: int | None = None
    severity: Severity = Severity.ERROR

    @property
    def place(self) -> str:
        """`path:line:column`, as editors understand it."""
        parts = [self.path, self.line, self.column]
        return ":".join(str(part) for part in parts if part not in (None, ""))

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{where}{self.code} {self.message}{hint}"


class DefinitionError(Error):
    """A definition cannot be used. Carries every problem found, not only the first."""

    exit_code = 3

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
