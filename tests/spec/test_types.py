"""Comparison and types: numbers, texts, truths and lists never mix."""


def test_ten_is_not_the_text_ten(spec):
    """A number never equals a text, and a truth equals neither. Imports convert; the language does not."""
    spec(
        None,
        """
        who | at    | name     | size
        ann | 10:00 | Selected | 10
        bob | 10:00 | Selected | "10"
        cat | 10:00 | Selected | true
        dan | 10:00 | Selected | "true"
        eve | 10:00 | Selected | 1
        """,
        """
        expression                | ann   | bob   | cat   | dan   | eve
        last("size") == 10        | true  | false | false | false | false
        last("size") == "10"      | false | true  | false | false | false
        last("size") == true      | false | false | true  | false | false
        last("size") == 1         | false | false | false | false | true
        last("size") >= 1         | true  | false | false | false | true
        last("size") != 10        | false | true  | true  | true  | true
        last("size") in (10, "true", false) | true | false | false | true | false
        """,
        now="11:00",
    )


def test_only_numbers_have_an_order(spec):
    """`<` and `>` between properties hold for numbers only."""
    spec(
        'count("Search", where=low < high)',
        """
        who | at    | name   | low | high
        ann | 10:00 | Search | 1   | 2
        bob | 10:00 | Search | a   | b
        cat | 10:00 | Search | 1   | "2"
        dan | 10:00 | Search | false | true
        """,
        """
        ann | bob | cat | dan
        1   | 0   | 0   | 0
        """,
        now="11:00",
    )


def test_sums_pass_over_what_is_not_a_number(spec):
    """Sums and averages pass over texts and truths; `distinct` and `most_frequent` tell types apart."""
    spec(
        None,
        """
        who | at    | name     | size
        ann | 10:00 | Selected | 10
        ann | 10:01 | Selected | "10"
        ann | 10:02 | Selected | true
        ann | 10:03 | Selected | 1
        ann | 10:04 | Selected | "10"
        """,
        """
        expression             | ann
        sum("size")            | 11
        average("size")        | 5.5
        maximum("size")        | 10
        distinct("size")       | 4
        most_frequent("size")  | "10"
        """,
        now="11:00",
    )


def test_in_looks_for_one_of_several_constants(spec):
    """`in` finds one of several constants; it never searches inside a text."""
    spec(
        None,
        """
        who | at    | name        | country
        ann | 10:00 | Page Viewed | FR
        bob | 10:00 | Page Viewed | FRA
        """,
        """
        expression                                   | ann   | bob
        last("country") in ("FR", "DE")              | true  | false
        last("country") not in ("FR", "DE")          | false | true
        happened(where=country in ["FR"])            | true  | false
        last("country").contains("FR")               | true  | true
        """,
        now="11:00",
    )


def test_comparisons_may_be_chained(spec):
    """`1 <= x < 3` means `1 <= x and x < 3`."""
    spec(
        '1 <= count("Page Viewed") < 3',
        """
        who | at    | name
        ann | 10:00 | Page Viewed
        bob | 10:00 | Page Viewed
        bob | 10:01 | Page Viewed
        bob | 10:02 | Page Viewed
        cat | 10:00 | Product Viewed
        """,
        """
        ann  | bob   | cat
        true | false | false
        """,
        now="11:00",
    )


def test_lists_are_equal_to_nothing_a_definition_can_write(spec):
    """A list is looked into with `any_item`; compared with a text or a number it is just unequal."""
    spec(
        None,
        """
        who | at    | name   | tags
        ann | 10:00 | Tagged | ["a", "b"]
        """,
        """
        expression                                | ann
        last("tags") == "a"                       | false
        has(last("tags"))                         | true
        happened(where=any_item(tags, where=item() == "a")) | true
        """,
        now="11:00",
    )
