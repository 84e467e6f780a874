"""Missing values: what an absent property does to comparisons, sums and conditions."""

PRICES = """
who | at    | name           | price
ann | 10:00 | Product Viewed | 10
ann | 10:01 | Product Viewed |
bob | 10:00 | Product Viewed |
"""


def test_comparing_with_a_missing_value_is_false(spec):
    """`<  <=  >  >=  ==` with a missing side are false, whichever side it is."""
    spec(
        None,
        """
        who | at    | name
        ann | 10:00 | Page Viewed
        """,
        """
        expression                                                        | ann
        last("price", of="Product Viewed") < 10                           | false
        last("price", of="Product Viewed") <= 10                          | false
        last("price", of="Product Viewed") > 10                           | false
        last("price", of="Product Viewed") >= 10                          | false
        last("price", of="Product Viewed") == 10                          | false
        10 > last("price", of="Product Viewed")                           | false
        trait("a") == trait("b")                                          | false
        """,
        now="11:00",
    )


def test_unequal_is_exactly_not_equal(spec):
    """`a != b` is exactly `not (a == b)`: a missing value is unequal to everything. So is `not in`."""
    spec(
        None,
        """
        who | at    | name        | kind     | traits.plan
        ann | 10:00 |             | identify | pro
        bob | 10:00 |             | identify |
        """,
        """
        expression                              | ann   | bob
        trait("plan") == "free"                 | false | false
        trait("plan") != "free"                 | true  | true
        not (trait("plan") == "free")           | true  | true
        trait("plan") in ("free", "trial")      | false | false
        trait("plan") not in ("free", "trial")  | true  | true
        trait("plan") != trait("plan")          | false | true
        """,
        now="11:00",
    )


def test_has_asks_whether_a_value_is_present(spec):
    """`has(x)` asks for presence; add it to `!=` when missing should not count."""
    spec(
        None,
        """
        who | at    | name | kind     | traits.plan
        ann | 10:00 |      | identify | pro
        bob | 10:00 |      | identify |
        """,
        """
        expression                                          | ann  | bob
        has(trait("plan"))                                  | true | false
        trait("plan") != "free"                             | true | true
        has(trait("plan")) and trait("plan") != "free"      | true | false
        has(time_since("Order Completed"))                  | false | false
        """,
        now="11:00",
    )


def test_default_stands_in_for_a_missing_value(spec):
    """`default(x, constant)` is x, or the constant when x is missing."""
    spec(
        None,
        """
        who | at    | name            | revenue
        ann | 10:00 | Order Completed | 30
        bob | 10:00 | Page Viewed     |
        """,
        """
        expression                                                            | ann      | bob
        average("revenue", of="Order Completed")                              | 30       | missing
        default(average("revenue", of="Order Completed"), 0)                  | 30       | 0
        default(time_since("Order Completed"), "365 days") > "90 days"        | false    | true
        default(time_since("Order Completed"), "365 days")                    | 1 hour   | 365 days
        default(last("currency", of="Order Completed"), "EUR")                | "EUR"    | "EUR"
        """,
        now="11:00",
    )


def test_sums_and_counts_of_nothing_are_zero(spec):
    """Counting and summing nothing gives 0; the other words give missing."""
    spec(
        None,
        """
        who | at    | name
        ann | 10:00 | Page Viewed
        """,
        """
        expression                                       | ann
        count("Order Completed")                         | 0
        sum("revenue", of="Order Completed")             | 0
        distinct("product", of="Order Completed")        | 0
        active_days("Order Completed")                   | 0
        happened("Order Completed")                      | false
        average("revenue", of="Order Completed")         | missing
        minimum("revenue", of="Order Completed")         | missing
        maximum("revenue", of="Order Completed")         | missing
        first("revenue", of="Order Completed")           | missing
        last("revenue", of="Order Completed")            | missing
        most_frequent("product", of="Order Completed")   | missing
        share("Order Completed", where=revenue > 10)     | missing
        time_since("Order Completed")                    | missing
        time_since_first("Order Completed")              | missing
        time_of_first("Order Completed")                 | missing
        time_of_last("Order Completed")                  | missing
        """,
        now="11:00",
    )


def test_events_without_the_property_do_not_enter_its_numbers(spec):
    """Sums, averages and extremes are over the events that have the property as a number."""
    spec(
        None,
        PRICES,
        """
        expression                                  | ann | bob
        count("Product Viewed")                     | 2   | 1
        sum("price", of="Product Viewed")           | 10  | 0
        average("price", of="Product Viewed")       | 10  | missing
        minimum("price", of="Product Viewed")       | 10  | missing
        distinct("price", of="Product Viewed")      | 1   | 0
        """,
        now="11:00",
    )


def test_last_is_the_property_of_the_last_event(spec):
    """`last("price", of=...)` is the property of the last such event, missing when that very event lacks it."""
    spec(
        None,
        PRICES,
        """
        expression                                                  | ann     | bob
        last("price", of="Product Viewed")                          | missing | missing
        first("price", of="Product Viewed")                         | 10      | missing
        last("price", of="Product Viewed", where=has(price))        | 10      | missing
        """,
        now="11:00",
    )


def test_an_empty_text_is_a_value(spec):
    """Empty text is present; an empty cell, null and NaN are missing."""
    spec(
        None,
        """
        who | at    | name        | referrer
        ann | 10:00 | Page Viewed | ""
        bob | 10:00 | Page Viewed |
        cat | 10:00 | Page Viewed | null
        """,
        """
        expression                                            | ann  | bob     | cat
        last("referrer", of="Page Viewed")                    | ""   | missing | missing
        has(last("referrer", of="Page Viewed"))               | true | false   | false
        last("referrer", of="Page Viewed") == ""              | true | false   | false
        distinct("referrer", of="Page Viewed")                | 1    | 0       | 0
        """,
        now="11:00",
    )


def test_arithmetic_with_a_missing_side_is_missing(spec):
    """Arithmetic with a missing side, with a text, or a division by zero is missing."""
    spec(
        None,
        """
        who | at    | name            | revenue | items | coupon
        ann | 10:00 | Order Completed | 30      | 3     | ten
        bob | 10:00 | Order Completed | 30      | 0     |
        cat | 10:00 | Order Completed | 30      |       |
        """,
        """
        expression                                                                  | ann     | bob     | cat
        sum("revenue") / sum("items")                                               | 10      | missing | missing
        last("revenue") - last("items")                                             | 27      | 30      | missing
        last("revenue") * last("coupon")                                            | missing | missing | missing
        last("revenue") + 1                                                         | 31      | 31      | 31
        -last("items")                                                              | -3      | 0       | missing
        """,
        now="11:00",
    )


def test_conditions_take_missing_for_false(spec):
    """In `and`, `or` and `not` a missing condition counts as false."""
    spec(
        None,
        """
        who | at    | name
        ann | 10:00 | Page Viewed
        """,
        """
        now   | expression                                 | ann
        10:00 | session("bounced")                         | true
        11:00 | session("bounced")                         | missing
        11:00 | not session("bounced")                     | true
        11:00 | session("bounced") or happened("Order")    | false
        11:00 | session("bounced") and happened()          | false
        """,
    )
