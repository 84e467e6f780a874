"""Windows: which events a word looks at."""


def test_an_event_leaves_at_exactly_its_age(spec):
    """An event stays in `within="7 days"` until exactly seven days after it happened, to the millisecond."""
    spec(
        'count("Order Completed", within="7 days")',
        """
        who | at               | name
        ann | 2026-03-01T10:00 | Order Completed
        """,
        """
        now                     | ann
        2026-03-01T09:59:59.999 | 0
        2026-03-01T10:00        | 1
        2026-03-08T09:59:59.999 | 1
        2026-03-08T10:00        | 0
        """,
    )


def test_without_a_window_everything_counts(spec):
    """Without a window a word looks at everything that has happened up to now."""
    spec(
        'count("Order Completed")',
        """
        who | at         | name
        ann | 2019-05-01 | Order Completed
        ann | 2026-03-01 | Order Completed
        """,
        """
        now        | ann
        2026-03-01 | 2
        2031-01-01 | 2
        """,
    )


def test_an_event_of_this_very_moment_counts(spec):
    """An event counts from its own moment on; one that lies later than `now` is not visible yet."""
    spec(
        'happened("Page Viewed", within="1 minute")',
        """
        who | at           | name
        ann | 10:00:00.000 | Page Viewed
        bob | 10:00:00.001 | Page Viewed
        """,
        """
        ann  | bob
        true | false
        """,
        now="10:00:00.000",
    )


def test_since_is_included(spec):
    """`since` is included: an event at that very millisecond counts."""
    spec(
        'count("Page Viewed", since="2026-03-02T12:00Z")',
        """
        who | at           | name
        ann | 11:59:59.999 | Page Viewed
        ann | 12:00        | Page Viewed
        ann | 12:00:00.001 | Page Viewed
        """,
        """
        ann
        2
        """,
        now="2026-03-05",
    )


def test_until_is_excluded(spec):
    """`until` is excluded: an event at that very millisecond does not count."""
    spec(
        'count("Page Viewed", until="2026-03-02T12:00Z")',
        """
        who | at           | name
        ann | 11:59:59.999 | Page Viewed
        ann | 12:00        | Page Viewed
        ann | 12:00:00.001 | Page Viewed
        """,
        """
        ann
        1
        """,
        now="2026-03-05",
    )


def test_between_is_since_and_until(spec):
    """`between=(a, b)` is `since=a, until=b`, so windows that touch share no event and miss none."""
    spec(
        None,
        """
        who | at               | name
        ann | 2026-03-01T00:00 | Page Viewed
        ann | 2026-03-02T00:00 | Page Viewed
        ann | 2026-03-03T00:00 | Page Viewed
        """,
        """
        expression                                                   | ann
        count("Page Viewed", between=("2026-03-01", "2026-03-02"))   | 1
        count("Page Viewed", between=("2026-03-02", "2026-03-03"))   | 1
        count("Page Viewed", since="2026-03-01", until="2026-03-03") | 2
        """,
        now="2026-03-05",
    )


def test_limits_may_move_with_now(spec):
    """`ago("3 days")` moves with now. As `since` it is included, one millisecond more than `within` holds."""
    spec(
        None,
        """
        who | at               | name
        ann | 2026-03-01T10:00 | Page Viewed
        """,
        """
        now                     | expression                                | ann
        2026-03-04T09:59:59.999 | count("Page Viewed", within="3 days")     | 1
        2026-03-04T10:00        | count("Page Viewed", within="3 days")     | 0
        2026-03-04T10:00        | count("Page Viewed", since=ago("3 days")) | 1
        2026-03-04T10:00:00.001 | count("Page Viewed", since=ago("3 days")) | 0
        2026-03-04T10:00        | count("Page Viewed", until=ago("3 days")) | 0
        2026-03-04T10:00:00.001 | count("Page Viewed", until=ago("3 days")) | 1
        """,
    )


