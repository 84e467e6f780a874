"""Purchase models on real customers: published parameters, and how well the held-out half year is foreseen."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from shoal.evaluate.purchases import BGNBD, MBGNBD, GammaGamma, ParetoNBD, PurchaseModel
from shoal.evaluate.purchases.summary import Pooled
from shoal.evaluate.ranks import ReferenceDistribution
from tests.statistics.cdnow import WEEKS_HELD_OUT, Cdnow, auc, load_cdnow


@pytest.fixture(scope="module")
def cdnow(shared_data) -> Cdnow:
    return load_cdnow(shared_data("cdnow"))


@pytest.fixture(scope="module")
def pareto(cdnow) -> ParetoNBD:
    return ParetoNBD.fit(*cdnow.rows)


def test_orders_are_summarised_as_published(cdnow, shared_data):
    """Frequency, recency, age and spend are those of the summary that the literature uses, to its rounding."""
    published = pl.read_csv(shared_data("cdnow") / "cdnow_customers_summary_with_transactions.csv")

    frequency, recency, age = cdnow.rows

    assert frequency.tolist() == published["x"].to_list()
    assert recency == pytest.approx(published["t_x"].to_numpy(), abs=0.005)
    assert age == pytest.approx(published["T"].to_numpy(), abs=0.005)
    assert np.nan_to_num(cdnow.fitted.spend) == pytest.approx(published["zbar"].to_numpy(), abs=0.0051)


def test_bg_nbd_has_the_published_parameters(shared_data):
    """Fader, Hardie and Lee 2005, table 2, from the same summary file."""
    table = pl.read_csv(shared_data("cdnow") / "cdnow_customers_summary.csv")
    rows = [table[name].to_numpy() for name in ("frequency", "recency", "T")]
    model = BGNBD.fit(*rows)

    assert [round(each, 3) for each in model.parameters] == [0.243, 4.414, 0.793, 2.426]
    assert model.log_likelihood(*rows) == pytest.approx(-9582.4, abs=0.05)


def test_pareto_nbd_has_the_published_parameters(cdnow, pareto):
    """Fader and Hardie 2005: .553, 10.578, .606, 11.669 and -9595.0."""
    assert pareto.parameters == pytest.approx((0.5533, 10.5776, 0.6062, 11.6683), abs=0.002)
    assert pareto.log_likelihood(*cdnow.rows) == pytest.approx(-9595.0, abs=0.05)


def test_gamma_gamma_has_the_published_parameters(cdnow):
    """Fader and Hardie 2013: p 6.25, q 3.74, v 15.44."""
    model = GammaGamma.fit(cdnow.fitted.frequency, cdnow.fitted.spend)

    assert (round(model.p, 2), round(model.q, 2), round(model.v, 2)) == (6.25, 3.74, 15.44)


def test_pareto_nbd_foresees_the_held_out_orders(cdnow, pareto):
    """Correlation, mean error and who returns at all; the sum is 11.5 % too low, and that is known."""
    expected = pareto.expected_orders(*cdnow.rows, WEEKS_HELD_OUT)

    assert np.corrcoef(expected, cdnow.held_out_orders)[0, 1] >= 0.630
    assert np.abs(expected - cdnow.held_out_orders).mean() <= 0.755
    assert auc(expected, cdnow.returned) >= 0.7785
    assert expected.sum() / cdnow.held_out_orders.sum() == pytest.approx(0.885, abs=0.001)


def test_dormancy_by_expected_orders_beats_plain_recency(cdnow, pareto):
    """Who is expected to order least is the dormant one: better than the time since the last order."""
    _, recency, age = cdnow.rows

    by_recency = auc(recency - age, cdnow.returned)

    assert by_recency == pytest.approx(0.7714, abs=0.0005)
    assert auc(pareto.expected_orders(*cdnow.rows, WEEKS_HELD_OUT), cdnow.returned) > by_recency + 0.005


def test_probability_alive_is_a_trap_for_dormancy(cdnow, pareto):
    """BG/NBD is worse than chance, since P(alive) is 1 for all who ordered once; the others lose to recency."""
    bg, mbg = BGNBD.fit(*cdnow.rows), MBGNBD.fit(*cdnow.rows)

    found = {model: auc(model.probability_alive(*cdnow.rows), cdnow.returned) for model in (bg, mbg, pareto)}

    assert list(found.values()) == pytest.approx([0.316, 0.687, 0.726], abs=0.0006)
    assert (bg.probability_alive(*cdnow.rows)[cdnow.fitted.frequency == 0] == 1).all()


def test_customer_value_foresees_the_held_out_spend(cdnow, pareto):
    """The tenth of customers with the highest value spend half of the money later."""
    spend = GammaGamma.fit(cdnow.fitted.frequency, cdnow.fitted.spend)
    value = PurchaseModel(pareto, spend).customer_value(*cdnow.rows, cdnow.fitted.spend, WEEKS_HELD_OUT)
    best = np.argsort(-value)[: len(value) // 10]

    assert np.corrcoef(value, cdnow.held_out_spend)[0, 1] >= 0.57
    assert cdnow.held_out_spend[best].sum() / cdnow.held_out_spend.sum() >= 0.49


def test_unit_of_time_does_not_matter(cdnow, pareto):
    """Fitted in days, alpha and beta are seven times as large and nothing else changes."""
    rows = (cdnow.in_days.frequency, cdnow.in_days.recency, cdnow.in_days.age)
    in_days = ParetoNBD.fit(*rows)

    assert in_days.parameters == pytest.approx((pareto.r, 7 * pareto.alpha, pareto.s, 7 * pareto.beta), rel=1e-3)
    assert in_days.expected_orders(*rows, 7 * WEEKS_HELD_OUT) == pytest.approx(
        pareto.expected_orders(*cdnow.rows, WEEKS_HELD_OUT), rel=1e-3
    )


def test_standard_errors_are_as_wide_as_the_likelihood_says(cdnow):
    """The spread of bootstrapped fits is that of the curvature of the likelihood, within a third."""
    pooled = Pooled.of(*cdnow.rows)
    place, step = np.array(BGNBD.fit_pooled(pooled).parameters), 1e-4
    sides = np.eye(4) * step
    second = [(BGNBD._sums(pooled, place + side)[1] - BGNBD._sums(pooled, place - side)[1]) for side in sides]
    by_curvature = np.sqrt(np.diag(np.linalg.inv(-np.array(second) / (2 * step))))

    errors = BGNBD.standard_errors(*cdnow.rows, rounds=40)

    assert [errors[name] for name in ("r", "alpha")] == pytest.approx(by_curvature[:2], rel=0.35)


@pytest.mark.parametrize(
    ("kind", "parameters", "stated"),
    [
        (ParetoNBD, (0.5533, 10.578, 0.6062, 11.668), (-9595.0, 0.6302, 0.7545, 0.7787, -0.115)),
        (BGNBD, (0.2426, 4.4135, 0.7929, 2.4258), (-9582.4, 0.6256, 0.7855, 0.7725, -0.121)),
        (MBGNBD, (0.5248, 6.1830, 0.8914, 1.6140), (-9582.1, 0.6273, 0.7648, 0.7728, -0.162)),
    ],
)
def test_table_of_models_in_the_documents(cdnow, kind, parameters, stated):
    """What the page on purchase models states of each model is what it does."""
    likelihood, correlation, error, returns, surplus = stated
    model = kind.fit(*cdnow.rows)
    expected = model.expected_orders(*cdnow.rows, WEEKS_HELD_OUT)

    assert model.parameters == pytest.approx(parameters, rel=2e-4)
    assert model.log_likelihood(*cdnow.rows) == pytest.approx(likelihood, abs=0.06)
    assert np.corrcoef(expected, cdnow.held_out_orders)[0, 1] == pytest.approx(correlation, abs=6e-5)
    assert np.abs(expected - cdnow.held_out_orders).mean() == pytest.approx(error, abs=6e-5)
    assert auc(expected, cdnow.returned) == pytest.approx(returns, abs=6e-5)
    assert expected.sum() / cdnow.held_out_orders.sum() - 1 == pytest.approx(surplus, abs=6e-4)


def test_traps_in_the_documents(cdnow):
    """Plain signs, edges of a scale, groups of equal values, and a comparison that is a month old."""
    frequency, recency, age = cdnow.rows
    days_away = 7 * (age - recency)
    frozen, orders = ReferenceDistribution.of(days_away), ReferenceDistribution.of(frequency)

    def recency_group(days: np.ndarray) -> float:
        return float(frozen.group(days, into=5, descending=True).mean())

    assert auc(frequency, cdnow.returned) == pytest.approx(0.758, abs=6e-4)
    assert auc(-np.clip((days_away - 7) / 53, 0, 1), cdnow.returned) == pytest.approx(0.643, abs=6e-4)
    assert (days_away > 60).mean() > 0.85
    assert cdnow.returned[frequency == 0].mean() < 0.25
    assert np.bincount(orders.group(frequency, into=5).astype(int)).tolist() == [0, 0, 1411, 0, 439, 507]
    assert (recency_group(days_away), recency_group(days_away + 30)) == pytest.approx((3.0, 2.3), abs=0.01)
    assert np.abs(cdnow.held_out_orders).mean() == pytest.approx(0.7985, abs=6e-5)
    assert np.corrcoef(frequency[frequency > 0], cdnow.fitted.spend[frequency > 0])[0, 1] == pytest.approx(
        0.11, abs=0.005
    )
