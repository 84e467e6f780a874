"""The result of a backtest: every occasion with what became of it, and the figures that are read off it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from shoal.definitions.trigger import Goal, TriggerDefinition
from shoal.model.firing import Channel, Outcome, Status
from shoal.runtime.backtest.goals import Attained

OCCASIONS: dict[str, type[pl.DataType]] = {
    "firing": pl.String,
    "at": pl.Int64,
    "profile": pl.String,
    "person": pl.String,
    "direction": pl.String,
    "outcome": pl.String,
    "reason": pl.String,
    "device": pl.String,
    "country": pl.String,
    "local_hour": pl.Int8,
    "local_weekday": pl.Int8,
    "goal": pl.String,
    "goal_at": pl.Int64,
}
"""`profile` is the name at that moment, `person` the present one. Hour and weekday are those of their clock."""

ACTIONS: dict[str, type[pl.DataType]] = {
    "delivery": pl.String,
    "firing": pl.String,
    "at": pl.Int64,
    "channel": pl.String,
    "destination": pl.String,
    "status": pl.String,
    "reason": pl.String,
    "not_before": pl.Int64,
    "expires_at": pl.Int64,
    "price": pl.Float64,
    "back_at": pl.Int64,
}
"""What was done on those occasions on which the trigger fired; `price` is what it costs, 0 of what is not sent.

