"""The most likely parameters: L-BFGS-B on their logarithms, then Nelder-Mead where that has not arrived."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Objective = Callable[[Numbers], tuple[float, Numbers]]
"""From parameters to the mean log likelihood of a customer and its derivatives."""

SMALLEST, LARGEST = 1e-4, 1e4
"""Where parameters are looked for, in units of their typical size. At an end the data ask for a simpler model."""

ARRIVED = 1e-6
"""The largest derivative of the mean log likelihood by the logarithm of a parameter where the search may end."""


def most_likely(objective: Objective, starts: Sequence[Numbers], typical: Numbers) -> Numbers:
    """The parameters of the greatest likelihood that is found from any of the starts.

    They are looked for around `typical` ones.
    """
    from scipy.optimize import minimize  # noqa: PLC0415  (a quarter of a second that only fitting needs)

    bounds = [(np.log(SMALLEST * each), np.log(LARGEST * each)) for each in typical]
    cost = _in_logarithms(objective)
    options = {"maxiter": 500, "ftol": 1e-14, "gtol": ARRIVED / 10}
    found = [
        minimize(cost, np.log(start), jac=True, method="L-BFGS-B", bounds=bounds, options=options)
        for start in starts
    ]
    best = min(found, key=lambda each: float(each.fun))
    place: Numbers = best.x
    if _steepness(best.x, best.jac, bounds) > ARRIVED:
        options = {"maxiter": 1000, "xatol": 1e-8, "fatol": 1e-13, "adaptive": True}
        polished = minimize(
            lambda each: cost(each)[0], place, method="Nelder-Mead", bounds=bounds, options=options
        )
        place = polished.x if polished.fun < best.fun else place
    likely: Numbers = np.exp(place)
    return likely


def refine(objective: Objective, near: Numbers, curvature: Numbers, typical: Numbers) -> Numbers:
    """The most likely parameters of many customers, from those of a part of them and the curvature found there.

    In coordinates in which the curvature is the same in all directions, a few steps are enough.
    """
    cost = _in_logarithms(objective)
    middle, spread = np.log(near), np.linalg.inv(np.linalg.cholesky(curvature)).T

    def spread_out(place: Numbers) -> tuple[float, Numbers]:
        value, slope = cost(middle + spread @ place)
        return value, spread.T @ slope

    from scipy.optimize import minimize  # noqa: PLC0415

    options = {"maxiter": 50, "ftol": 1e-13, "gtol": ARRIVED}
    found = minimize(spread_out, np.zeros(len(near)), jac=True, method="L-BFGS-B", options=options)
    likely: Numbers = np.exp(middle + spread @ found.x)
    has_arrived = np.abs(found.jac).max() <= 10 * ARRIVED
    return likely if has_arrived else most_likely(objective, [likely], typical)


def curvature_of(objective: Objective, near: Numbers) -> Numbers | None:
    """The second derivatives of minus the objective by the logarithms of the parameters; None where it is flat."""
    cost = _in_logarithms(objective)
    place, step = np.log(near), 1e-4
    rows = [
        (cost(place + step * side)[1] - cost(place - step * side)[1]) / (2 * step) for side in np.eye(len(near))
    ]
    found = (np.array(rows) + np.array(rows).T) / 2
    return found if np.linalg.eigvalsh(found).min() > 1e-9 else None


def _in_logarithms(objective: Objective) -> Objective:
    """Minus the objective as a function of the logarithms of its parameters; a wall where it is not finite."""

    def cost(place: Numbers) -> tuple[float, Numbers]:
        parameters = np.exp(place)
        value, slope = objective(parameters)
        if not (np.isfinite(value) and np.isfinite(slope).all()):
            return 1e30, np.zeros(len(place))
        return -value, -slope * parameters

    return cost


def _steepness(place: Numbers, slope: Numbers, bounds: list[tuple[float, float]]) -> float:
    """The largest derivative that does not only push against a bound."""
    low, high = np.array(bounds).T
    pushes = ((place <= low) & (slope > 0)) | ((place >= high) & (slope < 0))
    return float(np.abs(np.where(pushes, 0.0, slope)).max())
