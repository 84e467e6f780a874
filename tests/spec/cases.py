"""A case of the spec: tables in, answers out. Read here; run by the `spec` fixture, shown by `render_docs`.

Events: `who | at | name`, then one column for each property. A column with a dotted path that begins with
`context.`, `traits.` or `consent.` is that field; `kind` (default track), `user` and `device` are the envelope.
An empty cell is a missing value; text is written bare, or in quotes when it looks like something else. Rows stand
in the order in which they arrived: their place in the journal.

Answers: one column for each person, and `now` and `expression` where they differ from row to row.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from textwrap import dedent

from shoal.definitions.definition import Definition, Definitions, FeatureDefinition
from shoal.definitions.resolve import Resolved, resolve
from shoal.definitions.settings import Settings
from shoal.evaluate.frozen import Frozen
from shoal.model.event import NAME_OF_KIND, Event, EventKind
from shoal.model.time import parse_duration, parse_moment
from shoal.model.value import Value, normalise
from tests.engines import in_order

ENVELOPE_COLUMNS = ("who", "at", "name", "kind", "user", "device")
PATH_ROOTS = ("properties.", "context.", "traits.", "consent.")
DAY_OF_TIMES = "2026-03-02"
"""A time without a date is on this Monday."""

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Question:
    """One row of answers: an expression, a moment, and what each person's answer is."""

    expression: str
    now: str
    answers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One rule's tables."""

    events: tuple[Row, ...]
    questions: tuple[Question, ...]
    definitions: tuple[Definition, ...] = ()
    settings: Settings = field(default_factory=Settings)
    frozen: Frozen = field(default_factory=Frozen)

    @property
    def people(self) -> list[str]:
        """Everyone who has an event or an answer, in the order in which they are first written."""
        asked = [who for question in self.questions for who in question.answers]
        return list(dict.fromkeys([*(row["who"] for row in self.events), *asked]))

    @property
    def expressions(self) -> list[str]:
        """The different expressions asked about."""
        return list(dict.fromkeys(question.expression for question in self.questions))

    @property
    def moments(self) -> list[str]:
        """The different moments asked about."""
        return list(dict.fromkeys(question.now for question in self.questions))

    def profiles(self) -> dict[str, list[Event]]:
        """Everyone's events, in order."""
        events: dict[str, list[Event]] = {who: [] for who in self.people}
        for position, row in enumerate(self.events, start=1):
            events[row["who"]].append(event_of_row(row, position))
        return {who: in_order(each) for who, each in events.items()}

    def resolved(self) -> Resolved:
        """The definitions of the case, and `answer_0`, `answer_1` and so on for its expressions."""
        asked = [FeatureDefinition(name=f"answer_{i}", value=text) for i, text in enumerate(self.expressions)]
        return resolve(Definitions.of(*self.definitions, *asked), self.settings)


def case_of_tables(
    expression: str | None,
    events: str,
    answers: str,
    *,
    now: str | None = None,
    definitions: Iterable[Definition] = (),
    settings: Settings | None = None,
    frozen: Frozen | None = None,
) -> Case:
    """The case that two tables make. What has no column of its own stands beside them."""
    questions = [
        Question(
            expression=tidied(row.pop("expression", None) or expression or ""),
            now=row.pop("now", None) or now or "",
            answers=row,
        )
        for row in rows_of(answers)
    ]
    return Case(
        events=tuple(rows_of(events)),
        questions=tuple(questions),
        definitions=tuple(definitions),
        settings=settings or Settings(),
        frozen=frozen or Frozen(),
    )


def tidied(expression: str) -> str:
    """An expression without the indentation of the test that it stands in."""
    return dedent(expression).strip()


def rows_of(table: str) -> list[Row]:
    """The rows of an ASCII table under its first line; cells are parted by ` | `."""
    lines = [line.strip() for line in table.strip().splitlines() if line.strip()]
    header, *rows = [[cell.strip() for cell in f" {line} ".split(" | ")] for line in lines]
    for row in rows:
        assert len(row) == len(header), f"{len(row)} cells under {len(header)} columns: {row}"
    return [dict(zip(header, row, strict=True)) for row in rows]


def event_of_row(row: Row, position: int) -> Event:
    """The event of a table's row. Who has no user or device column is known by one device of that name."""
    kind = EventKind(row.get("kind") or "track")
    fields = {
        column if column.startswith(PATH_ROOTS) else f"properties.{column}": value
        for column, cell in row.items()
        if column not in ENVELOPE_COLUMNS and (value := value_of(cell)) is not None
    }
    at = moment_of(row["at"])
    return Event(
        position=position,
        message_id=f"m{position}",
        kind=kind,
        name=row["name"] or NAME_OF_KIND.get(kind, ""),
        occurred_at=at,
        received_at=at,
        user_id=row.get("user") or None,
        anonymous_id=row.get("device") or (None if row.get("user") else row["who"]),
        fields=fields,
    )


def value_of(cell: str) -> Value | None:
    """The value that a cell of events shows; what is not JSON is a text."""
    if cell == "":
        return None
    try:
        return normalise(json.loads(cell))
    except json.JSONDecodeError:
        return cell


def moment_of(text: str) -> int:
    """UTC milliseconds of a date, a date and time, or a time on DAY_OF_TIMES."""
    return parse_moment(text if "-" in text[:8] else f"{DAY_OF_TIMES}T{text}")


def answer_of(cell: str) -> Value | None:
    """The value that a cell of answers shows: missing, or a truth, number, text in quotes, duration or moment."""
    if cell == "missing":
        return None
    try:
        return normalise(json.loads(cell))
    except json.JSONDecodeError:
        pass
    try:
        return float(parse_duration(cell))
    except ValueError:
        return float(moment_of(cell))
