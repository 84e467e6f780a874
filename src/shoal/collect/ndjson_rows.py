"""NDJSON by a mapping: the values at the paths that the mapping names, as text cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
import polars as pl

from shoal.collect.json_rows import Dense, JsonPaths, text_at
from shoal.collect.lines import LineReader
from shoal.collect.rows import Rows
from shoal.collect.source import Bytes


class NdjsonReader:
    """Reads the rows of one file. A column is a dotted path; what is not a text is taken as it is written."""

    def __init__(self, stream: Bytes, columns: Sequence[str]) -> None:
        self._lines, self._columns, self._paths = LineReader(stream), columns, JsonPaths()

    def rows(self) -> Iterator[Rows]:
        for rows in self._lines.rows():
            yield self._with_cells(rows)

    def _with_cells(self, rows: Rows) -> Rows:
        odd = np.zeros(len(rows), np.bool_)
        odd[list(rows.reasons)] = True
        dense = {column: Dense(len(rows)) for column in self._columns}
        for keys, values in self._paths.scan(rows.raw, odd).items():
            if (name := ".".join(keys)) in dense:  # {"a": {"b": 1}} and {"a.b": 1} are the same
                dense[name].put(values.present())
        cells = {column: each.texts(rows.raw.letters, each.kinds != 0) for column, each in dense.items()}
        slow = [row for row in np.flatnonzero(odd).tolist() if row not in rows.reasons]
        decoded = {row: _decoded(rows.raw.of(row)) for row in slow}
        rows.reasons.update({row: object_ for row, object_ in decoded.items() if isinstance(object_, str)})
        good = {row: object_ for row, object_ in decoded.items() if isinstance(object_, dict)}
        if good:
            for column, texts in cells.items():
                found_texts = [text_at(object_, column) for object_ in good.values()]
                cells[column] = texts.scatter(list(good), pl.Series(found_texts, dtype=pl.String))
        rows.cells = pl.DataFrame(cells)
        return rows


def _decoded(line: bytes) -> dict[str, object] | str:
    """The object of a line, or why there is none."""
    try:
        found = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return f"it is not JSON: {error}"
    except RecursionError:
        return "it is not JSON that can be read: it is nested too deep"
    return found if isinstance(found, dict) else "it is not a JSON object"
