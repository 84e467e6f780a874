"""The report: complete, safe to open anywhere, and true to the results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from shoal.definitions.workspace import load_workspace
from shoal.runtime.batch import Results, evaluate_prepared, prepare
from shoal.runtime.moments import read_moment
from shoal.runtime.report import Facts, gather_facts, render_page
from shoal.runtime.report.drawing import nice_ticks
from shoal.runtime.report.page import heat, percent
from tests.functional.page_reading import (
    Page,
    assert_every_class_has_a_style,
    assert_page_stands_alone,
    assert_policy_names_the_style,
)
from tests.functional.shop import Shop


@pytest.fixture
def facts(shop: Shop) -> Facts:
    """The facts of the small shop, at its newest event, with invented intents."""
    return _facts(shop)[0]


def _facts(shop: Shop) -> tuple[Facts, Results]:
    from shoal.model.zone import load_zone
    from shoal.runtime.explaining import explain_membership

    workspace = load_workspace(shop.folder)
    at = read_moment("2026-03-02T10:00:00Z", load_zone("UTC"))
    prepared = prepare(workspace, at)
    results = evaluate_prepared(workspace, prepared, at)
    person, explanation = explain_membership(workspace, "ann", "left_cart", at)
    intents = pl.DataFrame(
        {"profile": ["user_id:ann", "user_id:bob"], "intent": ["price_sensitive", "prime_converter"]}
    )
    found = gather_facts(
        workspace,
        prepared,
        results,
        trend_of="left_cart",
        score="interest",
        intents=intents,
        example=(person.id, explanation),
        commands=[("shoal segments", "<sizes>")],
    )
    return found, results


def test_the_page_asks_for_nothing_and_runs_nothing(facts: Facts) -> None:
    """No script, no style but the one that its policy names, no address anywhere."""
    assert_page_stands_alone(render_page(facts))


def test_the_policy_lets_in_the_style_of_the_page(facts: Facts) -> None:
    """Its hash is that of the text between the style tags, so a browser applies it and no other."""
    assert_policy_names_the_style(render_page(facts))


def test_what_people_wrote_is_text(shop: Shop) -> None:
    """A name with tags in it is shown, not obeyed."""
    shop.write("shoal.yaml", 'name: "<script>alert(1)</script>"\n')
    html = render_page(_facts(shop)[0])
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "&lt;sizes&gt;" in html


def test_every_class_that_is_used_has_a_style(facts: Facts) -> None:
    """What is drawn without style would be black on black."""
    assert_every_class_has_a_style(render_page(facts))


def test_sizes_are_those_of_the_results(shop: Shop) -> None:
    """The largest first, each with its share of everyone."""
    facts, results = _facts(shop)
    assert {each.name: each.members for each in facts.segments} == results.sizes()
    assert [each.members for each in facts.segments] == [2, 1, 1]
    assert facts.segments[0].share == pytest.approx(2 / 3)
    assert (facts.people, facts.events, facts.nobodys) == (3, 11, 1)


def test_the_overlap_counts_members_of_both(facts: Facts) -> None:
    """Rows are the whole: of two viewers one left a cart; who left a cart is a viewer."""
    names = [each.name for each in facts.segments]
    viewers, cart = names.index("viewers"), names.index("left_cart")
    assert facts.overlap[viewers, cart] == 0.5
    assert facts.overlap[cart, viewers] == 1.0
    assert np.all(np.diag(facts.overlap) == 1.0)


def test_the_trend_ends_where_the_results_are(facts: Facts) -> None:
    """One point for the end of each day, the last one at the moment looked at."""
    assert facts.trend is not None
    assert [members for _, members in facts.trend.days] == [1, 1]


def test_the_score_counts_everyone_once(facts: Facts) -> None:
    """Everyone who has a score stands in one bar, and its parts add up to the points."""
    assert facts.score is not None
    assert sum(facts.score.counts) + facts.score.without == facts.people
    for place, count in enumerate(facts.score.counts):
        if count:
            points = sum(values[place] for values in facts.score.parts.values())
            assert facts.score.edges[place] <= points <= facts.score.edges[place + 1]


def test_intents_are_compared_with_segments(facts: Facts) -> None:
    """Of the price sensitive, all left a cart; of the converters, none."""
    assert facts.intents is not None
    cart = [each.name for each in facts.segments].index("left_cart")
    shares = dict(zip(facts.intents.intents, facts.intents.shares[:, cart], strict=True))
    assert shares == {"price_sensitive": 1.0, "prime_converter": 0.0}


def test_a_workspace_without_anything_has_a_page_too(empty_shop: Shop) -> None:
    """No events, no members: the page says so and stands."""
    from shoal.model.zone import load_zone

    workspace = load_workspace(empty_shop.folder)
    at = read_moment("2026-03-02", load_zone("UTC"))
    prepared = prepare(workspace, at)
    facts = gather_facts(
        workspace, prepared, evaluate_prepared(workspace, prepared, at), trend_of=None, score="interest"
    )
    assert "0 people" in render_page(facts)


def test_the_same_facts_make_the_same_page(facts: Facts) -> None:
    """No clock and no chance in it."""
    assert render_page(facts) == render_page(facts)


def test_ticks_are_round_and_reach_the_top() -> None:
    """Whole numbers in even steps."""
    assert nice_ticks(0) == [0, 1]
    assert nice_ticks(1) == [0, 1]
    assert nice_ticks(7) == [0, 2, 4, 6, 8]
    assert nice_ticks(197) == [0, 50, 100, 150, 200]
    for highest in range(1, 2_000, 7):
        ticks = nice_ticks(highest)
        assert ticks[-1] >= highest
        assert len(ticks) <= 6


def test_shares_are_told_shortly() -> None:
    """Whole percents, tenths below ten; something is never shown as nothing."""
    assert [percent(share) for share in (0, 0.004, 0.061, 0.172, 1)] == ["0 %", "0.4 %", "6.1 %", "17 %", "100 %"]
    assert [heat(share) for share in (0, 0.001, 0.5, 1)] == [0, 1, 5, 10]


def test_the_report_lies_beside_the_demo(tmp_path: Path) -> None:
    """One file, not too large to send to somebody."""
    from shoal.runtime.demo import make_demo

    demo = make_demo(tmp_path / "shop", events=2_000)
    html = demo.report.read_text()
    assert len(html) < 400_000
    assert "High Intent, Price Sensitive, day by day" in html
    assert "Does a segment find the intent behind it?" in html
    assert Page(html).open == []
