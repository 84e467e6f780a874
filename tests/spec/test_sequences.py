"""Sequences and funnels: what happened after what."""


def test_steps_happen_in_order(spec):
    """A sequence is true when its steps happened one after the other; other events may lie between them."""
    spec(
        'sequence("Product Viewed", "Product Added")',
        """
        who | at    | name
        ann | 10:00 | Product Viewed
        ann | 10:05 | Page Viewed
        ann | 10:10 | Product Added
        bob | 10:00 | Product Added
        bob | 10:10 | Product Viewed
        """,
        """
        ann  | bob
        true | false
        """,
        now="11:00",
    )


def test_any_way_in_which_the_steps_happened_will_do(spec):
    """One way to pick the steps from the events is enough: a later start may do what the first cannot."""
    spec(
        'sequence("Product Viewed", "Product Added", span="10 minutes")',
        """
        who | at    | name
        ann | 09:00 | Product Viewed
        ann | 10:00 | Product Viewed
        ann | 10:10 | Product Added
        """,
        """
        ann
        true
        """,
        now="11:00",
    )


def test_one_event_is_one_step(spec):
    """The same event cannot be two steps."""
    spec(
        'sequence("Page Viewed", "Page Viewed")',
        """
        who | at    | name
        ann | 10:00 | Page Viewed
        bob | 10:00 | Page Viewed
        bob | 10:00 | Page Viewed
        """,
        """
        ann   | bob
        false | true
        """,
        now="11:00",
    )


def test_span_limits_first_to_last(spec):
    """`span` is the longest time from the first step to the last; exactly that long is still inside."""
    spec(
        'sequence("Product Viewed", "Product Added", "Order Completed", span="30 minutes")',
        """
        who | at           | name
        ann | 10:00        | Product Viewed
        ann | 10:20        | Product Added
        ann | 10:30        | Order Completed
        bob | 10:00        | Product Viewed
        bob | 10:20        | Product Added
        bob | 10:30:00.001 | Order Completed
        """,
        """
        ann  | bob
        true | false
        """,
        now="11:00",
    )


def test_gap_limits_neighbours(spec):
    """`gap` is the longest time between two neighbouring steps; exactly that long is still inside."""
    spec(
        'sequence("Product Viewed", "Product Added", "Order Completed", gap="10 minutes")',
        """
        who | at           | name
        ann | 10:00        | Product Viewed
        ann | 10:10        | Product Added
        ann | 10:20        | Order Completed
        bob | 10:00        | Product Viewed
        bob | 10:10:00.001 | Product Added
        bob | 10:15        | Order Completed
        """,
        """
        ann  | bob
        true | false
        """,
        now="11:00",
    )


def test_every_step_lies_in_the_window(spec):
    """The window holds for every step: when the first step is too old, the sequence is over."""
    spec(
        'sequence("Product Viewed", "Product Added", within="1 hour")',
        """
        who | at    | name
        ann | 10:00 | Product Viewed
        ann | 10:30 | Product Added
        """,
        """
        now          | ann
        10:30        | true
        10:59:59.999 | true
        11:00        | false
        """,
    )


def test_steps_may_have_conditions_and_several_names(spec):
    """`step(...)` gives a step a condition or several names."""
    spec(
        'sequence("Product Viewed", step("Product Added", "Wishlist Added", where=price > 100))',
        """
        who | at    | name           | price
        ann | 10:00 | Product Viewed |
        ann | 10:05 | Wishlist Added | 150
        bob | 10:00 | Product Viewed |
        bob | 10:05 | Product Added  | 50
        """,
        """
        ann  | bob
        true | false
        """,
        now="11:00",
    )


def test_absent_must_not_happen_between_its_neighbours(spec):
    """`absent(...)` between two steps must not happen strictly between them, in order."""
    spec(
        'sequence("Checkout Started", absent("Coupon Used"), "Order Completed")',
        """
        who | at    | name
        ann | 09:50 | Coupon Used
        ann | 10:00 | Checkout Started
        ann | 10:20 | Order Completed
        ann | 10:30 | Coupon Used
        bob | 10:00 | Checkout Started
        bob | 10:10 | Coupon Used
        bob | 10:20 | Order Completed
        cat | 10:00 | Checkout Started
        cat | 10:10 | Coupon Used
        cat | 10:15 | Checkout Started
        cat | 10:20 | Order Completed
        dan | 10:00 | Coupon Used
        dan | 10:00 | Checkout Started
        dan | 10:00 | Order Completed
        """,
        """
        ann  | bob   | cat  | dan
        true | false | true | true
        """,
        now="11:00",
    )


def test_absent_is_looked_for_outside_the_window_too(spec):
    """What makes a sequence fail is looked for among all events, although the steps lie in the window."""
    spec(
        'sequence("A", absent("B"), "C", since="2026-03-02T10:00Z", until="2026-03-02T10:10Z")',
        """
        who | at    | name
        ann | 10:00 | A
        ann | 10:05 | C
        bob | 10:00 | A
        bob | 10:01 | B
        bob | 10:05 | C
        """,
        """
        ann  | bob
        true | false
        """,
        now="11:00",
    )


