"""Shaping values: decay, scale, mean, scores, ranks, forecasts, and definitions that build on each other."""

from __future__ import annotations

from typing import Any

import numpy as np

from shoal.definitions.definition import (
    FeatureDefinition,
    PartDefinition,
    ScoreDefinition,
    SegmentDefinition,
)
from shoal.evaluate.frozen import Frozen
from shoal.model.consent import Purpose

ORDERS = """
who | at    | name            | revenue
ann | 10:00 | Order Completed | 30
ann | 11:00 | Order Completed | 50
bob | 10:00 | Page Viewed     |
"""


def test_decay_steps_down(spec):
    """`decay` is 1 at age 0 and a half after each half-life. It steps: ages are cut to whole hours."""
    spec(
        'decay(time_since("Order Completed"), half_life="2 hours")',
        """
        who | at    | name
        ann | 10:00 | Order Completed
        bob | 10:00 | Page Viewed
        """,
        """
        now          | ann                | bob
        10:00        | 1                  | missing
        10:59:59.999 | 1                  | missing
        11:00        | 0.7071067811865476 | missing
        12:00        | 0.5                | missing
        14:59        | 0.25               | missing
        """,
    )


def test_decay_may_step_otherwise(spec):
    """`step` sets how often it falls."""
    spec(
        'decay(time_since_any(), half_life="1 day", step="1 day")',
        """
        who | at               | name
        ann | 2026-03-01T10:00 | Page Viewed
        """,
        """
        now              | ann
        2026-03-02T09:59 | 1
        2026-03-02T10:00 | 0.5
        2026-03-04T09:59 | 0.25
        """,
    )


def test_what_lies_in_the_future_has_not_begun_to_decay(spec):
    """A negative age counts as 0: a decay never exceeds 1."""
    spec(
        'decay(ago("1 day") - time_of_last("Order Completed"), half_life="1 hour")',
        """
        who | at               | name
        ann | 2026-03-01T10:00 | Order Completed
        """,
        """
        now              | ann
        2026-03-01T10:00 | 1
        2026-03-02T10:00 | 1
        2026-03-02T11:00 | 0.5
        """,
    )


def test_scale_makes_0_to_1(spec):
    """`scale(x, low, high)` is 0 at low, 1 at high, clipped outside; high may be the smaller one."""
    spec(
        None,
        ORDERS,
        """
        expression                                              | ann  | bob
        scale(sum("revenue"), 0, 100)                           | 0.8  | 0
        scale(sum("revenue"), 0, 50)                            | 1    | 0
        scale(sum("revenue"), 90, 100)                          | 0    | 0
        scale(sum("revenue"), 100, 0)                           | 0.2  | 1
        scale(time_since("Order Completed"), "4 hours", "0 hours") | 0.75 | missing
        """,
        now="12:00",
    )


def test_mean_is_over_the_values_that_are_present(spec):
    """`mean` leaves out missing values; of nothing it is missing."""
    spec(
        None,
        ORDERS,
        """
        expression                                                          | ann | bob
        mean(average("revenue"), count("Order Completed"))                  | 21  | 0
        mean(average("revenue"), minimum("tax"))                            | 40  | missing
        mean(time_since("Order Completed"), time_since_first("Order Completed")) | 90 minutes | missing
        """,
        now="12:00",
    )


ENGAGEMENT = ScoreDefinition(
    name="engagement",
    parts=(
        PartDefinition(name="visits", weight=60, value='scale(count("Page Viewed"), 0, 10)'),
        PartDefinition(
            name="orders", weight=30, value='scale(sum("revenue", of="Order Completed", within="30 days"), 0, 100)'
        ),
        PartDefinition(name="tone", weight=10, value="scale(tone(), -1, 1)"),
    ),
)


def test_a_score_is_a_weighted_sum(spec):
    """A score is the sum of its weights times its parts, from 0 to the sum of the weights."""
    spec(
        'score("engagement")',
        """
        who | at    | name            | revenue | tone
        ann | 10:00 | Page Viewed     |         |
        ann | 10:01 | Order Completed | 50      |
        ann | 10:02 | Review          |         | 1
        bob | 10:00 | Page Viewed     |         | -1
        """,
        """
        ann | bob
        31  | 6
        """,
        now="11:00",
        definitions=[ENGAGEMENT],
    )


def test_missing_parts_leave_their_weight_to_the_others(spec):
    """A part that a person does not have is left out, and the other weights grow to the same sum."""
    spec(
        'score("engagement")',
        """
        who | at    | name            | revenue
        ann | 10:00 | Page Viewed     |
        ann | 10:01 | Order Completed | 50
        """,
        """
        ann
        23.333333333333332
        """,
        now="11:00",
        definitions=[ENGAGEMENT],
    )


