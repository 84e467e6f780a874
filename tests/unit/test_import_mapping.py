"""Mapping files: what they mean, and every problem at once with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from shoal.collect import PRESETS, load_mapping, parse_mapping
from shoal.errors import DefinitionError, InputError, NotFound

SMALL = """
mapping: shop
user_id: who
occurred_at: when
name: {value: Product Viewed}
"""


def problems(text: str) -> list[tuple[int | None, str]]:
    with pytest.raises(DefinitionError) as caught:
        parse_mapping(text, "map.yaml")
    return [(problem.line, problem.message) for problem in caught.value.problems]


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_can_be_read(name: str) -> None:
    """A preset is named by its own file."""
    assert load_mapping(name).name == name


def test_every_wrong_key_is_told_with_its_line() -> None:
    """All problems of a mapping come at once."""
    found = problems("mapping: shop\nuserid: who\noccurred_at: {column: t, unit: hours}\nkind: trak\n")

    assert [line for line, _ in found] == [2, 4, 3, 1, 1]
    assert "no key userid" in found[0][1]
    assert 'cannot be "trak"' in found[1][1]
    assert 'cannot be "hours"' in found[2][1]


def test_a_mapping_says_whom_what_and_when() -> None:
    """Without any of the three there is no event."""
    messages = " ".join(message for _, message in problems("mapping: shop\n"))

    assert all(key in messages for key in ("occurred_at", "name", "user_id or anonymous_id"))


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("time_zone: Mars/Olympus\n", "not a time zone"),
        ("csv: {separator: abc}\n", "one letter"),
        ("properties: {x: {column: a, columns: [b]}}\n", "one of column, columns and value"),
        ("properties: {x: {column: a, extract: '('}}\n", "not a pattern"),
        ("properties: {x: {column: a, extract: 'a'}}\n", "one ( )"),
        ("properties: {x: {column: a, factor: 2}}\n", "needs type: number"),
        ("properties: {x: {column: a, split: ','}}\n", "needs type: items"),
        ("skip: [{where: {column: a, is: b}}]\n", "needs the key reason"),
        ("where: [a]\n", "a condition is like"),
        ("consent: {email: maybe}\n", 'cannot be "maybe"'),
        ("consent: {fax: granted}\n", "no key fax"),
        ("events: 3\n", "a list of events"),
        ("duplicates: ignore\n", 'cannot be "ignore"'),
        ("format: xml\n", 'cannot be "xml"'),
    ],
)
def test_what_is_wrong_is_said(extra: str, message: str) -> None:
    """Each kind of mistake has words of its own."""
    assert any(message in found for _, found in problems(SMALL + extra))


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words", "mapping: [", "mapping: &a x\nname: *a\n"])
def test_what_is_no_mapping_is_refused(text: str) -> None:
    """YAML that holds no keys, or is no YAML, is a problem and not a crash."""
    assert problems(text)


def test_events_inherit_what_stands_above_them() -> None:
    """What the mapping says beside its events holds for each that does not say otherwise."""
    mapping = parse_mapping(
        SMALL + "properties: {a: a, b: b}\nevents:\n- {kind: identify, traits: {email: mail}}\n"
        "- {name: {value: Other}, properties: {b: c}, where: {column: d, has: true}}\n",
        "map.yaml",
    )

    first, second = mapping.events
    assert first.name is not None
    assert second.name is not None
    assert (first.name.always, second.name.always) == ("", "Other")
    assert [rule.path for rule in first.fields] == ["properties.a", "properties.b", "traits.email"]
    assert [rule.cell.columns for rule in second.fields] == [("a",), ("c",)]
    assert second.occurred_at == first.occurred_at


def test_a_mapping_that_is_not_there_is_not_found() -> None:
    """The hint names the presets."""
    with pytest.raises(NotFound) as caught:
        load_mapping("nowhere.yaml")

    assert "online_retail" in (caught.value.hint or "")


def test_a_mapping_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """Binary files and folders are told from mappings."""
    path = tmp_path / "map.yaml"
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(InputError, match="UTF-8"):
        load_mapping(path)
    with pytest.raises(InputError, match="folder"):
        load_mapping(tmp_path)


def test_another_text_is_another_fingerprint() -> None:
    """A changed mapping reads its files again."""
    assert parse_mapping(SMALL, "m").fingerprint != parse_mapping(SMALL + "# more\n", "m").fingerprint
