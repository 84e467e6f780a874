"""Live identity resolution: the fold one event at a time, for events that come in order."""

from __future__ import annotations

from collections import Counter, defaultdict

from shoal.identity.fold import FoldNews, IdentityFold
from shoal.identity.rules import DEVICE, SHARED, IdentityRules
from shoal.model.event import Event, EventKind
from shoal.model.identifier import Identifier

BLOCKED = -1


class IdentityStream:
    """Gives each event its leaf node, and tells what changed; `row` in the news is the event's position.

    An event that comes late needs a replay from its place: this class folds in the order in which it is called.
    """

    def __init__(self, rules: IdentityRules | None = None) -> None:
        self.rules = rules or IdentityRules()
        self.fold = IdentityFold(self.rules)
        self.node_ids: list[str] = []
        self.blocked: Counter[Identifier] = Counter()
        self._nodes: dict[Identifier, int] = {}
        self._partners: defaultdict[Identifier, list[Identifier]] = defaultdict(list)
        for left, right in self.rules.kept_apart():
            self._partners[left].append(right)
            self._partners[right].append(left)

    def apply(self, event: Event) -> int | None:
        """The leaf of the next event in order; None when it belongs to nobody."""
        stated = [(each.kind, self.node(each)) for each in self.rules.in_priority(self.rules.stated(event))]
        people = [node for kind, node in stated if kind != DEVICE and node != BLOCKED]
        devices = [node for kind, node in stated if kind == DEVICE and node != BLOCKED]
        known = -1
        if people and event.kind is EventKind.ALIAS and event.previous_id is not None:
            known = self._former_user(event.previous_id)
            if known < 0 and (device := self.node(Identifier(DEVICE, event.previous_id))) != BLOCKED:
                devices.append(device)
        leaf = self.fold.apply(event.occurred_at, event.position, people, known, devices)
        self._name_shared_parts()
        return leaf

    def profile_id(self, leaf: int) -> str:
        """The id of the profile that a leaf belongs to now."""
        return self.node_ids[self.fold.root(leaf)]

    def take_news(self) -> FoldNews:
        """What happened since the last call."""
        news, self.fold.news = self.fold.news, FoldNews()
        return news

    def node(self, stated: Identifier) -> int:
        """The node of an identifier as stated, made when it is the first time; BLOCKED when it names nobody."""
        node = self._nodes.get(stated)
        if node is None:
            usable = self.rules.usable(stated)
            node = self._nodes[stated] = BLOCKED if usable is None else self._node_of_usable(usable)
        if node == BLOCKED:
            self.blocked[stated] += 1
        return node

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

    def _former_user(self, former: str) -> int:
        node = self._nodes.get(Identifier("user_id", former), BLOCKED)
        return node if node != BLOCKED else -1

    def _name_shared_parts(self) -> None:
        """The fold makes the node of a shared device itself; its id follows from the device's."""
        shared = self.fold.news.shared
        if len(self.node_ids) < len(self.fold):
            self.node_ids.append(self.node_ids[shared[-2]] + SHARED)
