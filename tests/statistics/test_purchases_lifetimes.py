"""Purchase models against `lifetimes`, which nobody maintains any more but many have checked."""

from __future__ import annotations

import warnings
from types import ModuleType

import numpy as np
import pandas as pd
import polars as pl
import pytest

from shoal.evaluate.purchases import BGNBD, MBGNBD, GammaGamma, ParetoNBD

HORIZONS = (1.0, 13.0, 39.0, 104.0)


@pytest.fixture(scope="module")
def lifetimes() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("lifetimes")


@pytest.fixture(scope="module")
def grid() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Once and often, just now and long ago, new and old."""
    rows = [
        (x, recency, age)
        for age in (2.0, 20.0, 38.86, 100.0)
        for x in (0.0, 1.0, 2.0, 5.0, 12.0, 29.0)
        for recency in ([0.0] if x == 0 else [0.05 * age, 0.5 * age, 0.9 * age, age])
    ]
    frequency, recency, age = np.array(rows).T
    return frequency, recency, age


@pytest.fixture(scope="module")
def cdnow(shared_data) -> list[np.ndarray]:
    table = pl.read_csv(shared_data("cdnow") / "cdnow_customers_summary_with_transactions.csv")
    return [table[name].to_numpy().astype(float) for name in ("x", "t_x", "T", "zbar")]


def fitter(lifetimes: ModuleType, name: str, **parameters: float):
    """One of theirs with these parameters."""
    made = getattr(lifetimes, name)()
    made.params_ = pd.Series(parameters)
    made.predict = made.conditional_expected_number_of_purchases_up_to_time
    return made


BETA_GEOMETRIC = [(0.243, 4.414, 0.793, 2.426), (1.4, 20.0, 1.7, 0.9), (0.5, 3.0, 3.2, 6.0)]
PARETO = [(0.553, 10.58, 0.606, 11.67), (1.4, 6.0, 2.3, 40.0), (0.7, 30.0, 0.4, 5.0)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("parameters", BETA_GEOMETRIC)
@pytest.mark.parametrize(("ours", "theirs"), [(BGNBD, "BetaGeoFitter"), (MBGNBD, "ModifiedBetaGeoFitter")])
def test_beta_geometric_answers_equal_theirs(lifetimes, grid, ours, theirs, parameters):
    """P(alive) and expected orders agree to eight digits, for every customer of the grid."""
    model = ours(*parameters)
    other = fitter(lifetimes, theirs, **dict(zip(model.names(), parameters, strict=True)))

    assert model.probability_alive(*grid) == pytest.approx(
        np.asarray(other.conditional_probability_alive(*grid)), rel=1e-8
    )
    for horizon in HORIZONS:
        assert model.expected_orders(*grid, horizon) == pytest.approx(
            np.asarray(other.predict(horizon, *grid)), rel=1e-8
        )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("parameters", PARETO)
def test_pareto_nbd_answers_equal_theirs(lifetimes, grid, parameters):
    """P(alive) and expected orders agree to six digits: theirs subtracts two numbers that are nearly equal."""
    model = ParetoNBD(*parameters)
    other = fitter(lifetimes, "ParetoNBDFitter", **dict(zip(model.names(), parameters, strict=True)))

    assert model.probability_alive(*grid) == pytest.approx(
        np.asarray(other.conditional_probability_alive(*grid)), rel=1e-6
    )
    for horizon in HORIZONS:
        assert model.expected_orders(*grid, horizon) == pytest.approx(
            np.asarray(other.predict(horizon, *grid)), rel=1e-6
        )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(BGNBD, "BetaGeoFitter"), (MBGNBD, "ModifiedBetaGeoFitter"), (ParetoNBD, "ParetoNBDFitter")],
)
def test_fitted_parameters_equal_theirs(lifetimes, cdnow, ours, theirs):
    """On real customers, and ours are never the less likely ones."""
    rows = cdnow[:3]
    other = getattr(lifetimes, theirs)().fit(*rows)
    model = ours.fit(*rows)

    assert model.parameters == pytest.approx(tuple(other.params_), rel=1e-3)
    assert model.log_likelihood(*rows) >= ours(*other.params_).log_likelihood(*rows) - 1e-6


@pytest.mark.filterwarnings("ignore")
def test_gamma_gamma_equals_theirs(lifetimes, cdnow):
    """Parameters, and the expected spend of customers with and without repeat orders."""
    frequency, spend = cdnow[0], cdnow[3]
    repeats = frequency > 0
    other = lifetimes.GammaGammaFitter().fit(frequency[repeats], spend[repeats])
    model = GammaGamma.fit(frequency, spend)
    same = GammaGamma(**dict(other.params_))

    assert (model.p, model.q, model.v) == pytest.approx(tuple(other.params_), rel=2e-3)
    assert same.expected_spend(frequency, spend) == pytest.approx(
        np.asarray(other.conditional_expected_average_profit(frequency, spend)), rel=1e-10
    )
