"""Comparing a backtest with what a shop that was served really did."""

from __future__ import annotations

from contextlib import closing

from shoal.model.firing import Delivery, Firing, Status
from shoal.runtime.acting import open_outbox
from shoal.runtime.backtest import look_back
from shoal.triggers.outbox import Settlement
from tests.functional.live_shop import LiveShop


def lets_arrive(shop: LiveShop) -> None:
    """From now on whatever may be sent arrives at once, as a backtest takes it."""
    tick = shop.live.tick

    def tick_and_settle(now: int, **other: int) -> object:
        changes = tick(now, **other)
        made = (*shop.live.acted.deliveries, *shop.live.acted.released)
        arrived = [
            Settlement(id=each.id, status=Status.DELIVERED, at=now, attempts=1)
            for each in made
            if each.status is Status.READY
        ]
        with closing(open_outbox(shop.workspace.folder)) as outbox:
            outbox.settle(arrived)
        return changes

    shop.live.tick = tick_and_settle  # type: ignore[method-assign,assignment]


def assert_backtest_finds_what_fired(shop: LiveShop, begin: int, *, compare_deliveries: bool = False) -> None:
    """Of every trigger: the same firings under the same ids, with the same outcome and reason."""
    shop.live.archive_events()
    for trigger in shop.workspace.triggers:
        fired = shop.firings(trigger.name)
        found = look_back(shop.workspace, trigger.name, begin, shop.now)
        rows = found.occasions.select("firing", "at", "profile", "outcome", "reason").rows()
        expected = sorted(_as_row(each) for each in fired)
        assert sorted(rows) == expected, f"{trigger.name}: {sorted(rows)} is not {expected}"
        if compare_deliveries:
            rows = found.actions.select("delivery", "channel", "status", "reason", "not_before").rows()
            assert sorted(rows) == sorted(_as_action(each) for each in shop.deliveries(trigger.name))


def _as_row(firing: Firing) -> tuple[object, ...]:
    return firing.id, firing.effective_at, firing.profile, firing.outcome.value, firing.reason


def _as_action(delivery: Delivery) -> tuple[object, ...]:
    return delivery.id, delivery.channel.value, delivery.status.value, delivery.reason, delivery.not_before
