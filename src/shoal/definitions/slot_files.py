"""Slots from YAML: one for each mapping of a file in `slots/`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from shoal.definitions.forms import Form, plain, read_forms
from shoal.definitions.slot import ChoiceDefinition, Content, SlotDefinition
from shoal.definitions.source import Row, Source
from shoal.definitions.yaml_lines import Several, Text
from shoal.errors import Problem
from shoal.model.consent import Purpose

KEYS = ("slot", "name", "description", "purpose", "choices", "default")
CHOICE_KEYS = ("choice", "when", "context", "content")
NUMBERS = {"local_hour": (0, 23), "local_weekday": (1, 7)}
CONTEXT_KEYS = ("device", "country", "city", "path", *NUMBERS)

Rows = dict[str, tuple[Row, ...]]


def read_slots(text: str, path: str) -> tuple[list[SlotDefinition], list[Problem]]:
    """The slots of one file, and every problem of all of them."""
    forms, problems = read_forms(text, path, "a slot")
    read = [_slot(form) for form in forms]
    return [slot for slot in read if slot is not None], problems


def _slot(form: Form) -> SlotDefinition | None:
    form.what = f"the slot {form.text('slot')[:80]}".rstrip() if "slot" in form else "a slot"
    form.refuse_unknown(KEYS)
    rows: Rows = {}
    choices = tuple(_choices(form, rows))
    default = _content(form, "default", "default", rows)
    purpose = Purpose(form.one_of("purpose", Purpose, Purpose.PERSONALISATION))
    if not form.require("slot", "choices"):
        return None
    return SlotDefinition(
        name=form.text("slot"),
        choices=choices,
        default=default,
        purpose=purpose,
        title=form.text("name"),
        description=form.text("description"),
        source=Source(path=form.path, line=form.line("slot"), rows=rows),
    )


def _choices(form: Form, rows: Rows) -> Iterator[ChoiceDefinition]:
    for below in form.each("choices", f"a choice of {form.what}"):
        name = below.text("choice")
        below.what = f"the choice {name[:80]} of {form.what}" if name else below.what
        below.refuse_unknown(CHOICE_KEYS)
        when = below.get_text("when")
        context = _context(below)
        content = _content(below, "content", name, rows)
        if not below.require("choice", "content") or not name:
            continue
        named = below.get_text("choice")
        assert named is not None
        rows[f"{name} choice"] = named.rows
        if when is not None:
            rows[name] = when.rows
        yield ChoiceDefinition(
            name=name, content=content, when=None if when is None else when.text, context=context
        )


def _content(form: Form, key: str, part: str, rows: Rows) -> Content:
    """Texts, numbers and truths by name."""
    below = form.form(key, f"{key} of {form.what}")
    if below is None:
        return {}
    content: dict[str, str | float | bool] = {}
    for name, entry in below.fields.entries.items():
        if not isinstance(entry, Text) or entry.is_nothing:
            below.note(name, f"{name} of {below.what} is a text, a number, true or false")
            continue
        value = plain(entry)
        content[name] = float(value) if type(value) is int else value
        rows[f"{part} {name}"] = entry.rows
    return content


def _context(form: Form) -> Mapping[str, tuple[str | int, ...]]:
    below = form.form("context", f"context of {form.what}")
    if below is None:
        return {}
    below.refuse_unknown(CONTEXT_KEYS)
    read = {key: tuple(_allowed(below, key)) for key in CONTEXT_KEYS if key in below}
    return {key: values for key, values in read.items() if values}


def _allowed(form: Form, key: str) -> Iterator[str | int]:
    """The values that are allowed: one, several, or for hours and weekdays a range like 18-22."""
    entry = form.fields.entries[key]
    for each in entry.entries if isinstance(entry, Several) else [entry]:
        text = each.text.strip() if isinstance(each, Text) and not each.is_nothing else ""
        if not text:
            form.note(key, f"{key} of {form.what} is one value, or a list of them")
        elif key in NUMBERS:
            yield from _whole_numbers(form, key, text)
        else:
            yield text  # as it is written: NO is a country, not a truth


def _whole_numbers(form: Form, key: str, stated: str) -> Iterator[int]:
    least, most = NUMBERS[key]
    ends = [end.strip() for end in stated.split("-")]
    numbers = [int(end) for end in ends if end.isascii() and end.isdigit()]
    if len(numbers) != len(ends) or len(ends) > 2 or not all(least <= number <= most for number in numbers):
        form.note(key, f"{key} of {form.what} is a number from {least} to {most}", "or a range such as 18-22")
        return
    first, last = numbers[0], numbers[-1]
    over_midnight = [*range(first, most + 1), *range(least, last + 1)]
    yield from range(first, last + 1) if first <= last else over_midnight
