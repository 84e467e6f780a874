"""Values read from texts, a whole column at a time: numbers, truths, lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from shoal.collect.mapping import FieldRule
from shoal.model.frame import FIELD_TYPES, field_column
from shoal.model.value import EXACT_INTEGER_LIMIT, ValueRejected, normalise

Flags = NDArray[np.bool_]

SIGNS = {
    "EUR": "€",
    "USD": "$",
    "GBP": "£",
    "JPY": "¥",
    "INR": "₹",
    "KRW": "₩",
    "BRL": "R$",
    "CHF": "Fr.",
    "PLN": "zł",
}
"""How amounts of a currency may be marked besides its code."""

_TRUTHS = {
    **dict.fromkeys(("true", "t", "yes", "y", "1", "1.0"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0", "0.0"), False),
}


@dataclass(frozen=True, slots=True)
class Values:
    """The columns of one field, and which rows could not be read as `what`."""

    columns: list[pl.Series]
    failed: pl.Series
    what: str


def read_values(texts: pl.Series, rule: FieldRule, times: pl.Series | None) -> Values:
    """The values of a field. `times` holds the texts of the column it is multiplied by."""
    match rule.type:
        case "number":
            return _numbers(texts, rule, times)
        case "truth":
            return _truths(texts, rule)
        case "items":
            return _items(texts, rule)
    column = texts.alias(field_column(rule.path, "text"))
    return Values([column], pl.Series(np.zeros(len(texts), np.bool_)), "text")


def _numbers(texts: pl.Series, rule: FieldRule, times: pl.Series | None) -> Values:
    numbers, failed = read_numbers(texts, decimal=rule.decimal, currency=rule.currency)
    huge = _huge_integers(texts, numbers)
    result = numbers if rule.factor == 1 else numbers * rule.factor
    if times is not None:
        factors, bad = read_numbers(times, decimal=rule.decimal)
        result, failed = result * factors, failed | bad
    result = result + 0.0  # -0.0 and 0.0 are one value
    failed |= result.is_infinite().fill_null(value=False)
    columns = [result.set(huge, None).alias(field_column(rule.path, "number"))]
    if huge.any():
        as_text = texts.str.strip_chars().set(~huge, None)
        columns.append(as_text.alias(field_column(rule.path, "text")))
    what = f"number in {rule.currency}" if rule.currency else "number"
    return Values(columns, failed, what)


def read_numbers(
    texts: pl.Series, *, decimal: str = ".", currency: str | None = None
) -> tuple[pl.Series, pl.Series]:
    """Finite numbers, null for missing and NaN; and which texts are no number, or an infinite one."""
    clean = texts.str.strip_chars()
    numbers = None if decimal == "," else clean.cast(pl.Float64, strict=False)
    if numbers is None or (currency and numbers.null_count() > texts.null_count()):
        numbers = _plain(clean, decimal, currency).cast(pl.Float64, strict=False)
    failed = (texts.is_not_null() & numbers.is_null()) | numbers.is_infinite().fill_null(value=False)
    return numbers.fill_nan(None), failed


def _plain(texts: pl.Series, decimal: str, currency: str | None) -> pl.Series:
    """1.234,50 € as 1234.50. A group mark stands before three digits, or the text is left as it is."""
    if currency:
        for mark in (currency, SIGNS.get(currency, currency)):
            texts = texts.str.strip_prefix(mark).str.strip_suffix(mark).str.strip_chars()
            texts = texts.str.replace(f"^-{mark.replace('$', '[$]').replace('.', '[.]')}", "-")
    group = r"[.\s'\u{a0}\u{202f}]" if decimal == "," else r"[,\s'\u{a0}\u{202f}]"
    point = "," if decimal == "," else "[.]"
    is_grouped = texts.str.contains(rf"^[-+]?\d{{1,3}}(?:{group}\d{{3}})+(?:{point}\d*)?$")
    texts = texts.str.replace_all(group, "").zip_with(is_grouped.fill_null(value=False), texts)
    if decimal == ",":
        # What still has a point is not written with a decimal comma.
        has_point = texts.str.contains(".", literal=True).fill_null(value=False)
        texts = texts.str.replace(",", ".", literal=True).set(has_point, "?")
    return texts


def _huge_integers(texts: pl.Series, numbers: pl.Series) -> pl.Series:
    """Integers that a double would change: they are ids, and kept as texts."""
    beyond = (numbers.abs() > EXACT_INTEGER_LIMIT).fill_null(value=False)
    if not beyond.any():
        return beyond
    return beyond & texts.str.contains(r"^\s*[-+]?\d+\s*$").fill_null(value=False)


def _truths(texts: pl.Series, rule: FieldRule) -> Values:
    lower = texts.str.strip_chars().str.to_lowercase()
    truths = lower.replace_strict(_TRUTHS, default=None, return_dtype=pl.Boolean)
    column = truths.alias(field_column(rule.path, "truth"))
    return Values([column], texts.is_not_null() & truths.is_null(), "truth (true or false)")


def _items(texts: pl.Series, rule: FieldRule) -> Values:
    unique = texts.unique().drop_nulls().to_list()
    read = {text: _list_of(text, rule.split) for text in unique}
    items = pl.Series(
        field_column(rule.path, "items"), [text and read.get(text) for text in texts], dtype=FIELD_TYPES["items"]
    )
    return Values([items], texts.is_not_null() & items.is_null(), "list")


def _list_of(text: str, split: str | None) -> str | None:
    try:
        raw: Any = text.split(split) if split else msgspec.json.decode(text)
        value = normalise(raw) if isinstance(raw, list) else None
    except (msgspec.DecodeError, RecursionError, ValueRejected):
        return None
    return getattr(value, "json", None)
