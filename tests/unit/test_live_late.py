"""Events that come late to the live engine: what they take back at once is not told."""

from __future__ import annotations

from pathlib import Path

from shoal.definitions.workspace import load_workspace
from shoal.model.event import Event, EventKind
from shoal.model.frame import frame_of_events
from shoal.model.time import HOUR, MINUTE, SECOND, parse_moment
from shoal.runtime.live import LiveEngine

CARTS = """
segment: left_a_cart
when: |
  happened("Cart") and time_since("Cart") >= "30 minutes" and not happened("Order", after=time_of_last("Cart"))
"""
ADDED = parse_moment("2026-03-10T10:00Z")


def event(position: int, name: str, at: int) -> Event:
    return Event(
        position=position,
        message_id=f"m{position}",
        kind=EventKind.TRACK,
        name=name,
        occurred_at=at,
        received_at=at,
        user_id="ann",
    )


def engine_of(folder: Path) -> LiveEngine:
    (folder / "segments").mkdir()
    (folder / "shoal.yaml").write_text("name: shop\n")
    (folder / "segments" / "carts.yaml").write_text(CARTS)
    engine = LiveEngine(load_workspace(folder).resolve(), now=ADDED + HOUR)
    engine.process(frame_of_events([event(1, "Click", ADDED + SECOND)]), ADDED + HOUR)
    return engine


def test_what_is_taken_back_at_once_is_not_told(tmp_path: Path) -> None:
    """A late cart makes a membership of the past; the order that comes with it shows that there was none."""
    engine = engine_of(tmp_path)
    late = [event(2, "Cart", ADDED), event(3, "Order", ADDED + MINUTE)]
    assert engine.process(frame_of_events(late), ADDED + HOUR) == []
    assert engine.memberships() == {}


def test_what_is_taken_back_later_is_told(tmp_path: Path) -> None:
    """What was told stays told: that it is not so is told with the moment since when, which may lie before."""
    engine = engine_of(tmp_path)
    [entered] = engine.process(frame_of_events([event(2, "Cart", ADDED)]), ADDED + HOUR)
    [left] = engine.process(frame_of_events([event(3, "Order", ADDED + MINUTE)]), ADDED + HOUR)
    assert (entered.direction, entered.effective_at) == ("entered", ADDED + 30 * MINUTE)
    assert (left.direction, left.effective_at) == ("left", ADDED + MINUTE)
