"""The small shop as a fixture."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.functional.shop import Shop, shop_events


@pytest.fixture
def shop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shop:
    """A workspace with definitions and events."""
    made = Shop(tmp_path / "shop", capsys)
    made.append(shop_events())
    return made


@pytest.fixture
def empty_shop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shop:
    """A workspace with definitions and no events."""
    return Shop(tmp_path / "shop", capsys)
