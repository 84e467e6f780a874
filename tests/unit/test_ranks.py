"""Ranks against a frozen distribution."""

from __future__ import annotations

import numpy as np
import pytest

from shoal.evaluate.ranks import ReferenceDistribution, condensed

FIVE = ReferenceDistribution.of([10, 20, 20, 30, 40])


def ranks(distribution: ReferenceDistribution, *values: float, **options: bool) -> list[float]:
    return distribution.percentile(np.array(values), **options).tolist()


def groups(
    distribution: ReferenceDistribution, *values: float, into: int, descending: bool = False
) -> list[float]:
    return distribution.group(np.array(values), into=into, descending=descending).tolist()


def test_percentile_is_the_share_below_with_half_of_the_equals():
    """Of five profiles, one is below 20 and two are at it."""
    assert ranks(FIVE, 10, 20, 30, 40) == pytest.approx([0.1, 0.4, 0.7, 0.9])


def test_percentile_of_a_value_that_nobody_had_lies_between():
    """Outside the distribution it is 0 or 1."""
    assert ranks(FIVE, 5, 25, 99) == pytest.approx([0.0, 0.6, 1.0])


def test_descending_percentile_is_the_share_above():
    """Both directions add up to 1."""
    values = np.array([5.0, 10, 20, 25, 99])

    both = FIVE.percentile(values) + FIVE.percentile(values, descending=True)

    assert both.tolist() == [1, 1, 1, 1, 1]


def test_missing_values_have_no_rank_and_do_not_count():
    """nan is nobody's value and gets no rank, in the distribution and out of it."""
    distribution = ReferenceDistribution.of([np.nan, 1, 2, np.nan])

    assert distribution.size == 2
    assert np.isnan(distribution.percentile(np.array([np.nan]))[0])
    assert np.isnan(distribution.group(np.array([np.nan]), into=5)[0])


def test_empty_distribution_ranks_nothing():
    """Before anybody has a value, nobody has a rank."""
    nobody = ReferenceDistribution.of([])

    assert np.isnan(nobody.percentile(np.array([1.0]))).all()
    assert np.isnan(nobody.group(np.array([1.0]), into=5)).all()


def test_quintiles_of_a_hundred_different_values_hold_twenty_each():
    """Groups are of equal size where all values differ, in both directions."""
    values = np.arange(100.0)
    distribution = ReferenceDistribution.of(values)

    for descending in (False, True):
        found = distribution.group(values, into=5, descending=descending)
        assert np.bincount(found.astype(int)).tolist() == [0, 20, 20, 20, 20, 20]


def test_recency_is_best_where_time_since_is_shortest():
    """`rank(time_since(...), into=5, descending=True)` gives 5 to who ordered last."""
    days = np.array([1.0, 10, 100, 200, 300])
    distribution = ReferenceDistribution.of(days)

    assert groups(distribution, *days, into=5, descending=True) == [5, 4, 3, 2, 1]


def test_equal_values_are_in_one_group():
    """When 60 % of profiles have no order they are all in group 2, where the middle of them stands."""
    distribution = ReferenceDistribution.of([0] * 60 + list(range(1, 41)))

    assert groups(distribution, 0, into=5) == [2]
    assert groups(distribution, 1, 40, into=5) == [4, 5]


@pytest.mark.parametrize("into", [2, 3, 5, 7, 10, 100, 1000])
def test_groups_are_cut_in_whole_numbers(into):
    """A value exactly on the border of two groups is in the upper one, however the share is rounded."""
    distribution = ReferenceDistribution.of(np.arange(into, dtype=float))
    borders = np.arange(1, into) - 0.5

    assert groups(distribution, *borders, into=into) == list(range(2, into + 1))
    assert groups(distribution, *borders, into=into, descending=True) == list(range(into, 1, -1))


def test_rank_changes_only_where_a_value_is_passed():
    """Between two neighbours in `values` the percentile is constant, and at each it moves."""
    values = np.sort(np.random.default_rng(1).normal(size=50))
    distribution = ReferenceDistribution.of(values)
    kept = distribution.values
    inside = np.linspace(kept[:-1] + 1e-9, kept[1:] - 1e-9, 5)

    found = np.array([distribution.percentile(row) for row in inside])

    assert (found == found[0]).all()
    assert (np.diff(distribution.percentile(kept)) > 0).all()


def test_large_distribution_is_condensed_with_percentiles_right_to_two_steps():
    """A million different values in 1,000 steps rank as before, to 2 / 1,000."""
    values = np.random.default_rng(2).lognormal(size=1_000_000)
    exact = ReferenceDistribution(np.sort(values), np.ones(len(values), np.int64))
    small = condensed(exact, most=1_000)
    asked = values[:20_000]

    assert len(small.values) <= 1_000
    assert small.size == exact.size
    assert np.isin(small.values, exact.values).all()
    assert np.abs(small.percentile(asked) - exact.percentile(asked)).max() <= 2 / 1_000


@pytest.mark.parametrize("seed", range(5))
def test_condensing_keeps_common_values_in_their_place(seed):
    """With values that most profiles share among rare ones, every percentile stays within two steps."""
    chance = np.random.default_rng(seed)
    values = np.concatenate(
        [chance.normal(size=20_000), chance.choice([0.0, 0.5, 2.0], 60_000, p=[0.7, 0.2, 0.1])]
    )
    distinct, counts = np.unique(values, return_counts=True)
    exact = ReferenceDistribution(distinct, counts)
    small = condensed(exact, most=500)

    assert np.isin([0.0, 0.5, 2.0], small.values).all()
    assert np.abs(small.percentile(distinct) - exact.percentile(distinct)).max() <= 2 / 500
    assert (np.diff(small.values) > 0).all()


def test_condensing_leaves_small_distributions_alone():
    """Up to the cap nothing is lost."""
    assert condensed(FIVE, most=4) is FIVE
