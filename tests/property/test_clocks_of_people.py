"""Quiet hours and calendar days against a judge that looks at a clock on the wall, around changes of the clock."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from shoal.definitions.acting import QuietHours
from shoal.model.firing import Channel
from shoal.model.time import MINUTE, parse_moment, to_datetime
from shoal.triggers.caps import calendar_day
from shoal.triggers.quiet_hours import LONGEST, quiet_until

ZONES = ("Europe/Paris", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Havana", "UTC")
"""Whole hours of change, a half one (Lord Howe), a change at midnight (Havana), a quarter-hour offset, none."""

TURNS = ("2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z", "2026-03-08T06:00:00Z", "2026-11-01T05:00:00Z")
"""Moments near which clocks are changed: Paris, New York and Havana in spring and autumn."""


windows = st.builds(
    lambda begins, ends: QuietHours(begins=begins, ends=ends, channels=frozenset({Channel.EMAIL})),
    st.integers(0, 1439),
    st.integers(0, 1439),
)
moments = st.builds(
    lambda turn, minutes: parse_moment(turn) + minutes * MINUTE,
    st.sampled_from(TURNS),
    st.integers(-36 * 60, 36 * 60),
)


@given(moments, st.lists(windows, max_size=2), st.sampled_from(ZONES))
def test_quiet_hours_are_what_a_clock_on_the_wall_says(moment: int, quiet: list[QuietHours], zone: str) -> None:
    """The judge looks at the clock each minute until it shows a time that is not quiet."""

    def is_quiet(at: int) -> bool:
        clock = to_datetime(at, ZoneInfo(zone))
        shown = 60 * clock.hour + clock.minute
        return any(
            each.begins <= shown < each.ends if each.begins <= each.ends else not each.ends <= shown < each.begins
            for each in quiet
        )

    expected = moment
    while is_quiet(expected) and expected < moment + LONGEST:
        expected += MINUTE
    found = quiet_until(moment, quiet, Channel.EMAIL, zone)
    assert found == (None if expected == moment else expected)


@given(moments, st.sampled_from((*ZONES, "Pacific/Apia", "America/Sao_Paulo")))
def test_days_are_those_of_a_calendar_on_the_wall(moment: int, zone: str) -> None:
    """The judge looks at the calendar of each minute around."""

    def shown(at: int) -> date:
        return to_datetime(at, ZoneInfo(zone)).date()

    day = calendar_day(moment, zone)
    assert day.date == shown(moment)
    assert day.begins <= moment < day.ends
    assert shown(day.begins) == shown(day.ends - 1) == day.date
    assert shown(day.begins - 1) < day.date < shown(day.ends)