def test_a_window_in_the_past_that_moves(spec):
    """Two moving limits make last week's window: the seven days that ended seven days ago."""
    spec(
        'count("Order Completed", between=(ago("14 days"), ago("7 days")))',
        """
        who | at         | name
        ann | 2026-03-05 | Order Completed
        bob | 2026-03-12 | Order Completed
        """,
        """
        now        | ann | bob
        2026-03-12 | 0   | 0
        2026-03-13 | 1   | 0
        2026-03-19 | 1   | 0
        2026-03-20 | 0   | 1
        """,
    )


def test_after_an_event_is_strictly_later(spec):
    """`after` an event's moment holds what comes later in order, never that event itself."""
    spec(
        'count("Product Added", after=time_of_last("Order Completed"))',
        """
        who | at    | name
        ann | 10:00 | Product Added
        ann | 10:05 | Order Completed
        ann | 10:06 | Product Added
        ann | 10:07 | Product Added
        bob | 10:00 | Order Completed
        """,
        """
        ann | bob
        2   | 0
        """,
        now="11:00",
    )


def test_after_an_event_counts_ties_by_order(spec):
    """Of two events in the same millisecond, the one that arrived later comes after the other."""
    spec(
        'happened("Product Added", after=time_of_last("Order Completed"))',
        """
        who | at    | name
        ann | 10:00 | Order Completed
        ann | 10:00 | Product Added
        bob | 10:00 | Product Added
        bob | 10:00 | Order Completed
        """,
        """
        ann  | bob
        true | false
        """,
        now="10:00",
    )


def test_after_a_date_is_strictly_later_in_time(spec):
    """`after` a fixed moment, or a moment moved by a duration, is strictly later in time."""
    spec(
        None,
        """
        who | at           | name
        ann | 12:00        | Page Viewed
        ann | 12:00:00.001 | Page Viewed
        """,
        """
        expression                                                             | ann
        count("Page Viewed", after=moment("2026-03-02T12:00Z"))                | 1
        count("Page Viewed", after=time_of_first("Page Viewed"))               | 1
        count("Page Viewed", after=time_of_first("Page Viewed") - "1 minute")  | 2
        count("Page Viewed", since=time_of_first("Page Viewed"))               | 2
        count("Page Viewed", until=time_of_last("Page Viewed"))                | 1
        """,
        now="13:00",
    )


def test_a_missing_limit_holds_nothing(spec):
    """A window whose limit is missing holds nothing: there is nothing after an order that never came."""
    spec(
        None,
        """
        who | at    | name
        ann | 10:00 | Page Viewed
        """,
        """
        expression                                                   | ann
        count("Page Viewed", after=time_of_last("Order Completed"))  | 0
        count("Page Viewed", since=time_of_last("Order Completed"))  | 0
        count("Page Viewed", until=time_of_last("Order Completed"))  | 0
        last("url", of="Page Viewed", after=time_of_last("Order Completed")) | missing
        """,
        now="11:00",
    )


def test_not_happened_after_what_never_was_is_true(spec):
    """So `not happened(..., after=...)` is true for who never did the first thing: ask for both if you mean it."""
    spec(
        None,
        """
        who | at    | name
        ann | 10:00 | Page Viewed
        bob | 10:00 | Product Added
        """,
        """
        expression                                                           | ann   | bob
        happened("Product Added")                                            | false | true
        not happened("Order Completed", after=time_of_last("Product Added")) | true  | true
        """,
        now="11:00",
    )


