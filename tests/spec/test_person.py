"""The person: traits, context, lists, and everyone."""

from __future__ import annotations

from shoal.definitions.definition import ListDefinition
from shoal.model.identifier import Identifier

VIP = ListDefinition(
    name="vip",
    identifiers=frozenset({Identifier("user_id", "u1"), Identifier("email", "bob@example.org")}),
)


def test_a_trait_is_its_last_stated_value(spec):
    """`trait("plan")` is the last value stated; a later statement that does not mention it leaves it as it was."""
    spec(
        'trait("plan")',
        """
        who | at    | name | kind     | traits.plan | traits.city
        ann | 10:00 |      | identify | free        |
        ann | 11:00 |      | identify | pro         |
        ann | 12:00 |      | identify |             | Lyon
        bob | 10:00 |      | identify |             | Lyon
        """,
        """
        now          | ann    | bob
        10:59:59.999 | "free" | missing
        11:00        | "pro"  | missing
        12:30        | "pro"  | missing
        """,
    )


def test_a_trait_keeps_its_type(spec):
    """Traits are values like any other: a number is not a text."""
    spec(
        None,
        """
        who | at    | name | kind     | traits.seats | traits.beta
        ann | 10:00 |      | identify | 10           | true
        bob | 10:00 |      | identify | "10"         |
        """,
        """
        expression               | ann   | bob
        trait("seats") >= 5      | true  | false
        trait("seats") == "10"   | false | true
        trait("beta") == true    | true  | false
        trait("seats") + 1       | 11    | missing
        """,
        now="11:00",
    )


def test_context_is_what_was_seen_last(spec):
    """`context("device.type")` is the last context seen on any event."""
    spec(
        'context("device.type")',
        """
        who | at    | name        | context.device.type
        ann | 10:00 | Page Viewed | mobile
        ann | 11:00 | Page Viewed | desktop
        ann | 12:00 | Page Viewed |
        """,
        """
        now   | ann
        10:30 | "mobile"
        12:30 | "desktop"
        """,
    )


def test_lists_hold_identifiers(spec):
    """`in_list("vip")` is true when any identifier that the profile has ever stated stands in the list."""
    spec(
        'in_list("vip")',
        """
        who | at    | name        | kind     | user | device | traits.email
        ann | 10:00 | Page Viewed |          |      | d1     |
        ann | 11:00 | Page Viewed |          | u1   | d1     |
        ann | 12:00 | Page Viewed |          |      | d1     |
        bob | 10:30 |             | identify | u2   |        | " Bob@Example.org"
        cat | 10:30 | Page Viewed |          |      | u1     |
        """,
        """
        now   | ann   | bob   | cat
        10:30 | false | true  | false
        11:00 | true  | true  | false
        12:00 | true  | true  | false
        """,
        definitions=[VIP],
    )


def test_everyone_has_an_event_or_a_record(spec):
    """`everyone()` is every profile with at least one event or record; a segment never holds anyone else."""
    spec(
        "everyone()",
        """
        who | at    | name        | kind
        ann | 10:00 | Page Viewed |
        bob | 10:00 |             | identify
        cat | 12:00 | Page Viewed |
        """,
        """
        now   | ann  | bob  | cat
        11:00 | true | true | false
        12:00 | true | true | true
        """,
    )
