"""What a backtest calls "reached anyway" is what the simulator knows: how many people order by themselves.

The simulation sets, for everybody who leaves a cart and comes back, the probability of ordering with nothing done;
in one half of them a discount adds to it. Everything is seeded, so a test either always passes or always fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt
from pathlib import Path

import msgspec
import polars as pl
import pytest

from shoal.collect import import_files, load_mapping
from shoal.definitions.trigger import Goal
from shoal.definitions.workspace import load_workspace
from shoal.enrich import enricher_of
from shoal.model.time import DAY
from shoal.runtime.backtest import Backtest, look_back
from shoal.runtime.batch import archive_of
from shoal.runtime.places import FAILED_EVENTS
from shoal.simulation import Simulation, Truth, simulate
from shoal.simulation.experiments import DISCOUNT
from shoal.templates import init_workspace

Z_OF_999 = 3.29
"""Two-sided 99.9 % of a normal distribution: how rare a false alarm would have been when the seed was chosen."""

DAYS_TO_RETURN = 3
"""Who left a cart comes back one or two days later: three days see every return, and no later visit."""


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Backtest, dict[str, Truth]]:
    """A backtest of the template's discount over a simulated shop, and the truth about each profile."""
    folder = tmp_path_factory.mktemp("simulated") / "shop"
    init_workspace(folder, "ecommerce")
    events, workspace = folder / "events.ndjson", load_workspace(folder)
    made = simulate(Simulation(people=6_000, seed=11, discount_effect=0.25, family=0.0, kiosk=0.0), events)
    import_files(
        [events],
        load_mapping("segment"),
        archive_of(workspace),
        failed=folder / FAILED_EVENTS,
        enrich=enricher_of(workspace).enrich,
    )
    found = look_back(workspace, "cart_discount", None, None, goal=Goal(within=DAYS_TO_RETURN * DAY))
    return found, {profile: truth for truth in truths(made.truth) for profile in profiles(truth)}


def truths(path: Path) -> list[Truth]:
    with path.open("rb") as lines:
        return [msgspec.json.decode(line, type=Truth) for line in lines]


def profiles(truth: Truth) -> Iterator[str]:
    """The names that a person's profile can have."""
    if truth.user_id is not None:
        yield f"user_id:{truth.user_id}"
    yield from (f"anonymous_id:{each}" for each in truth.anonymous_ids)


def fired_on(simulated: tuple[Backtest, dict[str, Truth]], arm: str) -> list[tuple[bool, Truth]]:
    """Whether the goal was reached, and the truth, of everybody in an arm for whom it fired and it can be said."""
    backtest, truth_of = simulated
    decided = backtest.fired.filter(pl.col("goal") != "open").unique("person", keep="first", maintain_order=True)
    found = [(goal == "reached", truth_of.get(person)) for person, goal in decided.select("person", "goal").rows()]
    return [(reached, truth) for reached, truth in found if truth is not None and truth.arm == arm]


@pytest.mark.parametrize(("arm", "effect"), [("control", 0.0), (DISCOUNT.treatment, 0.25)])
def test_reached_anyway_is_the_rate_that_was_set(
    simulated: tuple[Backtest, dict[str, Truth]], arm: str, effect: float
) -> None:
    """Of those who were left alone, the base rate; of those who were offered a discount then, that much more.

    Everybody orders with a probability p of their own, so the number of orders has the expectation sum(p) and the
    variance sum(p (1 - p)), which are known exactly.
    """
    people = [each for each in fired_on(simulated, arm) if each[1].experiment == DISCOUNT.key]
    rates = [truth.base_probability + effect for _, truth in people if truth.base_probability is not None]
    reached = sum(has_reached for has_reached, _ in people)

    assert len(rates) == len(people) > 150
    assert abs(reached - sum(rates)) <= Z_OF_999 * sqrt(sum(rate * (1 - rate) for rate in rates))


def test_who_reached_it_is_who_ordered(simulated: tuple[Backtest, dict[str, Truth]]) -> None:
    """Person by person, but for orders on a second device: nobody can know that its owner left the cart."""
    people = [*fired_on(simulated, "control"), *fired_on(simulated, DISCOUNT.treatment)]
    differ = [(reached, truth) for reached, truth in people if reached is not truth.converted]
    assert all(truth.converted and len(truth.anonymous_ids) > 1 for _, truth in differ)
    assert len(differ) <= 0.04 * len(people)
