"""The live engine: keeps every membership true while events come in and time passes.

In: events and the moment it is. Out: changes of membership with their exact moments. It does no input or output
and has no clock: who drives it (`serve`, a backtest, a test) says what time it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from operator import attrgetter

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shoal.definitions.resolve import Resolved
from shoal.evaluate.columns import block_of_rows, empty_block, history_of_arena
from shoal.evaluate.frozen import Frozen
from shoal.evaluate.kernel import Evaluation, evaluate
from shoal.evaluate.looks import Looks, look
from shoal.evaluate.plan import compile_plan
from shoal.evaluate.rows import EventRows
from shoal.history.arena import Arena, Block
from shoal.history.dictionary import Dictionary
from shoal.identity import IdentityRules, IdentityStream
from shoal.identity.graph import NOBODY
from shoal.identity.rules import SHARED
from shoal.model.change import Direction, MembershipChanged, ProfilesMerged
from shoal.model.frame import STORED_ENVELOPE, field_column, in_order
from shoal.model.identifier import Identifier
from shoal.model.time import EARLIEST_MOMENT, NEVER
from shoal.runtime.rounds import Merges, Round, cut_into_rounds
from shoal.runtime.standings import Standings

Indices = NDArray[np.int64]
Moments = NDArray[np.int64]

ROWS_AT_ONCE = 65_536
"""So many events of the past are read at once."""

PROFILES_AT_ONCE = 100_000
"""So many profiles are looked at at once when the past is loaded."""

_BY_MOMENT = attrgetter(*(each.name for each in fields(MembershipChanged)))
"""The order of changes: the same as their own, and quicker to compare."""

MOST_SPANS = 16
"""So many lengths of time are guessed to be when something changes; others are found one after the other."""


class LiveEngine:
    """Histories, identities and memberships in memory, exact at `now`.

    A profile is a number: its node in the identity graph.
    """

    def __init__(
        self,
        resolved: Resolved,
        rules: IdentityRules | None = None,
        *,
        frozen: Frozen | None = None,
        now: int = EARLIEST_MOMENT,
    ) -> None:
        self.plan = compile_plan(resolved)
        self.segments = sorted(each.name for each in resolved.segments)
        self._column_of = {name: column for column, name in enumerate(self.segments)}
        self.frozen = frozen or Frozen()
        self.identity = IdentityStream(rules)
        self.dictionary = Dictionary()
        self.arena = Arena({**empty_block(self.plan), "statements": np.empty(0, np.int32)})
        self.standings = Standings(self.segments, self.identity)
        """Who is in what as of the last step, for other threads."""
        self.merges: list[ProfilesMerged] = []
        """Which profiles became one in the last step, in order."""
        self.now = now
        self._segment_plan = self.plan.narrowed([("segment", name) for name in self.segments])
        self._momentary = sorted(each.name for each in resolved.segments if each.is_momentary)
        self._moments_plan = self.plan.narrowed([("segment", name) for name in self._momentary])
        self._spans = self._segment_plan.spans[:MOST_SPANS]
        self._latest_at = EARLIEST_MOMENT
        self._waiting = pl.DataFrame(schema=STORED_ENVELOPE)
        self._members = np.zeros((0, len(self.segments)), np.bool_)
        self._next_moment: Moments = np.zeros(0, np.int64)

    def process(self, events: pl.DataFrame, now: int) -> list[MembershipChanged]:
        """Takes a frame of stored events in and moves on to `now`; every change of membership since, in order.

        Between two events of a stream in order, nothing is missed: each change is told at its own moment, also
        when it did not last. An event that comes late changes what is so now, and that is told with the moment at
        which it became so; what was told before stays told. What a momentary segment is entered by is told of each
        event that comes, at its own moment, and not again of those that had come before.
        """
        assert now >= self.now, "time does not go back"
        self.merges = []
        block = self._block_of(*self._arrived(events, now))
        late = self._find_late(block)
        changes = self._replay(_part(block, late)) if late.any() else []
        in_order = _part(block, ~late) if late.any() else block
        *rounds, last = self._rounds(in_order)
        for each in rounds:
            changes += self._play(each, in_order, now)
        changes += self._play(last, in_order, now, is_last=True)
        self.now = now
        self.standings.publish(self._members, self.arena)
        return sorted(_lasting(changes), key=_BY_MOMENT)

    def load(self, frames: Iterable[pl.DataFrame]) -> None:
        """Takes in all events of the past, into an engine that knows nobody. Nothing is told.

        Frames come in order, so that what was read of one can go before the next one is read.
        """
        assert not len(self.identity.fold), "only an empty engine is loaded"
        blocks, leaves = [], [np.empty(0, np.int32)]
        for events in frames:
            for start in range(0, len(events), ROWS_AT_ONCE):
                block = self._block_of(*self._arrived(events[start : start + ROWS_AT_ONCE], self.now))
                blocks.append(block)
                leaves.append(
                    self.identity.fold_in(block["statements"], block["times"], block["positions"]).leaves
                )
                self.identity.take_news()
        self._latest_at = max(
            (int(block["times"].max(initial=EARLIEST_MOMENT)) for block in blocks), default=self._latest_at
        )
        self._add_profiles(len(self.identity.fold))
        self.arena.lay_out(self.identity.fold.roots(np.concatenate(leaves)), blocks)
        profiles = np.flatnonzero(self.arena.end > self.arena.begin)
        for start in range(0, len(profiles), PROFILES_AT_ONCE):
            part = profiles[start : start + PROFILES_AT_ONCE]
            now = np.full(len(part), self.now)
            self._settle(part, self._look(part, now, now))
        self.standings.publish_all(self._members, self.arena)

    @property
    def columns(self) -> frozenset[str]:
        """The field columns of events that are read."""
        return self.plan.columns | {
            field_column(f"traits.{kind.name}", "text") for kind in self.identity.rules.people
        }

    def evaluate(self, profiles: Sequence[int] | Indices, now: int | None = None) -> Evaluation:
        """The value of every definition for some profiles."""
        history = history_of_arena(self.plan, self.arena, self.dictionary)
        moment = self.now if now is None else now
        return evaluate(self.plan, history, moment, frozen=self.frozen, profiles=np.array(profiles, np.int64))

    def memberships(self) -> dict[str, frozenset[str]]:
        """The segments of every profile that is in any."""
        found = {}
        for profile in np.flatnonzero(self._members.any(axis=1)).tolist():
            names = [name for name, is_in in zip(self.segments, self._members[profile], strict=True) if is_in]
            found[self.identity.node_ids[profile]] = frozenset(names)
        return found

    def node_of(self, profile: str) -> int:
        """The number of a profile by its name; NOBODY when no event has stated it."""
        node = self.identity.known_node(Identifier.parse(profile.removesuffix(SHARED)))
        if profile.endswith(SHARED) and node != NOBODY:
            return self.identity.fold.shared_part(node)
        return node

    def is_member(self, profile: int, segment: str) -> bool:
        """Whether a profile is in a segment now."""
        return bool(self._members[profile, self._column_of[segment]])

    def members(self, segment: str) -> list[str]:
        """The names of the profiles that are in a segment now."""
        here = np.flatnonzero(self._members[:, self._column_of[segment]])
        return [self.identity.node_ids[profile] for profile in here.tolist()]

    @property
    def next_moment(self) -> int:
        """When anything can change by itself; NEVER when nothing can."""
        waiting = int(self._waiting["occurred_at"][0]) if len(self._waiting) else NEVER
        return min(waiting, int(self._next_moment.min(initial=NEVER)))

    # Identity

    def _arrived(self, events: pl.DataFrame, now: int) -> tuple[pl.DataFrame, NDArray[np.int32]]:
        """The events that happen up to now, in order, and the statement of each. What names nobody is left out.

        Events of a later moment wait for it: identities, too, are those of the events up to now.
        """
        if len(self._waiting):
            events = pl.concat([self._waiting, events], how="diagonal")
        events = in_order(events)
        visible = int(np.searchsorted(events["occurred_at"].to_numpy(), now, side="right"))
        self._waiting, events = events[visible:], events[:visible]
        statements = self.identity.read_frame(events)
        self._add_profiles(len(self.identity.fold))
        has_owner = statements != NOBODY
        if has_owner.all():
            return events, statements
        return events.filter(pl.Series(has_owner)), statements[has_owner]

    def _block_of(self, events: pl.DataFrame, statements: NDArray[np.int32]) -> Block:
        """The columns that are kept of events."""
        block = block_of_rows(EventRows(self.plan, events, self.dictionary))
        block["statements"] = statements
        return block

    def _find_late(self, block: Block) -> NDArray[np.bool_]:
        """Which events come after others of their region. Later than every event before is late nowhere."""
        statements, moments, positions = (block[name] for name in ("statements", "times", "positions"))
        late = self.identity.find_late(statements, moments, positions, self._latest_at)
        if len(late):
            self._latest_at = max(self._latest_at, int(moments[-1]))
        return late

    def _replay(self, late: Block) -> list[MembershipChanged]:
        """Takes in late events: everything that they can have to do with is resolved again, in order.

        Merges of the past are not told: what is so now is compared with what was told.
        """
        nodes = self.identity.region_of(late["statements"])
        known = self.arena.take(nodes)
        block = {name: np.concatenate([column, known[name]], axis=-1) for name, column in late.items()}
        order = np.lexsort((block["positions"], block["times"]))
        block, is_new = _part(block, order), order < len(late["times"])
        self.identity.forget(nodes, block["statements"])
        self.standings.forget(nodes)
        folded = self.identity.fold_in(block["statements"], block["times"], block["positions"])
        self._add_profiles(len(self.identity.fold))
        owners = self.identity.fold.roots(folded.leaves)
        self.arena.insert(owners, block)
        merges = self._take_merges().tolist()
        self.merges += [self._named(*merge) for merge in merges]
        merged_at = {new: at for at, _, new in merges}
        since = int(late["times"].min())
        changes = self._end(nodes[self.arena.sizes_of(nodes) == 0].tolist(), since)
        profiles = np.unique(owners).astype(np.int64)
        first = np.array([max(since, merged_at.get(profile, since)) for profile in profiles.tolist()], np.int64)
        changes += self._moments_past(owners[is_new].astype(np.int64), block["times"][is_new])
        return changes + self._follow(profiles, first, np.full(len(profiles), self.now))

    def _end(self, profiles: Sequence[int], at: int) -> list[MembershipChanged]:
        """Profiles that are no more leave their segments."""
        self.standings.touch(np.array(profiles, np.int64))
        changes = []
        for profile in profiles:
            changes += [
                MembershipChanged(at, self.identity.node_ids[profile], self.segments[place], Direction.LEFT)
                for place in np.flatnonzero(self._members[profile]).tolist()
            ]
            self._members[profile] = False
            self._next_moment[profile] = NEVER
        return changes

    def _rounds(self, block: Block) -> list[Round]:
        """Which profile each event belongs to, cut into rounds wherever two profiles become one."""
        folded = self.identity.fold_in(block["statements"], block["times"], block["positions"])
        self._add_profiles(len(self.identity.fold))
        return cut_into_rounds(folded, self._take_merges(), self.arena)

    def _take_merges(self) -> Merges:
        """Every merge since the last call."""
        news = self.identity.take_news()
        self.standings.hear(news)
        return news.merges[:, (0, 2, 3)]

    def _add_profiles(self, count: int) -> None:
        self.arena.add_profiles(count)
        more = len(self.arena.begin) - len(self._members)
        if more > 0:
            self._members = np.concatenate([self._members, np.zeros((more, len(self.segments)), np.bool_)])
            self._next_moment = np.concatenate([self._next_moment, np.full(more, NEVER)])

    # Rounds

    def _play(self, this: Round, block: Block, now: int, *, is_last: bool = False) -> list[MembershipChanged]:
        """One round: its merges, its events, and what follows from them until the next merge or until now.

        With the last one comes every profile whose moment has come.
        """
        changes = [change for merge in this.merges for change in self._merge(*merge)]
        merged = np.array(this.merges, np.int64).reshape(-1, 3)
        moments = block["times"][this.rows]
        if len(this.rows):
            whole = len(this.rows) == len(block["times"])
            self.arena.insert(this.owners, block if whole else _part(block, this.rows))
            changes += self._moments_past(this.owners.astype(np.int64), moments)
        others = [np.array(list(this.until), np.int64)]
        if is_last:
            others.append(np.flatnonzero(self._next_moment <= now))
        waiting = np.concatenate(others)
        profiles, first = _earliest(
            np.concatenate([merged[:, 2], this.owners, waiting]),
            np.concatenate([merged[:, 0], moments, np.full(len(waiting), NEVER)]),
        )
        stop = np.full(len(profiles), now)
        for profile, at in this.until.items():
            stop[np.searchsorted(profiles, profile)] = at - 1
        return changes + self._follow(profiles, first, stop)

    def _merge(self, at: int, old: int, new: int) -> list[MembershipChanged]:
        """The events of one profile join those of another, and the first one is no more."""
        self.merges.append(self._named(at, old, new))
        block = self.arena.take([old])
        self.arena.insert(np.full(len(block["times"]), new, np.int32), block)
        self.arena.release(old)
        return self._end([old], at)

    def _named(self, at: int, old: int, new: int) -> ProfilesMerged:
        return ProfilesMerged(at, self.identity.node_ids[old], self.identity.node_ids[new])

    # Time

    def _follow(self, profiles: Indices, first: Moments, stop: Moments) -> list[MembershipChanged]:
        """Looks at profiles from the first moment at which anything is new, and tells what changes."""
        start = np.minimum(first, self._next_moment[profiles])
        chosen = start <= stop
        profiles, start, stop = profiles[chosen], start[chosen], stop[chosen]
        self.standings.touch(profiles)
        if not len(profiles) or not self.segments:
            return []
        looks = self._look(profiles, start, stop)
        changes = self._told(profiles, looks)
        self._settle(profiles, looks)
        return changes

    def _look(self, profiles: Indices, start: Moments, stop: Moments) -> Looks:
        return look(
            self._segment_plan,
            history_of_arena(self.plan, self.arena, self.dictionary),
            segments=self.segments,
            profiles=profiles,
            start=start,
            stop=stop,
            frozen=self.frozen,
            spans=self._spans,
        )

    def _settle(self, profiles: Indices, looks: Looks) -> None:
        """What the last look at each of these profiles saw is so now."""
        self._next_moment[profiles] = looks.next_moment
        ends = np.append(looks.stretch[1:] != looks.stretch[:-1], True)[: len(looks.stretch)]
        self._members[profiles[looks.stretch[ends]]] = looks.members[ends]

    def _moments_past(self, profiles: Indices, moments: Moments) -> list[MembershipChanged]:
        """What momentary segments were entered by: events that came now, and whose moments were over before."""
        is_past = moments < self.now
        if not self._momentary or not is_past.any():
            return []
        profiles, moments = np.unique(np.array([profiles[is_past], moments[is_past]]), axis=1)
        history = history_of_arena(self.plan, self.arena, self.dictionary)
        evaluation = evaluate(self._moments_plan, history, moments, frozen=self.frozen, profiles=profiles)
        return [
            MembershipChanged(at + leaving, self.identity.node_ids[profile], name, direction)
            for name in self._momentary
            for place in np.flatnonzero(evaluation.values[("segment", name)].holds).tolist()
            for profile, at in [(int(profiles[place]), int(moments[place]))]
            for leaving, direction in enumerate((Direction.ENTERED, Direction.LEFT))
        ]

    def _told(self, profiles: Indices, looks: Looks) -> list[MembershipChanged]:
        """The changes from what was told before to each look in turn.

        Looks at moments that were over before (a late event, a late merge) only say what is so since when.
        """
        changes: list[MembershipChanged] = []
        is_past = looks.moment <= self.now
        told = self._members[profiles]
        moment = np.repeat(looks.moment[:, np.newaxis], len(self.segments), axis=1)
        begins = np.append(True, looks.stretch[1:] != looks.stretch[:-1])
        for place in np.flatnonzero(is_past[:-1] & ~begins[1:] & is_past[1:]).tolist():
            # Of the past only its end counts; a membership is as old as the look at which it became so.
            stays = looks.members[place + 1] == looks.members[place]
            moment[place + 1, stays] = moment[place, stays]
        counts = ~is_past | np.append(begins[1:] | ~is_past[1:], True)
        stretch, members, moment = looks.stretch[counts], looks.members[counts], moment[counts]
        begins = np.append(True, stretch[1:] != stretch[:-1])
        before = np.empty_like(members)
        before[1:] = members[:-1]
        before[begins] = told[stretch[begins]]
        for row, column in zip(*np.nonzero(members != before), strict=True):
            direction = Direction.ENTERED if members[row, column] else Direction.LEFT
            name = self.identity.node_ids[profiles[stretch[row]]]
            changes.append(MembershipChanged(int(moment[row, column]), name, self.segments[column], direction))
        return changes


def _lasting(changes: list[MembershipChanged]) -> list[MembershipChanged]:
    """The changes without those that were taken back at once.

    In one step an event may make a membership of the past, and a later one may show that there never was any: it
    is then lost at a moment before it was gained. Neither is told.
    """
    lasting: dict[tuple[str, str], list[MembershipChanged]] = {}
    for change in changes:
        before = lasting.setdefault((change.profile, change.segment), [])
        if before and change.effective_at <= before[-1].effective_at:
            before.pop()
        else:
            before.append(change)
    return [change for kept in lasting.values() for change in kept]


def _earliest(profiles: Indices, moments: Moments) -> tuple[Indices, Moments]:
    """Each profile once, with the earliest of its moments."""
    order = np.lexsort((moments, profiles))
    profiles, moments = profiles[order], moments[order]
    is_first = np.append(True, profiles[1:] != profiles[:-1])[: len(profiles)]
    return profiles[is_first], moments[is_first]


def _part(block: Block, rows: NDArray[np.bool_] | Indices | slice) -> Block:
    """Some rows of a block."""
    return {name: column[..., rows] for name, column in block.items()}
