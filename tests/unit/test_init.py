"""A new workspace from a template."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from shoal.definitions.check import check
from shoal.definitions.implied import is_implied
from shoal.definitions.settings import Settings
from shoal.definitions.workspace import load_workspace
from shoal.errors import InputError, NotFound, StoreError
from shoal.model.firing import Channel
from shoal.templates import TEMPLATES, init_workspace
from shoal.templates import init as init_module

CLASSIC = {
    "high_intent_price_sensitive",
    "cart_abandoners",
    "repeat_visitors",
    "deep_engagers",
    "prime_converters",
    "checkout_abandoners",
    "left_before_shipping",
    "left_at_shipping",
    "left_at_payment",
    "left_at_review",
    "mobile_price_bouncers",
    "slow_checkout_abandoners",
    "new_explorers",
    "dormant",
    "high_value",
    "high_risk",
    "valuable_carts",
    "morning_inspiration",
    "evening_conversion",
    "video_affine",
    "article_affine",
}
"""The segments that every template has."""


@pytest.fixture(params=TEMPLATES)
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A new workspace of each template."""
    folder = tmp_path / request.param
    init_workspace(folder, request.param)
    return folder


def files_of(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_new_workspace_has_no_problem(workspace: Path) -> None:
    """Neither errors nor warnings."""
    assert check(load_workspace(workspace)) == []


def test_a_new_workspace_holds_the_classic_segments(workspace: Path) -> None:
    """All of them have a meaning, a title and a description."""
    segments = load_workspace(workspace).resolve().segments
    assert {segment.name for segment in segments} >= CLASSIC
    assert [segment.name for segment in segments if not (segment.title and segment.description)] == []


def test_every_feature_and_score_has_a_title(workspace: Path) -> None:
    """Reports show titles, not names."""
    resolved = load_workspace(workspace).resolve()
    assert [each.name for each in (*resolved.features, *resolved.scores) if not each.title] == []


def test_a_new_workspace_acts_without_a_destination(workspace: Path) -> None:
    """Its triggers show offers on pages, so that nothing has to be set up; all it acts on has a meaning."""
    read = load_workspace(workspace)
    assert len(read.triggers) == 4
    assert {action.channel for trigger in read.triggers for action in trigger.actions} == {Channel.PAGE}
    assert {slot.name for slot in read.slots} == {"home_hero", "helpful"}
    kept = {each.name for each in read.resolve_acting().segments}
    assert {name for name in kept if not is_implied(name)} == {each.name for each in read.resolve().segments}


def test_the_readme_names_every_trigger_and_slot(workspace: Path) -> None:
    """By its title."""
    readme, read = (workspace / "README.md").read_text("utf-8"), load_workspace(workspace)
    assert [each.title for each in (*read.triggers, *read.slots) if f"| {each.title} |" not in readme] == []


def test_the_readme_names_every_segment(workspace: Path) -> None:
    """By its title, or by what its title begins with, for those of the checkout."""
    readme = (workspace / "README.md").read_text("utf-8")
    titles = [each.title for each in load_workspace(workspace).resolve().segments]
    assert [title for title in titles if title not in readme and not title.startswith("Left ")] == []


def test_what_shoal_keeps_is_not_under_version_control(workspace: Path) -> None:
    """Events and results lie beside the definitions, and are ignored."""
    assert ".shoal/" in (workspace / ".gitignore").read_text("utf-8").splitlines()


def test_every_template_states_every_setting(workspace: Path) -> None:
    """All that give definitions their meaning, so that nobody has to look up what can be set."""
    text = (workspace / "shoal.yaml").read_text("utf-8")
    assert [each.name for each in fields(Settings) if f"{each.name}:" not in text] == []
    assert load_workspace(workspace).settings == Settings()


def test_refuses_an_unknown_template(tmp_path: Path) -> None:
    """With the nearest name, and without a folder."""
    with pytest.raises(NotFound) as caught:
        init_workspace(tmp_path / "new", "ecomerce")
    assert caught.value.hint == "did you mean ecommerce?"
    assert not (tmp_path / "new").exists()


def test_refuses_a_folder_that_is_not_empty(tmp_path: Path) -> None:
    """Nothing of what is there is touched, and the message says what it is."""
    (tmp_path / "letters.txt").write_text("dear ann")
    with pytest.raises(InputError, match=r"is not empty: it holds letters\.txt"):
        init_workspace(tmp_path, "saas")
    assert files_of(tmp_path) == ["letters.txt"]


def test_refuses_a_workspace(tmp_path: Path) -> None:
    """A second init would overwrite what somebody wrote."""
    init_workspace(tmp_path / "shop", "ecommerce")
    with pytest.raises(InputError, match="is a workspace already"):
        init_workspace(tmp_path / "shop", "ecommerce")


def test_refuses_a_file(tmp_path: Path) -> None:
    """A workspace is a folder."""
    (tmp_path / "shop").write_text("")
    with pytest.raises(InputError, match="is a file, or would be inside one"):
        init_workspace(tmp_path / "shop", "ecommerce")


@pytest.mark.parametrize("name", ["x\0y", "x" * 5000, "proc/shop"])
def test_refuses_a_folder_that_cannot_be(name: str, tmp_path: Path) -> None:
    """A name that no folder can have, or a place where none can be made."""
    (tmp_path / "proc").write_text("")
    with pytest.raises((InputError, StoreError)):
        init_workspace(tmp_path / name, "ecommerce")
    assert files_of(tmp_path) == ["proc"]


def test_takes_an_empty_folder_under_version_control(tmp_path: Path) -> None:
    """`git init` may come first."""
    (tmp_path / ".git").mkdir()
    init_workspace(tmp_path, "dtc")
    assert (tmp_path / "shoal.yaml").is_file()


def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk is full half-way, what was written is taken back."""
    write, count = init_module._Made.file, 0

    def write_until_full(made, path, text):
        nonlocal count
        count += 1
        if count > 5:
            raise OSError(28, "No space left on device")
        write(made, path, text)

    monkeypatch.setattr(init_module._Made, "file", write_until_full)
    with pytest.raises(StoreError, match="No space left on device"):
        init_workspace(tmp_path / "far" / "shop", "ecommerce")
    assert list(tmp_path.iterdir()) == []


def test_settings_are_written_last() -> None:
    """A folder without them is no workspace, so one that is half written is none."""
    assert list(init_module.read_template("travel"))[-1] == "shoal.yaml"
