"""Sessions: activity without a pause longer than 30 minutes."""

from __future__ import annotations

from shoal.definitions.settings import Settings
from shoal.model.time import MINUTE


def test_a_gap_of_exactly_30_minutes_continues_a_session(spec):
    """A pause of exactly 30 minutes continues a session; one millisecond more begins another."""
    spec(
        "sessions()",
        """
        who | at           | name
        ann | 10:00        | Page Viewed
        ann | 10:30        | Page Viewed
        bob | 10:00        | Page Viewed
        bob | 10:30:00.001 | Page Viewed
        """,
        """
        ann | bob
        1   | 2
        """,
        now="11:00",
    )


def test_the_gap_is_a_setting(spec):
    """The workspace may set another gap."""
    spec(
        "sessions()",
        """
        who | at    | name
        ann | 10:00 | Page Viewed
        ann | 10:11 | Page Viewed
        ann | 10:21 | Page Viewed
        """,
        """
        ann
        2
        """,
        now="11:00",
        settings=Settings(session_gap=10 * MINUTE),
    )


def test_the_current_session_is_the_last_one_while_it_may_go_on(spec):
    """The current session is the last one while its last event is at most 30 minutes old; then there is none."""
    spec(
        None,
        """
        who | at    | name
        ann | 10:00 | Page Viewed
        ann | 10:10 | Page Viewed
        """,
        """
        now          | expression                     | ann
        10:05        | session("events")              | 1
        10:40        | session("events")              | 2
        10:40        | session("events", of="last")   | 2
        10:40:00.001 | session("events")              | missing
        10:40:00.001 | session("events", of="last")   | 2
        """,
    )


def test_the_fields_of_a_session(spec):
    """A session has events, pages, duration, engaged_time, max_scroll and bounced."""
    spec(
        None,
        """
        who | at       | name           | kind | engaged_ms | scroll_percent
        ann | 10:00:00 |                | page | 4000       | 40
        ann | 10:01:00 | Product Viewed |      | 8000       |
        ann | 10:02:30 |                | page |            | 90
        """,
        """
        expression                          | ann
        session("events")                   | 3
        session("pages")                    | 2
        session("duration")                 | 2 minutes 30 seconds
        session("engaged_time")             | 12 seconds
        session("max_scroll")               | 90
        session("bounced")                  | false
        session("duration") > "2 minutes"   | true
        """,
        now="10:10",
    )


def test_a_bounce_is_one_page_without_attention(spec):
    """A session bounced when it has fewer than 2 pages and under 10 seconds of attention."""
    spec(
        None,
        """
        who | at       | name   | kind  | engaged_ms
        ann | 10:00:00 |        | page  | 9999
        bob | 10:00:00 |        | page  | 10000
        cat | 10:00:00 |        | page  |
        cat | 10:00:01 |        | page  |
        dan | 10:00:00 |        | page  |
        dan | 10:00:10 | Scroll |       |
        eve | 10:00:00 |        | page  |
        eve | 10:00:09 | Scroll |       |
        fay | 10:00:00 |        | page  | 2000
        fay | 10:01:00 | Scroll |       |
        """,
        """
        expression            | ann  | bob   | cat   | dan   | eve  | fay
        session("bounced")    | true | false | false | false | true | true
        bounce_rate()         | 1    | 0     | 0     | 0     | 1    | 1
        """,
        now="10:10",
    )


def test_sessions_belong_to_the_window_in_which_they_began(spec):
    """A session counts in the window in which it began, with all of its events, even those outside."""
    spec(
        None,
        """
        who | at               | name | kind
        ann | 2026-03-01T10:00 |      | page
        ann | 2026-03-01T10:20 |      | page
        ann | 2026-03-01T10:40 |      | page
        """,
        """
        now              | expression                                               | ann
        2026-03-02T09:59 | sessions(within="1 day")                                 | 1
        2026-03-02T10:00 | sessions(within="1 day")                                 | 0
        2026-03-02T09:59 | session_average("pages", within="1 day")                 | 3
        2026-03-02T09:59 | session_sum("pages", since="2026-03-01T10:10Z")          | 0
        2026-03-02T09:59 | sessions(until="2026-03-01T10:10Z")                      | 1
        """,
    )


def test_sessions_after_an_event_began_after_it(spec):
    """`after` an event leaves the sessions that began later: the session of that event is not among them."""
    spec(
        'sessions(after=time_of_last("Order Completed"))',
        """
        who | at    | name
        ann | 10:00 | Order Completed
        ann | 10:10 | Page Viewed
        ann | 12:00 | Page Viewed
        """,
        """
        ann
        1
        """,
        now="13:00",
    )


def test_sessions_with_a_condition(spec):
    """Inside `sessions(where=...)` bare names are the fields of a session."""
    spec(
        None,
        """
        who | at    | name | kind
        ann | 08:00 |      | page
        ann | 08:06 |      | page
        ann | 08:07 |      | page
        ann | 10:00 |      | page
        bob | 08:00 |      | page
        """,
        """
        expression                                                | ann | bob
        sessions(where=pages >= 3 and duration > "5 minutes")     | 1   | 0
        sessions(where=bounced)                                   | 1   | 1
        sessions(where=not bounced)                               | 1   | 0
        sessions(where=events == 1 or engaged_time > "0 seconds") | 1   | 1
        sessions(where=max_scroll >= 50)                          | 0   | 0
        """,
        now="13:00",
    )


def test_values_over_several_sessions(spec):
    """Averages, sums and extremes of a field over sessions; sessions without the field are left out."""
    spec(
        None,
        """
        who | at    | name | kind | scroll_percent
        ann | 08:00 |      | page | 30
        ann | 08:10 |      | page |
        ann | 10:00 |      | page |
        ann | 12:00 |      | page | 70
        bob | 12:00 | Sign |      |
        """,
        """
        expression                              | ann        | bob
        sessions()                              | 3          | 1
        pages_per_session()                     | 1.3333333333333333 | 0
        session_average("max_scroll")           | 50         | missing
        session_sum("duration")                 | 10 minutes | 0 minutes
        session_maximum("duration")             | 10 minutes | 0 minutes
        session_minimum("pages")                | 1          | 0
        session_average("bounced", within="6 hours") | 0.6666666666666666 | 1
        bounce_rate(within="1 minute")          | missing    | missing
        """,
        now="13:00",
    )


def test_statements_do_not_continue_a_session(spec):
    """An identify call is no activity: it neither begins nor continues a session."""
    spec(
        "sessions()",
        """
        who | at    | name        | kind
        ann | 10:00 | Page Viewed |
        ann | 10:20 |             | identify
        ann | 10:40 | Page Viewed |
        """,
        """
        ann
        2
        """,
        now="11:00",
    )
