"""The settings file of a workspace, `shoal.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from shoal.definitions.acting import Acting
from shoal.definitions.acting_file import read_acting
from shoal.definitions.enriching import Enriching, read_enriching
from shoal.definitions.forms import Form, plain, shape_of
from shoal.definitions.settings import Settings
from shoal.definitions.sources import Collecting, read_collecting
from shoal.definitions.yaml_lines import Fields, Text, read_entries
from shoal.errors import Problem
from shoal.model.consent import Purpose
from shoal.model.zone import load_zone

SETTINGS_FILE = "shoal.yaml"
KEYS = (
    "name",
    "time_zone",
    "calendar",
    "session_gap",
    "consent",
    "retention",
    "minimum_members",
    "identity",
    "sources",
    "collect",
    "enrich",
    "acting",
    "destinations",
)
CALENDARS = ("workspace", "profile")
CONSENT_WORDS = {"granted": True, "refused": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsFile:
    """What a settings file states. `identity` is read by the identity rules."""

    name: str = ""
    settings: Settings = field(default_factory=Settings)
    collecting: Collecting = field(default_factory=Collecting)
    enriching: Enriching = field(default_factory=Enriching)
    acting: Acting = field(default_factory=Acting)
    identity: Mapping[str, Any] = field(default_factory=dict)


def read_settings(text: str, path: str = SETTINGS_FILE) -> tuple[SettingsFile, list[Problem]]:
    """The settings of a workspace; what is wrong is a problem and keeps its default."""
    entries, problems = read_entries(text, path)
    if len(entries) > 1:
        problems.append(
            Problem(code="SH023", message=f"{path} holds more than one document", path=path, line=entries[1].line)
        )
    if not entries or (isinstance(entries[0], Text) and entries[0].is_nothing):
        return SettingsFile(), problems
    if not isinstance(entries[0], Fields):
        message = f"{path} holds keys and values, not {shape_of(entries[0])}"
        return SettingsFile(), [*problems, Problem(code="SH023", message=message, path=path, line=entries[0].line)]
    form = Form(entries[0], path, problems, path)
    form.refuse_unknown(KEYS)
    identity = form.form("identity", "identity")
    file = SettingsFile(
        name=form.text("name"),
        settings=_settings(form),
        collecting=read_collecting(form),
        enriching=read_enriching(form),
        acting=read_acting(form),
        identity={} if identity is None else plain(identity.fields),
    )
    return file, problems


def _settings(form: Form) -> Settings:
    shipped = Settings()
    return Settings(
        time_zone=_time_zone(form, shipped.time_zone),
        calendar=form.one_of("calendar", CALENDARS, shipped.calendar),
        session_gap=form.duration("session_gap", shipped.session_gap),
        consent=_consent(form, shipped),
        retention=_retention(form),
        minimum_members=_minimum_members(form, shipped.minimum_members),
    )


def _time_zone(form: Form, default: str) -> str:
    name = form.text("time_zone", default)
    try:
        load_zone(name)
    except ValueError as error:
        form.note("time_zone", str(error))
        return default
    return name


def _retention(form: Form) -> int | None:
    if form.text("retention", "forever") == "forever":
        return None
    return form.duration("retention", 0) or None


def _minimum_members(form: Form, default: int) -> int:
    number = form.number("minimum_members", default)
    if number != int(number) or number < 0:
        form.note("minimum_members", "minimum_members is a whole number, 0 or more")
        return default
    return int(number)


def _consent(form: Form, shipped: Settings) -> Mapping[Purpose, bool]:
    below = form.form("consent", "consent")
    if below is None:
        return shipped.consent
    below.refuse_unknown([purpose.value for purpose in Purpose])
    stated = {
        purpose: _is_granted(below, purpose, shipped.consent[purpose]) for purpose in Purpose if purpose in below
    }
    return MappingProxyType({**shipped.consent, **stated})


def _is_granted(form: Form, purpose: Purpose, default: bool) -> bool:
    word = form.text(purpose)
    if word in CONSENT_WORDS:
        return CONSENT_WORDS[word]
    entry = form.fields.entries[purpose]
    if isinstance(entry, Text) and entry.tag == "bool":
        return form.truth(purpose, default)
    if word:
        form.note(purpose, f'consent to {purpose} is granted or refused, not "{word[:80]}"')
    return default
