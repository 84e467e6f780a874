"""Order: which of several events is first and which is last."""


def test_order_is_by_time(spec):
    """Events are in the order in which they happened, not in which they arrived."""
    spec(
        None,
        """
        who | at    | name           | product
        ann | 10:30 | Product Viewed | lamp
        ann | 10:10 | Product Viewed | chair
        ann | 10:20 | Product Viewed | desk
        """,
        """
        expression                              | ann
        first("product", of="Product Viewed")   | "chair"
        last("product", of="Product Viewed")    | "lamp"
        """,
        now="11:00",
    )


def test_ties_are_broken_by_arrival(spec):
    """Of events in the same millisecond, the one that arrived first comes first."""
    spec(
        None,
        """
        who | at    | name           | product
        ann | 10:00 | Product Viewed | chair
        ann | 10:00 | Product Viewed | lamp
        """,
        """
        expression                                       | ann
        first("product", of="Product Viewed")            | "chair"
        last("product", of="Product Viewed")             | "lamp"
        last("product", of="Product Viewed", latest=1)   | "lamp"
        count("Product Viewed")                          | 2
        """,
        now="10:00",
    )


def test_what_comes_later_is_not_visible_yet(spec):
    """An event that lies later than `now` takes part in nothing: asking about the past gives the past's answer."""
    spec(
        None,
        """
        who | at    | name            | plan
        ann | 10:00 | Plan Chosen     | free
        ann | 11:00 | Plan Chosen     | pro
        """,
        """
        now          | expression                      | ann
        09:59:59.999 | happened("Plan Chosen")         | false
        10:00        | last("plan", of="Plan Chosen")  | "free"
        10:59:59.999 | last("plan", of="Plan Chosen")  | "free"
        11:00        | last("plan", of="Plan Chosen")  | "pro"
        10:30        | count()                         | 1
        """,
    )