def test_a_stated_value_stands_in_for_a_missing_part(spec):
    """With `missing: 0.5` the part takes that value instead; a score with every part left out is missing."""
    spec(
        None,
        ORDERS,
        """
        expression         | ann | bob
        score("with_half") | 90  | 70
        score("strict")    | 10  | missing
        score("strict") >= 1 | true | false
        """,
        now="12:00",
        definitions=[
            ScoreDefinition(
                name="with_half",
                parts=(
                    PartDefinition(name="known", weight=50, value="everyone()"),
                    PartDefinition(name="spend", weight=50, value='scale(average("revenue"), 0, 50)', missing=0.4),
                ),
            ),
            ScoreDefinition(
                name="strict", parts=(PartDefinition(name="spend", weight=10, value='average("revenue")'),)
            ),
        ],
    )


def test_parts_are_clipped_to_0_and_1(spec):
    """Each part is clipped to 0..1. A condition is 1 or 0; a value that is not a number is missing."""
    spec(
        'score("parts")',
        """
        who | at    | name            | revenue | plan
        ann | 10:00 | Order Completed | 30      | pro
        bob | 10:00 | Order Refunded  | -30     |
        """,
        """
        ann | bob
        30  | 0
        """,
        now="11:00",
        definitions=[
            ScoreDefinition(
                name="parts",
                parts=(
                    PartDefinition(name="spend", weight=10, value='sum("revenue")'),
                    PartDefinition(name="ordered", weight=10, value='happened("Order Completed")'),
                    PartDefinition(name="plan", weight=10, value='last("plan")'),
                ),
            )
        ],
    )


def test_ranks_are_missing_until_a_distribution_is_frozen(spec):
    """`rank` reads a distribution that batch evaluation froze; before the first there is no rank."""
    spec(
        None,
        ORDERS,
        """
        expression                                  | ann     | bob
        rank(sum("revenue"))                        | missing | missing
        rank(sum("revenue"), into=5)                | missing | missing
        """,
        now="12:00",
    )


class _HandForecast:
    """Not a purchase model: it shows what a model is asked."""

    def expected_orders(self, frequency: Any, recency: Any, age: Any, horizon: float) -> Any:
        return frequency * 10_000 + recency * 100 + age + horizon / 100

    def probability_alive(self, frequency: Any, recency: Any, age: Any) -> Any:
        return frequency / (age + 0 * recency)

    def customer_value(self, frequency: Any, recency: Any, age: Any, spend: Any, horizon: float) -> Any:
        return np.nan_to_num(spend, nan=-1.0) + 0 * (frequency + recency + age + horizon)


_ORDERS = 'count("Order Completed")'
HAND = Frozen(
    forecasters={
        f"pareto_nbd of {_ORDERS}": _HandForecast(),
        f"pareto_nbd of {_ORDERS} by properties.revenue": _HandForecast(),
    }
)


def test_what_a_purchase_model_is_asked(spec):
    """A model sees days (UTC) with an order: how many after the first, from first to last, from first to now."""
    spec(
        None,
        """
        who | at               | name            | revenue
        ann | 2026-03-01T10:00 | Order Completed | 500
        ann | 2026-03-05T09:00 | Order Completed | 20
        ann | 2026-03-05T23:00 | Order Completed | 10
        ann | 2026-03-09T10:00 | Order Completed | 50
        bob | 2026-03-11T23:59 | Order Completed | 5
        cat | 2026-03-11T23:59 | Page Viewed     |
        """,
        """
        expression                                            | ann      | bob | cat
        expected_orders(horizon="30 days")                    | 20811.3  | 1.3 | missing
        probability_alive()                                   | 0.18181818181818182 | 0 | missing
        customer_value(horizon="30 days", revenue="revenue")  | 40       | -1  | missing
        probability_alive(model="bg_nbd")                     | missing  | missing | missing
        """,
        now="2026-03-12T00:00",
        frozen=HAND,
    )


def test_definitions_build_on_each_other(spec):
    """A bare name, `feature`, `score` and `in_segment` are other definitions, whatever the order they stand in."""
    spec(
        None,
        """
        who | at    | name            | kind    | revenue | consent.ads
        ann | 10:00 | Order Completed |         | 300     |
        ann | 10:00 |                 | consent |         | true
        bob | 10:00 | Order Completed |         | 300     |
        cat | 10:00 | Order Completed |         | 10      |
        """,
        """
        expression                               | ann   | bob   | cat
        spent                                    | 300   | 300   | 10
        spent > 100                              | true  | true  | false
        feature("spent") / 10                    | 30    | 30    | 1
        in_segment("spenders")                   | true  | true  | false
        in_segment("advertised")                 | true  | false | false
        not in_segment("advertised")             | false | true  | true
        score("value")                           | 100   | 100   | 10
        """,
        now="11:00",
        definitions=[
            SegmentDefinition(name="advertised", when='in_segment("spenders")', purpose=Purpose.ADS),
            SegmentDefinition(name="spenders", when="spent > 100"),
            ScoreDefinition(
                name="value", parts=(PartDefinition(name="spent", weight=100, value="scale(spent, 0, 100)"),)
            ),
            FeatureDefinition(name="spent", value='sum("revenue", of="Order Completed")'),
        ],
    )
