"""Quiet hours and calendar days on the clock of a person's zone, across both changes of the clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from shoal.definitions.acting import QuietHours
from shoal.model.firing import Channel
from shoal.model.time import DAY, HOUR, parse_moment, to_datetime
from shoal.triggers.caps import calendar_day
from shoal.triggers.quiet_hours import LONGEST, quiet_until

PARIS = "Europe/Paris"


def hours(begins: str, ends: str, *channels: Channel) -> QuietHours:
    minutes = [60 * int(text[:2]) + int(text[3:]) for text in (begins, ends)]
    return QuietHours(begins=minutes[0], ends=minutes[1], channels=frozenset(channels or (Channel.EMAIL,)))


def until(moment: str, *windows: QuietHours, zone: str = PARIS, channel: Channel = Channel.EMAIL) -> str | None:
    """The end of the quiet hours at a moment on the zone's own clock, as that clock shows it with its offset."""
    end = quiet_until(parse_moment(moment, ZoneInfo(zone)), windows, channel, zone)
    return None if end is None else to_datetime(end, ZoneInfo(zone)).isoformat(timespec="minutes")


NIGHT = hours("21:00", "08:00")


@pytest.mark.parametrize(
    ("moment", "end"),
    [
        ("2026-06-10T20:59", None),
        ("2026-06-10T21:00", "2026-06-11T08:00+02:00"),
        ("2026-06-11T03:00", "2026-06-11T08:00+02:00"),
        ("2026-06-11T07:59:59.999", "2026-06-11T08:00+02:00"),
        ("2026-06-11T08:00", None),
    ],
)
def test_nights_end_in_the_morning(moment: str, end: str | None) -> None:
    """A window over midnight: its beginning belongs to it, its end does not."""
    assert until(moment, NIGHT) == end


def test_a_night_in_which_clocks_are_changed_ends_when_they_show_its_end() -> None:
    """It is an hour shorter in spring and an hour longer in autumn."""
    assert until("2026-03-28T21:30", NIGHT) == "2026-03-29T08:00+02:00"
    assert until("2026-10-24T21:30", NIGHT) == "2026-10-25T08:00+01:00"
    spring, autumn = (
        quiet_until(parse_moment(at, ZoneInfo(PARIS)), [NIGHT], Channel.EMAIL, PARIS)
        for at in ("2026-03-28T22:00", "2026-10-24T22:00")
    )
    assert spring == parse_moment("2026-03-28T22:00+01:00") + 9 * HOUR
    assert autumn == parse_moment("2026-10-24T22:00+02:00") + 11 * HOUR


def test_an_end_that_clocks_skip_is_the_change() -> None:
    """Half past two does not exist in Paris on this day: from two, it is three."""
    assert until("2026-03-29T01:00", hours("21:00", "02:30")) == "2026-03-29T03:00+02:00"


def test_an_end_that_clocks_show_twice_counts_twice() -> None:
    """Quiet until half past two: it ends at the first, and is quiet again from the second two o'clock on."""
    window = hours("21:00", "02:30")
    assert until("2026-10-25T01:00", window) == "2026-10-25T02:30+02:00"
    second_two = quiet_until(parse_moment("2026-10-25T02:10+01:00"), [window], Channel.EMAIL, PARIS)
    assert second_two == parse_moment("2026-10-25T02:30+01:00")


def test_windows_that_touch_are_one() -> None:
    """Whoever is quiet in the night and then at breakfast is left in peace until after it."""
    assert until("2026-06-10T23:00", NIGHT, hours("08:00", "09:30")) == "2026-06-11T09:30+02:00"


def test_only_channels_that_are_named_are_quiet() -> None:
    """A page that somebody looks at disturbs nobody."""
    assert until("2026-06-10T23:00", NIGHT, channel=Channel.PAGE) is None


def test_windows_around_the_clock_do_not_wait_for_ever() -> None:
    """Whatever is written: after two days one looks again."""
    at = parse_moment("2026-06-10T23:00Z")
    assert quiet_until(at, [NIGHT, hours("08:00", "21:00")], Channel.EMAIL, PARIS) == at + LONGEST


@pytest.mark.parametrize(
    ("moment", "zone", "hours_long"),
    [
        ("2026-03-29T12:00", PARIS, 23),
        ("2026-10-25T12:00", PARIS, 25),
        ("2026-10-25T02:30+01:00", PARIS, 25),
        ("2026-10-26T12:00", PARIS, 24),
        ("2018-11-04T12:00", "America/Sao_Paulo", 23),
        ("2018-02-17T12:00", "America/Sao_Paulo", 25),
        ("2026-11-01T00:30-05:00", "America/Havana", 25),
        ("2011-12-29T12:00", "Pacific/Apia", 24),
        ("2011-12-31T12:00", "Pacific/Apia", 24),
    ],
)
def test_days_are_as_long_as_their_clocks_go_around(moment: str, zone: str, hours_long: int) -> None:
    """Also where midnight is skipped or comes twice, and where a whole day of the calendar was left out."""
    day = calendar_day(parse_moment(moment, ZoneInfo(zone)), zone)
    assert day.ends - day.begins == hours_long * HOUR
    assert day.date == datetime.fromisoformat(moment).date()


def test_days_follow_each_other() -> None:
    """Where one ends the next begins, through a whole year."""
    at = parse_moment("2026-01-01T00:00", ZoneInfo(PARIS))
    day = calendar_day(at, PARIS)
    for number in range(365):
        assert day.date == date(2026, 1, 1) + timedelta(days=number)
        following = calendar_day(day.ends, PARIS)
        assert following.begins == day.ends
        day = following
    assert day.begins == datetime(2026, 12, 31, 23, tzinfo=UTC).timestamp() * 1000
    assert day.ends - at == 366 * DAY
