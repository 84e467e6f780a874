"""The tutorial works as it is written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.functional.shop import Shop

TUTORIAL = Path(__file__).parents[2] / "docs/tutorial/first-segments.md"


def test_the_tutorial_can_be_followed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command in it ends well, with the file that it tells to write in between."""
    shop = Shop.__new__(Shop)
    shop.folder, shop._capsys = tmp_path, capsys
    monkeypatch.chdir(tmp_path)
    person = "nobody"
    for language, block in re.findall(r"```(console|yaml)\n(.*?)```", TUTORIAL.read_text(), re.S):
        if language == "yaml":
            Path("segments/window_shoppers.yaml").write_text(block)
            continue
        for line in block.splitlines():
            words = line.removeprefix("$ ").replace("PERSON", person).split()
            if words[0] == "cd":
                monkeypatch.chdir(words[1])
                continue
            assert words.pop(0) == "shoal"
            ran = shop.plain(*words)
            assert ran.code == 0, (line, ran.err)
            if words[0] == "export":
                person = Path("shoppers.csv").read_text().splitlines()[1].split(",")[0].strip('"')
    assert person != "nobody"
