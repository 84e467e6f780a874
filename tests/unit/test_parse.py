"""Reading expressions: what has a meaning, what has none, and what is said about it."""

from __future__ import annotations

import pytest

from shoal.definitions.definition import Definitions, FeatureDefinition, SegmentDefinition
from shoal.definitions.parse import MAXIMUM_DEPTH, MAXIMUM_LENGTH, MAXIMUM_NODES, parse
from shoal.definitions.render import render
from shoal.definitions.resolve import resolve
from shoal.errors import DefinitionError, Problem


def problems(text: str) -> list[Problem]:
    """What is wrong with a segment's condition."""
    with pytest.raises(DefinitionError) as caught:
        resolve(Definitions.of(SegmentDefinition(name="s", when=text)))
    return list(caught.value.problems)


REFUSED = {
    # what Python can do and the language cannot
    "__class__": "SH002",
    "count.__class__": "SH002",
    'count("A").__class__ == 1': "SH002",
    "count(where=price.__class__.__mro__ == 1) > 1": "SH002",
    "count(where=property(price).x == 1) > 1": "SH002",
    "__import__('os')": "SH003",
    "open('/etc/passwd')": "SH003",
    "exec('1')": "SH003",
    "lambda: 1": "SH002",
    "(lambda: 1)()": "SH003",
    "count()()": "SH003",
    "[x for x in y]": "SH002",
    "{x for x in y}": "SH002",
    "count(x for x in y)": "SH002",
    "(a := 1)": "SH002",
    "count(where=(a := 1))": "SH002",
    'f"{count()}" == 1': "SH002",
    "count(*names) > 1": "SH002",
    "count(**names) > 1": "SH002",
    "1 if everyone() else 2": "SH002",
    "plans[0]": "SH002",
    "{1: 2}": "SH002",
    "await x": "SH002",
    "(yield)": "SH002",
    "count() is 1": "SH002",
    "count() ** 2 > 1": "SH002",
    "count() % 2 > 1": "SH002",
    "count() // 2 > 1": "SH002",
    "count() @ 2 > 1": "SH002",
    "everyone() & everyone()": "SH002",
    "~everyone()": "SH002",
    "+count() > 1": "SH002",
    "trait('a').b": "SH002",
    "b'a' == 1": "SH004",
    "1j == 1": "SH004",
    "...": "SH004",
    "None": "SH004",
    # what is not an expression
    "": "SH001",
    "  \n ": "SH001",
    "import os": "SH001",
    "1; 2": "SH001",
    "a: b": "SH001",
    "count() = 1": "SH001",
    "count(": "SH001",
    "count())": "SH001",
    "count('A)": "SH001",
    "everyone()\0": "SH001",
    "\ufeffeveryone()": "SH001",
    # numbers and moments
    f"count() > {'9' * 30}": "SH006",
    f"count() > -{'9' * 30}": "SH006",
    f"count() > {'9' * 5000}": "SH006",
    "count() > 9007199254740993": "SH006",
    "count() > 1e999": "SH006",
    "count() > nan": "SH009",
    "count() > inf": "SH009",
    "time_since('A') > '5'": "SH006",
    "time_since('A') > '1 fortnight'": "SH006",
    f"time_since('A') > '{'9' * 400} days'": "SH006",
    "time_since('A') > '99999999999 years'": "SH006",
    "time_of_last('A') > 'soon'": "SH006",
    "time_of_last('A') > '10000-01-01'": "SH006",
    "time_of_last('A') > '0001-01-01T00:00:00+14:00'": "SH006",
    "count(since='9999-12-31T23:59:59-14:00') > 1": "SH006",
    "count(since='1 day') > 1": "SH006",
    "count(since=5) > 1": "SH006",
    "count(within=7) > 1": "SH006",
    # words
    "cuont('A') > 1": "SH003",
    "count('A', wthin='7 days') > 1": "SH004",
    "count(within='1 day', within='2 days') > 1": "SH004",
    "count(events='A') > 1": "SH004",
    "count(window=1) > 1": "SH004",
    "count(5) > 1": "SH004",
    "sum() > 1": "SH004",
    "first('a', path='b') == 1": "SH004",
    "time_since_any('A') > '1 day'": "SH004",
    "count(where=1) > 1": "SH004",
    "count(where=count() > 1) > 1": "SH004",
    "count(where=item() == 1) > 1": "SH004",
    "count(where=any_item(products)) > 1": "SH004",
    "property('a') == 1": "SH004",
    "sessions(where=pace > 1) > 1": "SH004",
    "consents('fun')": "SH004",
    "'a' in trait('b')": "SH004",
    "trait('a') in 'abc'": "SH004",
    "trait('a') in (count(), 1)": "SH004",
    "[1, 2]": "SH004",
    "step('A')": "SH004",
    "trait('a').contains()": "SH004",
    "trait('\\ud800') == 1": "SH004",
    "count('\\udfff') > 1": "SH004",
    "contains(trait('a'), '\\ud800')": "SH004",
    # meaning
    "count()": "SH008",
    "5": "SH008",
    "'a'": "SH008",
    "trait('a')": "SH008",
    "time_since('A') > 5": "SH007",
    "count('A') == '10'": "SH007",
    "'a' < trait('b')": "SH007",
    "everyone() > everyone()": "SH007",
    "time_of_last('A') + time_of_last('B') > '2026-01-01'": "SH007",
    "decay(count(), half_life='1 day') > 0": "SH007",
    "scale(count(), 1, 1) > 0": "SH007",
    "scale(count(), 'a', 1) > 0": "SH007",
    "mean(count(), time_since_any()) > 1": "SH007",
    "rank(everyone()) > 1": "SH007",
    "count('A', after=ago('1 day')) > 1": "SH007",
    "contains(count(), 'a')": "SH007",
    "time_since('A') in (1, 2)": "SH007",
    "feature('x') > 1": "SH009",
    "score('x') > 1": "SH009",
    "in_segment('x')": "SH009",
    "in_list('x')": "SH009",
    "price > 1": "SH009",
    "1 / time_since_any() > 1": "SH007",
    "time_since_any() / time_since_any() > 1": "SH019",
    "count(since=ago('1 day') + time_since_any()) > 1": "SH019",
    # patterns that cannot be found in linear time, or not at all
    "count(where=matches(a, '(?=a)')) > 1": "SH021",
    "count(where=matches(a, '(?<!a)b')) > 1": "SH021",
    r"count(where=matches(a, '(a)\\1')) > 1": "SH021",
    "count(where=matches(a, '[')) > 1": "SH021",
    "count(where=matches(a, '(a{1000}){1000}')) > 1": "SH021",
    # too much
    " + ".join(["1"] * 1000) + " > 1": "SH005",
    " and ".join(["everyone()"] * 1000): "SH005",
    "not " * 50 + "everyone()": "SH005",
    "(" * 5000 + "everyone()" + ")" * 5000: "SH005",
    "-" * 5000 + "1 > 0": "SH005",
    "has(" * 100 + "count()" + ")" * 100: "SH005",
    f"trait('a') in ({', '.join(map(str, range(3000)))})": "SH005",
    f"trait('a') in ({', '.join(map(str, range(50_000)))})": "SH005",
    "1" * 10_000_000: "SH005",
    "(" * 10_000_000: "SH005",
}
"""Segments that have no meaning, and the code of the problem."""


