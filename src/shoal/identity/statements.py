"""What a frame of events states about identities, as numbers: nodes, leaves, and the steps for the fold."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shoal.identity.coding import Coded, Codes, Rows, code_column
from shoal.identity.passes import find_new_claims
from shoal.identity.rules import DEVICE, IdentityRules, KindRule
from shoal.model.event import EventKind
from shoal.model.frame import field_column
from shoal.model.identifier import Identifier

Steps = NDArray[np.int64]
"""One line for each step: row, place within the row, leaf, and the other node."""


@dataclass(slots=True)
class Aliases:
    """Aliases read row by row: links to former user ids, and devices named by an alias."""

    known_rows: list[int] = field(default_factory=list)
    known_users: list[int] = field(default_factory=list)
    device_rows: list[int] = field(default_factory=list)
    devices: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Statements:
    """Everything the fold needs. Nodes are numbered kind after kind, each by first statement; devices last."""

    rules: IdentityRules
    coded: list[Coded]
    starts: list[int]
    leaf: Codes
    device: Codes
    devices: list[str]
    aliases: Aliases
    blocked: list[Counter[str]]

    @property
    def device_start(self) -> int:
        return self.starts[-1]

    @property
    def node_count(self) -> int:
        return self.device_start + len(self.devices)

    def node_ids(self) -> pl.Series:
        """The text of every node: `kind:value`."""
        texts = [each.values for each in self.coded[:-1]] + [self.devices]
        names = [kind.name for kind in self.rules.kinds]
        return pl.concat(
            [pl.Series("node", [f"{name}:"], dtype=pl.String) + pl.Series("node", values, dtype=pl.String)
             for name, values in zip(names, texts, strict=True)]
        )  # fmt: skip

    def kept_apart(self) -> list[tuple[int, int]]:
        """The pairs of nodes that must not meet. A pair with an identifier that no event states is left out."""
        pairs = list(self.rules.kept_apart())
        wanted = {identifier for pair in pairs for identifier in pair}
        nodes = {identifier: node for identifier in wanted if (node := self._find_node(identifier)) is not None}
        return [(nodes[left], nodes[right]) for left, right in pairs if left in nodes and right in nodes]

    def _find_node(self, identifier: Identifier) -> int | None:
        place = self.rules.priority[identifier.kind]
        values = self.devices if identifier.kind == DEVICE else self.coded[place].values
        return self.starts[place] + values.index(identifier.value) if identifier.value in values else None

    def steps(self) -> Steps:
        """Every step that could change something, in order. Repetitions are left out: they cannot."""
        kinds = len(self.rules.people)
        parts = [*self._links(), self._known(kinds), self._claims(kinds + 1), self._aliased_devices(kinds + 2)]
        steps = np.concatenate(parts)
        return steps[np.lexsort((steps[:, 1], steps[:, 0]))]

    def _links(self) -> list[Steps]:
        """Leaf and every other person-level identifier of the row; of each pair only the first time."""
        links = []
        for place, start in list(enumerate(self.starts[:-1]))[1:]:
            coded = self.coded[place]
            leaf, other = self.leaf[coded.rows].astype(np.int64), coded.codes.astype(np.int64) + start
            apart = np.flatnonzero(leaf != other)
            _, first = np.unique(leaf[apart] * self.node_count + other[apart], return_index=True)
            chosen = apart[first]
            links.append(_steps(coded.rows[chosen], place, leaf[chosen], other[chosen]))
        return links

    def _known(self, place: int) -> Steps:
        rows = np.array(self.aliases.known_rows, dtype=np.int64)
        return _steps(rows, place, self.leaf[rows], np.array(self.aliases.known_users, dtype=np.int64))

    def _aliased_devices(self, place: int) -> Steps:
        rows = np.array(self.aliases.device_rows, dtype=np.int64)
        devices = np.array(self.aliases.devices, dtype=np.int64) + self.device_start
        return _steps(rows, place, self.leaf[rows], devices)

    def _claims(self, place: int) -> Steps:
        alias_rows = np.array(self.aliases.device_rows, dtype=np.int64)
        alias_devices = np.array(self.aliases.devices, dtype=np.int32)
        rows = np.flatnonzero(
            find_new_claims(self.leaf, self.device, len(self.devices), alias_rows, alias_devices)
        )
        return _steps(rows, place, self.leaf[rows], self.device[rows].astype(np.int64) + self.device_start)


def _steps(rows: Rows, place: int, leaf: NDArray[np.integer], other: Rows) -> Steps:
    return np.stack([rows, np.full(len(rows), place), leaf.astype(np.int64), other], axis=1)


def read_statements(frame: pl.DataFrame, rules: IdentityRules) -> Statements:
    """Codes every identifier of a frame sorted by order, and finds each row's leaf."""
    coded = [code_column(_stated(frame, kind), kind) for kind in rules.kinds]
    sizes = np.array([0, *(len(each.values) for each in coded)])
    starts = [int(start) for start in np.cumsum(sizes)[:-1]]
    leaf = np.full(frame.height, -1, dtype=np.int32)
    for each, start in reversed(list(zip(coded[:-1], starts[:-1], strict=True))):
        leaf[each.rows] = each.codes + start
    statements = Statements(
        rules=rules,
        coded=coded,
        starts=starts,
        leaf=leaf,
        device=coded[-1].spread(frame.height),
        devices=coded[-1].values,
        aliases=Aliases(),
        blocked=[Counter(each.blocked) for each in coded],
    )
    _read_aliases(frame, statements)
    return statements


def _stated(frame: pl.DataFrame, kind: KindRule) -> pl.Series:
    """The column in which events state a kind: of the envelope, or a trait that identify events state."""
    if kind.name in ("user_id", DEVICE):
        return frame[kind.name]
    trait = field_column(f"traits.{kind.name}", "text")
    if trait not in frame.columns:
        return pl.Series(kind.name, [], dtype=pl.String)
    identifies = pl.col("kind") == EventKind.IDENTIFY.value
    return frame.select(pl.when(identifies).then(pl.col(trait))).to_series()


def _read_aliases(frame: pl.DataFrame, statements: Statements) -> None:
    """Aliases by rows: each one's former id is a user id stated before it, or else a device."""
    is_alias = (frame["kind"] == EventKind.ALIAS.value) & frame["previous_id"].is_not_null()
    rows = is_alias.arg_true().to_numpy().astype(np.int64)
    rows = rows[statements.leaf[rows] >= 0]
    if not len(rows):
        return
    users, device_rule = statements.coded[0], statements.rules.device
    code_of = {value: code for code, value in enumerate(users.values)}
    devices = {value: code for code, value in enumerate(statements.devices)}
    first_row = _first_rows(users)
    for row, former in zip(rows.tolist(), frame["previous_id"].gather(rows).to_list(), strict=True):
        user = code_of.get(former, -1)
        if user == statements.leaf[row]:
            continue
        if user >= 0 and first_row[user] < row:
            statements.aliases.known_rows.append(row)
            statements.aliases.known_users.append(user)
        elif (device := device_rule.usable(former)) is not None:
            statements.aliases.device_rows.append(row)
            statements.aliases.devices.append(devices.setdefault(device, len(devices)))
        else:
            statements.blocked[-1][former] += 1
    statements.devices = list(devices)


def _first_rows(coded: Coded) -> Rows:
    first_rows: Rows = np.empty(len(coded.values), dtype=np.int64)
    first_rows[coded.codes[::-1]] = coded.rows[::-1]
    return first_rows
