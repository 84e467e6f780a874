"""The shipped scores as the documents show them, and the numbers that the documents state."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shoal.definitions.definition import Definitions
from shoal.definitions.definition_files import read_definitions
from shoal.definitions.resolve import Resolved, resolve
from shoal.evaluate.frozen import Frozen, forecasts_in, ranks_in
from shoal.evaluate.reference import Reference

EXPLANATION = Path(__file__).parents[2] / "docs/explanation"
PAGES = ("scores.md", "purchase-models.md")


def blocks(page: str, language: str) -> list[str]:
    text = (EXPLANATION / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def shown(page: str) -> Resolved:
    """All definitions of a page, with one meaning."""
    definitions = []
    for block in blocks(page, "yaml"):
        read, problems = read_definitions(block, page)
        assert not problems
        definitions += read
    return resolve(Definitions.of(*definitions))


@pytest.mark.parametrize("page", PAGES)
def test_definitions_of_a_page_have_a_meaning(page):
    """What a reader copies into a workspace works."""
    resolved = shown(page)

    assert resolved.features
    assert not Reference(resolved, Frozen()).evaluate([], 0).get(("segment", "dormant"), False)


def test_scores_page_shows_every_shipped_score():
    """Engagement, dormancy, value and risk, and the three groups of RFM."""
    resolved = shown("scores.md")

    assert {score.name for score in resolved.scores} == {"engagement", "dormancy", "value", "risk"}
    assert {"recency_group", "frequency_group", "monetary_group"} <= {each.name for each in resolved.features}
    assert {segment.name for segment in resolved.segments} == {"dormant", "high_value", "high_risk"}


def test_scores_page_asks_for_what_a_refresh_makes():
    """Five distributions and the two models, one of orders and one with spend."""
    roots = dict(shown("scores.md").roots())

    assert len(ranks_in(roots)) == 5
    assert len(forecasts_in(roots)) == 2


def test_default_weights_of_engagement():
    """40 for recency, 30 for depth, 20 for tone, 10 for progress."""
    (engagement,) = [score for score in shown("scores.md").scores if score.name == "engagement"]

    assert [part.weight for part in engagement.node.parts] == [40, 30, 20, 10]


def test_breakdowns_add_up():
    """The tables of Ann and Bob are arithmetic that a reader can repeat."""
    weights, values = (40, 30, 20, 10), (0.5, 0.6, 0.8, 0.25)
    ann = sum(weight * value for weight, value in zip(weights, values, strict=True))
    bob = (ann - 16) / 80 * 100
    text = (EXPLANATION / "scores.md").read_text(encoding="utf-8")

    assert f"**{ann:.1f}**" in text
    assert f"**{bob:.1f}**" in text


def test_python_of_a_page_runs():
    """The example of purchase models ends with a value for each customer."""
    for block in blocks("purchase-models.md", "python"):
        names: dict[str, object] = {}
        exec(block, names)

    assert len(names["value"]) == 2
