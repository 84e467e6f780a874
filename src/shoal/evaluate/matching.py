"""Matchers: which events each selection of the definitions looks at, as bits."""

from __future__ import annotations

import numpy as np
import polars as pl

from shoal.evaluate.column import Codes, Flags
from shoal.evaluate.events import EventScope
from shoal.evaluate.plan import BITS_PER_WORD, ListMatcher, Matcher
from shoal.evaluate.rows import EventRows
from shoal.history.history import Words
from shoal.model.event import ACTIVITY_KINDS, EventKind
from shoal.model.text_codes import code_texts


def match(rows: EventRows) -> Words:
    """The bits of all matchers; those that look at names only are one table for each distinct name."""
    words = np.zeros((rows.plan.word_count, len(rows.frame)), np.uint64)
    names, name_codes = _activity_names(rows.frame)
    scope = EventScope(rows)
    for word in range(rows.plan.word_count):
        matchers = rows.plan.matchers[word * BITS_PER_WORD : (word + 1) * BITS_PER_WORD]
        plain = np.zeros(len(names) + 1, np.uint64)
        for bit, matcher in enumerate(matchers):
            if isinstance(matcher, Matcher) and matcher.where is None:
                plain[:-1] |= _named(matcher, names).astype(np.uint64) << np.uint64(bit)
        words[word] = plain[name_codes]
        for bit, matcher in enumerate(matchers):
            if isinstance(matcher, ListMatcher):
                words[word] |= _in_list(rows, matcher).astype(np.uint64) << np.uint64(bit)
            elif matcher.where is not None:
                named = np.append(_named(matcher, names), False)[name_codes]
                words[word] |= (named & scope.holds(matcher.where)).astype(np.uint64) << np.uint64(bit)
    return words


def _activity_names(frame: pl.DataFrame) -> tuple[list[str], Codes]:
    """The distinct names of activity, and the place of each row's name; the place after them for statements."""
    is_activity = frame["kind"].is_in(sorted(kind.value for kind in ACTIVITY_KINDS))
    name_codes, first_rows = code_texts(frame["name"].fill_null(""))
    names: list[str] = frame["name"].fill_null("").gather(first_rows).to_list()
    return names, np.where(is_activity.to_numpy(), name_codes, len(names)).astype(np.int32)


def _in_list(rows: EventRows, matcher: ListMatcher) -> Flags:
    listed = rows.plan.resolved.lists[matcher.name]
    found = np.zeros(len(rows.frame), np.bool_)
    for kind in {identifier.kind for identifier in listed}:
        stated = _stated(rows, kind)
        if stated is not None:
            values = [value for other, value in listed if other == kind]
            found |= stated.is_in(values).fill_null(False).to_numpy()
    return found


def _stated(rows: EventRows, kind: str) -> pl.Series | None:
    """The identifiers of a kind as lists hold them."""
    if kind in ("user_id", "anonymous_id"):
        return rows.frame[kind]
    column = rows.column(f"traits.{kind}", "text") if kind in ("email", "phone") else None
    if column is None:
        return None
    identifies = rows.frame["kind"] == EventKind.IDENTIFY.value
    stated = column.set(~identifies, None)
    return stated.str.strip_chars().str.to_lowercase() if kind == "email" else stated


def _named(matcher: Matcher, names: list[str]) -> Flags:
    return np.array([matcher.names_event(name) for name in names], np.bool_)
