"""Everything that can be written is documented."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import shoal
from shoal.definitions import (
    acting_file,
    definition_files,
    enriching,
    settings_file,
    slot_files,
    sources,
    trigger_files,
)
from shoal.definitions.channel_contents import FIELDS, OFFERS
from shoal.definitions.content_templates import ALWAYS_KNOWN, FILTERS
from shoal.definitions.definition import Definitions
from shoal.definitions.definition_files import read_definitions
from shoal.definitions.resolve import resolve
from shoal.definitions.settings_file import read_settings
from shoal.definitions.vocabulary import VOCABULARY
from shoal.identity.settings import check_rules
from shoal.model.firing import Channel
from tests.docs.problem_examples import write_files
from tests.docs.render import ROOT, shortest_use

REFERENCE = ROOT / "docs" / "reference"


def page(name: str) -> str:
    return (REFERENCE / name).read_text("utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The code blocks of a page."""
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_every_word_has_an_example() -> None:
    """A word that no rule of the spec uses would have neither an example nor a meaning."""
    assert [name for name in VOCABULARY if not shortest_use(name)] == []


def test_every_word_is_in_the_reference() -> None:
    """With how it is called."""
    text = page("language.md")
    assert [name for name in VOCABULARY if f"#### `{name}(" not in text] == []


def test_every_setting_is_in_the_reference() -> None:
    """Those of the workspace and those of identity."""
    text = page("settings.md")
    names = [*settings_file.KEYS, "priority", "kinds", "shared_device_owners", "separate"]
    names += ["limit", "blocked", "blocked_patterns", "write_key", "origins", "enabled"]
    names += [*sources.COLLECT_KEYS, *enriching.KEYS]
    names += [*acting_file.KEYS, *acting_file.QUIET_KEYS, *acting_file.KINDS]
    names += [key for _, keys in acting_file.KINDS.values() for key in keys]
    assert [name for name in names if f"`{name}`" not in text] == []


def test_every_key_of_a_definition_is_in_the_reference() -> None:
    """Of features, scores with their parts, and segments."""
    text = page("definitions.md")
    names = {key for keys in definition_files.KEYS.values() for key in keys} | set(definition_files.PART_KEYS)
    assert [name for name in sorted(names) if f"`{name}`" not in text] == []


def test_every_key_of_a_trigger_is_in_the_reference() -> None:
    """With every occasion, every content of every channel, every offer, and every filter of templates."""
    text = page("triggers.md")
    names = {*trigger_files.KEYS, *trigger_files.ACTION_KEYS, *OFFERS, *(each.value for each in Channel)}
    names |= {name for fields in FIELDS.values() for name in fields} - {"first_name"}
    assert [name for name in sorted(names) if f"`{name}`" not in text] == []
    assert [name for name in trigger_files.OCCASIONS if f"{{{name}: " not in text] == []
    assert [name for name in FILTERS if f"`{name}" not in text and f"|{name}" not in text] == []
    assert [name for name in ALWAYS_KNOWN if f"`{name}`" not in text] == []


def test_every_key_of_a_slot_is_in_the_reference() -> None:
    """Of slots, of their choices, and of the context of a request."""
    text = page("slots.md")
    names = (*slot_files.KEYS, *slot_files.CHOICE_KEYS, *slot_files.CONTEXT_KEYS)
    assert [name for name in names if f"`{name}`" not in text] == []


def test_the_triggers_and_slots_of_the_reference_have_a_meaning(tmp_path: Path) -> None:
    """All blocks of the pages, with the destinations of the settings and the segments that they name."""
    settings = next(block for block in blocks(page("settings.md"), "yaml") if "destinations:" in block)
    files = {"shoal.yaml": settings}
    for folder in ("triggers", "slots"):
        files |= {f"{folder}/{n}.yaml": block for n, block in enumerate(blocks(page(f"{folder}.md"), "yaml"))}
    for name in ("eager", "high_intent_price_sensitive", "new_explorers"):
        files[f"segments/{name}.yaml"] = f'segment: {name}\nwhen: count("Product Viewed") > 3\n'
    write_files(tmp_path, files)
    workspace = shoal.load_workspace(tmp_path)
    assert workspace.triggers
    assert workspace.slots
    assert [str(problem) for problem in shoal.check(workspace)] == []


def test_the_definitions_of_the_reference_have_a_meaning() -> None:
    """All files of the page together make a workspace."""
    definitions = []
    for block in blocks(page("definitions.md"), "yaml"):
        read, problems = read_definitions(block, "page.yaml")
        assert problems == []
        definitions += read
    resolved = resolve(Definitions.of(*definitions, shoal.ListDefinition(name="vip", identifiers=frozenset())))
    assert resolved.segments
    assert resolved.scores


def test_the_settings_of_the_reference_can_be_read() -> None:
    """Every block of the page is a settings file without a problem."""
    for block in blocks(page("settings.md"), "yaml"):
        file, problems = read_settings(block)
        assert problems == []
        assert check_rules(file.identity) == []


def test_what_the_how_to_of_acting_shows_has_a_meaning(tmp_path: Path) -> None:
    """Its triggers stand in a new workspace, with its settings and two destinations of the reference."""
    shown = blocks((REFERENCE.parent / "how-to" / "act-on-a-segment.md").read_text("utf-8"), "yaml")
    shoal.init_workspace(tmp_path / "shop", "ecommerce")
    (settings,) = (block for block in shown if "destinations:" in block)
    more = '  team: {slack: HOOK}\n  crm: {webhook: "https://crm.example", secrets: [A]}\n'
    more += '  ads: {audience: "https://ads.example"}\n'
    (tmp_path / "shop" / "shoal.yaml").write_text(settings + more)
    for number, block in enumerate(each for each in shown if each.startswith("trigger:")):
        (tmp_path / "shop" / "triggers" / f"{number}.yaml").write_text(block)
    workspace = shoal.load_workspace(tmp_path / "shop")
    assert len(workspace.triggers) == 8
    assert [str(problem) for problem in shoal.check(workspace)] == []


@pytest.mark.parametrize("name", ["language.md", "definitions.md", "triggers.md"])
def test_the_python_of_the_reference_runs(name: str) -> None:
    """Every block of Python."""
    for block in blocks(page(name), "python"):
        exec(compile(block, name, "exec"), {})


def test_the_glossary_names_what_definitions_are_made_of() -> None:
    """One word, one meaning."""
    text = (ROOT / "GLOSSARY.md").read_text("utf-8")
    words = ("Profile", "Event", "Segment", "Feature", "Score", "Window", "Session", "Purpose", "Now", "Missing")
    assert [word for word in words if f"**{word}**" not in text] == []
    entries = re.findall(r"^\*\*(.+?)\*\*", text, re.MULTILINE)
    assert entries == sorted(set(entries), key=str.lower)


@pytest.mark.parametrize("name", [each.name for each in pkgutil.iter_modules(shoal.__path__) if each.ispkg])
def test_stages_keep_their_promise(name: str) -> None:
    """What a stage lists in `__all__` is there, and its docstring says what it is for."""
    stage = importlib.import_module(f"shoal.{name}")
    assert stage.__doc__
    assert [each for each in getattr(stage, "__all__", ()) if not hasattr(stage, each)] == []
