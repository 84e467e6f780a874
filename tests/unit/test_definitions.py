"""Definitions from Python: the same objects as from text, there and back."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest

import shoal
from shoal import (
    Definitions,
    FeatureDefinition,
    PartDefinition,
    ScoreDefinition,
    SegmentDefinition,
    absent,
    ago,
    any_item,
    context,
    count,
    decay,
    default,
    distinct,
    event_hour,
    everyone,
    feature,
    first_time,
    funnel,
    happened,
    has,
    in_list,
    in_segment,
    item,
    last,
    mean,
    moment,
    property,
    rank,
    regularly,
    resolve,
    scale,
    score,
    sequence,
    session,
    session_average,
    session_field,
    sessions,
    share,
    step,
    stopped,
    time_of_last,
    time_since,
    time_since_any,
    trait,
    write_definitions,
)
from shoal.definitions import language
from shoal.definitions.definition_files import read_definitions
from shoal.definitions.expression import Expression, LanguageError
from shoal.definitions.parse import parse
from shoal.definitions.vocabulary import VOCABULARY

SAME = {
    'count("A", within="7 days") >= 3': count("A", within="7 days") >= 3,
    'happened("A") and not happened("B")': happened("A") & ~happened("B"),
    'happened("A") or happened("B") or happened("C")': happened("A") | happened("B") | happened("C"),
    'last("price", of="A") != 10': last("price", of="A") != 10,
    'count("A", where=price > 100 and context.device.type == "mobile")': count(
        "A", where=(property("price") > 100) & (property("context.device.type") == "mobile")
    ),
    'count(where=plan in ("free", "pro"))': count(where=property("plan").is_in("free", "pro")),
    'count(where=matches(url, "^/a") or url.contains("b"))': count(
        where=property("url").matches("^/a") | property("url").contains("b")
    ),
    'happened("A", where=any_item(products, where=price > 100 and sku == "x"))': happened(
        "A", where=any_item("products", where=(item("price") > 100) & (item("sku") == "x"))
    ),
    "count(where=local_hour() < 6)": count(where=event_hour() < 6),
    'sessions(where=pages >= 3 and duration > "5 minutes")': sessions(
        where=(session_field("pages") >= 3) & (session_field("duration") > "5 minutes")
    ),
    'happened("B", after=time_of_last("A"))': happened("B", after=time_of_last("A")),
    'count(between=("2026-01-01", ago("1 day")))': count(between=("2026-01-01", ago("1 day"))),
    'count(since=moment("2026-01-01T00:00Z"), latest=3)': count(since=moment("2026-01-01T00:00Z"), latest=3),
    'sequence("A", absent("C"), step("B", where=price > 1), span="30 minutes")': sequence(
        "A", absent("C"), step("B", where=property("price") > 1), span="30 minutes"
    ),
    'funnel("A", "B", within="30 days") / 2': funnel("A", "B", within="30 days") / 2,
    '1 - count("A") * 2 + 3': 1 - count("A") * 2 + 3,
    'default(trait("plan"), "free") == "pro"': default(trait("plan"), "free") == "pro",
    'has(context("device.type")) and in_list("vip")': has(context("device.type")) & in_list("vip"),
    'share("A", where=price > 1, of=("A", "B"))': share("A", where=property("price") > 1, of=("A", "B")),
    'regularly("A", periods=2, of=4, each="1 week")': regularly("A", periods=2, of=4, each="1 week"),
    'stopped("A", active="30 days", idle="7 days")': stopped("A", active="30 days", idle="7 days"),
    'first_time("A", within="7 days")': first_time("A", within="7 days"),
    'rank(decay(time_since_any(), half_life="7 days"), into=5, descending=true)': rank(
        decay(time_since_any(), half_life="7 days"), into=5, descending=True
    ),
    'mean(scale(session_average("pages"), 1, 10), distinct("sku"))': mean(
        scale(session_average("pages"), 1, 10), distinct("sku")
    ),
    'session("max_scroll", of="last") > 70': session("max_scroll", of="last") > 70,
    'feature("f") > score("s") and in_segment("g") and everyone()': (feature("f") > score("s"))
    & in_segment("g")
    & everyone(),
    'time_since("A", "B") >= "30 minutes"': time_since("A", "B") >= "30 minutes",
}
"""Expressions as text and in Python."""

DEFINED = Definitions.of(
    FeatureDefinition(name="spent", value='sum("revenue", of="Order Completed")', title="Spent: all of it # ever"),
    FeatureDefinition(name="eager", value=count("Product Viewed", where=property("odd: #name") == "é\t\x07") >= 3),
    ScoreDefinition(
        name="engagement",
        parts=(
            PartDefinition(name="recency", weight=40, value=decay(time_since_any(), half_life="7 days")),
            PartDefinition(name="spending", weight=0.5, value="scale(spent,\n      0, 100)\n", missing=0.25),
        ),
        title="null",
        description="Two lines,\n\nand a third.",
    ),
    SegmentDefinition(
        name="best", when=(score("engagement") > 50) & feature("eager"), purpose=shoal.Purpose.EMAIL, title="12"
    ),
)


@pytest.mark.parametrize("text", SAME)
def test_text_and_python_mean_the_same(text: str) -> None:
    """Both are built by the same functions."""
    assert parse(text) == SAME[text].node


def test_the_package_offers_every_word() -> None:
    """`from shoal import` finds each word of the vocabulary, and the names that text has no need of."""
    assert set(VOCABULARY) | {"session_field", "event_hour", "event_weekday"} == set(language.__all__)
    assert [word.name for word in VOCABULARY.values() if getattr(shoal, word.name) is not word.build] == []


def test_the_package_keeps_its_promise() -> None:
    """Everything in `__all__` is there and listed once; what is not there is an AttributeError."""
    names = shoal.__all__
    assert len(set(names)) == len(names)
    assert [name for name in names if not hasattr(shoal, name) or name not in dir(shoal)] == []
    assert not hasattr(shoal, "count_")


def test_importing_the_package_loads_nothing_heavy() -> None:
    """NumPy and Polars come with the first name that needs them."""
    code = (
        "import sys, shoal; shoal.count('A'); print([m for m in ('polars', 'numba', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    code = "import sys, shoal; print([m for m in sys.modules if m.startswith('shoal.') or m in ('numpy', 'yaml')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_definitions_are_written_and_read_back_equal() -> None:
    """Also with signs that YAML has a meaning for; text stays as it was written."""
    read, problems = read_definitions(write_definitions(DEFINED), "all.yaml")
    assert problems == []
    assert Definitions.of(*read).scores[0].parts[1] == DEFINED.scores[0].parts[1]
    assert resolve(Definitions.of(*read)) == resolve(DEFINED)
    assert [each.title for each in read] == [each.title for each in DEFINED]


def test_nothing_is_written_as_nothing() -> None:
    """No definitions make an empty text."""
    assert write_definitions([]) == ""


def test_definitions_made_in_python_can_be_compared() -> None:
    """Although expressions build comparisons instead of making them."""
    one, other = (SegmentDefinition(name="a", when=count("A") > limit) for limit in (1, 2))
    assert one == SegmentDefinition(name="a", when=count("A") > 1)
    assert one != other


@pytest.mark.parametrize(
    "use",
    [
        lambda: bool(count("A") > 1),
        lambda: count("A") > 1 and count("B") > 1,
        lambda: count(""),
        lambda: count(3),
        lambda: count("A", within=7),
        lambda: count("A", within="7 dayz"),
        lambda: count("A", latest=0),
        lambda: count("A", latest="3"),
        lambda: count("A", since="soon"),
        lambda: count("A", since=True),
        lambda: count("A", between=("2026-01-01",)),
        lambda: count("A", between=("2026-01-01", "2026-01-02"), since="2026-01-01"),
        lambda: count("A", where="price > 100"),
        lambda: count("A*B"),
        lambda: count("A") > None,
        lambda: count("A") > 10**30,
        lambda: count("A") > float("nan"),  # noqa: PLW0177
        lambda: count("A") > math.inf,
        lambda: property(""),
        lambda: any_item(count("A"), where=item() == 1),
        lambda: property("a").is_in(count("A")),
        lambda: rank(count("A"), into=1),
        lambda: rank(count("A"), into=2.5),
        lambda: rank(count("A"), into="5"),
        lambda: rank(count("A"), into=math.inf),
        lambda: rank(count("A"), into=math.nan),
        lambda: regularly("A", periods=3, of=2, each="1 day"),
        lambda: regularly("A", periods=1.5, of=2, each="1 day"),
        lambda: regularly("A", periods="1", of=2, each="1 day"),
        lambda: decay(time_since_any(), half_life="0 days"),
        mean,
        lambda: mean(3),
        sequence,
        lambda: sequence(absent("A")),
        lambda: sequence("A", absent("B")),
        lambda: sequence("A", 3),
        lambda: sequence("A", *["B"] * 40),
        lambda: funnel("A", absent("B")),
        lambda: session("pace"),
        lambda: session("pages", of="next"),
        lambda: sessions(where=3),
        lambda: shoal.consents("fun"),
        lambda: shoal.probability_alive(model="magic"),
        lambda: shoal.expected_orders(horizon=30),
        lambda: shoal.customer_value(horizon="30 days", revenue=3),
        lambda: trait(3),
        lambda: item(3),
        lambda: rank(count("A"), descending="yes"),
        lambda: regularly("A", periods=1, of=2, each="0 days"),
        lambda: count("A", latest=math.inf),
        lambda: count("A", latest=math.nan),
        lambda: count("A", until=3),
        lambda: count("A", after="2026-01-01T00:00:00+99:99"),
        lambda: moment("0001-01-01T00:00:00+14:00"),
        lambda: count("A", within="9" * 400 + " days"),
        lambda: count("A", within="999999999999 years"),
    ],
)
def test_a_misused_word_says_so(use) -> None:
    """At once, as a LanguageError, which is a ValueError: never something that fails later."""
    with pytest.raises(LanguageError):
        use()


@pytest.mark.parametrize(
    ("definition", "code"),
    [
        (FeatureDefinition(name="f", value=None), "SH004"),
        (FeatureDefinition(name="f", value=[1]), "SH004"),
        (FeatureDefinition(name=3, value="count()"), "SH020"),
        (FeatureDefinition(name="", value="count()"), "SH020"),
        (SegmentDefinition(name="s", when=3), "SH008"),
        (ScoreDefinition(name="s", parts=()), "SH022"),
        (ScoreDefinition(name="s", parts=(PartDefinition(name="p", weight=math.nan, value="count()"),)), "SH022"),
        (ScoreDefinition(name="s", parts=(PartDefinition(name="p", weight="9", value="count()"),)), "SH022"),
        (ScoreDefinition(name="s", parts=(PartDefinition(name="p", weight=math.inf, value="count()"),)), "SH022"),
        (ScoreDefinition(name="s", parts=(PartDefinition(name="p", weight=0, value="count()"),)), "SH022"),
        (ScoreDefinition(name="s", parts=(PartDefinition(name="p", weight=1, value="count()"),) * 2), "SH022"),
        (
            ScoreDefinition(name="s", parts=(PartDefinition(name="p", weight=1, value="count()", missing=2),)),
            "SH022",
        ),
        (
            ScoreDefinition(name="s", parts=(PartDefinition(name="p", weight=1, value="time_since_any()"),)),
            "SH007",
        ),
    ],
)
def test_a_definition_made_in_python_is_checked_like_one_from_a_file(definition, code: str) -> None:
    """What has no meaning is a DefinitionError when it is resolved."""
    with pytest.raises(shoal.DefinitionError) as caught:
        resolve(Definitions.of(definition))
    assert [each.code for each in caught.value.problems] == [code]


def test_a_purpose_may_be_its_name() -> None:
    """And must be one."""
    assert SegmentDefinition(name="s", when="everyone()", purpose="ads").purpose is shoal.Purpose.ADS
    with pytest.raises(LanguageError, match="is not a purpose"):
        SegmentDefinition(name="s", when="everyone()", purpose="fun")


def test_an_expression_shows_its_text() -> None:
    """So that a definition in a notebook can be read."""
    assert repr((count("A") > 1) | everyone()) == 'count("A") > 1 or everyone()'
    assert isinstance(count("A"), Expression)
