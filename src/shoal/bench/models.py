"""`shoal bench models`: fitting purchase models to drawn customers, a tenth as many as there are events."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import numpy as np

from shoal.bench.agreement import Disagreement
from shoal.bench.job import measure
from shoal.bench.measured import Measured
from shoal.bench.report import Ratio, Report, Row, rows_of
from shoal.bench.reporting import Told, begin_report
from shoal.bench.sizes import Sizes
from shoal.bench.stopwatch import Stopwatch
from shoal.evaluate.purchases import Purchases
from shoal.evaluate.purchases.drawing import TYPICAL, draw_purchases
from shoal.evaluate.purchases.forecast import ORDER_MODELS

EVENTS_PER_CUSTOMER = 10
COMPARED_CUSTOMERS = 20_000
"""As many as the other library is given: it does not pool equal customers, and needs minutes for a million."""

MOST_SECONDS = 10.0
PARAMETERS = ("r", "alpha", "a", "b", "s", "beta")
"""The first four are those of BG/NBD."""
FIT, FIT_FEWER = "fit", "fit fewer"


def run(sizes: Sizes, told: Told) -> Report:
    """Every model on all customers, and BG/NBD on fewer beside `lifetimes` when that is installed."""
    customers = max(sizes.events // EVENTS_PER_CUSTOMER, 1_000)
    fewer = min(customers, COMPARED_CUSTOMERS)
    rivals = ["lifetimes"] if find_spec("lifetimes") else []
    found: dict[tuple[str, str], list[Measured]] = {}
    for repeat in range(sizes.repeats):
        told(f"fitting models, {repeat + 1} of {sizes.repeats}")
        for model in ORDER_MODELS:
            one = measure("shoal.bench.models:measure_ours", threads=1, model=model, customers=customers, seed=1)
            found.setdefault(("shoal", model), []).append(one)
        one = measure("shoal.bench.models:measure_ours", threads=1, model="bg_nbd", customers=fewer, seed=1)
        found.setdefault(("ours", f"bg_nbd of {fewer:,}"), []).append(one)
        for who in rivals:
            one = measure("shoal.bench.models:measure_lifetimes", threads=1, customers=fewer, seed=1)
            found.setdefault((who, f"bg_nbd of {fewer:,}"), []).append(one)
    return begin_report(
        "models",
        f"{customers:,} drawn customers, {fewer:,} beside lifetimes",
        agreed=list(_compare(found, fewer)),
        rows=list(_rows(found, customers, fewer)),
        ratios=list(_ratios(found, fewer)),
        skipped={} if rivals else {"lifetimes": "not installed"},
    )


def measure_ours(model: str, customers: int, seed: int) -> Measured:
    """From the arrays of customers to a fitted model. Loops are compiled before, on a few customers."""
    kind, drawn, watch = ORDER_MODELS[model], _drawn(customers, seed), Stopwatch()
    few = _drawn(1_000, seed)
    kind.fit(few.frequency, few.recency, few.age)
    with watch(FIT):
        fitted = kind.fit(drawn.frequency, drawn.recency, drawn.age)
    return watch.measured(**{name: float(getattr(fitted, name)) for name in PARAMETERS if hasattr(fitted, name)})


def measure_lifetimes(customers: int, seed: int) -> Measured:
    """The same customers given to `lifetimes`."""
    from lifetimes import BetaGeoFitter  # noqa: PLC0415

    drawn, watch = _drawn(customers, seed), Stopwatch()
    with watch(FIT):
        fitted = BetaGeoFitter().fit(drawn.frequency, drawn.recency, drawn.age)
    return watch.measured(**{name: float(value) for name, value in fitted.params_.items()})


def _drawn(customers: int, seed: int) -> Purchases:
    chance = np.random.default_rng(seed)
    return draw_purchases(TYPICAL, customers, days=730, arrival_days=365, chance=chance)


def _compare(found: dict[tuple[str, str], list[Measured]], fewer: int) -> Iterator[str]:
    """Both must find the same model: to a thousandth, since both stop when little can be gained."""
    case = f"bg_nbd of {fewer:,}"
    if ("lifetimes", case) not in found:
        return
    ours, theirs = found["ours", case][0].figures, found["lifetimes", case][0].figures
    for name in PARAMETERS[:4]:
        if abs(ours[name] - theirs[name]) > 1e-3 * abs(theirs[name]):
            raise Disagreement(f"{name} of BG/NBD: shoal {ours[name]:.6g}, lifetimes {theirs[name]:.6g}")
    yield f"BG/NBD parameters of {fewer:,} customers, shoal and lifetimes, to a thousandth"


def _rows(found: dict[tuple[str, str], list[Measured]], customers: int, fewer: int) -> Iterator[Row]:
    for (who, case), runs in found.items():
        count = fewer if case.endswith(f"{fewer:,}") else customers
        for row in rows_of("shoal" if who == "ours" else who, 1, runs, unit="customers", count=count):
            yield row.renamed(f"{row.step} {case}")


def _ratios(found: dict[tuple[str, str], list[Measured]], fewer: int) -> Iterator[Ratio]:
    seconds = np.median([run.seconds[FIT] for run in found["shoal", "pareto_nbd"]])
    yield Ratio(what="seconds to fit Pareto/NBD", value=float(seconds), target=MOST_SECONDS, is_floor=False)
    case = f"bg_nbd of {fewer:,}"
    if ("lifetimes", case) in found:
        theirs, ours = (
            float(np.median([run.seconds[FIT] for run in found[who, case]])) for who in ("lifetimes", "ours")
        )
        yield Ratio(what=f"fit {case}: lifetimes / shoal", value=theirs / ours)
