"""Triggers from YAML: one for each mapping of a file in `triggers/`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from shoal.definitions.channel_contents import FIELDS, OFFERS, REQUIRED
from shoal.definitions.forms import Form, read_forms
from shoal.definitions.source import Row, Source
from shoal.definitions.trigger import (
    ActionDefinition,
    Becomes,
    Changes,
    Enters,
    Goal,
    Happens,
    Leaves,
    Occasion,
    RunsOut,
    SessionEnds,
    TriggerDefinition,
)
from shoal.definitions.yaml_lines import Fields, Text
from shoal.errors import Problem
from shoal.model.consent import Purpose
from shoal.model.firing import Channel
from shoal.model.time import DAY

KEYS = (
    "trigger",
    "name",
    "description",
    "on",
    "if",
    "purpose",
    "valid_for",
    "cooldown",
    "include_present",
    "dry_run",
    "transactional",
    "do",
    "goal",
)
OCCASIONS = {
    "enter": ("enter",),
    "leave": ("leave",),
    "change": ("change",),
    "event": ("event", "where"),
    "after": ("after", "without", "within"),
    "session_ends": ("session_ends",),
    "when": ("when",),
}
"""The keys below `on`, by the one that says which occasion it is."""

MEMBERSHIP: dict[str, type[Enters | Leaves | Changes]] = {"enter": Enters, "leave": Leaves, "change": Changes}

ACTION_KEYS = ("content", "values", "price")
GOAL_KEYS = ("event", "within")

Rows = dict[str, tuple[Row, ...]]
"""Where each text of a trigger stands, by what `implied` and `acting_checks` call it."""


def read_triggers(text: str, path: str) -> tuple[list[TriggerDefinition], list[Problem]]:
    """The triggers of one file, and every problem of all of them."""
    forms, problems = read_forms(text, path, "a trigger")
    read = [_trigger(form) for form in forms]
    return [trigger for trigger in read if trigger is not None], problems


def _trigger(form: Form) -> TriggerDefinition | None:
    form.what = f"the trigger {form.text('trigger')[:80]}".rstrip() if "trigger" in form else "a trigger"
    form.refuse_unknown(KEYS)
    shipped = TriggerDefinition(name="", on=SessionEnds(), actions=())
    rows: Rows = {}
    occasion = _occasion(form, rows)
    condition = _expression(form, "if", "if", rows)
    actions = tuple(_actions(form, rows))
    purpose = Purpose(form.one_of("purpose", Purpose, shipped.purpose))
    valid_for = form.duration("valid_for", shipped.valid_for)
    cooldown = form.duration("cooldown", shipped.cooldown)
    include_present = form.truth("include_present", shipped.include_present)
    is_dry_run = form.truth("dry_run", shipped.is_dry_run)
    is_transactional = form.truth("transactional", shipped.is_transactional)
    goal = _goal(form, rows)
    if not form.require("trigger", "on", "do") or occasion is None or not actions:
        return None
    return TriggerDefinition(
        name=form.text("trigger"),
        on=occasion,
        actions=actions,
        condition=condition,
        purpose=purpose,
        valid_for=valid_for,
        cooldown=cooldown,
        include_present=include_present,
        is_dry_run=is_dry_run,
        is_transactional=is_transactional,
        goal=goal,
        title=form.text("name"),
        description=form.text("description"),
        source=Source(path=form.path, line=form.line("trigger"), rows=rows),
    )


def _expression(form: Form, key: str, part: str, rows: Rows) -> str | None:
    found = form.get_text(key)
    if found is None:
        return None
    rows[part] = found.rows
    return found.text


# When


def _occasion(form: Form, rows: Rows) -> Occasion | None:
    below = form.form("on", f"on of {form.what}")
    if below is None:
        if "on" in form and not isinstance(form.fields.entries["on"], Fields):
            form.note("on", f"on of {form.what} says on which occasion", "such as on: {enter: eager}")
        return None
    kinds = [kind for kind in OCCASIONS if kind in below]
    if len(kinds) != 1:
        words = ", ".join(OCCASIONS)
        below.refuse_unknown([key for keys in OCCASIONS.values() for key in keys])
        below.note(
            "", f"{below.what} is one occasion" if kinds else f"{below.what} is no occasion", f"one of {words}"
        )
        return None
    below.refuse_unknown(OCCASIONS[kinds[0]])
    return _occasion_of(kinds[0], below, rows)


def _occasion_of(kind: str, form: Form, rows: Rows) -> Occasion | None:
    match kind:
        case "enter" | "leave" | "change":
            segment = form.get_text(kind)
            if segment is None:
                return None
            rows["segment"] = segment.rows
            return MEMBERSHIP[kind](segment.text.strip())
        case "event":
            return _happens(form, "event", rows)
        case "after":
            return _runs_out(form, rows)
        case "session_ends":
            if not form.truth("session_ends", default=True):
                form.note("session_ends", f"session_ends of {form.what} is true", "leave it out otherwise")
            return SessionEnds()
        case _:
            when = _expression(form, "when", "when", rows)
            return None if when is None else Becomes(when)


def _runs_out(form: Form, rows: Rows) -> RunsOut | None:
    after, without = _event(form, "after", rows), _event(form, "without", rows)
    span = form.duration("within", 0)
    if not form.require("after", "without", "within") or after is None or without is None or not span:
        return None
    return RunsOut(after, without, span)


def _event(form: Form, key: str, rows: Rows) -> Happens | None:
    """An event by its name, or by `event` and `where`."""
    if not isinstance(form.fields.entries.get(key), Fields):
        return _happens(form, key, rows)
    below = form.form(key, f"{key} of {form.what}")
    if below is None:
        return None
    below.refuse_unknown(OCCASIONS["event"])
    below.require("event")
    return _happens(below, "event", rows, part=key)


def _happens(form: Form, key: str, rows: Rows, *, part: str = "") -> Happens | None:
    event, part = form.get_text(key), part or key
    where = _expression(form, "where", f"{part} where", rows) if key == "event" else None
    name = event.text.strip() if event is not None else ""
    if event is None or not name:
        return None
    if "*" in name[:-1]:
        form.note(key, f'"{name[:80]}" has a * that is not at its end', code="SH004")
        return None
    rows[part] = event.rows
    return Happens(name, where or "")


# What


def _actions(form: Form, rows: Rows) -> Iterator[ActionDefinition]:
    channels = [channel.value for channel in Channel]
    for number, below in enumerate(form.each("do", f"an action of {form.what}"), start=1):
        stated = [channel for channel in channels if channel in below]
        if len(stated) != 1:
            below.refuse_unknown([*channels, *ACTION_KEYS])
            what = "is one of" if stated else "begins with one of"
            below.note("", f"{below.what} {what} {', '.join(channels)}")
            continue
        below.what = f"action {number} of {form.what}"
        below.refuse_unknown([stated[0], *ACTION_KEYS])
        action = _action(below, Channel(stated[0]), number, rows)
        if action is not None:
            yield action
    if "do" in form and not isinstance(form.fields.entries["do"], Text) and not _holds_anything(form):
        form.note("do", f"{form.what} does nothing", "such as - page: {offer: chat, title: 'Can we help?'}")


def _holds_anything(form: Form) -> bool:
    entry = form.fields.entries["do"]
    return bool(getattr(entry, "entries", ()))


def _action(form: Form, channel: Channel, number: int, rows: Rows) -> ActionDefinition | None:
    destination = Channel.PAGE.value
    if channel is not Channel.PAGE:
        named = form.get_text(channel.value)
        if named is None:
            form.note(channel.value, f"{form.what} names no destination", "one of destinations in shoal.yaml")
            return None
        destination, rows[f"{number} destination"] = named.text.strip(), named.rows
    key = channel.value if channel is Channel.PAGE else "content"
    if channel is Channel.PAGE and "content" in form:
        form.note("content", f"what {form.what} shows stands below page", "page: {offer: ..., title: ...}")
    price = form.number("price", 0.0)
    if price < 0:
        form.note("price", f"price of {form.what} is 0 or more")
    return ActionDefinition(
        channel=channel,
        destination=destination,
        content=_content(form, key, channel, number, rows),
        values=_values(form, number, rows),
        price=max(price, 0.0),
    )


def _content(form: Form, key: str, channel: Channel, number: int, rows: Rows) -> Mapping[str, str]:
    below, known = form.form(key, f"{key} of {form.what}"), FIELDS[channel]
    if below is None:
        missing = REQUIRED[channel]
        if missing and key not in form:
            form.note("", f"{form.what} needs the key {key}, with {', '.join(missing)}")
        return {}
    if known:
        below.refuse_unknown(tuple(known))
    elif below.fields.entries:
        form.note(key, f"a {channel.value} takes no content", "name what goes along under values")
    below.require(*REQUIRED[channel])
    content = {}
    for name in known:
        text = below.get_text(name)
        if text is not None:
            content[name], rows[f"{number} {name}"] = text.text.rstrip("\n"), text.rows
    if channel is Channel.EMAIL and not {"text", "html"} & below.fields.entries.keys():
        below.note("", f"{below.what} needs text, html, or both")
    if "offer" in content:
        content["offer"] = below.one_of("offer", OFFERS, OFFERS[0])
    return content


def _values(form: Form, number: int, rows: Rows) -> Mapping[str, str]:
    below = form.form("values", f"values of {form.what}")
    if below is None:
        return {}
    found = {name: _expression(below, name, f"{number}:{name}", rows) for name in below.fields.entries}
    return {name: written for name, written in found.items() if written is not None}


def _goal(form: Form, rows: Rows) -> Goal:
    shipped, below = Goal(), form.form("goal", f"goal of {form.what}")
    if below is None:
        return shipped
    below.refuse_unknown(GOAL_KEYS)
    event = below.get_text("event")
    if event is not None:
        rows["goal"] = event.rows
    return Goal(event=below.text("event", shipped.event), within=below.duration("within", DAY))
