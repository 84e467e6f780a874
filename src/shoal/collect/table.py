"""Rows by their mapping: text cells become events. A row stands or falls alone, but columns are read whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shoal.collect.ids import Ids
from shoal.collect.mapping import Cell, Condition, EventRule, Mapping, MomentRule
from shoal.collect.moments import read_moments
from shoal.collect.rows import Mapped, Rows
from shoal.collect.values import read_numbers, read_values
from shoal.model.consent import consent_path
from shoal.model.frame import ENVELOPE, field_column

SHOWN = 80
"""Letters of a cell that a reason quotes."""

_ROW = "row"

Flags = NDArray[np.bool_]


def map_rows(mapping: Mapping, rows: Rows, ids: Ids) -> Mapped:
    """The events of `rows`. `ids` are the message ids that a row has when the mapping names none."""
    cells = _without_nulls(rows.cells, mapping.null_values)
    alive = np.ones(len(rows), np.bool_)
    alive[list(rows.reasons)] = False
    mapped = Mapped(pl.DataFrame(schema=ENVELOPE), dict(rows.reasons))
    for skip in mapping.skip:
        out = alive & _passes(cells, skip.where)
        mapped.skipped[skip.reason] += int(out.sum())
        alive &= ~out
    frames, applies = [], np.zeros(len(rows), np.bool_)
    for number, rule in enumerate(mapping.events):
        chosen = alive & _passes(cells, rule.where)
        applies |= chosen
        events = _Events(mapping, rule, cells, number=number, chosen=np.flatnonzero(chosen), ids=ids)
        frames.append(events.frame())
        for row, reason in events.reasons.items():
            mapped.failed.setdefault(row, reason)
    for row in np.flatnonzero(alive & ~applies).tolist():
        mapped.failed[row] = "no event of the mapping is meant for it"
    mapped.events = _in_order(frames, mapped.failed)
    return mapped


def _without_nulls(cells: pl.DataFrame, null_values: Sequence[str]) -> pl.DataFrame:
    cell = pl.col(cells.columns)
    is_null = cell == "" if list(null_values) == [""] else cell.is_in(list(null_values))
    return cells.select(pl.when(~is_null).then(cell)) if cells.width else cells


def _in_order(frames: Sequence[pl.DataFrame], failed: dict[int, str]) -> pl.DataFrame:
    """All events by row, those of one row in the order of the mapping, without those of failed rows."""
    events = pl.concat(frames, how="diagonal") if len(frames) != 1 else frames[0]
    if failed:
        events = events.filter(~pl.col(_ROW).is_in(list(failed)))
    if len(frames) > 1:
        events = events.sort(_ROW, maintain_order=True)
    return events.drop(_ROW)


def _passes(cells: pl.DataFrame, where: Sequence[Condition]) -> Flags:
    passed = np.ones(len(cells), np.bool_)
    for condition in where:
        for test in _tests(cells[condition.column], condition):
            passed &= test.fill_null(value=False).to_numpy()
    return passed


def _tests(cell: pl.Series, condition: Condition) -> Iterator[pl.Series]:
    if condition.has is not None:
        yield cell.is_not_null() if condition.has else cell.is_null()
    if condition.one_of is not None:
        yield cell.is_in(list(condition.one_of))
    if condition.none_of is not None:
        yield ~cell.is_in(list(condition.none_of)).fill_null(value=False)
    if condition.starts_with is not None:
        yield cell.str.starts_with(condition.starts_with)
    if condition.above is not None:
        yield read_numbers(cell)[0] > condition.above
    if condition.below is not None:
        yield read_numbers(cell)[0] < condition.below


class _Events:
    """The events that one rule makes of the chosen rows, and why it cannot make the others."""

    def __init__(
        self,
        mapping: Mapping,
        rule: EventRule,
        cells: pl.DataFrame,
        *,
        number: int,
        chosen: NDArray[np.intp],
        ids: Ids,
    ) -> None:
        self.mapping, self.rule, self.number, self.ids = mapping, rule, number, ids
        self.rows = chosen
        self.cells = cells if len(chosen) == len(cells) else cells[chosen]
        self.reasons: dict[int, str] = {}

    def frame(self) -> pl.DataFrame:
        rule = self.rule
        name = self._text(rule.name, "name")
        if rule.kind.is_activity:
            self._fail(name.is_null(), "it has no name for its event")
        occurred_at = self._moment(rule.occurred_at, "occurred_at")
        self._fail(occurred_at.is_null(), "it does not say when (occurred_at)")
        received_at = occurred_at
        if rule.received_at is not None:
            received_at = self._moment(rule.received_at, "received_at").fill_null(occurred_at)
        whom = {key: self._text(getattr(rule, key), key) for key in ("user_id", "anonymous_id", "previous_id")}
        nobody = whom["user_id"].is_null() & whom["anonymous_id"].is_null()
        self._fail(nobody, "it does not say whom (no user_id and no anonymous_id)")
        columns = {
            _ROW: pl.Series(self.rows, dtype=pl.Int64),
            "message_id": self._message_ids(),
            "kind": self._always(rule.kind.value),
            "name": name.fill_null(""),
            "occurred_at": occurred_at.fill_null(0),
            "received_at": received_at.fill_null(0),
            **whom,
        }
        return pl.DataFrame(columns).with_columns(*self._fields(), *self._consents())

    def _message_ids(self) -> pl.Series:
        """What the mapping names, under the mapping's name: `1` of one source is not `1` of another."""
        if self.rule.message_id is None:
            ids = self.ids.all[self.rows]
        else:
            ids = f"{self.mapping.name}:" + self._text(self.rule.message_id, "message_id")
            if ids.null_count():
                ids = ids.fill_null(self.ids.all[self.rows])
        return ids + f".{self.number}" if self.number else ids

    def _fields(self) -> Iterator[pl.Series]:
        for rule in self.rule.fields:
            texts = self._text(rule.cell, rule.path)
            times = None if rule.times is None else self.cells[rule.times]
            values = read_values(texts, rule, times)
            self._fail(values.failed, f"{rule.path} is not a {values.what}", texts)
            yield from values.columns

    def _consents(self) -> Iterator[pl.Series]:
        for purpose, granted in self.mapping.consent.items():
            truths = pl.Series([granted]).new_from_index(0, len(self.cells))
            yield truths.alias(field_column(consent_path(purpose), "truth"))

    def _moment(self, rule: MomentRule, what: str) -> pl.Series:
        texts = self._text(rule.cell, what)
        moments = read_moments(texts, rule.written, rule.zone)
        bad = texts.is_not_null() & moments.is_null()
        written = "moment" if rule.written == "iso" else f"moment ({rule.written})"
        self._fail(bad, f"{what} is not a {written} of the years 1 to 9999", texts)
        return moments

    def _text(self, cell: Cell | None, what: str) -> pl.Series:
        """The texts of a cell."""
        if cell is None:
            return pl.Series([None], dtype=pl.String).new_from_index(0, len(self.cells))
        if cell.always is not None:
            return self._always(cell.always)
        if len(cell.columns) == 1:
            texts = self.cells[cell.columns[0]]
        else:
            texts = self.cells.select(pl.concat_str(cell.columns, separator=cell.join)).to_series()
        if cell.extract is not None:
            texts = texts.str.extract(cell.extract, 1)
        if cell.strip_suffix:
            texts = texts.str.strip_suffix(cell.strip_suffix)
        if cell.values is not None:
            known = texts.replace_strict(cell.values, default=None, return_dtype=pl.String)
            if cell.default is None:
                self._fail(texts.is_not_null() & known.is_null(), f"{what} has no value in the mapping for", texts)
            texts = known
        if cell.default is not None:
            texts = texts.fill_null(cell.default)
        return cell.prefix + texts if cell.prefix else texts

    def _always(self, text: str) -> pl.Series:
        return pl.Series([text]).new_from_index(0, len(self.cells))

    def _fail(self, failed: pl.Series, reason: str, texts: pl.Series | None = None) -> None:
        """Notes the rows that failed; the first reason of a row is kept."""
        for index in failed.arg_true():
            cell = "" if texts is None else f': "{texts[index][:SHOWN]}"'
            self.reasons.setdefault(int(self.rows[index]), f"{reason}{cell}")
