"""The orders of a real music shop: forecasts through definitions are those of the models called directly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pytest

from shoal.evaluate.purchases import BGNBD, MBGNBD, GammaGamma, ParetoNBD
from shoal.model.time import parse_moment
from shoal.runtime.batch import Results
from tests.data.workspaces import RealWorkspace

MAPPING = r"""
mapping: cdnow
format: csv
csv: {separator: "\t", header: [line]}   # columns of fixed width: each is found by its place in the line
duplicates: keep
name: {value: Order Completed}
user_id: {column: line, extract: '^ *\d+ +(\d+)'}
occurred_at: {column: line, extract: '^ *\d+ +\d+ +(\d{8})', format: "%Y%m%d"}
properties:
  quantity: {column: line, extract: '(\d+) +[\d.]+$', type: number}
  revenue: {column: line, extract: '([\d.]+)$', type: number}
"""
FEATURES = """
    feature: orders_to_come
    value: expected_orders(horizon="273 days")
    ---
    feature: still_buys
    value: probability_alive()
    ---
    feature: value_to_come
    value: customer_value(horizon="273 days", revenue="revenue")
    ---
    feature: orders_to_come_bg
    value: expected_orders(horizon="273 days", model="bg_nbd")
    ---
    feature: still_buys_mbg
    value: probability_alive(model="mbg_nbd")
"""
FITTED, LATER = "1997-09-30", "1998-06-30"

Data = Callable[[str], Path]
Numbers = np.ndarray


def purchases_by_hand(file: Path, today: str) -> dict[str, Numbers]:
    """Frequency, recency, age in days, and spend, of every customer in the order of their numbers, by a query."""
    query = """
        with orders as (
            select split(trim(regexp_replace(line, ' +', ' ', 'g')), ' ') as cells
            from read_csv(?, columns = {'line': 'varchar'}, delim = '\t', header = false, quote = '')
        ), days as (
            select cells[2] as customer, strptime(cells[3], '%Y%m%d')::date as day, sum(cells[5]::double) as amount
            from orders group by all having day <= ?::date
        ), known as (select *, min(day) over (partition by customer) as first from days)
        select
            customer,
            (count(*) - 1)::double as frequency,
            (max(day) - any_value(first))::double as recency,
            (?::date - any_value(first))::double as age,
            avg(amount) filter (where day > first) as spend
        from known group by customer order by customer
    """
    columns = duckdb.execute(query, [str(file), today, today]).fetchnumpy()
    return {name: np.ma.filled(column, np.nan) for name, column in columns.items() if name != "customer"}


@dataclass
class Cdnow:
    """The file, and everybody at the end of the weeks that are fitted, and 39 weeks later."""

    file: Path
    fitted: Results
    later: Results


@pytest.fixture(scope="module")
def cdnow(shared_data: Data, tmp_path_factory: pytest.TempPathFactory) -> Cdnow:
    folder = tmp_path_factory.mktemp("cdnow")
    (folder / "cdnow.yaml").write_text(MAPPING)
    workspace = RealWorkspace(folder / "shop", features=FEATURES)
    file = shared_data("cdnow") / "CDNOW_sample.txt"
    imported = workspace.load(str(folder / "cdnow.yaml"), file)
    assert (imported.added, sum(imported.failed.values())) == (6_919, 0)
    at = [parse_moment(f"{day}T23:59:59.999Z") for day in (FITTED, LATER)]
    return Cdnow(file, workspace.at(at[0]), workspace.at(at[1]))


@pytest.mark.parametrize("moment", ["fitted", "later"])
def test_forecasts_are_those_of_the_models(cdnow, moment):
    """Orders, survival and value of each customer are the model's, also 39 weeks after it was fitted."""
    fitted = purchases_by_hand(cdnow.file, FITTED)
    rows = fitted["frequency"], fitted["recency"], fitted["age"]
    pareto, spend = ParetoNBD.fit(*rows), GammaGamma.fit(fitted["frequency"], fitted["spend"])
    now = fitted if moment == "fitted" else purchases_by_hand(cdnow.file, LATER)
    seen = now["frequency"], now["recency"], now["age"]
    orders = pareto.expected_orders(*seen, 273)
    expected = {
        "orders_to_come": orders,
        "still_buys": pareto.probability_alive(*seen),
        "value_to_come": orders * spend.expected_spend(now["frequency"], now["spend"]),
        "orders_to_come_bg": BGNBD.fit(*rows).expected_orders(*seen, 273),
        "still_buys_mbg": MBGNBD.fit(*rows).probability_alive(*seen),
    }

    found = getattr(cdnow, moment).features.sort("profile")
    assert len(found) == len(orders) == 2_357
    for name, values in expected.items():
        exact = name != "value_to_come"  # spend is added up in another order, and its likelihood has a flat top
        assert found[name].to_numpy() == pytest.approx(values, rel=1e-9 if exact else 1e-6), name


def test_forecasts_against_what_came(cdnow):
    """Foreseen orders of the held-out weeks correlate with those that came at .630, through definitions too."""
    lines = [line.split() for line in cdnow.file.read_text().splitlines()]
    later = {(line[1], line[2]) for line in lines if line[2] > date.fromisoformat(FITTED).strftime("%Y%m%d")}
    came = np.zeros(2_357)
    for customer, _ in later:
        came[int(customer) - 1] += 1

    foreseen = cdnow.fitted.features.sort("profile")["orders_to_come"].to_numpy()
    assert round(np.corrcoef(foreseen, came)[0, 1], 4) >= 0.630
