"""Clocks: local time, calendar windows, and days on which the clocks are changed."""

from __future__ import annotations

from shoal.definitions.settings import Settings

PARIS = Settings(time_zone="Europe/Paris")
PARIS_PROFILES = Settings(time_zone="Europe/Paris", calendar="profile")


def test_local_time_is_now_on_the_profiles_clock(spec):
    """`local_hour()` and `local_weekday()` are now, in the zone the profile stated last, or the workspace's."""
    spec(
        None,
        """
        who | at    | name        | context.timezone
        ann | 10:00 | Page Viewed | America/New_York
        ann | 11:00 | Page Viewed | Asia/Tokyo
        ann | 11:30 | Page Viewed |
        bob | 10:00 | Page Viewed |
        cat | 10:00 | Page Viewed | Mars/Olympus
        """,
        """
        now              | expression       | ann | bob | cat
        2026-03-02T10:30 | local_hour()     | 5   | 11  | 11
        2026-03-02T14:59 | local_hour()     | 23  | 15  | 15
        2026-03-02T15:00 | local_hour()     | 0   | 16  | 16
        2026-03-02T15:00 | local_weekday()  | 2   | 1   | 1
        """,
        settings=PARIS,
    )


def test_weekdays_are_numbered_from_monday(spec):
    """Monday is 1 and Sunday is 7."""
    spec(
        "local_weekday()",
        """
        who | at         | name
        ann | 2026-03-01 | Page Viewed
        """,
        """
        now        | ann
        2026-03-01 | 7
        2026-03-02 | 1
        2026-03-07 | 6
        """,
    )


def test_inside_where_the_clock_is_that_of_the_event(spec):
    """Inside `where` the same words speak of each event's own moment, in the zone that this event states."""
    spec(
        None,
        """
        who | at               | name        | context.timezone
        ann | 2026-03-02T06:30 | Page Viewed | America/New_York
        ann | 2026-03-02T06:30 | Page Viewed |
        ann | 2026-03-01T23:30 | Page Viewed |
        """,
        """
        expression                                  | ann
        count(where=local_hour() < 6)               | 2
        count(where=local_hour() in (6, 7))         | 1
        count(where=local_weekday() == 1)           | 3
        count(where=local_weekday() >= 6)           | 0
        """,
        now="2026-03-03",
        settings=PARIS,
    )


def test_hours_when_clocks_are_put_forward_and_back(spec):
    """The hour that is skipped does not come; the hour that is repeated comes twice."""
    spec(
        "local_hour()",
        """
        who | at         | name
        ann | 2026-01-01 | Page Viewed
        """,
        """
        now                     | ann
        2026-03-29T00:59:59.999 | 1
        2026-03-29T01:00        | 3
        2026-10-25T00:30        | 2
        2026-10-25T01:30        | 2
        2026-10-25T02:00        | 3
        """,
        settings=PARIS,
    )


def test_today_begins_at_local_midnight(spec):
    """`within="today"` begins at midnight of the workspace's time zone."""
    spec(
        'count("Page Viewed", within="today")',
        """
        who | at                      | name
        ann | 2026-03-01T22:59:59.999 | Page Viewed
        ann | 2026-03-01T23:00        | Page Viewed
        """,
        """
        now                     | ann
        2026-03-01T22:59:59.999 | 1
        2026-03-01T23:00        | 1
        2026-03-02T22:59:59.999 | 1
        2026-03-02T23:00        | 0
        """,
        settings=PARIS,
    )