`back_at` is, for pages that are sent, when the person was active next, if they had not expired by then.
"""

CONTEXTS = ("device", "country", "local_hour", "local_weekday")

LIKELY = 1.96
"""So many standard errors around a share hold it 95 times in 100."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Some occasions: how many, of how many people, and how many of them were followed by the goal.

    `decided` are those for which the time that the goal allows is over; only among them is anything counted.
    """

    name: str
    occasions: int
    people: int
    decided: int
    reached: int

    @property
    def share(self) -> float | None:
        """Which share reached the goal; None when it is too early to say of any."""
        return self.reached / self.decided if self.decided else None

    @property
    def likely(self) -> tuple[float, float] | None:
        """Between which two shares the true one lies, 95 times in 100 (Wilson 1927), as if nobody came twice."""
        if not self.decided:
            return None
        n, p, z = self.decided, self.reached / self.decided, LIKELY
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What one action of the trigger comes to: how many deliveries have each status, and what those sent cost."""

    channel: str
    destination: str
    statuses: Mapping[str, int]
    cost: float

    @property
    def sent(self) -> int:
        return self.statuses.get(Status.DELIVERED.value, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the trigger costs: everything that is sent, and the part of it that went to those who needed none.

    `anyway` is the cost of what went to people who then reached the goal, with nothing sent to them; `decided` is
    the cost of all for whom that can be said.
    """

    whole: float
    decided: float
    anyway: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Backtest:
    """What a trigger would have done after `since` and up to `until`.

    `known_until` is the moment of the newest event. `beside` are the triggers that ran along because they share a
    cap. `occasions` has the columns of OCCASIONS, `actions` those of ACTIONS, both in order of time.
    `notes` say what is otherwise than in life.
    """

    trigger: TriggerDefinition
    since: int
    until: int
    known_until: int
    goal: Goal
    beside: tuple[str, ...]
    events: int
    profiles: int
    occasions: pl.DataFrame
    actions: pl.DataFrame
    notes: tuple[str, ...] = ()

    @property
    def fired(self) -> pl.DataFrame:
        """The occasions on which it fired."""
        return self.occasions.filter(pl.col("outcome") == Outcome.FIRED.value)

    def outcomes(self) -> list[Group]:
        """What became of all occasions, by outcome, fired first and then the most frequent."""
        groups = _groups(self.occasions, "outcome")
        return sorted(groups, key=lambda each: (each.name != Outcome.FIRED.value, -each.occasions, each.name))

    def by_context(self, name: str, most: int = 8) -> list[Group]:
        """Those that fired by one of CONTEXTS, the most frequent first, the hours and weekdays in their order.

        Beyond `most` they are one group, "others". What is not known is "unknown".
        """
        column = pl.col(name).cast(pl.String).fill_null("unknown")
        fired = self.fired.with_columns(column.alias(name))
        if name.startswith("local_"):
            return sorted(_groups(fired, name), key=lambda each: int(each.name))
        counts = fired[name].value_counts().sort(["count", name], descending=[True, False])
        kept = counts[name].head(most).to_list()
        lumped = fired.with_columns(
            pl.when(pl.col(name).is_in(kept)).then(name).otherwise(pl.lit("others")).alias(name)
        )
        groups = {each.name: each for each in _groups(lumped, name)}
        return [groups[each] for each in [*kept, "others"] if each in groups]

    def repeats(self) -> list[tuple[int, int]]:
        """(times, people): for how many people it fired so many times."""
        times = self.fired.group_by("person").len()["len"].value_counts().sort("len")
        return [(int(count), int(people)) for count, people in times.rows()]

    def sendings(self) -> list[Sending]:
        """What each channel and destination gets, in the order of the trigger's actions."""
        counted = self.actions.group_by("channel", "destination", "status", maintain_order=True).agg(
            pl.len(), pl.col("price").sum()
        )
        found: dict[tuple[str, str], dict[str, tuple[int, float]]] = {}
        for channel, destination, status, count, price in counted.rows():
            found.setdefault((channel, destination), {})[status] = count, price
        written = dict.fromkeys((each.channel.value, each.destination) for each in self.trigger.actions)
        return [
            Sending(
                channel=channel,
                destination=destination,
                statuses={status: count for status, (count, _) in found.get((channel, destination), {}).items()},
                cost=sum(price for _, price in found.get((channel, destination), {}).values()),
            )
            for channel, destination in written
        ]

    def cost(self) -> Cost:
        """What is sent costs, and how much of that went to who reached the goal by themselves."""
        goals = self.occasions.select("firing", "goal")
        by_goal = dict(self.actions.join(goals, on="firing").group_by("goal").agg(pl.col("price").sum()).rows())
        reached, missed = by_goal.get(Attained.REACHED.value, 0.0), by_goal.get(Attained.MISSED.value, 0.0)
        return Cost(whole=sum(by_goal.values()), decided=reached + missed, anyway=reached)

    def pages(self) -> tuple[int, int]:
        """How many pages are sent, and how many of them to people who come back before they expire."""
        pages = self.actions.filter(channel=Channel.PAGE.value, status=Status.DELIVERED.value)
        return len(pages), int(pages["back_at"].is_not_null().sum())

    def typical_wait(self) -> int | None:
        """The median time in milliseconds from a firing to the goal, of those who reached it; None without any."""
        waits = self.fired.filter(pl.col("goal_at").is_not_null()).select(pl.col("goal_at") - pl.col("at"))
        median = waits["goal_at"].median()
        return int(median) if isinstance(median, float | int) else None

    def days(self, starts: Sequence[int]) -> list[dict[str, int]]:
        """How many occasions had which outcome in each stretch that begins at one of `starts` (in order)."""
        found: list[dict[str, int]] = [{} for _ in starts]
        places = pl.Series(starts, dtype=pl.Int64).search_sorted(self.occasions["at"], side="right") - 1
        counted = self.occasions.select("outcome", place=places).group_by("place", "outcome").len()
        for place, outcome, count in counted.rows():
            found[place][outcome] = count
        return found


def _groups(occasions: pl.DataFrame, column: str) -> Iterator[Group]:
    is_reached = pl.col("goal") == Attained.REACHED.value
    counted = occasions.group_by(column, maintain_order=True).agg(
        pl.len().alias("occasions"),
        pl.col("person").n_unique().alias("people"),
        (pl.col("goal") != Attained.OPEN.value).sum().alias("decided"),
        is_reached.sum().alias("reached"),
    )
    for row in counted.iter_rows(named=True):
        yield Group(name=row.pop(column), **row)
