"""What triggers and slots say of each other, of destinations and in their contents: every problem at once.

What their expressions say is judged where all expressions are, in `resolve` and `check`, by what they imply.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterator, Sequence
from dataclasses import replace

from shoal.definitions.acting import Acting
from shoal.definitions.catalog import Seen, did_you_mean
from shoal.definitions.channel_contents import FIELDS
from shoal.definitions.content_templates import ALWAYS_KNOWN, has_script, problems_of_template, web_address
from shoal.definitions.names import NAME_HINT, is_name
from shoal.definitions.settings import Settings
from shoal.definitions.slot import SlotDefinition
from shoal.definitions.trigger import ActionDefinition, Changes, Goal, RunsOut, SessionEnds, TriggerDefinition
from shoal.errors import Problem, Severity
from shoal.model.consent import Purpose
from shoal.model.firing import Channel
from shoal.model.time import format_duration

Owner = TriggerDefinition | SlotDefinition


def problems_of_acting(
    triggers: Sequence[TriggerDefinition], slots: Sequence[SlotDefinition], acting: Acting
) -> Iterator[Problem]:
    """Names that are none or stand twice, destinations and slots that are not there, templates without meaning."""
    yield from _names(triggers)
    yield from _names(slots)
    for trigger in triggers:
        for number, action in enumerate(trigger.actions, start=1):
            yield from _destination(trigger, number, action, acting)
            yield from _contents(trigger, number, action, {slot.name for slot in slots})
            yield from _value_names(trigger, number, action)
    for slot in slots:
        yield from _choices(slot)


def _problem(owner: Owner, part: str, code: str, message: str, hint: str = "", *, line: int = 1) -> Problem:
    """A problem with a text of a trigger or slot, on a line of it; with all of it where there is no such text."""
    rows = owner.source.rows.get(part)
    place = (None, None) if not rows else rows[0].begins if line == 1 else (line, 1)
    problem = Problem(code=code, message=message, hint=hint, path=owner.name, line=place[0], column=place[1])
    return owner.source.locate(problem, part)


def _names(owners: Sequence[Owner]) -> Iterator[Problem]:
    first: dict[str, Owner] = {}
    for owner in owners:
        if not is_name(owner.name):
            yield _problem(owner, "", "SH020", f'"{str(owner.name)[:80]}" is not a name', NAME_HINT)
        before = first.setdefault(owner.name, owner)
        if before is not owner:
            where = f" in {before.source.path}" if before.source.path else ""
            message = f"{owner.name} is already defined as a {before.kind}{where}"
            yield _problem(owner, "", "SH010", message, "rename one")


# Triggers


def _destination(
    trigger: TriggerDefinition, number: int, action: ActionDefinition, acting: Acting
) -> Iterator[Problem]:
    if action.channel is Channel.PAGE:
        return
    part, name = f"{number} destination", action.destination
    destination = acting.destinations.get(name)
    if destination is None:
        hint = did_you_mean(name, acting.destinations) or "name it under destinations in shoal.yaml"
        yield _problem(trigger, part, "SH009", f"there is no destination named {name[:80]}", hint)
    elif destination.channel is not action.channel:
        message = f"the destination {name} is for {destination.channel.value}, not for {action.channel.value}"
        fitting = [each.name for each in acting.destinations.values() if each.channel is action.channel]
        hint = f"{action.channel.value}: {fitting[0]}" if fitting else f"{destination.channel.value}: {name}"
        yield _problem(trigger, part, "SH100", message, hint)


def _contents(
    trigger: TriggerDefinition, number: int, action: ActionDefinition, slots: set[str]
) -> Iterator[Problem]:
    for name, template in action.content.items():
        field, part = FIELDS[action.channel].get(name), f"{number} {name}"
        if field is None:
            yield _problem(trigger, part, "SH023", f"a {action.channel.value} has no content named {name[:80]}")
        elif field.is_fixed:
            if name == "slot" and template not in slots:
                hint = did_you_mean(template, slots) or "slots/*.yaml names them"
                yield _problem(trigger, part, "SH009", f"there is no slot named {template[:80]}", hint)
        else:
            if field.is_one_line and "\n" in template:
                yield _problem(trigger, part, "SH101", f"{name} is one line", "write it without line breaks")
            for found in problems_of_template(template, action.values, is_html=field.is_html):
                message = f"the template of {name}: {found.message}"
                yield _problem(trigger, part, "SH101", message, found.hint, line=found.line)
            if name == "url" and not template.lstrip().startswith("{") and not web_address(template):
                yield _problem(trigger, part, "SH101", "url is no address of a page", "https://..., or /path")


def _value_names(trigger: TriggerDefinition, number: int, action: ActionDefinition) -> Iterator[Problem]:
    for name in action.values:
        part = f"{number}:{name}"
        if not is_name(name) or keyword.iskeyword(name) or name in ("true", "false", "none"):
            yield _problem(trigger, part, "SH020", f'"{name[:80]}" is not a name for a value', NAME_HINT)
        elif name in ALWAYS_KNOWN:
            yield _problem(trigger, part, "SH010", f"{name} is there by itself", "rename the value")


# Slots


def _choices(slot: SlotDefinition) -> Iterator[Problem]:
    seen: set[str] = set()
    for choice in slot.choices:
        part = f"{choice.name} choice"
        if not is_name(choice.name):
            yield _problem(slot, part, "SH020", f'"{str(choice.name)[:80]}" is not a name', NAME_HINT)
        elif choice.name == "default":
            yield _problem(slot, part, "SH010", "default is what everybody else sees", "rename the choice")
        elif choice.name in seen:
            yield _problem(slot, part, "SH010", f"{slot.name} has two choices named {choice.name}", "rename one")
        seen.add(choice.name)
    for owner, content in [*((each.name, each.content) for each in slot.choices), ("default", slot.default)]:
        for name, value in content.items():
            if isinstance(value, str) and has_script(value):
                message = f"{name} of {owner} holds a script, which contents never do"
                yield _problem(slot, f"{owner} {name}", "SH101", message, "link to a page instead")


# What has a meaning that surprises


def warnings_about_acting(
    triggers: Sequence[TriggerDefinition], slots: Sequence[SlotDefinition], settings: Settings
) -> Iterator[Problem]:
    """Purposes that do not fit, deadlines that cannot pass, offers that nobody is there to see."""
    for trigger in triggers:
        yield from _purpose(trigger)
        yield from _half_an_audience(trigger)
        yield from _too_long(trigger, settings)
        yield from _nobody_there(trigger)
    for slot in slots:
        yield from _never_shown(slot)


FITTING = {
    Channel.EMAIL: (Purpose.EMAIL,),
    Channel.AUDIENCE: (Purpose.ADS, Purpose.SHARING),
}
"""What people have to allow for what is done on a channel; the other channels leave it to the author."""


def _purpose(trigger: TriggerDefinition) -> Iterator[Problem]:
    for number, action in enumerate(trigger.actions, start=1):
        fitting = FITTING.get(action.channel, ())
        if fitting and trigger.purpose not in fitting and not trigger.is_transactional:
            message = f"{trigger.name} uses {action.channel.value} for people who allow {trigger.purpose.value}"
            hint = f"purpose: {' or '.join(fitting)}, and another trigger for the other actions"
            yield _warning(trigger, f"{number} destination", "SH102", message, hint)


def _half_an_audience(trigger: TriggerDefinition) -> Iterator[Problem]:
    for number, action in enumerate(trigger.actions, start=1):
        if action.channel is Channel.AUDIENCE and not isinstance(trigger.on, Changes):
            message = f"{action.destination} hears only one half of who is in the audience"
            hint = "on: {change: ...} tells who enters and who leaves"
            yield _warning(trigger, f"{number} destination", "SH105", message, hint)


def _too_long(trigger: TriggerDefinition, settings: Settings) -> Iterator[Problem]:
    if isinstance(trigger.on, RunsOut) and settings.retention is not None and trigger.on.span > settings.retention:
        length, kept = format_duration(trigger.on.span), format_duration(settings.retention)
        message = f"{trigger.name} waits {length}, but events are kept for {kept}"
        yield _warning(trigger, "after", "SH018", message, "shorten it, or set retention in shoal.yaml")


def _nobody_there(trigger: TriggerDefinition) -> Iterator[Problem]:
    if isinstance(trigger.on, SessionEnds) and any(each.channel is Channel.PAGE for each in trigger.actions):
        message = f"{trigger.name} shows an offer when a session is over, and nobody looks at a page any more"
        yield _warning(trigger, "", "SH106", message, "send an e-mail, or act on what happens before")


def _never_shown(slot: SlotDefinition) -> Iterator[Problem]:
    for place, choice in enumerate(slot.choices[:-1]):
        if choice.when is None and not choice.context:
            later = ", ".join(each.name for each in slot.choices[place + 1 :])
            message = f"{choice.name} is for everybody, so what stands below it is never shown: {later}"
            yield _warning(
                slot, f"{choice.name} choice", "SH106", message, "move it to the end, or make it default"
            )
            return


def unseen_goals(triggers: Sequence[TriggerDefinition], seen: Seen) -> Iterator[Problem]:
    """Goals that no event has reached, by its name."""
    for trigger in triggers:
        is_stated = "goal" in trigger.source.rows or trigger.goal.event != Goal().event
        if is_stated and not seen.has_event(trigger.goal.event):
            hint = seen.similar_event(trigger.goal.event)
            message = f'no event named "{trigger.goal.event}" has been seen'
            yield _warning(trigger, "goal", "SH013", message, hint)


def _warning(owner: Owner, part: str, code: str, message: str, hint: str) -> Problem:
    return replace(_problem(owner, part, code, message, hint), severity=Severity.WARNING)
