"""The page of a backtest: one HTML file in the style of the report, which loads nothing and runs nothing."""

from __future__ import annotations

from datetime import tzinfo

from shoal.evaluate.wording import worded_duration, worded_moment
from shoal.model.firing import Outcome, Status
from shoal.runtime.backtest.pictures import COLOUR_OF, days_picture
from shoal.runtime.backtest.result import Backtest, Group
from shoal.runtime.backtest.stretches import cut
from shoal.runtime.backtest.words import (
    CONTEXTS,
    NO_EXPERIMENT,
    OUTCOMES,
    WEEKDAYS,
    on_the_cost,
    on_the_goal,
    on_the_pages,
    share_of,
    worded_amount,
    worded_goal,
    worded_outcome,
    worded_status,
)
from shoal.runtime.report.page import long_day, render

FIRST_SHOWN = 25
"""So many of those that fired are listed; all of them are in the files beside the page."""


def render_backtest(backtest: Backtest, zone: tzinfo) -> str:
    """The page; days are those of `zone`, the workspace's."""
    stretches = cut(backtest.since + 1, backtest.until, zone)
    outcomes, fired = backtest.outcomes(), backtest.fired
    return render(
        "shoal.runtime.backtest",
        backtest=backtest,
        title=backtest.trigger.title or backtest.trigger.name,
        begins=long_day(backtest.since),
        ends=long_day(backtest.until),
        fired=next((each for each in outcomes if each.name == Outcome.FIRED), None),
        outcomes=[_row(each, len(backtest.occasions)) for each in outcomes],
        unit=stretches.unit,
        picture=days_picture(stretches, backtest.days(stretches.starts), zone) if outcomes else None,
        legend=[(COLOUR_OF[each.name], worded_outcome(each.name)) for each in outcomes],
        on_the_goal=list(on_the_goal(backtest)),
        on_the_cost=[*on_the_pages(backtest), *on_the_cost(backtest)],
        no_experiment=NO_EXPERIMENT,
        goal=worded_goal(backtest.goal),
        clock=_clock(backtest) if len(fired) else [],
        contexts=[
            (CONTEXTS[name], [_row(each, len(fired)) for each in backtest.by_context(name)])
            for name in ("device", "country")
            if len(fired)
        ],
        sendings=[_sending(backtest, each.channel, each.destination) for each in backtest.sendings()],
        cost=backtest.cost(),
        cooldown=worded_duration(backtest.trigger.cooldown) if backtest.trigger.cooldown else "",
        repeats=backtest.repeats(),
        first=[_first(row, backtest) for row in fired.head(FIRST_SHOWN).iter_rows(named=True)],
    )


def _row(group: Group, whole: int) -> dict[str, object]:
    name, says = OUTCOMES.get(group.name, (group.name, ""))
    return {
        "name": name,
        "says": says,
        "occasions": group.occasions,
        "people": group.people,
        "share": group.occasions / whole if whole else 0.0,
        "anyway": share_of(group),
    }


def _clock(backtest: Backtest) -> list[tuple[str, list[tuple[int, float]]]]:
    """For each weekday the firings of each hour on people's own clocks, with their share of the busiest hour's."""
    counted = backtest.fired.group_by("local_weekday", "local_hour").len()
    found = {(day, hour): count for day, hour, count in counted.rows()}
    busiest = max(found.values())
    return [
        (name, [(count, count / busiest) for count in (found.get((day, hour), 0) for hour in range(24))])
        for day, name in enumerate(WEEKDAYS, start=1)
    ]


def _sending(backtest: Backtest, channel: str, destination: str) -> dict[str, object]:
    sending = next(
        each for each in backtest.sendings() if (each.channel, each.destination) == (channel, destination)
    )
    others = {
        worded_status(status): count
        for status, count in sending.statuses.items()
        if status != Status.DELIVERED.value
    }
    return {
        "channel": channel,
        "destination": "" if destination == channel else destination,
        "sent": sending.sent,
        "others": [f"{count:,} {word}" for word, count in others.items()],
        "cost": worded_amount(sending.cost),
    }


def _first(row: dict[str, object], backtest: Backtest) -> dict[str, object]:
    actions = backtest.actions.filter(backtest.actions["firing"] == row["firing"])
    where = [each for each in (row["device"], row["country"]) if each]
    return {
        "at": worded_moment(int(str(row["at"]))),
        "profile": row["profile"],
        "clock": f"{WEEKDAYS[int(str(row['local_weekday'])) - 1][:3]} {row['local_hour']}h",
        "where": ", ".join(str(each) for each in where),
        "actions": ", ".join(_action(each) for each in actions.iter_rows(named=True)),
        "goal": {"reached": "reached", "missed": "not reached", "open": "too early to say"}[str(row["goal"])],
    }


def _action(row: dict[str, object]) -> str:
    return f"{row['channel']} {worded_status(str(row['status']))}"