def test_a_closing_absent_is_true_once_the_span_has_run_out(spec):
    """As the last step, `absent` is true from the moment on at which the span has run out without it."""
    spec(
        'sequence("Product Added", absent("Order Completed"), span="30 minutes")',
        """
        who | at    | name
        ann | 10:00 | Product Added
        bob | 10:00 | Product Added
        bob | 10:20 | Order Completed
        cat | 10:00 | Product Added
        cat | 10:40 | Order Completed
        """,
        """
        now          | ann   | bob   | cat
        10:29:59.999 | false | false | false
        10:30        | true  | false | true
        11:00        | true  | false | true
        """,
    )


def test_the_deadline_itself_still_counts(spec):
    """What was to stay away may still come in the very millisecond in which the span runs out."""
    spec(
        'sequence("Product Added", absent("Order Completed"), span="30 minutes")',
        """
        who | at           | name
        ann | 10:00        | Product Added
        ann | 10:30        | Order Completed
        bob | 10:00        | Product Added
        bob | 10:30:00.001 | Order Completed
        """,
        """
        now          | ann   | bob
        10:30        | false | true
        10:30:00.001 | false | true
        """,
    )


def test_a_closing_absent_with_a_gap_waits_from_the_last_step(spec):
    """A `gap` waits from the step before, a `span` from the first; with both, until the earlier deadline."""
    spec(
        None,
        """
        who | at    | name
        ann | 10:00 | Product Viewed
        ann | 10:20 | Product Added
        """,
        """
        now          | expression | ann
        10:29:59.999 | sequence("Product Viewed", "Product Added", absent("Order"), span="30 minutes") | false
        10:30        | sequence("Product Viewed", "Product Added", absent("Order"), span="30 minutes") | true
        10:49:59.999 | sequence("Product Viewed", "Product Added", absent("Order"), gap="30 minutes")  | false
        10:50        | sequence("Product Viewed", "Product Added", absent("Order"), gap="30 minutes")  | true
        """,
    )


def test_with_span_and_gap_the_earlier_deadline_counts(spec):
    """With both a `span` and a `gap`, a closing `absent` waits until the earlier of the two has run out."""
    spec(
        'sequence("A", "B", absent("C"), span="40 minutes", gap="30 minutes")',
        """
        who | at    | name
        ann | 10:00 | A
        ann | 10:20 | B
        bob | 10:00 | A
        bob | 10:05 | B
        """,
        """
        now          | ann   | bob
        10:34:59.999 | false | false
        10:35        | false | true
        10:40        | true  | true
        """,
    )


def test_an_abandoned_cart_leaves_with_its_window(spec):
    """Abandoned carts of the last day: true from 30 minutes after, until the cart is a day old."""
    spec(
        'sequence("Product Added", absent("Order Completed"), span="30 minutes", within="1 day")',
        """
        who | at               | name
        ann | 2026-03-02T10:00 | Product Added
        """,
        """
        now                     | ann
        2026-03-02T10:29:59.999 | false
        2026-03-02T10:30        | true
        2026-03-03T09:59:59.999 | true
        2026-03-03T10:00        | false
        """,
    )


def test_each_start_has_its_own_deadline(spec):
    """Every way in which the steps happened is followed by itself; one without the absent step is enough."""
    spec(
        'sequence("Product Added", absent("Order Completed"), span="30 minutes")',
        """
        who | at    | name
        ann | 10:00 | Product Added
        ann | 10:10 | Order Completed
        ann | 10:15 | Product Added
        """,
        """
        now          | ann
        10:30        | false
        10:44:59.999 | false
        10:45        | true
        """,
    )


def test_a_funnel_is_the_number_of_steps_reached(spec):
    """`funnel(...)` is the largest number of its first steps that happened in order."""
    spec(
        'funnel("Product Viewed", "Product Added", "Checkout Started", "Order Completed")',
        """
        who | at    | name
        ann | 10:00 | Product Viewed
        ann | 10:10 | Product Added
        ann | 10:20 | Checkout Started
        bob | 10:00 | Product Viewed
        bob | 10:10 | Order Completed
        cat | 10:00 | Product Added
        dan | 10:00 | Product Viewed
        dan | 10:01 | Product Added
        dan | 10:02 | Checkout Started
        dan | 10:03 | Order Completed
        """,
        """
        ann | bob | cat | dan
        3   | 1   | 0   | 4
        """,
        now="11:00",
    )


def test_a_funnel_with_a_span_and_a_window(spec):
    """`span` and window hold for each stage: what was reached in time counts."""
    spec(
        'funnel("Product Viewed", step("Product Added", where=price > 10), span="15 minutes", within="1 hour")',
        """
        who | at    | name           | price
        ann | 10:00 | Product Viewed |
        ann | 10:10 | Product Added  | 20
        bob | 10:00 | Product Viewed |
        bob | 10:16 | Product Added  | 20
        cat | 10:00 | Product Viewed |
        cat | 10:10 | Product Added  | 5
        """,
        """
        now          | ann | bob | cat
        10:20        | 2   | 1   | 1
        10:59:59.999 | 2   | 1   | 1
        11:00        | 0   | 0   | 0
        """,
    )
