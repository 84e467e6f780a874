"""The how-to for Python works as it is written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.functional.shop import Shop

PAGE = Path(__file__).parents[2] / "docs/how-to/use-from-python.md"


def test_the_page_runs_from_top_to_bottom(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each block goes on where the one before it ended, and finds what the shop's people did."""
    monkeypatch.chdir(shop.folder.parent)
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL):
        exec(compile(block, PAGE.name, "exec"), names)
    assert names["results"].sizes()["left_cart"] == 1
    assert names["explanation"].is_member
    assert ("user_id:ann", "left_cart") in {row[1:3] for row in names["changes"].rows()}
