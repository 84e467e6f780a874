"""where: conditions on one event."""

PURCHASES = """
who | at    | name            | revenue | currency | context.device.type | traits.plan
ann | 10:00 | Order Completed | 120     | EUR      | mobile              | pro
ann | 10:10 | Order Completed | 80      | EUR      | desktop             |
bob | 10:00 | Order Completed | 200     | USD      | mobile              |
bob | 10:10 | Order Refunded  | 200     | USD      | mobile              |
"""


def test_a_bare_name_is_a_property(spec):
    """Inside `where` a bare name is a property of the event; `context.` and `traits.` are dotted paths."""
    spec(
        None,
        PURCHASES,
        """
        expression                                                                  | ann | bob
        count("Order Completed", where=revenue > 100)                               | 1   | 1
        count("Order Completed", where=revenue > 100 and currency == "EUR")         | 1   | 0
        count("Order Completed", where=context.device.type == "mobile")             | 1   | 1
        count("Order Completed", where=traits.plan == "pro")                        | 1   | 0
        count("Order Completed", where=not (currency == "EUR"))                     | 0   | 1
        count("Order Completed", where=revenue < 100 or currency == "USD")          | 1   | 1
        sum("revenue", of="Order Completed", where=context.device.type == "mobile") | 120 | 200
        """,
        now="11:00",
    )


def test_odd_names_are_written_with_property(spec):
    """A property whose name is not a plain word is written `property("...")`."""
    spec(
        None,
        """
        who | at    | name     | Total Amount | in | size.eu
        ann | 10:00 | Imported | 5            | 1  | 42
        """,
        """
        expression                                       | ann
        count("Imported", where=property("Total Amount") == 5)  | 1
        count("Imported", where=property("in") == 1)            | 1
        count("Imported", where=size.eu == 42)                  | 1
        sum("Total Amount")                                     | 5
        """,
        now="11:00",
    )


def test_where_compares_properties_with_each_other(spec):
    """Both sides may be properties, and arithmetic works on them."""
    spec(
        None,
        """
        who | at    | name            | price | paid
        ann | 10:00 | Order Completed | 100   | 80
        ann | 10:05 | Order Completed | 50    | 50
        ann | 10:10 | Order Completed | 50    |
        """,
        """
        expression                                                          | ann
        count("Order Completed", where=paid < price)                        | 1
        count("Order Completed", where=price - paid >= 20)                  | 1
        count("Order Completed", where=has(paid))                           | 2
        count("Order Completed", where=default(paid, 0) == 0)               | 1
        """,
        now="11:00",
    )


def test_several_names_are_either_of_them(spec):
    """Several names select events that have any of them; no name selects all activity."""
    spec(
        None,
        PURCHASES,
        """
        expression                                              | ann | bob
        count("Order Completed", "Order Refunded")              | 2   | 2
        sum("revenue", of=["Order Completed", "Order Refunded"]) | 200 | 400
        count()                                                 | 2   | 2
        """,
        now="11:00",
    )


def test_a_star_at_the_end_of_a_name_stands_for_any_ending(spec):
    """`"Order *"` selects every name that begins so, also exactly so; upper and lower case count."""
    spec(
        None,
        """
        who | at    | name
        ann | 10:00 | Order Completed
        ann | 10:01 | Order Refunded
        ann | 10:02 | Orders Exported
        ann | 10:03 | order completed
        ann | 10:04 | Order
        """,
        """
        expression           | ann
        count("Order *")     | 2
        count("Order*")      | 4
        count("order*")      | 1
        count("*")           | 5
        count("Order")       | 1
        """,
        now="11:00",
    )


