"""The archive without a person: their events go, and what others say of them."""

from __future__ import annotations

import polars as pl

from shoal.journal import Archive
from shoal.journal.rewrite import Change, Rewritten
from shoal.model.event import EventKind
from shoal.model.frame import field_column, split_field_column
from shoal.runtime.erasing.files import texts_without
from shoal.runtime.erasing.person import ErasedPerson
from shoal.runtime.erasing.traces import Traces

DEVICE, USER, FORMER = "anonymous_id", "user_id", "previous_id"


def erase_from_archive(archive: Archive, person: ErasedPerson) -> Rewritten:
    """Removes the person's events, and their identifiers from those of others. Repeating it changes nothing."""
    return archive.rewrite(_change(person, person.traces))


def _change(person: ErasedPerson, traces: Traces) -> Change:
    values = {
        kind: sorted(each.value for each in traces.identifiers if each.kind == kind) for kind in _kinds(traces)
    }
    positions = pl.Series(person.positions, dtype=pl.Int64)

    def change(events: pl.DataFrame) -> pl.DataFrame:
        theirs = events["position"].is_in(positions.implode()) | _names_them(events, values)
        return _without(events.filter(~theirs) if theirs.any() else events, traces, values)

    return change


def _kinds(traces: Traces) -> set[str]:
    return {each.kind for each in traces.identifiers}


def _names_them(events: pl.DataFrame, values: dict[str, list[str]]) -> pl.Series:
    """Events that came while the plan was made: of a user who is erased, or only of their device or address."""
    user, device = events[USER], events[DEVICE]
    is_theirs = user.is_in(values.get(USER, [])).fill_null(value=False)
    nobody = user.is_null()
    is_theirs |= nobody & device.is_in(values.get(DEVICE, [])).fill_null(value=False)
    identifies = events["kind"] == EventKind.IDENTIFY.value
    for kind, known in values.items():
        column = field_column(f"traits.{kind}", "text")
        if kind not in (USER, DEVICE) and column in events.columns:
            is_theirs |= nobody & identifies & events[column].is_in(known).fill_null(value=False)
    return is_theirs


def _without(events: pl.DataFrame, traces: Traces, values: dict[str, list[str]]) -> pl.DataFrame:
    """Events of others without the person's identifiers: in their columns, in texts, and in names of columns."""
    named = [column for column in events.columns if split_field_column(column) and traces.in_text(column)]
    events = events.drop(named)
    changed = [
        new
        for name in events.columns
        if events.schema[name] == pl.String and name != "kind"
        for new in [_column_without(events[name], traces, values)]
        if not new.equals(events[name], null_equal=True)
    ]
    return events.with_columns(changed) if changed else events


def _column_without(column: pl.Series, traces: Traces, values: dict[str, list[str]]) -> pl.Series:
    if column.name == FORMER:
        known = [*values.get(USER, []), *values.get(DEVICE, [])]
    else:
        known = next((each for kind, each in values.items() if column.name in _columns_of(kind)), [])
    if known:
        column = column.set(column.is_in(known).fill_null(value=False), None)
    missing = "" if column.name in ("name", "message_id") else None
    return (
        texts_without(column, traces).fill_null(missing) if missing is not None else texts_without(column, traces)
    )


def _columns_of(kind: str) -> tuple[str, ...]:
    return (kind, field_column(f"traits.{kind}", "text"))
