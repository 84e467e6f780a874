"""What is added to events as they come in: the `enrich` part of shoal.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from shoal.definitions.forms import Form
from shoal.definitions.yaml_lines import Text

KEYS = ("bots", "place_database", "keep_address", "texts", "keep_texts", "motives")
BOTS = ("exclude", "include")


@dataclass(frozen=True, slots=True, kw_only=True)
class Enriching:
    """What `shoal.yaml` states about enrichment, or its defaults.

    `texts` says which property of which event holds what a person wrote. `place_database` and `motives` are files,
    relative to the workspace; empty means none, and the motives that are shipped.
    `lines` says where in shoal.yaml each key stands.
    """

    bots: str = "exclude"
    place_database: str = ""
    keep_address: bool = False
    texts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    keep_texts: bool = False
    motives: str = ""
    lines: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}), compare=False)


def read_enriching(form: Form) -> Enriching:
    """What the settings form states; whatever is wrong is noted and keeps its default."""
    shipped, below = Enriching(), form.form("enrich", "enrich")
    if below is None:
        return shipped
    below.refuse_unknown(KEYS)
    return Enriching(
        bots=below.one_of("bots", BOTS, shipped.bots),
        place_database=below.text("place_database"),
        keep_address=below.truth("keep_address", shipped.keep_address),
        texts=_texts(below),
        keep_texts=below.truth("keep_texts", shipped.keep_texts),
        motives=below.text("motives"),
        lines=MappingProxyType({key: below.line(key) for key in below.fields.entries}),
    )


def _texts(form: Form) -> Mapping[str, str]:
    below = form.form("texts", "texts")
    if below is None:
        return MappingProxyType({})
    stated = {event: below.text(event).removeprefix("properties.") for event in below.fields.entries}
    for event, entry in below.fields.entries.items():
        if isinstance(entry, Text) and not stated[event]:
            below.note(event, f"texts names no property of {event[:80]}", "such as Product Reviewed: body")
    return MappingProxyType({event: name for event, name in stated.items() if name})
