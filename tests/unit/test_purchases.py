"""Purchase models: what they refuse, what they answer at the edges, and that they find again what was drawn."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from shoal.errors import InputError
from shoal.evaluate.kernels.attrition import log_left
from shoal.evaluate.purchases import (
    BGNBD,
    MBGNBD,
    GammaGamma,
    ParetoNBD,
    PurchaseModel,
    Purchases,
    TooFewPurchases,
)
from shoal.evaluate.purchases.drawing import TYPICAL, draw_purchases, measure_fit
from shoal.evaluate.purchases.summary import Pooled

MODELS = [BGNBD(0.24, 31.0, 0.79, 2.4), MBGNBD(0.52, 43.0, 0.89, 1.6), ParetoNBD(0.55, 74.0, 0.61, 82.0)]
KINDS = [BGNBD, MBGNBD, ParetoNBD]


@pytest.fixture(scope="module")
def drawn() -> Purchases:
    return draw_purchases(TYPICAL, 20_000, days=730, arrival_days=365, chance=np.random.default_rng(1))


def rows(purchases: Purchases) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return purchases.frequency, purchases.recency, purchases.age


# Summaries


def test_orders_of_one_day_are_one_order():
    """Two on the first day and one ten days later are one repeat order, after 10 days, worth what it was."""
    found = Purchases.of_orders([7, 7, 7], [100, 100, 110], [5.0, 6.0, 8.0], 130)

    assert (found.frequency[0], found.recency[0], found.age[0], found.spend[0]) == (1, 10, 30, 8.0)


def test_orders_after_today_are_not_seen():
    """Who ordered only later is no customer yet; a first order has no spend on repeat orders."""
    found = Purchases.of_orders(["ann", "bob", "ann"], [1, 9, 7], [1.0, 2.0, 3.0], 5)

    assert found.frequency.tolist() == [0]
    assert np.isnan(found.spend[0])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ((np.nan, 1, 2), "missing or not finite"),
        ((np.inf, 1, 2), "missing or not finite"),
        ((1, -1, 2), "negative"),
        ((1.5, 1, 2), "whole number"),
        ((1, 3, 2), "recency is longer than age"),
        ((0, 1, 2), "no repeat order has recency 0"),
        ((2, 0, 2), "recency above 0"),
    ],
)
def test_impossible_rows_are_refused_with_their_place(row, reason):
    """The first wrong row and what is wrong with it are named."""
    frequency, recency, age = np.array([(1, 1, 2), row, row], float).T

    with pytest.raises(InputError, match=f"2 customers cannot be used: .*{reason}.*first in row 1"):
        BGNBD.fit(frequency, recency, age)


def test_lists_of_different_length_are_refused():
    """There is one row for each customer."""
    with pytest.raises(InputError, match="equal length"):
        ParetoNBD.fit([1, 2], [1], [2, 3])


@pytest.mark.parametrize("kind", KINDS)
def test_too_few_repeat_buyers_are_said_not_fitted(kind):
    """A thousand customers of whom nobody returned say nothing about returning."""
    frequency = np.zeros(1000)

    with pytest.raises(TooFewPurchases, match="0 customers ordered again"):
        kind.fit(frequency, frequency, np.full(1000, 30.0))


def test_too_little_spend_is_said_not_fitted():
    """Spend that is missing or not positive does not count as data."""
    with pytest.raises(TooFewPurchases, match="0 customers spent something"):
        GammaGamma.fit(np.ones(100), np.where(np.arange(100) < 50, np.nan, -1.0))


# Fits


@pytest.mark.parametrize("kind", KINDS)
def test_pooling_changes_no_parameter(kind, drawn):
    """Equal rows are one row with a count, and their order does not matter."""
    few = tuple(each[:3000] for each in rows(drawn))
    order = np.random.default_rng(3).permutation(3000)
    pooled = Pooled.of(*few)
    apart = Pooled(*(each[order] for each in few), np.ones(3000))

    assert len(pooled.age) < 3000
    assert kind.fit_pooled(apart).parameters == pytest.approx(kind.fit_pooled(pooled).parameters, rel=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_derivatives_are_those_of_the_likelihood(kind, drawn):
    """What the search goes by is what it searches."""
    pooled = Pooled.of(*(each[:500] for each in rows(drawn)))
    place = np.array([0.7, 50.0, 0.8, 3.0])

    slope = kind._sums(pooled, place)[1]

    for number, step in enumerate(np.diag(place * 1e-6)):
        up, down = kind._sums(pooled, place + step)[0], kind._sums(pooled, place - step)[0]
        assert slope[number] == pytest.approx((up - down) / (2 * step[number]), rel=1e-5, abs=1e-5)


def test_many_customers_are_fitted_as_few_are():
    """Above the number of rows of which a part is fitted first, the answer is still that of all of them."""
    drawn = draw_purchases(TYPICAL, 120_000, days=730, arrival_days=365, chance=np.random.default_rng(5))
    pooled = Pooled.of(*rows(drawn))
    model = ParetoNBD.fit_pooled(pooled)

    slope = ParetoNBD._sums(pooled, np.array(model.parameters))[1] * np.array(model.parameters)

    assert len(pooled.age) > 30_000
    assert np.abs(slope).max() / pooled.count < 1e-5
    assert model.parameters == pytest.approx((0.55, 74.0, 0.61, 82.0), rel=0.2)


@pytest.mark.parametrize("kind", KINDS)
def test_customers_of_whom_nobody_stops_are_fitted(kind):
    """A search that ends at a bound still gives a model: nearly nobody is taken for gone."""
    chance = np.random.default_rng(2)
    days = np.flatnonzero(chance.random((400, 300)) < 0.1)
    seen = Purchases.of_orders(days // 300, days % 300, np.ones(len(days)), 300)

    model = kind.fit(*rows(seen))

    assert model.probability_alive(*rows(seen)).mean() > 0.97
    assert model.expected_orders(*rows(seen), 100.0).mean() == pytest.approx(10, rel=0.1)


def test_measuring_a_fit_says_how_much_was_fitted():
    """The hook for benchmarks fits what it draws."""
    measured = measure_fit(BGNBD, 3000)

    assert measured.customers == 3000
    assert 0 < measured.distinct_rows <= 3000
    assert measured.seconds > 0
    assert measured.processor_seconds > 0


# Answers


@pytest.mark.parametrize("model", MODELS)
def test_no_time_ahead_brings_no_orders(model, drawn):
    """Expected orders begin at 0 and grow with the horizon."""
    expected = [model.expected_orders(*rows(drawn), horizon) for horizon in (0.0, 1.0, 30.0, 3000.0)]

    assert (expected[0] == 0).all()
    assert (np.diff(expected, axis=0) > 0).all()


@pytest.mark.parametrize("model", MODELS)
def test_one_customer_is_answered_as_among_many(model, drawn):
    """Live asks for one, batch for all."""
    alone = [model.expected_orders(*(each[[row]] for each in rows(drawn)), 90.0)[0] for row in range(50)]

    assert alone == model.expected_orders(*rows(drawn), 90.0)[:50].tolist()


@pytest.mark.parametrize("model", MODELS)
def test_frequent_buyers_overflow_nothing(model):
    """Up to 100,000 orders, just now or long ago, every answer is a number where it should be."""
    frequency = np.array([100.0, 1000, 1000, 100_000, 100_000])
    recency, age = np.array([300.0, 300, 3000, 3000, 10]), np.array([301.0, 3000, 3000, 3001, 3000])

    alive, expected = (
        model.probability_alive(frequency, recency, age),
        model.expected_orders(frequency, recency, age, 30.0),
    )

    assert ((alive >= 0) & (alive <= 1)).all()
    assert alive[[1, 4]] == pytest.approx([0, 0], abs=1e-9)
    assert expected[2] == pytest.approx(alive[2] * 30 * 1000 / 3000, rel=0.15)
    assert np.isfinite(expected).all()
    assert np.isfinite(model.log_likelihood(frequency, recency, age))


@pytest.mark.parametrize("model", MODELS)
def test_missing_rows_stay_missing(model):
    """nan in, nan out, and no warning."""
    nothing = np.array([np.nan])

    assert np.isnan(model.probability_alive(nothing, nothing, nothing)[0])
    assert np.isnan(model.expected_orders(nothing, nothing, nothing, 30.0)[0])


def test_first_order_today_is_alive():
    """With no time since the last order nobody can have left, but after a first order by MBG/NBD."""
    today = (np.zeros(1), np.zeros(1), np.zeros(1))

    assert [float(model.probability_alive(*today)[0]) for model in MODELS] == [1, pytest.approx(1.6 / 2.49), 1]


@pytest.mark.parametrize("s", [0.999999, 1.0, 1.000001])
def test_pareto_nbd_is_smooth_where_its_formula_divides_by_nothing(s):
    """Expected orders around s = 1 do not jump."""
    model, near = ParetoNBD(0.5, 70.0, s, 80.0), ParetoNBD(0.5, 70.0, 1.0001, 80.0)
    one = (np.array([3.0]), np.array([100.0]), np.array([200.0]))

    assert model.expected_orders(*one, 90.0) == pytest.approx(near.expected_orders(*one, 90.0), rel=1e-4)


@pytest.mark.parametrize("kind", [BGNBD, MBGNBD])
@pytest.mark.parametrize("a", [0.9999999, 1.0, 1.000001])
def test_beta_geometric_is_smooth_where_its_formula_divides_by_nothing(kind, a):
    """Expected orders around a = 1 do not jump."""
    model, near = kind(0.5, 70.0, a, 2.0), kind(0.5, 70.0, 1.0001, 2.0)
    one = (np.array([3.0]), np.array([100.0]), np.array([200.0]))

    assert model.expected_orders(*one, 90.0) == pytest.approx(near.expected_orders(*one, 90.0), rel=1e-4)


@pytest.mark.parametrize("parameters", [(0.55, 74.0, 0.61, 82.0), (2.0, 3.0, 0.2, 900.0), (0.1, 500.0, 4.0, 0.5)])
@pytest.mark.parametrize(("x", "recency"), [(0.0, 0.0), (3.0, 20.0), (3.0, 299.0), (60.0, 150.0), (700.0, 290.0)])
def test_likelihood_of_having_left_is_an_integral_over_the_moment(parameters, x, recency):
    """What the loop adds up in 12 or 24 places is what a library of integrals finds."""
    r, alpha, s, beta = parameters
    age, row = 300.0, (np.array([x]), np.array([recency]), np.array([300.0]))

    def density(moment: float) -> float:  # relative to that at the last order, which would vanish
        by_rate = -(r + x) * np.log((alpha + moment) / (alpha + recency))
        return float(np.exp(by_rate - (s + 1) * np.log((beta + moment) / (beta + recency))))

    expected = np.log(s * quad(density, recency, age, epsabs=0, epsrel=1e-11, limit=1000)[0])
    expected -= (r + x) * np.log(alpha + recency) + (s + 1) * np.log(beta + recency)

    assert log_left(r, alpha, s, beta, *row)[0] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("x", [0.0, 1, 40, 1500])
@pytest.mark.parametrize(("a", "b"), [(0.8, 2.4), (3.0, 0.5), (0.3, 0.4), (0.3, 0.7), (2000.0, 5000.0)])
def test_bg_nbd_expectation_is_that_of_its_story(x, a, b):
    """Who still buys does so at a rate ~ Gamma(r + x, alpha + age), and stops by a chance ~ Beta(a, b + x).

    A customer with the chance p and the rate l is expected to place (1 - exp(-l p t)) / p orders. Substituting the
    chance's distribution function keeps the integral free of its poles.
    """
    from scipy.special import betaincinv

    r, alpha, age, horizon = 0.3, 30.0, 300.0, 90.0
    model = BGNBD(r, alpha, a, b)
    one = (np.array([x]), np.array([age if x else 0.0]), np.array([age]))

    def orders(share: float) -> float:
        p = max(betaincinv(a, b + x, share), 1e-300)
        return -np.expm1(-(r + x) * np.log1p(p * horizon / (alpha + age))) / p

    expected = quad(orders, 0, 1, limit=500, epsabs=0, epsrel=1e-9)[0]

    assert model.expected_orders(*one, horizon)[0] == pytest.approx(
        expected * model.probability_alive(*one)[0], rel=1e-6
    )


# Spend


def test_spend_is_shrunk_towards_what_all_spend():
    """One order says little, a hundred say nearly all; who has none is expected to spend the mean of all."""
    model = GammaGamma(6.0, 4.0, 15.0)
    everybody = 6.0 * 15.0 / 3.0

    expected = model.expected_spend(np.array([0.0, 1, 100]), np.array([np.nan, 90, 90]))

    assert expected[0] == everybody
    assert everybody < expected[1] < expected[2] < 90
    assert expected[2] == pytest.approx(90, rel=0.01)


def test_spend_of_nothing_is_that_of_all():
    """Revenue that is missing or was given back says nothing of what a person spends."""
    model = GammaGamma(6.0, 4.0, 15.0)

    assert model.expected_spend(np.array([3.0, 3.0, 3.0]), np.array([0.0, -5.0, np.nan])).tolist() == [30, 30, 30]


def test_standard_errors_of_spend_shrink_with_more_customers():
    """Four times as many customers, about half the error."""
    chance = np.random.default_rng(4)
    orders = chance.integers(1, 9, 2000).astype(float)
    spend = chance.gamma(6 * orders, 1 / (orders * chance.gamma(4.0, 1 / 60.0, 2000)))

    few = GammaGamma.standard_errors(orders[:500], spend[:500], rounds=20)
    many = GammaGamma.standard_errors(orders, spend, rounds=20)

    assert list(few) == ["p", "q", "v"]
    assert many["q"] / few["q"] == pytest.approx(0.5, rel=0.5)


def test_spend_without_a_mean_is_missing():
    """With q at most 1 the spread between customers has no mean; who ordered is still answered."""
    found = GammaGamma(6.0, 0.9, 15.0).expected_spend(np.array([0.0, 2.0]), np.array([np.nan, 20.0]))

    assert np.isnan(found[0])
    assert found[1] > 0


@pytest.mark.parametrize("unit", [1.0, 100.0, 1e6])
def test_unit_of_money_does_not_matter(unit):
    """In cents v is a hundred times as large, and nothing else changes."""
    chance = np.random.default_rng(4)
    orders = chance.integers(1, 9, 20_000).astype(float)
    spend = chance.gamma(6 * orders, 1 / (orders * chance.gamma(4.0, 1 / 60.0, 20_000)))

    model = GammaGamma.fit(orders, spend * unit)

    assert (model.p, model.q, model.v / unit) == pytest.approx((6, 4, 60), rel=0.15)
    same = GammaGamma.fit(orders, spend)
    assert (model.p, model.q, model.v / unit) == pytest.approx((same.p, same.q, same.v), rel=1e-3)


def test_value_is_orders_times_spend():
    """And missing without a model of spend."""
    one = (np.array([3.0]), np.array([100.0]), np.array([200.0]))
    orders, spend = MODELS[2], GammaGamma(6.0, 4.0, 15.0)

    value = PurchaseModel(orders, spend).customer_value(*one, np.array([40.0]), 90.0)

    assert value == orders.expected_orders(*one, 90.0) * spend.expected_spend(one[0], np.array([40.0]))
    assert np.isnan(PurchaseModel(orders).customer_value(*one, np.array([40.0]), 90.0)[0])
