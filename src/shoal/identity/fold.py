"""The fold over statements in order: which identifiers are one profile, and whose a device is.

One fold serves batch (`resolve`) and live (`stream`). Identifiers are numbers here, called nodes: a profile is
a set of linked nodes, and its root, the node of highest priority and then of the first statement, names it.
A fold takes statements in order. When one comes late, what it touches is forgotten and folded again.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from shoal.identity.rules import IdentityRules

KEPT_APART: Final = -1
"""The reason of a refusal that no limit explains."""

UNSTATED: Final = 2**62
"""The moment of the first statement of a node that no event has stated."""


@dataclass(slots=True)
class FoldNews:
    """What the fold did, as flat runs of numbers; `row` is whatever the caller numbers events by.

    merges: at, row, old root, new root, the linked node and the leaf it was linked to. refusals: at, row, the node
    that was left out, the leaf it would have joined, and the kind whose limit was in the way or KEPT_APART.
    owners: row, device, its owner from here on. shared: at, row, device, its node for anonymous events.
    """

    merges: array[int] = field(default_factory=lambda: array("q"))
    refusals: array[int] = field(default_factory=lambda: array("q"))
    owners: array[int] = field(default_factory=lambda: array("q"))
    shared: array[int] = field(default_factory=lambda: array("q"))


class IdentityFold:
    """Links nodes and gives devices owners, one statement after the other."""

    def __init__(self, rules: IdentityRules) -> None:
        self.device_kind = len(rules.people)
        self.news = FoldNews()
        self._shared_device_owners = rules.shared_device_owners
        self._kind: list[int] = []
        self._first_at = array("q")
        self._first_position = array("q")
        self._up: list[int] = []
        self._limited = [(place, kind.limit) for place, kind in enumerate(rules.kinds) if kind.limit is not None]
        self._nothing = (0,) * len(self._limited)
        self._single = [self._counts_of_one(place) for place in range(len(rules.kinds) + 1)]
        self._counts: dict[int, tuple[int, ...]] = {}
        self._owner: dict[int, int] = {}
        self._owners: dict[int, set[int]] = {}
        self._shared: set[int] = set()
        self._shared_part: dict[int, int] = {}
        self._partners: dict[int, set[int]] = {}
        self._members_with_partners: dict[int, set[int]] = {}
        self._refused: dict[int, set[int]] = {}

    def _counts_of_one(self, kind: int) -> tuple[int, ...]:
        if all(place != kind for place, _ in self._limited):
            return self._nothing
        return tuple(int(place == kind) for place, _ in self._limited)

    def __len__(self) -> int:
        """How many nodes there are."""
        return len(self._kind)

    def add_nodes(self, kind: int, count: int = 1) -> int:
        """Makes nodes of one kind; the number of the first one. Until `state` says when they were first stated,
        that is the order in which they are made.
        """
        start = len(self._kind)
        self._kind.extend([kind] * count)
        self._up.extend(range(start, start + count))
        self._first_at.extend([UNSTATED] * count)
        self._first_position.extend(range(start, start + count))
        return start

    def state(self, node: int, at: int, position: int) -> None:
        """An event of this order states a node. Only the first one counts."""
        if (at, position) < self.first_stated(node):
            self._first_at[node], self._first_position[node] = at, position

    def first_stated(self, node: int) -> tuple[int, int]:
        """The order of the first event that states a node."""
        return self._first_at[node], self._first_position[node]

    def forget(self, nodes: Iterable[int]) -> None:
        """Takes back everything that was folded about nodes which no event states together with any other node."""
        for node in nodes:
            self._up[node] = node
            self._first_at[node], self._first_position[node] = UNSTATED, node
            self._shared.discard(node)
            for known in (self._counts, self._owner, self._owners, self._refused, self._members_with_partners):
                known.pop(node, None)
            if node in self._partners:
                self._members_with_partners[node] = {node}

    def keep_apart(self, left: int, right: int) -> None:
        """From now on refuses every link that would bring these two into one profile."""
        for node, partner in ((left, right), (right, left)):
            self._partners.setdefault(node, set()).add(partner)
            self._members_with_partners.setdefault(self.root(node), set()).add(node)

    def root(self, node: int) -> int:
        """The node that names the profile of this one now."""
        up = self._up
        while up[node] != node:
            up[node] = node = up[up[node]]
        return node

    def apply(self, at: int, row: int, people: list[int], known: int, devices: list[int]) -> int | None:
        """Folds one event; the node that owns it, None when it states nothing.

        `people` by priority; `known` is the former user id of an alias or -1; `devices` are the event's device
        and, for an alias of a device, that device.
        """
        if not people:
            return self.owner_of(devices[0]) if devices else None
        leaf = people[0]
        for other in people[1:]:
            self.link(at, row, leaf, other)
        if known >= 0:
            self.link(at, row, leaf, known)
        for device in devices:
            self.claim(at, row, leaf, device)
        return leaf

    def owner_of(self, device: int) -> int:
        """The node to which an anonymous event of a device belongs now: its owner's, or its own."""
        return self._owner.get(device, device)

    def shared_part(self, device: int) -> int | None:
        """The node of the anonymous events of a shared device, if it ever had one."""
        return self._shared_part.get(device)

    def settled_leaf(self, people: tuple[int, ...], device: int) -> int | None:
        """The leaf of an event that says what was said before, when that changes nothing; None when it may.

        Links that were made stay, and those that were refused stay refused; a device may have got another owner.
        """
        if not people:
            return self._owner.get(device, device)
        if device < 0 or self._owner.get(device) == people[0] or device in self._shared:
            return people[0]
        return None

    def link(self, at: int, row: int, leaf: int, other: int) -> bool:
        """Makes two nodes one profile unless a rule is against it."""
        up = self._up
        # Most nodes are roots or just under one, and a call costs more than the look.
        left = up[leaf] if up[up[leaf]] == up[leaf] else self.root(leaf)
        right = up[other] if up[up[other]] == up[other] else self.root(other)
        if left == right:
            return True
        if self._partners and self._are_kept_apart(left, right):
            return self._refuse(at, row, leaf, other, KEPT_APART)
        ours, theirs = self._count(left), self._count(right)
        if theirs is not self._nothing:
            ours = tuple([mine + its for mine, its in zip(ours, theirs, strict=True)])
            for (kind, limit), count in zip(self._limited, ours, strict=True):
                if count > limit:
                    return self._refuse(at, row, leaf, other, kind)
        old, new = self._merge(left, right, ours)
        self.news.merges.extend((at, row, old, new, other, leaf))
        return True

    def claim(self, at: int, row: int, leaf: int, device: int) -> None:
        """A person states something from a device: it is theirs from here on.

        The first owner gets the device's past too; for any other the two people stay two.
        """
        owner = self._owner.get(device)
        if owner == leaf or device in self._shared:
            return
        if owner is None:
            if self.link(at, row, leaf, device):
                self._give(row, device, leaf)
        elif self._partners and self._is_kept_from(device, self.root(leaf)):
            self._refuse(at, row, leaf, device, KEPT_APART)
        else:
            self._hand_over(at, row, device, owner, leaf)

    def _hand_over(self, at: int, row: int, device: int, owner: int, leaf: int) -> None:
        owners = self._owners.setdefault(device, {owner})
        if leaf not in owners:
            owners.add(leaf)
            if len({self.root(each) for each in owners}) > self._shared_device_owners:
                return self._share(at, row, device)
        return self._give(row, device, leaf)

    def _share(self, at: int, row: int, device: int) -> None:
        node = self._shared_part.get(device)
        if node is None:
            node = self._shared_part[device] = self.add_nodes(self.device_kind + 1)
        self._shared.add(device)
        del self._owners[device]
        self._give(row, device, node)
        self.news.shared.extend((at, row, device, node))

    def _give(self, row: int, device: int, owner: int) -> None:
        self._owner[device] = owner
        self.news.owners.extend((row, device, owner))

    def _refuse(self, at: int, row: int, leaf: int, other: int, reason: int) -> bool:
        """Profiles only grow, so what is refused once is refused for ever: it is reported the first time."""
        refused = self._refused.setdefault(leaf, set())
        if other not in refused:
            refused.add(other)
            self.news.refusals.extend((at, row, other, leaf, reason))
        return False

    def _count(self, root: int) -> tuple[int, ...]:
        """How many identifiers of each limited kind a profile has."""
        return self._counts.get(root) or self._single[self._kind[root]]

    def _merge(self, left: int, right: int, counts: tuple[int, ...]) -> tuple[int, int]:
        new, old = (left, right) if self._rank(left) < self._rank(right) else (right, left)
        self._up[old] = new
        if counts is not self._single[self._kind[new]]:
            self._counts[new] = counts
            self._counts.pop(old, None)
        if self._partners and old in self._members_with_partners:
            self._members_with_partners.setdefault(new, set()).update(self._members_with_partners.pop(old))
        return old, new

    def _rank(self, node: int) -> tuple[int, int, int, int]:
        """Priority of the kind, then the first statement; of one event's identifiers the one met first."""
        return self._kind[node], self._first_at[node], self._first_position[node], node

    def _are_kept_apart(self, left: int, right: int) -> bool:
        members = self._members_with_partners.get(left, ())
        return any(self._is_kept_from(member, right) for member in members)

    def _is_kept_from(self, node: int, root: int) -> bool:
        return any(self.root(partner) == root for partner in self._partners.get(node, ()))
