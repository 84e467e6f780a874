"""The templates on simulated people, whose intents are known: each segment finds the people it is meant for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from shoal.collect import import_files, load_mapping
from shoal.definitions.workspace import load_workspace
from shoal.errors import Problem
from shoal.runtime.batch import Results, archive_of, evaluate_prepared, prepare
from shoal.runtime.checking import problems_of
from shoal.runtime.demo import true_intents
from shoal.runtime.moments import newest_event
from shoal.simulation import Simulation, simulate, truth_beside
from shoal.templates import TEMPLATES, init_workspace

PEOPLE = 400

MEANT_FOR = {
    "high_intent_price_sensitive": ("price_sensitive", 0.3),
    "cart_abandoners": ("price_sensitive", 0.3),
    "repeat_visitors": ("repeat_visitor", 0.5),
    "deep_engagers": ("deep_engager", 0.7),
    "prime_converters": ("prime_converter", 0.5),
    "checkout_abandoners": ("checkout_abandoner", 0.4),
    "mobile_price_bouncers": ("bouncing_mobile", 0.6),
    "new_explorers": ("new_explorer", 0.7),
    "dormant": ("dormant", 0.6),
    "high_value": ("high_value", 0.7),
    "high_risk": ("high_risk", 0.7),
    "morning_inspiration": ("morning_inspired", 0.6),
    "evening_conversion": ("morning_inspired", 0.6),
    "video_affine": ("content_affine", 0.1),
    "article_affine": ("content_affine", 0.1),
}
"""The intent that a segment looks for, and the share of the people with it that it finds at least.

Of those who come for content half watch and half read.
"""

FEW = 0.5
"""How often others are in it, at most, in comparison with the people it is meant for."""


@dataclass(frozen=True)
class Evaluated:
    """A template, evaluated on its business. `intents` has one row for each profile of one known person."""

    results: Results
    intents: pl.DataFrame
    problems: list[Problem]

    def shares(self, segment: str) -> Mapping[str, float]:
        """By intent, which part of the people is in a segment."""
        members = self.results.memberships.filter(pl.col("segment") == segment)["profile"]
        inside = self.intents.with_columns(inside=pl.col("profile").is_in(members.implode()))
        return dict(inside.group_by("intent").agg(pl.col("inside").mean()).iter_rows())


@pytest.fixture(scope="module", params=TEMPLATES)
def evaluated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    """A business simulated, imported and evaluated at its last event."""
    folder: Path = tmp_path_factory.mktemp(request.param)
    init_workspace(folder / "workspace", request.param)
    workspace = load_workspace(folder / "workspace")
    events = folder / "events.ndjson"
    simulate(Simulation(business=request.param, people=PEOPLE, seed=7), events)
    import_files([events], load_mapping("segment"), archive_of(workspace), failed=folder / "failed")
    as_of = newest_event(archive_of(workspace))
    assert as_of is not None
    prepared = prepare(workspace, as_of, refresh=True)
    intents = true_intents(truth_beside(events), prepared.population)
    alone = intents.group_by("profile").agg(pl.col("intent").n_unique().alias("several"), pl.col("intent").first())
    return Evaluated(
        results=evaluate_prepared(workspace, prepared, as_of),
        intents=alone.filter(pl.col("several") == 1).select("profile", "intent"),
        problems=problems_of(workspace),
    )


def test_each_segment_finds_the_people_it_is_meant_for(evaluated: Evaluated) -> None:
    """Many of those with the intent, and few of nearly all others."""
    missed = []
    for segment, (intent, least) in MEANT_FOR.items():
        shares = dict(evaluated.shares(segment))
        found = shares.pop(intent)
        others = sorted(shares.values())[:-3]  # intents overlap: who engages deeply watches videos too
        if found < least or max(others) > FEW * found:
            missed.append((segment, intent, round(found, 2), [round(each, 2) for each in others]))
    assert missed == []


def test_no_segment_is_empty(evaluated: Evaluated) -> None:
    """Each has somebody to show."""
    assert [name for name, size in evaluated.results.sizes().items() if size == 0] == []


def test_what_the_templates_name_is_what_comes_in(evaluated: Evaluated) -> None:
    """No event, property, trait or context that nobody sends; the crowd is small, and nothing else is said."""
    assert {problem.code for problem in evaluated.problems} <= {"SH017"}


def test_those_who_left_a_checkout_left_at_one_step(evaluated: Evaluated) -> None:
    """The segments by step have no member in common, and together they are the abandoners."""
    members = evaluated.results.memberships.group_by("segment").agg("profile")
    by_segment = {name: set(profiles) for name, profiles in members.iter_rows()}
    steps = ("left_before_shipping", "left_at_shipping", "left_at_payment", "left_at_review")
    together = [profile for step in steps for profile in by_segment.get(step, ())]
    assert len(together) == len(set(together))
    assert set(together) == by_segment["checkout_abandoners"]
