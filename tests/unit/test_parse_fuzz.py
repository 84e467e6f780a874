"""No text whatever makes the parser fail in another way than by saying what is wrong."""

from __future__ import annotations

import os
import sys

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.property.strategies import definition_sets
from tests.unit.test_definitions import SAME
from tests.unit.test_parse import ALLOWED, REFUSED

from shoal.definitions import language
from shoal.definitions.definition import Definitions, FeatureDefinition, SegmentDefinition
from shoal.definitions.definition_files import read_definitions
from shoal.definitions.list_files import KNOWN_KINDS, ListProblem, read_list
from shoal.definitions.render import render
from shoal.definitions.resolve import resolve, resolve_readable
from shoal.definitions.settings import Settings
from shoal.definitions.settings_file import read_settings
from shoal.definitions.write import write_definitions

FUZZ = settings(
    max_examples=5_000 if os.environ.get("SHOAL_FULL") == "1" else 300,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
SEEDS = tuple(text for text in (*SAME, *ALLOWED, *REFUSED) if len(text) < 500)
PIECES = st.sampled_from(
    [
        *language.__all__,
        *(
            "(",
            ")",
            "[",
            "]",
            "{",
            "}",
            ",",
            ".",
            ":",
            "=",
            "==",
            "!=",
            "<",
            ">=",
            "+",
            "-",
            "*",
            "/",
            "**",
            "@",
            "|",
        ),
        *("and", "or", "not", "in", "is", "if", "else", "for", "lambda", "await", "yield", "True", "None", ":="),
        *("where=", "of=", "within=", "after=", "between=", "latest=", "span=", "into=", "each=", "periods="),
        *(
            '"7 days"',
            '"A"',
            "'",
            '"',
            "\\",
            "\n",
            "\t",
            "\0",
            "#",
            "_",
            "__class__",
            "é",
            "😀",
            "\ud800",
            "ｃount",
        ),
        *(
            "0",
            "1",
            "-1",
            "1e999",
            "9" * 30,
            "0x",
            "1_0",
            "1j",
            "nan",
            "price",
            "products",
            "f'{x}'",
            "b''",
            "...",
        ),
    ]
)


def check_text(text: str) -> None:
    """Reads, resolves and writes back a text as a segment and as a feature."""
    for definition in (SegmentDefinition(name="s", when=text), FeatureDefinition(name="f", value=text)):
        resolved, problems = resolve_readable(Definitions.of(definition))
        assert problems or resolved.order
        assert all(each.code.startswith("SH") and each.message for each in problems)
        for _, root in resolved.roots():
            assert render(root)


@FUZZ
@given(st.lists(PIECES, max_size=30), st.sampled_from(("", " ")))
def test_random_words_are_read_or_refused(pieces: list[str], between: str) -> None:
    """Words and signs in any order."""
    check_text(between.join(pieces))


@FUZZ
@given(st.text(max_size=200))
def test_random_text_is_read_or_refused(text: str) -> None:
    """Any characters."""
    check_text(text)


@st.composite
def mutated(draw) -> str:
    """A valid or invalid expression, of which a few pieces were cut out, doubled or replaced."""
    text = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        stop = draw(st.integers(start, min(len(text), start + 12)))
        other = draw(st.sampled_from(SEEDS)) if draw(st.booleans()) else draw(PIECES)
        text = text[:start] + draw(st.sampled_from(("", other, text[start:stop] * 2))) + text[stop:]
    return text


@FUZZ
@given(mutated())
def test_mutated_expressions_are_read_or_refused(text: str) -> None:
    """Expressions that are nearly right."""
    check_text(text)


@FUZZ
@given(
    st.text(alphabet=st.sampled_from("ab:-? \n\t[]{}&*!|>'\"%@`#,.0159éé\x00\ufeff\ud800segmntwhu"), max_size=200)
)
def test_random_files_are_read_or_refused(text: str) -> None:
    """Any text as a file of definitions, as settings and as a list."""
    definitions, _ = read_definitions(text, "segments/a.yaml")
    resolve_readable(Definitions.of(*definitions))
    read_settings(text)
    for path in ("lists/a.csv", "lists/a.txt"):
        try:
            read_list("a", text, path, KNOWN_KINDS)
        except ListProblem:
            continue


FILE = """
segment: eager
name: Eager ones
purpose: ads
when: |
  count("A") > 1
---
score: engagement
parts:
  recency: {weight: 40, value: 'decay(time_since_any(), half_life="7 days")', missing: 0.5}
"""


@FUZZ
@given(st.integers(0, len(FILE)), st.integers(0, 20), st.text(alphabet="ab:-? \n[]{}&*!|>'\"%0.", max_size=6))
def test_mutated_files_are_read_or_refused(start: int, length: int, put: str) -> None:
    """A file of definitions that is nearly right."""
    text = FILE[:start] + put + FILE[start + length :]
    definitions, problems = read_definitions(text, "segments/a.yaml")
    _, more = resolve_readable(Definitions.of(*definitions))
    assert all(each.path == "segments/a.yaml" and each.line for each in (*problems, *more))


@settings(FUZZ, max_examples=FUZZ.max_examples // 3)
@given(definition_sets(Settings()))
def test_definitions_are_written_and_read_back_equal(definitions: Definitions) -> None:
    """Whatever they say: what a web page saves is what it has shown."""
    text = write_definitions(definitions)
    read, problems = read_definitions(text, "all.yaml")
    assert problems == []
    assert resolve(Definitions.of(*read, *definitions.lists)) == resolve(definitions)
    assert write_definitions(read) == text


def test_the_parser_leaves_the_interpreter_as_it_was() -> None:
    """Limits of the interpreter are not touched."""
    before = sys.getrecursionlimit(), sys.get_int_max_str_digits()
    for text in REFUSED:
        check_text(text)
    assert (sys.getrecursionlimit(), sys.get_int_max_str_digits()) == before
