"""The past: everybody's lives between two moments, laid out once, to be followed and to be looked into.

In: events with whose they are. Out: changes of membership in order, and the value of any definition for any
profile at any moment of the stretch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shoal.definitions.resolve import Key
from shoal.evaluate.build import build_history
from shoal.evaluate.frozen import Frozen
from shoal.evaluate.kernel import Evaluation, evaluate
from shoal.evaluate.lives import lives_between
from shoal.evaluate.looks import Looks, look
from shoal.evaluate.plan import Plan
from shoal.identity import Resolution
from shoal.model.change import Direction, ProfilesMerged

CHANGES = {"effective_at": pl.Int64, "profile": pl.String, "segment": pl.String, "direction": pl.String}

Nodes = NDArray[np.int32]
Indices = NDArray[np.int64]
Moments = NDArray[np.int64]

Heard = Callable[[float], None]
"""Hears which share of the work is done, 0 to 1."""


class Past:
    """What was so from `since` to `until`, both included. A profile is the node that named it at the moment."""

    def __init__(
        self,
        plan: Plan,
        frame: pl.DataFrame,
        resolution: Resolution,
        *,
        since: int,
        until: int,
        frozen: Frozen | None = None,
    ) -> None:
        """`frame` holds the events that `resolution` was made of, in the same order, maybe later ones, too."""
        self.plan, self.resolution, self.frozen = plan, resolution, frozen or Frozen()
        self.since, self.until = since, until
        self.lives = lives_between(resolution, frame["occurred_at"].to_numpy(), since, until)
        self.history = build_history(plan, frame[self.lives.rows], self.lives.life_of_row, len(self.lives))

    def changes(self, segments: Sequence[str], *, heard: Heard | None = None) -> pl.DataFrame:
        """Every change of membership after `since` and up to `until`, by moment, profile and segment.

        A profile that is merged into another leaves its segments at that moment. `effective_at` is in
        milliseconds.
        """
        if not segments or not len(self.lives):
            return pl.DataFrame(schema=CHANGES)
        looks = look(
            self.plan.narrowed([("segment", name) for name in segments]),
            self.history,
            segments=segments,
            profiles=np.arange(len(self.lives)),
            start=self.lives.start,
            stop=self.lives.stop - 1,
            frozen=self.frozen,
            heard=heard,
        )
        return self._changes(looks, segments)

    def values_at(self, keys: Iterable[Key], profiles: Nodes, moments: Moments) -> Evaluation:
        """The value of some definitions for each of `profiles` at its own moment, which lies in the stretch.

        Who has become somebody else by then is looked at as that person.
        """
        lives = self._lives_at(self.persons_at(profiles, moments), moments)
        return evaluate(self.plan.narrowed(keys), self.history, moments, frozen=self.frozen, profiles=lives)

    def persons_at(self, profiles: Nodes, moments: Moments) -> Nodes:
        """Who each profile is at its moment: itself, or the one that it has been merged into by then."""
        persons = np.array(profiles, np.int32)
        while (is_merged := self.resolution.merged_at[persons] <= moments).any():
            persons[is_merged] = self.resolution.parent[persons[is_merged]]
        return persons

    def merges(self) -> list[ProfilesMerged]:
        """Which profile became part of which other one after `since`, in order."""
        log, names = self.resolution.merge_log, self.resolution.node_ids
        at = self.resolution.orders["at"].to_numpy()[log[:, 0]]
        inside = (at > self.since) & (at <= self.until)
        old, new = (names.gather(log[inside, column]).to_list() for column in (1, 2))
        told = zip(at[inside].tolist(), old, new, strict=True)
        return [ProfilesMerged(*each) for each in told]

    def _lives_at(self, persons: Nodes, moments: Moments) -> Indices:
        """The life of each person that its moment lies in."""
        lives = pl.DataFrame(
            {"profile": self.lives.profile, "at": self.lives.start, "life": np.arange(len(self.lives))}
        ).sort("profile", "at")
        asked = pl.DataFrame({"profile": persons, "at": moments}).with_row_index("place").sort("profile", "at")
        found = asked.join_asof(lives, on="at", by="profile", check_sortedness=False).sort("place")["life"]
        assert not found.null_count(), "everybody who is asked about had events by then"
        numbers: Indices = found.to_numpy().astype(np.int64)
        return numbers

    def _changes(self, looks: Looks, names: Sequence[str]) -> pl.DataFrame:
        """Where the memberships of a profile differ from those at the look before, also when a new life began.

        Every profile is first looked at when the stretch begins: what is so then is no change. Who is merged into
        another is last looked at then, and is in nothing any more.
        """
        lives = self.lives
        profile = np.concatenate([lives.profile[looks.stretch], lives.ended])
        moment = np.concatenate([looks.moment, lives.ended_at])
        members = np.concatenate([looks.members, np.zeros((len(lives.ended), len(names)), np.bool_)])
        order = np.lexsort((moment, profile))
        profile, moment, members = profile[order], moment[order], members[order]
        differs = members[1:] != members[:-1]
        differs[profile[1:] != profile[:-1]] = False
        rows, columns = np.nonzero(differs)
        rows += 1
        return pl.DataFrame(
            {
                "effective_at": moment[rows],
                "profile": self.resolution.node_ids.gather(profile[rows]),
                "segment": pl.Series(names, dtype=pl.String).gather(columns),
                "direction": _directions(members[rows, columns]),
            },
            schema=CHANGES,
        ).sort("effective_at", "profile", "segment")


def _directions(entered: NDArray[np.bool_]) -> pl.Series:
    return pl.Series(np.where(entered, Direction.ENTERED.value, Direction.LEFT.value))