def test_latest_applies_after_the_other_limits(spec):
    """`latest=n` takes the last n of the events that name, `where` and all other limits leave."""
    spec(
        None,
        """
        who | at    | name            | revenue
        ann | 10:00 | Order Completed | 10
        ann | 11:00 | Order Completed | 20
        ann | 12:00 | Order Completed | 30
        ann | 13:00 | Product Viewed  |
        """,
        """
        expression                                                                    | ann
        sum("revenue", of="Order Completed", latest=2)                                | 50
        sum("revenue", of="Order Completed", latest=2, until="2026-03-02T12:00Z")     | 30
        sum("revenue", of="Order Completed", latest=2, where=revenue < 25)            | 30
        first("revenue", of="Order Completed", latest=2)                              | 20
        count("Order Completed", latest=10)                                           | 3
        """,
        now="14:00",
    )


def test_all_limits_hold_together(spec):
    """When several limits are given, all of them hold."""
    spec(
        'count("Page Viewed", within="1 hour", since="2026-03-02T10:30Z", until="2026-03-02T10:50Z")',
        """
        who | at    | name
        ann | 10:20 | Page Viewed
        ann | 10:30 | Page Viewed
        ann | 10:40 | Page Viewed
        ann | 10:50 | Page Viewed
        """,
        """
        now   | ann
        11:00 | 2
        11:30 | 1
        11:40 | 0
        """,
    )


def test_an_upside_down_window_holds_nothing(spec):
    """A window that ends before it begins holds nothing."""
    spec(
        'count("Page Viewed", between=("2026-03-03", "2026-03-01"))',
        """
        who | at         | name
        ann | 2026-03-02 | Page Viewed
        """,
        """
        ann
        0
        """,
        now="2026-03-05",
    )


def test_a_window_may_lie_inside_another_profiles_value(spec):
    """Limits may be values of the profile, and those may have windows of their own."""
    spec(
        """
        count("Page Viewed",
              after=time_of_last("Order Completed", where=revenue > 100, until=time_of_last("Refund Requested")))
        """,
        """
        who | at    | name             | revenue
        ann | 10:00 | Order Completed  | 150
        ann | 10:10 | Page Viewed      |
        ann | 10:20 | Order Completed  | 20
        ann | 10:30 | Refund Requested |
        ann | 10:40 | Order Completed  | 300
        ann | 10:50 | Page Viewed      |
        bob | 10:00 | Order Completed  | 150
        bob | 10:10 | Page Viewed      |
        """,
        """
        ann | bob
        2   | 0
        """,
        now="11:00",
    )


def test_a_month_is_30_days_and_a_year_365(spec):
    """Durations are fixed lengths: a month is 30 days, a year 365."""
    spec(
        None,
        """
        who | at         | name
        ann | 2026-01-30 | Order Completed
        bob | 2026-01-31 | Order Completed
        """,
        """
        expression                                 | ann   | bob
        happened("Order Completed", within="1 month")          | false | true
        happened("Order Completed", within="30 days")          | false | true
        happened("Order Completed", within="4 weeks 2 days")   | false | true
        """,
        now="2026-03-01",
    )


def test_a_duration_may_have_several_parts(spec):
    """Durations add up: "1 hour 30 minutes"; any unit down to milliseconds may be used."""
    spec(
        None,
        """
        who | at    | name
        ann | 10:00 | Page Viewed
        """,
        """
        now          | expression                                                   | ann
        11:29:59.999 | happened("Page Viewed", within="1 hour 30 minutes")          | true
        11:30        | happened("Page Viewed", within="1 hour 30 minutes")          | false
        11:30        | happened("Page Viewed", within="1.5 hours 1 millisecond")    | true
        """,
    )


def test_a_late_event_goes_to_its_place(spec):
    """An event that arrives late counts as if it had come in time: only when it happened matters."""
    spec(
        None,
        """
        who | at    | name        | page
        ann | 10:20 | Page Viewed | second
        ann | 10:00 | Page Viewed | first
        """,
        """
        now   | expression                               | ann
        10:30 | first("page", of="Page Viewed")          | "first"
        10:30 | last("page", of="Page Viewed")           | "second"
        11:05 | count("Page Viewed", within="1 hour")    | 1
        """,
    )