@pytest.mark.parametrize(
    "text", REFUSED, ids=lambda text: text[:40] if text.isascii() and text.isprintable() else "-"
)
def test_refuses(text: str) -> None:
    """With the code that is documented for it, one message, and short enough to be read."""
    found = problems(text)
    assert [each.code for each in found] == [REFUSED[text]]
    assert len(str(found[0])) < 400


ALLOWED = (
    "count()\r\n> 1",
    "\tcount()\n\t> 1",
    "count()  # how often\n> 1",
    "count()\n\n\n> 1",
    "count() > 0o17",
    "count() > 1_000_000",
    "count() > -0.1e-400",
    "1 < count() < 5",
    "count() not in [1, true, 'x']",
    "not count() == 1",
    "-count() < -1",
    "True",
    "happened('😀 \"quoted\"')",
    "count(where=matches(a, '(a+)+$')) > 1",
    "count(where=matches(a, '(x+x+)+y')) > 1",
    "count(where=été > 1) > 1",
    "count(where=property('odd name') == 1) > 1",
    f"trait('a') in ({', '.join(map(str, range(700)))})",
    "(" * 60 + "everyone()" + ")" * 60,
)


@pytest.mark.parametrize("text", ALLOWED)
def test_reads(text: str) -> None:
    """And writes it back so that it means the same."""
    node = resolve(Definitions.of(SegmentDefinition(name="s", when=text))).segments[0].when
    again = resolve(Definitions.of(SegmentDefinition(name="s", when=render(node)))).segments[0].when
    assert again == node


