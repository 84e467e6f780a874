"""Tables of a backtest: a row for each occasion with its context, a row for each action with its price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from shoal.definitions.trigger import ActionDefinition, TriggerDefinition
from shoal.model.firing import Channel, Delivery, Firing, Status
from shoal.runtime.backtest.result import ACTIONS, OCCASIONS
from shoal.runtime.backtest.then import Then
from shoal.runtime.population import Population

CONTEXT: Mapping[str, str] = {
    "device": 'context("device.type")',
    "country": 'context("location.country")',
    "local_hour": "local_hour()",
    "local_weekday": "local_weekday()",
}
"""In which context a trigger fired, as expressions: what was last known of the person at that moment."""

Prices = Mapping[Channel, float]


def context_feature(name: str) -> str:
    """The implied feature that is a part of the context."""
    return f"context:{name}"


def present_names(population: Population, profiles: Sequence[str]) -> list[str]:
    """Who profiles are at present."""
    names = population.resolution.node_ids
    known = pl.DataFrame({"profile": names, "person": names.gather(population.roots)})
    asked = pl.DataFrame({"profile": profiles}, schema={"profile": pl.String})
    found: list[str] = asked.join(known, on="profile", how="left", maintain_order="left")["person"].to_list()
    return found


def occasions_of(firings: Sequence[Firing], persons: Sequence[str], then: Then) -> pl.DataFrame:
    """A row for each firing, with its context."""
    asked = [(firing.profile, firing.effective_at) for firing in firings]
    contexts = then.features_of_persons(asked, [context_feature(each) for each in CONTEXT])
    rows = [
        (
            firing.id,
            firing.effective_at,
            firing.profile,
            person,
            firing.direction.value,
            firing.outcome.value,
            firing.reason,
            *(context[context_feature(each)] for each in CONTEXT),
        )
        for firing, person, context in zip(firings, persons, contexts, strict=True)
    ]
    schema = {name: kind for name, kind in OCCASIONS.items() if not name.startswith("goal")}
    return pl.DataFrame(rows, schema=schema, orient="row", strict=False)


def actions_of(
    deliveries: Sequence[Delivery],
    firings: Sequence[Firing],
    trigger: TriggerDefinition,
    prices: Prices | float | None,
) -> pl.DataFrame:
    """A row for each delivery of the trigger."""
    fired_at = {firing.id: firing.effective_at for firing in firings}
    price_of = {number: _price(action, prices) for number, action in enumerate(trigger.actions, start=1)}
    rows = [
        (
            each.id,
            each.firing,
            fired_at[each.firing],
            each.channel.value,
            each.destination,
            each.status.value,
            each.reason,
            each.not_before,
            each.expires_at,
            price_of[int(each.id.rpartition("_")[2])] if each.status is Status.DELIVERED else 0.0,
        )
        for each in deliveries
        if each.trigger == trigger.name
    ]
    schema = {name: kind for name, kind in ACTIONS.items() if name != "back_at"}
    return pl.DataFrame(rows, schema=schema, orient="row")


def with_returns(actions: pl.DataFrame, occasions: pl.DataFrame, activity: pl.DataFrame) -> pl.DataFrame:
    """The same with `back_at`: for pages that are sent, when the person is active next, before they expire."""
    persons = actions.join(occasions.select("firing", "person"), on="firing", maintain_order="left")
    found = persons.with_row_index("place").sort("not_before")
    found = found.join_asof(
        activity.rename({"goal_at": "back_at"}),
        left_on="not_before",
        right_on="back_at",
        by="person",
        strategy="forward",
        allow_exact_matches=False,
        coalesce=False,
        check_sortedness=False,
    )
    is_page = (pl.col("channel") == Channel.PAGE.value) & (pl.col("status") == Status.DELIVERED.value)
    is_back = is_page & (pl.col("back_at") < pl.col("expires_at"))
    return found.with_columns(pl.when(is_back).then("back_at")).sort("place").select(ACTIONS.keys())


def _price(action: ActionDefinition, prices: Prices | float | None) -> float:
    """What one such action costs: as asked, or else as the trigger states."""
    if prices is None:
        return action.price
    return prices.get(action.channel, action.price) if isinstance(prices, Mapping) else prices
