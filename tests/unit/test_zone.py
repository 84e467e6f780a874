"""Time zones as tables say what `zoneinfo` says, at every moment."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.model.time import HOUR, to_datetime, to_milliseconds
from shoal.model.zone import zone_table

ODD = ("Europe/Paris", "Pacific/Apia", "Australia/Lord_Howe", "Africa/Casablanca", "America/Sao_Paulo", "UTC")
"""Among them one that left out a day, one that turns by half an hour, and one that turns four times a year."""

_RANGE = (to_milliseconds(datetime(1970, 1, 2, tzinfo=UTC)), to_milliseconds(datetime(2099, 12, 30, tzinfo=UTC)))


def _offset(name: str, at: int) -> int:
    offset = to_datetime(at, ZoneInfo(name)).utcoffset()
    assert offset is not None
    return int(offset.total_seconds() * 1000)


@settings(deadline=None)  # the first question of a zone reads its table
@given(st.sampled_from(ODD), st.integers(*_RANGE))
def test_the_offset_of_any_moment(name: str, at: int) -> None:
    """As the standard library computes it one by one."""
    assert zone_table(name).offset(np.array([at]))[0] == _offset(name, at)


@pytest.mark.parametrize("name", ODD)
def test_every_change_is_at_its_second(name: str) -> None:
    """Just before a change of the clock the old offset holds, from then on the new one; in between nothing."""
    table = zone_table(name)
    at = _RANGE[0]
    while (change := int(table.next_change(np.array([at]))[0])) < _RANGE[1]:
        assert _offset(name, change - 1) == _offset(name, at)
        assert _offset(name, change) == int(table.offset(np.array([change]))[0])
        assert _offset(name, change) != _offset(name, change - 1)
        for moment in range(at, change, max(HOUR, (change - at) // 50)):
            assert _offset(name, moment) == _offset(name, at)
        at = change