def test_every_problem_of_an_expression_is_found() -> None:
    """Not only the first."""
    found = problems('cuont("A") > 1\nand count("B", wthin="7 days") > 1\nand [x for x in y]\nand count("C") > 1')
    assert [(each.line, each.column, each.code) for each in found] == [
        (1, 1, "SH003"),
        (2, 5, "SH004"),
        (3, 5, "SH002"),
    ]


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("cuont() > 1", 1, 1),
        ("everyone() and cuont()", 1, 16),
        ("everyone()\n  and cuont()", 2, 7),
        ("\n\neveryone()\n  and cuont()", 4, 7),
        ("happened('é😀') and cuont()", 1, 20),
        ("everyone() and (\n  cuont())", 2, 3),
        ("everyone())", 1, 11),
        ("\n\neveryone()\nand and", 4, 5),
        ("\n\neveryone()\nand )", 4, 5),
        ("everyone() and time_since('A') > 'x'", 1, 16),
        ("everyone() and count('A') == 'x'", 1, 16),
        ("everyone() and nothing > 3", 1, 16),
    ],
)
def test_a_problem_has_a_place(text: str, line: int, column: int) -> None:
    """Line and column count characters from 1, also behind letters of several bytes."""
    (found,) = problems(text)
    assert (found.line, found.column) == (line, column)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("hapened('A')", "did you mean happened?"),
        ("count('A', wher=price > 1) > 1", "did you mean where=?"),
        ("sum() > 1", "write sum(path, of=, where=, within=, ...)"),
        ("count(price > 1) > 1", 'for example "Order Completed"'),
        ("time_since('A') > 5", 'write the length as a text: "30 minutes"'),
        ("count('A') == '10'", '10 is not "10": write it without quotes'),
        ("everyone() & everyone()", "write and / or / not in text"),
        ("count('A')", "compare it, for example with >= 1"),
    ],
)
def test_a_problem_says_what_to_do(text: str, hint: str) -> None:
    """The hint is what to write instead."""
    assert problems(text)[0].hint == hint


def test_limits_are_those_that_are_stated() -> None:
    """One more than the limit is refused, and no less."""
    assert parse("'" + "a" * (MAXIMUM_LENGTH - 2) + "'")
    assert problems("'" + "a" * (MAXIMUM_LENGTH - 1) + "'")[0].code == "SH005"
    shallow = "has(" * ((MAXIMUM_DEPTH - 2) // 2) + "count()" + ")" * ((MAXIMUM_DEPTH - 2) // 2)
    assert resolve(Definitions.of(SegmentDefinition(name="s", when=shallow)))
    constants = MAXIMUM_NODES - 5
    assert parse(f"trait('a') in ({', '.join(['1'] * constants)})")
    assert problems(f"trait('a') in ({', '.join(['1'] * (constants + 1))})")[0].code == "SH005"


def test_a_chain_of_features_does_not_grow() -> None:
    """Each feature uses the one before twice: 2 to the power of 60 parts, if they were copied."""
    features = [FeatureDefinition(name="f0", value="count()")]
    features += [FeatureDefinition(name=f"f{n}", value=f"f{n - 1} + f{n - 1}") for n in range(1, 61)]
    assert len(resolve(Definitions.of(*features)).features) == 61
