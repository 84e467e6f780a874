"""Live identity resolution: the fold one event at a time, and again for what a late event touches."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shoal.identity.fold import FoldNews, IdentityFold
from shoal.identity.regions import Regions
from shoal.identity.rules import DEVICE, SHARED, IdentityRules
from shoal.model.event import Event, EventKind
from shoal.model.frame import field_column
from shoal.model.identifier import Identifier

NOBODY = -1
"""The node of what names nobody: a blocked identifier, or none at all."""

Order = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Statement:
    """What an event says about identities: its nodes by priority, and what an alias's former id can mean."""

    people: tuple[int, ...]
    device: int = NOBODY
    former_user: int = NOBODY
    former_device: int = NOBODY

    @property
    def first(self) -> int:
        """One node that it certainly speaks of."""
        return self.people[0] if self.people else self.device

    def nodes(self) -> list[int]:
        """Every node that it speaks of."""
        others = (self.device, self.former_user, self.former_device)
        return [*self.people, *(node for node in others if node != NOBODY)]


class IdentityStream:
    """Gives each event its leaf node, and tells what changed; `row` in the news is the event's position."""

    def __init__(self, rules: IdentityRules | None = None) -> None:
        self.rules = rules or IdentityRules()
        self.fold = IdentityFold(self.rules)
        self.regions = Regions()
        self.node_ids: list[str] = []
        self.blocked: Counter[Identifier] = Counter()
        self.statements: list[Statement] = []
        self._places: dict[Statement, int] = {}
        self._said: dict[tuple[str, ...], dict[tuple[str | None, ...], int]] = {}
        self._settled: set[int] = set()
        self._nodes: dict[Identifier, int] = {}
        self._partners: defaultdict[Identifier, list[Identifier]] = defaultdict(list)
        for left, right in self.rules.kept_apart():
            self._partners[left].append(right)
            self._partners[right].append(left)

    def apply(self, event: Event) -> int | None:
        """The leaf of the next event in order; None when it belongs to nobody."""
        statement = self.read(event)
        return None if statement is None else self.fold_in(statement, event.order)

    def read(self, event: Event) -> int | None:
        """The place in `statements` of what an event states; None when it names nobody."""
        stated = [(each.kind, self.node(each)) for each in self.rules.in_priority(self.rules.stated(event))]
        people = tuple(node for kind, node in stated if kind != DEVICE and node != NOBODY)
        device = next((node for kind, node in stated if kind == DEVICE), NOBODY)
        if not people and device == NOBODY:
            return None
        former_user, former_device = self._former(event) if people else (NOBODY, NOBODY)
        return self._place(Statement(people, device, former_user, former_device))

    def read_frame(self, frame: pl.DataFrame) -> NDArray[np.int32]:
        """`read` of every row of a frame of stored events, NOBODY for None. What was said before is known."""
        traits = [
            column
            for kind in self.rules.people
            if (column := field_column(f"traits.{kind.name}", "text")) in frame.columns
        ]
        identifies = frame["kind"] == EventKind.IDENTIFY.value
        is_alias = frame["kind"] == EventKind.ALIAS.value
        said = frame.select(
            pl.when(is_alias).then(pl.lit("alias")).when(identifies).then(pl.lit("identify")).alias("kind"),
            "user_id",
            "anonymous_id",
            pl.when(is_alias).then("previous_id").alias("previous_id"),
            *(pl.when(identifies).then(pl.col(name)).alias(name) for name in traits),
        )
        known = self._said.setdefault(tuple(traits), {})
        places = [NOBODY if row[0] == "alias" else known.get(row) for row in said.iter_rows()]
        moments, positions = frame["occurred_at"], frame["position"]
        for row in [row for row, place in enumerate(places) if place is None or place == NOBODY]:
            words = said.row(row)
            event = _event_of(words, traits, moments[row], positions[row])
            place = self.read(event)
            places[row] = known[words] = NOBODY if place is None else place
        return np.array(places, np.int32)

    def _former(self, event: Event) -> tuple[int, int]:
        """The user and the device that the former id of an alias can be; which of them, its order decides."""
        if event.kind is not EventKind.ALIAS or event.previous_id is None:
            return NOBODY, NOBODY
        user = self._find(Identifier("user_id", event.previous_id))
        if user != NOBODY and event.previous_id == event.user_id:
            return NOBODY, NOBODY
        stated = Identifier(DEVICE, event.previous_id)
        is_user = user != NOBODY and self.fold.first_stated(user) < event.order
        return user, self._find(stated) if is_user else self.node(stated)

    def is_late(self, place: int, order: Order) -> bool:
        """Whether an event that anything it speaks of may depend on is later than this order."""
        return any(order < self.regions.latest(node) for node in self.statements[place].nodes())

    def fold_in(self, place: int, order: Order) -> int:
        """The leaf of an event that is not late."""
        statement = self.statements[place]
        if (leaf := self._known_leaf(place)) is not None:
            self.regions.touch(statement.first, order)
            return leaf
        people, devices = list(statement.people), [statement.device] if statement.device != NOBODY else []
        known = NOBODY
        if statement.former_user != NOBODY and self.fold.first_stated(statement.former_user) < order:
            known = statement.former_user
        elif statement.former_device != NOBODY:
            devices.append(statement.former_device)
        for node in (*people, *devices):
            self.fold.state(node, *order)
        leaf = self.fold.apply(order[0], order[1], people, known, devices)
        assert leaf is not None
        self.regions.join(statement.nodes(), order)
        self._name_shared_parts()
        if statement.former_user == statement.former_device == NOBODY:
            self._settled.add(place)
        return leaf

    def fold_in_known(
        self, places: NDArray[np.int32], moments: NDArray[np.int64], positions: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """The profile of each event, none of them late, that says what is known; NOBODY where it may be new.

        What may be new has to be folded in, one after the other. It concerns nobody in other regions, so what is
        known there can be taken all at once.
        """
        distinct, last_from_end, place_of = np.unique(places[::-1], return_index=True, return_inverse=True)
        last = len(places) - 1 - last_from_end
        said = distinct.tolist()
        leaves = [self._known_leaf(place) for place in said]
        stirred = {
            self.regions.root(node)
            for place, leaf in zip(said, leaves, strict=True)
            if leaf is None
            for node in self.statements[place].nodes()
        }
        profiles = np.full(len(said), NOBODY, np.int64)
        orders = zip(moments[last].tolist(), positions[last].tolist(), strict=True)
        for number, (place, leaf, order) in enumerate(zip(said, leaves, orders, strict=True)):
            if leaf is None:
                continue
            region = self.regions.root(self.statements[place].first)
            if region not in stirred:
                profiles[number] = self.fold.root(leaf)
                self.regions.touch(region, order)
        return profiles[place_of][::-1]

    def _known_leaf(self, place: int) -> int | None:
        if place not in self._settled:
            return None
        statement = self.statements[place]
        return self.fold.settled_leaf(statement.people, statement.device)

    def region_of(self, places: Iterable[int]) -> list[int]:
        """Every node that these statements can have anything to do with, shared parts of devices included."""
        nodes = {node for place in places for node in self.statements[place].nodes()}
        members = {member for node in nodes for member in self.regions.members(node)}
        return sorted(members | {part for node in members if (part := self.fold.shared_part(node)) is not None})

    def forget(self, nodes: Iterable[int], places: Iterable[int]) -> None:
        """Takes back what these statements made of these nodes, which are whole regions: they are folded again."""
        self.fold.forget(nodes)
        self._settled.difference_update(places)

    def profile_id(self, leaf: int) -> str:
        """The id of the profile that a leaf belongs to now."""
        return self.node_ids[self.fold.root(leaf)]

    def take_news(self) -> FoldNews:
        """What happened since the last call."""
        news, self.fold.news = self.fold.news, FoldNews()
        return news

    def node(self, stated: Identifier) -> int:
        """The node of an identifier as stated, made when it is the first time; NOBODY when it names nobody."""
        node = self._find(stated)
        if node == NOBODY:
            self.blocked[stated] += 1
        return node

    def known_node(self, stated: Identifier) -> int:
        """The node of an identifier that has been stated before, else NOBODY. May be asked from any thread."""
        node = self._nodes.get(stated)
        if node is None:
            usable = self.rules.usable(stated)
            node = NOBODY if usable is None else self._nodes.get(usable, NOBODY)
        return node

    def _find(self, stated: Identifier) -> int:
        node = self._nodes.get(stated)
        if node is None:
            usable = self.rules.usable(stated)
            node = self._nodes[stated] = NOBODY if usable is None else self._node_of_usable(usable)
        return node

    def _place(self, statement: Statement) -> int:
        place = self._places.get(statement)
        if place is None:
            place = self._places[statement] = len(self.statements)
            self.statements.append(statement)
        return place

    def _node_of_usable(self, identifier: Identifier) -> int:
        node = self._nodes.get(identifier)
        if node is not None:
            return node
        node = self._nodes[identifier] = self.fold.add_nodes(self.rules.priority[identifier.kind])
        self.node_ids.append(str(identifier))
        for partner in self._partners.get(identifier, ()):
            if (other := self._nodes.get(partner)) is not None:
                self.fold.keep_apart(node, other)
        return node

    def _name_shared_parts(self) -> None:
        """The fold makes the node of a shared device itself; its id follows from the device's."""
        shared = self.fold.news.shared
        if len(self.node_ids) < len(self.fold):
            self.node_ids.append(self.node_ids[shared[-2]] + SHARED)


def _event_of(said: tuple[str | None, ...], traits: list[str], at: int, position: int) -> Event:
    """The event that says so much about identities, and nothing else."""
    kind, user_id, anonymous_id, previous_id, *values = said
    stated = {name.removesuffix(":text"): value for name, value in zip(traits, values, strict=True)}
    return Event(
        position=position,
        message_id="",
        kind=EventKind(kind or EventKind.TRACK),
        name="",
        occurred_at=at,
        received_at=at,
        user_id=user_id,
        anonymous_id=anonymous_id,
        previous_id=previous_id,
        fields={path: value for path, value in stated.items() if value is not None},
    )
