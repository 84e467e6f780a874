"""Forms: which keys a definition or a settings file may have, and of which type their values are."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from shoal.definitions.yaml_lines import Entry, Fields, Several, Text, read_entries
from shoal.errors import Problem
from shoal.model.time import parse_duration

_TRUTHS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class Form:
    """The fields of one mapping, read key by key. Whatever is wrong is noted, and reading goes on."""

    def __init__(self, fields: Fields, path: str, problems: list[Problem], what: str) -> None:
        self.fields, self.path, self.problems, self.what = fields, path, problems, what

    def __contains__(self, key: str) -> bool:
        return key in self.fields.entries

    def line(self, key: str) -> int:
        return self.fields.lines.get(key, self.fields.line)

    def refuse_unknown(self, known: Collection[str]) -> None:
        """Notes every key that is not one of `known`."""
        for key in self.fields.entries:
            if key not in known:
                close = difflib.get_close_matches(key, known, 1)
                hint = f"did you mean {close[0]}?" if close else f"it takes {', '.join(known)}"
                self.note(key, f"{self.what} has no key {key[:80]}", self._cut_expression_hint(key) or hint)

    def _cut_expression_hint(self, key: str) -> str:
        """Inside { } a comma ends a value, so an expression that is not in quotes is cut into keys."""
        value = self.fields.entries[key]
        is_cut = self.fields.is_inline and isinstance(value, Text) and value.is_nothing
        return "inside { } put an expression with a comma in it in '...'" if is_cut else ""

    def require(self, *keys: str) -> bool:
        """Whether all keys are there; notes each that is not."""
        missing = [key for key in keys if key not in self]
        for key in missing:
            self.note("", f"{self.what} needs the key {key}")
        return not missing

    def note(self, key: str, message: str, hint: str = "", code: str = "SH023") -> None:
        self.problems.append(Problem(code=code, message=message, hint=hint, path=self.path, line=self.line(key)))

    # Values

    def get_text(self, key: str) -> Text | None:
        """The value as it is written; None when it is missing, empty, or a list or mapping (noted)."""
        entry = self.fields.entries.get(key)
        if isinstance(entry, Text) and not entry.is_nothing:
            return entry
        if entry is not None:
            self.note(key, f"{key} of {self.what} is a text, not {shape_of(entry)}")
        return None

    def text(self, key: str, default: str = "") -> str:
        found = self.get_text(key)
        return default if found is None else found.text.strip()

    def one_of(self, key: str, options: Iterable[str], default: str) -> str:
        """One of several words."""
        text, words = self.text(key, default), list(options)
        if text in words:
            return text
        close = difflib.get_close_matches(text, words, 1)
        hint = f"did you mean {close[0]}?" if close else ", ".join(words)
        self.note(key, f'{key} of {self.what} cannot be "{text[:80]}"', hint)
        return default

    def number(self, key: str, default: float) -> float:
        """A finite number."""
        found = self.get_text(key)
        if found is None:
            return default
        try:
            value = float(found.text) if found.tag in ("int", "float") else math.nan
        except ValueError:  # YAML also reads 1:30 and 0x1f as numbers
            value = math.nan
        if math.isfinite(value):
            return value
        self.note(key, f'{key} of {self.what} is a number, not "{found.text[:80]}"')
        return default

    def truth(self, key: str, default: bool) -> bool:
        found = self.get_text(key)
        if found is None:
            return default
        value = _TRUTHS.get(found.text.lower()) if found.tag == "bool" else None
        if value is None:
            self.note(key, f'{key} of {self.what} is true or false, not "{found.text[:80]}"')
        return default if value is None else value

    def duration(self, key: str, default: int) -> int:
        """A length of time in milliseconds, longer than nothing."""
        found = self.get_text(key)
        if found is None:
            return default
        try:
            length = parse_duration(found.text)
        except ValueError as error:
            self.note(key, f"{key}: {error}", code="SH006")
            return default
        if length <= 0:
            self.note(key, f"{key} must be longer than nothing", code="SH006")
        return length or default

    def form(self, key: str, what: str) -> Form | None:
        """The mapping below a key; None when it is missing or something else (noted)."""
        entry = self.fields.entries.get(key)
        if isinstance(entry, Fields):
            return Form(entry, self.path, self.problems, what)
        if entry is not None and not (isinstance(entry, Text) and entry.is_nothing):
            self.note(key, f"{key} of {self.what} holds keys and values, not {shape_of(entry)}")
        return None

    def forms(self, what: str) -> Iterator[tuple[str, Form]]:
        """Every key with the mapping below it; what is something else is noted."""
        for key in self.fields.entries:
            below = self.form(key, f"{what} {key[:80]}")
            if below is not None:
                yield key, below
            elif isinstance(self.fields.entries[key], Text):
                self.note(key, f"{what} {key[:80]} holds keys and values")

    def each(self, key: str, what: str) -> Iterator[Form]:
        """The mappings of the list below a key; anything else is noted. One mapping alone is a list of one."""
        entry = self.fields.entries.get(key)
        if isinstance(entry, Text) and not entry.is_nothing:
            self.note(key, f"{key} of {self.what} is a list, not a single value")
        for below in _opened(entry):
            if isinstance(below, Fields):
                yield Form(below, self.path, self.problems, what)
            else:
                message = f"{what} holds keys and values, not {shape_of(below)}"
                self.problems.append(Problem(code="SH023", message=message, path=self.path, line=below.line))


def _opened(entry: Entry | None) -> tuple[Entry, ...]:
    if isinstance(entry, Several):
        return entry.entries
    return (entry,) if isinstance(entry, Fields) else ()


def read_forms(text: str, path: str, what: str) -> tuple[list[Form], list[Problem]]:
    """Every mapping at the top of a YAML text; what is none, or cannot be read, is a problem."""
    entries, problems = read_entries(text, path)
    forms = []
    for entry in entries:
        if isinstance(entry, Fields):
            forms.append(Form(entry, path, problems, what))
        elif not (isinstance(entry, Text) and entry.is_nothing):
            message = f"{what} holds keys and values, not {shape_of(entry)}"
            problems.append(Problem(code="SH023", message=message, path=path, line=entry.line))
    return forms, problems


def shape_of(entry: Entry) -> str:
    """What an entry is, in words."""
    if isinstance(entry, Several):
        return "a list"
    if isinstance(entry, Fields):
        return "keys and values"
    return "nothing" if isinstance(entry, Text) and entry.is_nothing else "a single value"


def plain(entry: Entry) -> Any:
    """An entry as plain Python values, for who reads it by rules of its own."""
    if isinstance(entry, Fields):
        return {key: plain(value) for key, value in entry.entries.items()}
    if isinstance(entry, Several):
        return [plain(each) for each in entry.entries]
    assert isinstance(entry, Text)
    match entry.tag:
        case "null":
            return None
        case "bool":
            return _TRUTHS.get(entry.text.lower(), entry.text)
        case "int" | "float":
            return _number(entry.text)
        case _:
            return entry.text


def _number(text: str) -> float | int | str:
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text
