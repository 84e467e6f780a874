"""Time words: how long ago, at which moment, for the first time, regularly, stopped, restarted."""

VISITS = """
who | at               | name
ann | 2026-03-01T10:00 | Page Viewed
ann | 2026-03-02T10:00 | Page Viewed
bob | 2026-03-02T11:30 | Signed Up
"""


def test_time_since_grows_with_now(spec):
    """`time_since` is the age of the last such event, `time_since_first` of the first; both grow with now."""
    spec(
        None,
        VISITS,
        """
        now              | expression                         | ann      | bob
        2026-03-02T12:00 | time_since("Page Viewed")          | 2 hours  | missing
        2026-03-02T12:00 | time_since_first("Page Viewed")    | 26 hours | missing
        2026-03-02T12:00 | time_since_any()                   | 2 hours  | 30 minutes
        2026-03-02T13:00 | time_since("Page Viewed")          | 3 hours  | missing
        """,
    )


def test_idle_conditions_become_true_by_themselves(spec):
    """`time_since(...) >= "30 minutes"` becomes true exactly 30 minutes after the event, with no new event."""
    spec(
        'time_since("Product Added") >= "30 minutes"',
        """
        who | at    | name
        ann | 10:00 | Product Added
        bob | 10:00 | Page Viewed
        """,
        """
        now          | ann   | bob
        10:29:59.999 | false | false
        10:30        | true  | false
        """,
    )


def test_moments_can_be_compared(spec):
    """`time_of_first` and `time_of_last` are moments. A text beside a moment is a moment."""
    spec(
        None,
        VISITS,
        """
        expression                                                         | ann              | bob
        time_of_last("Page Viewed")                                        | 2026-03-02T10:00 | missing
        time_of_first("Page Viewed")                                       | 2026-03-01T10:00 | missing
        time_of_last("Page Viewed") >= "2026-03-02"                        | true             | false
        time_of_last("Page Viewed") < moment("2026-03-02T10:00Z")          | false            | false
        time_of_last("Page Viewed") > ago("3 hours")                       | true             | false
        time_of_last("Page Viewed") - time_of_first("Page Viewed")         | 24 hours         | missing
        time_of_last("Page Viewed") - time_of_first("Page Viewed") > "1 day" | false          | false
        time_of_first("Page Viewed") + "90 minutes"                        | 2026-03-01T11:30 | missing
        time_since("Page Viewed") / "1 hour"                               | 2                | missing
        time_since("Page Viewed") * 2                                      | 4 hours          | missing
        """,
        now="2026-03-02T12:00",
    )


def test_time_since_looks_into_its_window(spec):
    """With a window the last event in that window counts, so `latest` and `until` reach further back."""
    spec(
        None,
        """
        who | at    | name            | revenue
        ann | 09:00 | Order Completed | 150
        ann | 10:00 | Order Completed | 20
        """,
        """
        expression                                             | ann
        time_since("Order Completed")                          | 2 hours
        time_since("Order Completed", where=revenue > 100)     | 3 hours
        time_since("Order Completed", within="1 hour")         | missing
        time_since_first("Order Completed", latest=1)          | 2 hours
        time_since("Order Completed", until="2026-03-02T10:00Z") | 3 hours
        """,
        now="12:00",
    )


def test_first_time_asks_for_the_very_first(spec):
    """`first_time` is true when the first such event ever lies in the window; later ones do not count."""
    spec(
        'first_time("Order Completed", within="7 days")',
        """
        who | at         | name
        ann | 2026-03-01 | Order Completed
        ann | 2026-03-07 | Order Completed
        bob | 2026-03-07 | Order Completed
        cat | 2026-03-07 | Page Viewed
        """,
        """
        now        | ann   | bob   | cat
        2026-03-07 | true  | true  | false
        2026-03-08 | false | true  | false
        2026-03-14 | false | false | false
        """,
    )


def test_regularly_counts_periods_that_hold_an_event(spec):
    """`regularly(periods=2, of=3, each="7 days")`: at least 2 of the last 3 weeks, counted back from now."""
    spec(
        'regularly("Order Completed", periods=2, of=3, each="7 days")',
        """
        who | at               | name
        ann | 2026-03-01T12:00 | Order Completed
        ann | 2026-03-09T12:00 | Order Completed
        bob | 2026-03-08T00:00 | Order Completed
        bob | 2026-03-09T00:00 | Order Completed
        """,
        """
        now                     | ann   | bob
        2026-03-09T12:00        | true  | false
        2026-03-15T12:00        | true  | true
        2026-03-16T00:00        | true  | false
        2026-03-22T11:59:59.999 | true  | true
        2026-03-22T12:00        | false | true
        2026-03-23T00:00        | false | false
        """,
    )


def test_a_period_is_open_where_it_ends(spec):
    """A period holds ages from 0 up to, not including, its length: an event exactly 7 days old is in the next."""
    spec(
        'regularly("Order Completed", periods=1, of=1, each="7 days")',
        """
        who | at         | name
        ann | 2026-03-01 | Order Completed
        """,
        """
        now                     | ann
        2026-03-01              | true
        2026-03-07T23:59:59.999 | true
        2026-03-08              | false
        """,
    )


def test_stopped_is_a_while_of_nothing_after_activity(spec):
    """`stopped(active="7 days", idle="3 days")`: the last such event is 3 to under 10 days old."""
    spec(
        'stopped("Order Completed", active="7 days", idle="3 days")',
        """
        who | at         | name
        ann | 2026-03-01 | Order Completed
        bob | 2026-03-01 | Order Completed
        bob | 2026-03-05 | Order Completed
        cat | 2026-03-01 | Page Viewed
        """,
        """
        now                     | ann   | bob   | cat
        2026-03-03T23:59:59.999 | false | false | false
        2026-03-04              | true  | true  | false
        2026-03-05              | true  | false | false
        2026-03-08              | true  | true  | false
        2026-03-10T23:59:59.999 | true  | true  | false
        2026-03-11              | false | true  | false
        """,
    )


def test_restarted_is_an_event_after_a_pause(spec):
    """`restarted(idle="7 days", back="2 days")`: one in the last 2 days, 7 or more after the one before."""
    spec(
        'restarted("Order Completed", idle="7 days", back="2 days")',
        """
        who | at                      | name
        ann | 2026-03-01              | Order Completed
        ann | 2026-03-08              | Order Completed
        bob | 2026-03-01              | Order Completed
        bob | 2026-03-07T23:59:59.999 | Order Completed
        cat | 2026-03-08              | Order Completed
        """,
        """
        now                     | ann   | bob   | cat
        2026-03-08              | true  | false | false
        2026-03-09T23:59:59.999 | true  | false | false
        2026-03-10              | false | false | false
        """,
    )


def test_restarted_stays_true_when_more_events_follow(spec):
    """The events after the return do not undo it; the first event ever is no return."""
    spec(
        'restarted("Page Viewed", idle="1 day", back="1 day")',
        """
        who | at               | name
        ann | 2026-03-01T10:00 | Page Viewed
        ann | 2026-03-05T10:00 | Page Viewed
        ann | 2026-03-05T10:05 | Page Viewed
        bob | 2026-03-05T10:00 | Page Viewed
        """,
        """
        ann  | bob
        true | false
        """,
        now="2026-03-05T11:00",
    )
