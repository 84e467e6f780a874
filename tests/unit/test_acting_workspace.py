"""What triggers and slots mean to a workspace that is evaluated: nothing is shown of it, nothing is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from shoal.definitions.implied import is_implied, trigger_segment
from shoal.definitions.workspace import Workspace, load_workspace
from shoal.evaluate.frozen import meanings_of
from shoal.evaluate.plan import compile_plan
from shoal.journal import Archive
from shoal.model.event import Event, EventKind
from shoal.model.frame import frame_of_events
from shoal.runtime.batch import Results, evaluate_workspace
from shoal.runtime.freezing import kept_values
from shoal.runtime.live import LiveEngine
from shoal.runtime.meaning import meaning_of_all
from shoal.runtime.places import ARCHIVE_FOLDER

NOW = 1_772_402_808_603

SEGMENT = 'segment: buyers\nwhen: happened("Order Completed")\n'
TRIGGER = """\
trigger: best
on: {when: 'rank(sum("revenue", of="Order Completed")) > 0.5 and happened("Order Completed")'}
do:
  - page: {offer: chat, title: '{{ best_value }}'}
    values: {best_value: 'maximum("revenue", of="Order Completed")'}
"""


def workspace(folder: Path, trigger: str = TRIGGER) -> Workspace:
    """A workspace with a segment and a trigger."""
    for name, text in {"shoal.yaml": "", "segments/buyers.yaml": SEGMENT, "triggers/best.yaml": trigger}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return load_workspace(folder)


def order(number: int) -> Event:
    """An order of somebody, the larger the later."""
    return Event(
        position=number,
        message_id=str(number),
        kind=EventKind.TRACK,
        name="Order Completed",
        occurred_at=NOW - 1000 + number,
        received_at=NOW,
        user_id=f"u{number}",
        fields={"properties.revenue": float(number)},
    )


ORDERS = frame_of_events([order(number) for number in range(1, 11)])


@pytest.fixture
def evaluated(tmp_path: Path) -> tuple[Workspace, Results]:
    """Ten people with orders, evaluated."""
    read = workspace(tmp_path)
    Archive(tmp_path / ARCHIVE_FOLDER).append(ORDERS, source="test")
    return read, evaluate_workspace(read, NOW)


def test_implied_definitions_are_in_no_result(evaluated: tuple[Workspace, Results]) -> None:
    """Tables, sizes and fingerprints are those of the named definitions."""
    _, results = evaluated
    assert results.memberships["segment"].unique().to_list() == ["buyers"]
    assert results.features.columns == ["profile"]
    assert results.frozen.meanings == {}
    assert not any(map(is_implied, results.sizes()))
    assert not any(is_implied(key) for key in results.as_json()["segments"])


def test_what_only_a_trigger_ranks_is_frozen_too(evaluated: tuple[Workspace, Results]) -> None:
    """Or it would never fire: who is among the better half is known live."""
    read, _ = evaluated
    acting = read.resolve_acting()
    plan = compile_plan(acting)
    frozen = kept_values(read.folder, plan)
    assert frozen.meanings.keys() == meanings_of(plan.roots).keys() != set()
    engine = LiveEngine(acting, frozen=frozen, now=NOW - 2000)
    engine.process(ORDERS, NOW)
    best = {who for who, segments in engine.memberships().items() if trigger_segment("best") in segments}
    assert best == {f"user_id:u{number}" for number in range(6, 11)}


@pytest.mark.parametrize(
    ("old", "new", "is_other"),
    [
        ("> 0.5", "> 0.6", True),
        ("maximum(", "minimum(", True),
        ("trigger: best", "trigger: better", True),
        ("do:", "purpose: ads\ndo:", True),
        ("do:", "if: everyone()\ndo:", True),
        ("offer: chat", "offer: demo", False),
        ("do:", "cooldown: 1 day\ndo:", False),
    ],
)
def test_another_trigger_is_another_meaning(old: str, new: str, is_other: bool, tmp_path: Path) -> None:
    """As far as the live engine keeps it true; what is said and the bounds are looked up when it fires."""
    before = meaning_of_all(workspace(tmp_path / "a").resolve_acting())
    after = meaning_of_all(workspace(tmp_path / "b", TRIGGER.replace(old, new, 1)).resolve_acting())
    assert (before != after) is is_other
