"""Definitions from YAML: one of a feature, a score or a segment for each mapping of a file."""

from __future__ import annotations

from shoal.definitions.definition import (
    Definition,
    FeatureDefinition,
    PartDefinition,
    ScoreDefinition,
    SegmentDefinition,
)
from shoal.definitions.forms import Form, read_forms
from shoal.definitions.source import Source
from shoal.definitions.yaml_lines import Fields, Text
from shoal.errors import Problem
from shoal.model.consent import Purpose

KEYS = {
    "feature": ("feature", "name", "description", "value"),
    "score": ("score", "name", "description", "parts"),
    "segment": ("segment", "name", "description", "purpose", "when"),
}
"""The keys of each kind of definition; the first one names it."""

PART_KEYS = ("weight", "value", "missing")


def read_definitions(text: str, path: str) -> tuple[list[Definition], list[Problem]]:
    """The definitions of one file, and every problem of all of them."""
    forms, problems = read_forms(text, path, "a definition")
    read = [_definition(form) for form in forms]
    return [definition for definition in read if definition is not None], problems


def _definition(form: Form) -> Definition | None:
    kinds = [kind for kind in KEYS if kind in form]
    if len(kinds) != 1:
        many = "is one of a feature, a score and a segment, not several at once"
        none = "begins with feature:, score: or segment: and a name"
        form.note("", f"a definition {many if kinds else none}", "" if kinds else _misspelled(form.fields))
        return None
    form.what = f"the {kinds[0]} {form.text(kinds[0])[:80]}".rstrip()
    form.refuse_unknown(KEYS[kinds[0]])
    return {"feature": _feature, "score": _score, "segment": _segment}[kinds[0]](form)


def _misspelled(fields: Fields) -> str:
    import difflib  # noqa: PLC0415  (only when something is wrong)

    close = [(key, match) for key in fields.entries for match in difflib.get_close_matches(key, KEYS, 1)]
    return f"did you mean {close[0][1]}: instead of {close[0][0]}:?" if close else ""


def _feature(form: Form) -> FeatureDefinition | None:
    value = form.get_text("value")
    if not form.require("feature", "value") or value is None:
        return None
    return FeatureDefinition(
        name=form.text("feature"),
        value=value.text,
        title=form.text("name"),
        description=form.text("description"),
        source=_source(form, "feature", {"value": value}),
    )


def _segment(form: Form) -> SegmentDefinition | None:
    when = form.get_text("when")
    purpose = Purpose(form.one_of("purpose", Purpose, Purpose.ANALYTICS))
    if not form.require("segment", "when") or when is None:
        return None
    return SegmentDefinition(
        name=form.text("segment"),
        when=when.text,
        purpose=purpose,
        title=form.text("name"),
        description=form.text("description"),
        source=_source(form, "segment", {"when": when}),
    )


def _score(form: Form) -> ScoreDefinition | None:
    below = form.form("parts", f"parts of {form.what}")
    if not form.require("score", "parts") or below is None:
        return None
    parts: list[PartDefinition] = []
    values: dict[str, Text] = {}
    for name, part in below.forms("the part"):
        read = _part(name, part)
        value = part.fields.entries.get("value")
        if read is not None and isinstance(value, Text):
            parts.append(read)
            values[name] = value
    if not below.fields.entries:
        form.note("parts", f"{form.what} has no parts", code="SH022")
    if not parts:
        return None
    return ScoreDefinition(
        name=form.text("score"),
        parts=tuple(parts),
        title=form.text("name"),
        description=form.text("description"),
        source=_source(form, "score", values),
    )


def _part(name: str, form: Form) -> PartDefinition | None:
    form.refuse_unknown(PART_KEYS)
    value, weight = form.get_text("value"), form.number("weight", 0.0)
    if not form.require("weight", "value") or value is None:
        return None
    return PartDefinition(name=name, weight=weight, value=value.text, missing=_missing(form))


def _missing(form: Form) -> float | None:
    """What stands in for a part that a person does not have; None leaves it out."""
    if form.text("missing", "skip") == "skip":
        return None
    number = form.number("missing", 0.0)
    if not 0 <= number <= 1:
        form.note("missing", "missing is skip, or a number from 0 to 1")
    return number


def _source(form: Form, kind: str, expressions: dict[str, Text]) -> Source:
    return Source(
        path=form.path,
        line=form.line(kind),
        rows={part: text.rows for part, text in expressions.items()},
    )