def test_calendar_windows(spec):
    """A week begins on Monday; a month and a year on their first day. They begin anew, they do not slide."""
    spec(
        None,
        """
        who | at         | name
        ann | 2025-12-31 | Page Viewed
        ann | 2026-01-01 | Page Viewed
        ann | 2026-02-28 | Page Viewed
        ann | 2026-03-01 | Page Viewed
        ann | 2026-03-02 | Page Viewed
        ann | 2026-03-04 | Page Viewed
        """,
        """
        now              | expression                    | ann
        2026-03-04T12:00 | count(within="today")         | 1
        2026-03-04T12:00 | count(within="this week")     | 2
        2026-03-04T12:00 | count(within="this month")    | 3
        2026-03-04T12:00 | count(within="this year")     | 5
        2026-03-08T23:59:59.999 | count(within="this week") | 2
        2026-03-09T00:00 | count(within="this week")     | 0
        2026-04-01T00:00 | count(within="this month")    | 0
        """,
    )


def test_calendars_may_follow_each_profile(spec):
    """With `calendar: profile` calendar windows follow the zone that each profile stated last."""
    spec(
        'count("Page Viewed", within="today")',
        """
        who | at               | name        | context.timezone
        ann | 2026-03-02T04:30 | Page Viewed | America/New_York
        bob | 2026-03-02T04:30 | Page Viewed |
        """,
        """
        now              | ann | bob
        2026-03-02T04:45 | 1   | 1
        2026-03-02T05:00 | 0   | 1
        2026-03-02T23:00 | 0   | 0
        """,
        settings=PARIS_PROFILES,
    )


def test_a_day_may_have_23_or_25_hours(spec):
    """Calendar windows follow the clock on the wall; `within="1 day"` is always 24 hours."""
    spec(
        None,
        """
        who | at               | name
        ann | 2026-03-28T23:30 | Page Viewed
        ann | 2026-10-24T22:30 | Page Viewed
        """,
        """
        now              | expression              | ann
        2026-03-29T21:30 | count(within="today")   | 1
        2026-03-29T22:00 | count(within="today")   | 0
        2026-03-29T22:00 | count(within="1 day")   | 1
        2026-10-25T22:45 | count(within="today")   | 1
        2026-10-25T22:45 | count(within="1 day")   | 0
        2026-10-25T23:00 | count(within="today")   | 0
        """,
        settings=PARIS,
    )


def test_a_midnight_that_is_skipped(spec):
    """Where clocks are put forward at midnight, the day begins when they are: at 1 o'clock."""
    spec(
        'count(within="today")',
        """
        who | at                      | name
        ann | 2026-04-23T21:59:59.999 | Page Viewed
        ann | 2026-04-23T22:00        | Page Viewed
        """,
        """
        now                     | ann
        2026-04-23T21:59:59.999 | 1
        2026-04-23T22:00        | 1
        2026-04-24T20:59:59.999 | 1
        2026-04-24T21:00        | 0
        """,
        settings=Settings(time_zone="Africa/Cairo"),
    )


def test_a_midnight_that_comes_twice(spec):
    """Where clocks are put back to midnight, the day began at the first of the two."""
    spec(
        'count(within="today")',
        """
        who | at               | name
        ann | 2026-11-01T03:59 | Page Viewed
        ann | 2026-11-01T04:00 | Page Viewed
        ann | 2026-11-01T05:00 | Page Viewed
        """,
        """
        now              | ann
        2026-11-01T03:59 | 1
        2026-11-01T04:30 | 1
        2026-11-01T05:30 | 2
        """,
        settings=Settings(time_zone="America/Havana"),
    )


def test_dates_are_read_in_the_workspaces_zone(spec):
    """A date or moment without an offset is read in the workspace's time zone; with an offset it is exact."""
    spec(
        None,
        """
        who | at               | name
        ann | 2026-02-28T23:00 | Page Viewed
        """,
        """
        expression                                             | ann
        count(since="2026-03-01")                              | 1
        count(since="2026-03-01T00:00:00.001")                 | 0
        count(since="2026-03-01T00:00Z")                       | 0
        count(since=moment("2026-03-01T00:00+01:00"))          | 1
        time_of_last("Page Viewed") == "2026-03-01"            | true
        """,
        now="2026-03-05",
        settings=PARIS,
    )
