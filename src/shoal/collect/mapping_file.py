"""Mapping files: YAML text to `Mapping`, with every problem at once, each with its line."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path

from shoal.collect.mapping import (
    EVENT_FORMATS,
    TABLE_FORMATS,
    Cell,
    Condition,
    EventRule,
    FieldRule,
    Mapping,
    MomentRule,
    Skip,
)
from shoal.definitions.forms import Form, shape_of
from shoal.definitions.settings_file import CONSENT_WORDS
from shoal.definitions.yaml_lines import Entry, Fields, Several, Text, read_entries
from shoal.errors import DefinitionError, InputError, NotFound, Problem
from shoal.model.consent import Purpose
from shoal.model.event import NAME_OF_KIND, EventKind
from shoal.model.frame import FIELD_TYPES
from shoal.model.zone import load_zone

PRESETS = ("jd", "online_retail", "reviews", "segment", "snowplow")
"""The mappings that come with Shoal, by name."""

UNITS = {"s": 1000.0, "ms": 1.0, "us": 1e-3, "ns": 1e-6}
"""Units of moments counted from 1970, in milliseconds."""

_CSV_KEYS = ("separator", "quote", "encoding", "header")
_TOP_KEYS = ("mapping", "format", "csv", "null_values", "time_zone", "duplicates", "skip", "consent", "events")
_EVENT_FORMAT_KEYS = ("mapping", "format", "consent", "consent_categories", "retention", "heartbeat")
_GROUPS = ("properties", "traits", "context")
_RULE_KEYS = (
    "kind",
    "name",
    "user_id",
    "anonymous_id",
    "previous_id",
    "occurred_at",
    "received_at",
    "message_id",
    "where",
    *_GROUPS,
)
_CELL_KEYS = ("column", "columns", "join", "value", "extract", "strip_suffix", "values", "default", "prefix")
_FIELD_KEYS = (*_CELL_KEYS, "type", "factor", "times", "decimal", "currency", "split")
_MOMENT_KEYS = ("column", "columns", "join", "extract", "unit", "format", "time_zone")
_CONDITION_KEYS = ("column", "is", "is_not", "has", "starts_with", "above", "below")
_ENCODINGS = ("utf-8", "latin-1", "windows-1252", "utf-16")


def load_mapping(name: str | Path) -> Mapping:
    """The mapping of a file, or of a preset by its name. Raises DefinitionError with every problem."""
    if str(name) in PRESETS and not Path(name).is_file():
        text = resources.files("shoal.collect").joinpath("presets", f"{name}.yaml").read_text("utf-8")
        return parse_mapping(text, f"{name}.yaml")
    return parse_mapping(_read(Path(name)), str(name))


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        hint = f"name a mapping file, or one of the presets: {', '.join(PRESETS)}"
        raise NotFound(f"there is no mapping {path}", hint=hint) from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder, not a mapping file") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not a text in UTF-8, so it is no mapping file") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error


def parse_mapping(text: str, path: str) -> Mapping:
    """The mapping of a YAML text. Raises DefinitionError with every problem."""
    entries, problems = read_entries(text, path)
    mapping = None
    if len(entries) == 1 and isinstance(entries[0], Fields):
        fingerprint = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
        mapping = _Reader(Form(entries[0], path, problems, "the mapping")).mapping(fingerprint)
    elif not problems:
        problems.append(Problem(code="SH060", message="a mapping file holds keys and values", path=path, line=1))
    if problems or mapping is None:
        raise DefinitionError(problems)
    return mapping


class _Reader:
    """Reads one mapping; what is wrong is noted in the form's problems."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self.zone = "UTC"

    def mapping(self, fingerprint: str) -> Mapping | None:
        form = self.form
        form.require("mapping")
        name = form.text("mapping")
        if name and not re.fullmatch(r"[\w.-]{1,100}", name):
            form.note("mapping", f'"{name[:80]}" cannot be a name', "letters, digits, _, - and .")
        kind = _word(form, "format", (*TABLE_FORMATS, *EVENT_FORMATS), "") or None
        if kind in EVENT_FORMATS:
            form.refuse_unknown(_EVENT_FORMAT_KEYS)
            return self._event_mapping(name, kind, fingerprint)
        form.refuse_unknown((*_TOP_KEYS, *_RULE_KEYS))
        self.zone = self._zone(form, "UTC")
        csv = form.form("csv", "csv")
        if csv is not None:
            csv.refuse_unknown(_CSV_KEYS)
        return Mapping(
            name=name,
            format=kind,
            separator=_letter(csv, "separator"),
            quote=_letter(csv, "quote") or '"',
            encoding=_word(csv, "encoding", _ENCODINGS, "utf-8") if csv else "utf-8",
            header=tuple(_texts(csv, "header")) if csv and "header" in csv else None,
            null_values=("", *_texts(form, "null_values")),
            keeps_duplicates="duplicates" in form
            and form.one_of("duplicates", ("keep", "drop"), "drop") == "keep",
            skip=tuple(self._skips()),
            events=tuple(self._events()),
            consent=self._consent(),
            path=form.path,
            fingerprint=fingerprint,
        )

    def _event_mapping(self, name: str, kind: str | None, fingerprint: str) -> Mapping:
        categories = self.form.form("consent_categories", "consent_categories")
        words = [purpose.value for purpose in Purpose]
        found = {}
        for category in categories.fields.entries if categories else ():
            assert categories is not None
            found[category.lower()] = Purpose(categories.one_of(category, words, "analytics"))
        return Mapping(
            name=name,
            format=kind,
            consent=self._consent(),
            consent_categories=found,
            retention_ms=self.form.duration("retention", 0) or None,
            heartbeat_ms=self.form.duration("heartbeat", 0) or None,
            path=self.form.path,
            fingerprint=fingerprint,
        )

    # Events

    def _events(self) -> list[EventRule]:
        entry = self.form.fields.entries.get("events")
        if entry is None:
            rule = self._event(self.form, None)
            return [] if rule is None else [rule]
        if not isinstance(entry, Several) or not entry.entries:
            self.form.note("events", "events is a list of events")
            return []
        rules = []
        for each in entry.entries:
            if isinstance(each, Fields):
                form = Form(each, self.form.path, self.form.problems, "an event")
                form.refuse_unknown(_RULE_KEYS)
                rules.append(self._event(form, self.form))
            else:
                self._note(each, f"an event holds keys and values, not {shape_of(each)}")
        return [rule for rule in rules if rule is not None]

    def _event(self, form: Form, shared: Form | None) -> EventRule | None:
        """An event; what it does not state is taken from `shared`."""
        kind = (
            EventKind(self._either(form, shared, "kind").one_of("kind", list(EventKind), "track"))
            if ("kind" in form or (shared and "kind" in shared))
            else EventKind.TRACK
        )
        occurred_at = self._moment(form, shared, "occurred_at")
        if occurred_at is None:
            form.note("", f"{form.what} needs the key occurred_at", "which column says when?")
        name = self._cell(form, shared, "name")
        if name is None and kind is EventKind.TRACK:
            form.note("", f"{form.what} of kind track needs the key name", "name: {value: Order Completed}")
        if kind in NAME_OF_KIND or not kind.is_activity:
            name = Cell(always=NAME_OF_KIND.get(kind, ""))
        whom = {key: self._cell(form, shared, key) for key in ("user_id", "anonymous_id", "previous_id")}
        if whom["user_id"] is None and whom["anonymous_id"] is None:
            form.note("", f"{form.what} needs user_id or anonymous_id", "which column says whom?")
        where = [condition for each in (shared, form) if each for condition in self._conditions(each, "where")]
        fields = {rule.path: rule for each in (shared, form) if each for rule in self._fields(each)}
        if occurred_at is None:
            return None
        return EventRule(
            kind=kind,
            name=name,
            **whom,
            occurred_at=occurred_at,
            received_at=self._moment(form, shared, "received_at"),
            message_id=self._cell(form, shared, "message_id"),
            where=tuple(where),
            fields=tuple(fields.values()),
        )

    def _either(self, form: Form, shared: Form | None, key: str) -> Form:
        return form if key in form or shared is None else shared

    def _fields(self, form: Form) -> list[FieldRule]:
        rules = []
        for group in _GROUPS:
            below = form.form(group, group)
            for path in below.fields.entries if below else ():
                assert below is not None
                rule = self._field(below, path, group)
                if rule is not None:
                    rules.append(rule)
        return rules

    def _field(self, below: Form, path: str, group: str) -> FieldRule | None:
        name = f"{group}.{path}"
        entry = below.fields.entries[path]
        if not isinstance(entry, Fields):
            cell = self._plain_cell(below, path)
            return None if cell is None else FieldRule(path=name, cell=cell)
        form = Form(entry, below.path, below.problems, name)
        form.refuse_unknown(_FIELD_KEYS)
        cell = self._cell_of(form)
        kind = _word(form, "type", FIELD_TYPES, "text")
        decimal = _word(form, "decimal", ("point", "comma"), "point")
        for key in ("factor", "times", "decimal", "currency"):
            if key in form and kind != "number":
                form.note(key, f"{key} needs type: number")
        if "split" in form and kind != "items":
            form.note("split", "split needs type: items")
        if cell is None:
            return None
        return FieldRule(
            path=name,
            cell=cell,
            type=kind,
            factor=form.number("factor", 1.0),
            times=form.text("times") or None,
            decimal="," if decimal == "comma" else ".",
            currency=form.text("currency").upper() or None,
            split=_raw_text(form, "split"),
        )

    # Cells

    def _cell(self, form: Form, shared: Form | None, key: str) -> Cell | None:
        form = self._either(form, shared, key)
        entry = form.fields.entries.get(key)
        if isinstance(entry, Fields):
            below = Form(entry, form.path, form.problems, key)
            below.refuse_unknown(_CELL_KEYS)
            return self._cell_of(below)
        return None if entry is None else self._plain_cell(form, key)

    def _plain_cell(self, form: Form, key: str) -> Cell | None:
        """`key: column`."""
        column = form.text(key)
        return Cell(columns=(column,), line=form.line(key)) if column else None

    def _cell_of(self, form: Form) -> Cell | None:
        stated = [key for key in ("column", "columns", "value") if key in form]
        if len(stated) != 1:
            form.note("", f"{form.what} needs one of column, columns and value")
            return None
        columns = (form.text("column"),) if "column" in form else tuple(_texts(form, "columns"))
        return Cell(
            columns=columns if "value" not in form else (),
            join=_raw_text(form, "join") or " ",
            always=_raw_text(form, "value"),
            extract=self._pattern(form),
            strip_suffix=_raw_text(form, "strip_suffix") or "",
            values=self._values(form),
            default=_raw_text(form, "default"),
            prefix=_raw_text(form, "prefix") or "",
            line=form.line(stated[0]),
        )

    def _pattern(self, form: Form) -> str | None:
        pattern = _raw_text(form, "extract")
        if pattern is None:
            return None
        try:
            groups = re.compile(pattern).groups
        except re.error as error:
            form.note("extract", f'"{pattern[:80]}" is not a pattern: {error}')
            return None
        if groups != 1:
            form.note("extract", "extract has one ( ) around the part to take", r'extract: "^(\d+)_"')
        return pattern

    def _values(self, form: Form) -> dict[str, str] | None:
        below = form.form("values", "values")
        if below is None:
            return None
        return {key: _raw_text(below, key) or "" for key in below.fields.entries}

    def _moment(self, form: Form, shared: Form | None, key: str) -> MomentRule | None:
        form = self._either(form, shared, key)
        entry = form.fields.entries.get(key)
        if entry is None:
            return None
        if not isinstance(entry, Fields):
            cell = self._plain_cell(form, key)
            return None if cell is None else MomentRule(cell=cell, zone=self.zone)
        below = Form(entry, form.path, form.problems, key)
        below.refuse_unknown(_MOMENT_KEYS)
        cell = self._cell_of(below)
        if "unit" in below and "format" in below:
            below.note("unit", f"{key} takes unit or format, not both")
        written = below.one_of("unit", list(UNITS), "ms") if "unit" in below else below.text("format", "iso")
        if written not in ("iso", *UNITS) and "%" not in written:
            below.note("format", f'"{written[:80]}" is not a format', "iso, or a pattern such as %d/%m/%Y %H:%M")
        zone = self._zone(below, self.zone)
        return None if cell is None else MomentRule(cell=cell, written=written, zone=zone)

    # Conditions

    def _skips(self) -> list[Skip]:
        entry = self.form.fields.entries.get("skip")
        if entry is None:
            return []
        found = []
        for each in entry.entries if isinstance(entry, Several) else (entry,):
            if not isinstance(each, Fields):
                self._note(each, "skip is a list of {where: ..., reason: ...}")
                continue
            form = Form(each, self.form.path, self.form.problems, "skip")
            form.refuse_unknown(("where", "reason"))
            form.require("where", "reason")
            found.append(Skip(where=tuple(self._conditions(form, "where")), reason=form.text("reason")))
        return found

    def _conditions(self, form: Form, key: str) -> list[Condition]:
        entry = form.fields.entries.get(key)
        if entry is None:
            return []
        each = entry.entries if isinstance(entry, Several) else (entry,)
        return [condition for one in each if (condition := self._condition(one)) is not None]

    def _condition(self, entry: Entry) -> Condition | None:
        if not isinstance(entry, Fields):
            self._note(entry, "a condition is like {column: type, is: order}")
            return None
        form = Form(entry, self.form.path, self.form.problems, "a condition")
        form.refuse_unknown(_CONDITION_KEYS)
        if not form.require("column") or len(entry.entries) < 2:
            form.note("", "a condition needs column and a test", ", ".join(_CONDITION_KEYS[1:]))
        return Condition(
            column=form.text("column"),
            one_of=tuple(_texts(form, "is")) if "is" in form else None,
            none_of=tuple(_texts(form, "is_not")) if "is_not" in form else None,
            has=form.truth("has", True) if "has" in form else None,
            starts_with=_raw_text(form, "starts_with"),
            above=form.number("above", 0) if "above" in form else None,
            below=form.number("below", 0) if "below" in form else None,
            line=form.line("column"),
        )

    # The rest

    def _consent(self) -> dict[Purpose, bool]:
        below = self.form.form("consent", "consent")
        if below is None:
            return {}
        below.refuse_unknown([purpose.value for purpose in Purpose])
        words = list(CONSENT_WORDS)
        return {
            purpose: CONSENT_WORDS[below.one_of(purpose, words, words[0])]
            for purpose in Purpose
            if purpose in below
        }

    def _zone(self, form: Form, default: str) -> str:
        name = form.text("time_zone", default)
        try:
            load_zone(name)
        except ValueError as error:
            form.note("time_zone", str(error))
            return default
        return name

    def _note(self, entry: Entry, message: str) -> None:
        problem = Problem(code="SH060", message=message, path=self.form.path, line=entry.line)
        self.form.problems.append(problem)


def _word(form: Form, key: str, words: Iterable[str], default: str) -> str:
    """One of several words, or the default when the key is not there."""
    return form.one_of(key, words, default) if key in form else default


def _raw_text(form: Form, key: str) -> str | None:
    """As written, spaces too."""
    entry = form.fields.entries.get(key)
    if isinstance(entry, Text):
        return entry.text
    if entry is not None:
        form.note(key, f"{key} of {form.what} is a text, not {shape_of(entry)}")
    return None


def _texts(form: Form, key: str) -> Sequence[str]:
    """One text or a list of texts."""
    entry = form.fields.entries.get(key)
    entries = entry.entries if isinstance(entry, Several) else () if entry is None else (entry,)
    for each in entries:
        if not isinstance(each, Text):
            form.note(key, f"{key} of {form.what} is a list of texts")
    return [each.text for each in entries if isinstance(each, Text)]


def _letter(form: Form | None, key: str) -> str | None:
    if form is None or key not in form:
        return None
    text = _raw_text(form, key) or ""
    text = {"tab": "\t", "\\t": "\t"}.get(text, text)
    if len(text) != 1 or not text.isascii() or text in "\r\n":
        form.note(key, f"{key} is one letter, or tab")
        return None
    return text
