"""What the live engine told, on the disk."""

from __future__ import annotations

from pathlib import Path

from shoal.model.change import Direction, MembershipChanged
from shoal.runtime.live_state import LiveState, Tick


def test_what_comes_back_is_told_again(tmp_path: Path) -> None:
    """Taken back by a late event, brought back by another with the same moment: who reads on sees it."""
    state = LiveState(tmp_path / "live.sqlite")
    entered = MembershipChanged(2000, "user_id:ann", "buyers", Direction.ENTERED)
    left = MembershipChanged(1000, "user_id:ann", "buyers", Direction.LEFT)
    for number, change in enumerate((entered, left, entered)):
        state.commit(Tick(number, number, 5000, "meaning"), [change])
    try:
        assert list(state.changes(after_tick=1)) == [entered]
        assert list(state.changes()) == [left, entered]
        assert state.members() == [("user_id:ann", "buyers")]
    finally:
        state.close()