def test_text_matching(spec):
    """`contains`, `starts_with`, `ends_with` and `matches` look into texts, upper and lower case apart."""
    spec(
        None,
        """
        who | at    | name        | url
        ann | 10:00 | Page Viewed | /pricing/teams
        bob | 10:00 | Page Viewed | /Pricing
        cat | 10:00 | Page Viewed | 10
        dan | 10:00 | Page Viewed |
        """,
        """
        expression                                                 | ann   | bob   | cat   | dan
        happened("Page Viewed", where=url.contains("pricing"))     | true  | false | false | false
        happened("Page Viewed", where=contains(url, "pricing"))    | true  | false | false | false
        happened("Page Viewed", where=starts_with(url, "/pricing")) | true | false | false | false
        happened("Page Viewed", where=ends_with(url, "teams"))     | true  | false | false | false
        happened("Page Viewed", where=matches(url, "(?i)^/pricing(/|$)")) | true | true | false | false
        happened("Page Viewed", where=url.matches("[0-9]"))        | false | false | false | false
        happened("Page Viewed", where=not contains(url, "pricing")) | false | true | true  | true
        starts_with(last("url"), "/P")                             | false | true  | false | false
        """,
        now="11:00",
    )


def test_a_pattern_is_found_anywhere(spec):
    """`matches` finds a pattern anywhere in the text; `^` and `$` tie it to the ends. `""` is in every text."""
    spec(
        None,
        """
        who | at    | name     | query
        ann | 10:00 | Searched | red shoes 42
        bob | 10:00 | Searched | ""
        """,
        """
        expression                                       | ann   | bob
        happened(where=query.matches("shoes?"))          | true  | false
        happened(where=query.matches("^shoes"))          | false | false
        happened(where=query.matches("[0-9]+$"))         | true  | false
        happened(where=query.matches("^$"))              | false | true
        happened(where=query.contains(""))               | true  | true
        """,
        now="11:00",
    )


def test_any_item_looks_into_lists_of_things(spec):
    """`any_item(products, where=...)` is true when some one thing of the list fulfils the whole condition."""
    spec(
        None,
        """
        who | at    | name            | products
        ann | 10:00 | Order Completed | [{"sku": "lamp", "price": 120}, {"sku": "bulb", "price": 5}]
        bob | 10:00 | Order Completed | [{"sku": "lamp", "price": 20}]
        cat | 10:00 | Order Completed | []
        dan | 10:00 | Order Completed | lamp
        eve | 10:00 | Order Completed |
        """,
        """
        expression                                                                 | ann | bob | cat | dan | eve
        count(where=any_item(products, where=price > 100))                         | 1   | 0   | 0   | 0   | 0
        count(where=any_item(products, where=sku == "lamp" and price < 100))       | 0   | 1   | 0   | 0   | 0
        count(where=any_item(products, where=sku == "lamp"))                       | 1   | 1   | 0   | 0   | 0
        count(where=not any_item(products, where=sku == "lamp"))                   | 0   | 0   | 1   | 1   | 1
        count(where=any_item(products, where=not has(price)))                      | 0   | 0   | 0   | 0   | 0
        """,
        now="11:00",
    )


def test_any_item_reaches_nested_fields_and_plain_things(spec):
    """A thing may itself have fields of fields; a list of plain texts or numbers is asked with `item()`."""
    spec(
        None,
        """
        who | at    | name   | lines | tags
        ann | 10:00 | Saved  | [{"product": {"brand": "Lumo"}}] | ["sale", 10, null]
        bob | 10:00 | Saved  | [["Lumo"], 7, "Lumo"]            | ["on sale", "10"]
        """,
        """
        expression                                                       | ann   | bob
        happened(where=any_item(lines, where=product.brand == "Lumo"))   | true  | false
        happened(where=any_item(lines, where=item("product.brand") == "Lumo")) | true | false
        happened(where=any_item(lines, where=item() == "Lumo"))          | false | true
        happened(where=any_item(tags, where=item() == "sale"))           | true  | false
        happened(where=any_item(tags, where=item() == 10))               | true  | false
        happened(where=any_item(tags, where=ends_with(item(), "sale")))  | true  | true
        happened(where=any_item(tags, where=not has(item())))            | true  | false
        """,
        now="11:00",
    )
