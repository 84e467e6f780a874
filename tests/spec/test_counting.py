"""Counting words: count, happened, active_days, sum, average, minimum, maximum, distinct, most_frequent, share."""

ORDERS = """
who | at               | name            | revenue | product
ann | 2026-03-01T23:30 | Order Completed | 10      | lamp
ann | 2026-03-02T00:30 | Order Completed | 20      | desk
ann | 2026-03-02T12:00 | Order Completed | 60      | lamp
bob | 2026-03-02T12:00 | Page Viewed     |         |
"""


def test_the_counting_words(spec):
    """Each word gives one value of the events that its names, `where` and window leave."""
    spec(
        None,
        ORDERS,
        """
        expression                                       | ann    | bob
        count("Order Completed")                         | 3      | 0
        happened("Order Completed")                      | true   | false
        sum("revenue", of="Order Completed")             | 90     | 0
        average("revenue", of="Order Completed")         | 30     | missing
        minimum("revenue", of="Order Completed")         | 10     | missing
        maximum("revenue", of="Order Completed")         | 60     | missing
        distinct("product", of="Order Completed")        | 2      | 0
        most_frequent("product", of="Order Completed")   | "lamp" | missing
        first("product", of="Order Completed")           | "lamp" | missing
        active_days("Order Completed")                   | 2      | 0
        """,
        now="2026-03-03",
    )


def test_of_may_be_left_out(spec):
    """Without `of` a property is taken from every event that has it (`first` and `last`: from every event)."""
    spec(
        None,
        """
        who | at    | name            | revenue
        ann | 10:00 | Order Completed | 10
        ann | 10:05 | Renewed         | 5
        ann | 10:10 | Page Viewed     |
        """,
        """
        expression       | ann
        sum("revenue")   | 15
        first("revenue") | 10
        last("revenue")  | missing
        """,
        now="11:00",
    )


def test_of_the_most_frequent_the_most_recent_wins(spec):
    """When several values are seen equally often, `most_frequent` is the one seen last."""
    spec(
        'most_frequent("category", of="Product Viewed")',
        """
        who | at    | name           | category
        ann | 10:00 | Product Viewed | shoes
        ann | 10:01 | Product Viewed | hats
        ann | 10:02 | Product Viewed | shoes
        ann | 10:03 | Product Viewed | hats
        ann | 10:04 | Product Viewed | bags
        """,
        """
        now   | ann
        10:02 | "shoes"
        10:03 | "hats"
        10:04 | "hats"
        """,
    )


def test_days_are_those_of_the_events_own_calendar(spec):
    """`active_days` counts days on the clock where each event happened, or the workspace's when it states none."""
    spec(
        "active_days()",
        """
        who | at               | name        | context.timezone
        ann | 2026-03-01T23:30 | Page Viewed |
        ann | 2026-03-02T00:30 | Page Viewed |
        bob | 2026-03-01T23:30 | Page Viewed | Europe/Paris
        bob | 2026-03-02T00:30 | Page Viewed | Europe/Paris
        """,
        """
        ann | bob
        2   | 1
        """,
        now="2026-03-03",
    )


def test_absence_includes_who_never_did_it(spec):
    """Counting fewer than some includes zero, and `not happened(...)` picks from everyone."""
    spec(
        None,
        ORDERS,
        """
        expression                        | ann   | bob
        count("Order Completed") < 2      | false | true
        not happened("Order Completed")   | false | true
        everyone()                        | true  | true
        """,
        now="2026-03-03",
    )


def test_share_is_a_part_of_the_same_events(spec):
    """`share(..., where=...)` is the part of the events that fulfil a condition; missing when there are none."""
    spec(
        None,
        """
        who | at    | name        | context.device.type
        ann | 10:00 | Page Viewed | mobile
        ann | 10:10 | Page Viewed | mobile
        ann | 10:20 | Page Viewed | desktop
        ann | 10:30 | Page Viewed | desktop
        bob | 10:00 | Signed Up   | mobile
        """,
        """
        now   | expression                                                                       | ann | bob
        11:00 | share("Page Viewed", where=context.device.type == "mobile")                      | 0.5 | missing
        11:00 | share("Page Viewed", where=context.device.type == "mobile", within="45 minutes") | 0   | missing
        11:00 | share(where=context.device.type == "mobile")                                     | 0.5 | 1
        """,
    )


def test_share_of_other_events(spec):
    """With `of` it is one kind of event for each of another; both stand in the same window."""
    spec(
        'share("Order Completed", where=revenue > 0, of="Product Viewed")',
        """
        who | at    | name            | revenue
        ann | 10:00 | Product Viewed  |
        ann | 10:05 | Product Viewed  |
        ann | 10:10 | Product Viewed  |
        ann | 10:15 | Product Viewed  |
        ann | 10:20 | Order Completed | 40
        ann | 10:25 | Order Completed | 0
        bob | 10:20 | Order Completed | 40
        """,
        """
        ann  | bob
        0.25 | missing
        """,
        now="11:00",
    )


def test_statements_are_not_activity(spec):
    """Identify, group, alias and consent calls are statements: they are not counted and make no session."""
    spec(
        None,
        """
        who | at    | name        | kind     | traits.plan | consent.ads
        ann | 10:00 | Page Viewed | page     |             |
        ann | 10:05 |             | identify | pro         |
        ann | 10:06 |             | consent  |             | true
        ann | 10:07 |             | group    |             |
        ann | 10:08 |             | alias    |             |
        bob | 10:00 |             | identify | free        |
        """,
        """
        expression              | ann        | bob
        count()                 | 1          | 0
        count("*")              | 1          | 0
        sessions()              | 1          | 0
        session("duration", of="last") | 0 minutes  | missing
        time_since_any()        | 60 minutes | missing
        trait("plan")           | "pro"      | "free"
        everyone()              | true       | true
        """,
        now="11:00",
    )


def test_pages_and_screens_are_events(spec):
    """Page and screen calls are the events "Page Viewed" and "Screen Viewed"."""
    spec(
        None,
        """
        who | at    | name | kind
        ann | 10:00 |      | page
        ann | 10:01 |      | screen
        """,
        """
        expression               | ann
        count("Page Viewed")     | 1
        count("Screen Viewed")   | 1
        """,
        now="11:00",
    )


def test_tone_and_motive_are_ordinary_properties(spec):
    """`tone` is the mean of the property `tone`, -1 to 1, and `motive` the `motive` seen most often."""
    spec(
        None,
        """
        who | at               | name             | tone | motive
        ann | 2026-03-01T10:00 | Review Submitted | 0.5  | quality
        ann | 2026-03-02T10:00 | Message Sent     | -0.5 | price
        ann | 2026-03-02T10:05 | Message Sent     | -1   | price
        bob | 2026-03-02T10:00 | Page Viewed      |      |
        """,
        """
        expression            | ann     | bob
        tone(within="1 day")  | -0.75   | missing
        tone(latest=1)        | -1      | missing
        motive()              | "price" | missing
        """,
        now="2026-03-02T11:00",
    )
