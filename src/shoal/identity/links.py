"""Links and owners: what one statement does to the graph. Batch and live fold with these functions alone.

Numbers come and go as in `graph.py` and `news.py`; there has to be room in both (`has_room`).
"""

from __future__ import annotations

from shoal.identity.compiled import compiled
from shoal.identity.graph import (
    HOLDS_APART,
    IS_APART,
    IS_SHARED,
    NEXT,
    NOBODY,
    NODES_USED,
    NOTES_USED,
    ROOM_FOR_ONE,
    VALUE,
    Graph,
    add_nodes,
    add_note,
    drop_notes,
    is_noted,
    root,
)
from shoal.identity.news import KEPT_APART, MERGES, OWNERS, REFUSALS, SHARED, Log, News


@compiled
def has_room(graph: Graph, news: News, steps: int) -> bool:
    """Whether so many links and claims can be made without lengthening any column."""
    used = news.used
    return bool(
        len(graph.up) - graph.used[NODES_USED] >= ROOM_FOR_ONE
        and graph.notes.shape[1] - graph.used[NOTES_USED] >= 2 * steps
        and len(news.merges) - used[MERGES] >= steps
        and len(news.refusals) - used[REFUSALS] >= steps
        and len(news.owners) - used[OWNERS] >= steps
        and len(news.shared) - used[SHARED] >= steps
    )


@compiled
def is_before(graph: Graph, node: int, at: int, position: int) -> bool:
    """Whether a node was first stated before this order."""
    return bool(
        graph.first_at[node] < at or (graph.first_at[node] == at and graph.first_position[node] < position)
    )


@compiled
def state(graph: Graph, node: int, at: int, position: int) -> None:
    """An event of this order states a node. Only the first one counts."""
    if not is_before(graph, node, at, position):
        graph.first_at[node], graph.first_position[node] = at, position


@compiled
def link(graph: Graph, news: News, at: int, row: int, leaf: int, other: int) -> bool:  # noqa: PLR0917
    """Makes two nodes one profile unless a rule is against it."""
    left, right = root(graph.up, leaf), root(graph.up, other)
    if left == right:
        return True
    if _are_kept_apart(graph, left, right):
        return _refuse(graph, news, at, row, leaf, other, KEPT_APART)
    for place in range(len(graph.limited)):
        if graph.counts[place, left] + graph.counts[place, right] > graph.limited[place, 1]:
            return _refuse(graph, news, at, row, leaf, other, graph.limited[place, 0])
    new, old = (left, right) if _is_higher(graph, left, right) else (right, left)
    graph.up[old] = new
    graph.counts[:, new] += graph.counts[:, old]
    graph.flags[new] |= graph.flags[old] & HOLDS_APART
    line = _next_line(news.merges, news.used, MERGES)
    line[0], line[1], line[2], line[3], line[4], line[5] = at, row, old, new, other, leaf
    return True


@compiled
def claim(graph: Graph, news: News, at: int, row: int, leaf: int, device: int) -> None:  # noqa: PLR0917
    """A person states something from a device: it is theirs from here on.

    The first owner gets the device's past too; for any other the two people stay two.
    """
    owner = graph.owner[device]
    if owner == leaf or graph.flags[device] & IS_SHARED:
        return
    if owner == NOBODY:
        if link(graph, news, at, row, leaf, device):
            _give(graph, news, row, device, leaf)
    elif _is_kept_from(graph, device, root(graph.up, leaf)):
        _refuse(graph, news, at, row, leaf, device, KEPT_APART)
    else:
        _hand_over(graph, news, at, row, device, owner, leaf)


@compiled
def _hand_over(graph: Graph, news: News, at: int, row: int, device: int, owner: int, leaf: int) -> None:  # noqa: PLR0917
    if graph.owners[device] == NOBODY:
        add_note(graph, graph.owners, device, owner)
    if not is_noted(graph, graph.owners[device], leaf):
        add_note(graph, graph.owners, device, leaf)
        if _count_people(graph, graph.owners[device]) > graph.most_owners:
            return _share(graph, news, at, row, device)
    return _give(graph, news, row, device, leaf)


@compiled
def _count_people(graph: Graph, first: int) -> int:
    """How many profiles the nodes of a list are now."""
    count, note = 0, first
    while note != NOBODY:
        person, other = root(graph.up, graph.notes[VALUE, note]), graph.notes[NEXT, note]
        while other != NOBODY and root(graph.up, graph.notes[VALUE, other]) != person:
            other = graph.notes[NEXT, other]
        count += other == NOBODY
        note = graph.notes[NEXT, note]
    return count


@compiled
def _share(graph: Graph, news: News, at: int, row: int, device: int) -> None:
    if graph.shared_part[device] == NOBODY:
        graph.shared_part[device] = add_nodes(graph, graph.shared_kind, 1)
    node = graph.shared_part[device]
    graph.flags[device] |= IS_SHARED
    drop_notes(graph, graph.owners, device)
    _give(graph, news, row, device, node)
    line = _next_line(news.shared, news.used, SHARED)
    line[0], line[1], line[2], line[3] = at, row, device, node


@compiled
def _give(graph: Graph, news: News, row: int, device: int, owner: int) -> None:
    graph.owner[device] = owner
    line = _next_line(news.owners, news.used, OWNERS)
    line[0], line[1], line[2] = row, device, owner


@compiled
def _refuse(graph: Graph, news: News, at: int, row: int, leaf: int, other: int, reason: int) -> bool:  # noqa: PLR0917
    """Profiles only grow, so what is refused once is refused for ever: it is reported the first time."""
    if not is_noted(graph, graph.refused[leaf], other):
        add_note(graph, graph.refused, leaf, other)
        line = _next_line(news.refusals, news.used, REFUSALS)
        line[0], line[1], line[2], line[3], line[4] = at, row, other, leaf, reason
    return False


@compiled
def _next_line(log: Log, used: Log, kind: int) -> Log:
    """The line of a log that is written next."""
    line: Log = log[used[kind]]
    used[kind] += 1
    return line


@compiled
def _is_higher(graph: Graph, one: int, other: int) -> bool:
    """Priority of the kind, then the first statement; of one event's identifiers the one met first."""
    if graph.kind[one] != graph.kind[other]:
        return bool(graph.kind[one] < graph.kind[other])
    if graph.first_at[one] != graph.first_at[other]:
        return bool(graph.first_at[one] < graph.first_at[other])
    if graph.first_position[one] != graph.first_position[other]:
        return bool(graph.first_position[one] < graph.first_position[other])
    return one < other


@compiled
def _are_kept_apart(graph: Graph, left: int, right: int) -> bool:
    """Whether a pair that the rules keep apart has one node in each of two profiles."""
    if graph.flags[left] & graph.flags[right] & HOLDS_APART:
        for pair in range(len(graph.apart)):
            one, other = root(graph.up, graph.apart[pair, 0]), root(graph.up, graph.apart[pair, 1])
            if (one == left and other == right) or (one == right and other == left):
                return True
    return False


@compiled
def _is_kept_from(graph: Graph, node: int, profile: int) -> bool:
    """Whether the rules keep a node apart from any node of a profile."""
    if graph.flags[node] & IS_APART:
        for pair in range(len(graph.apart)):
            one, other = graph.apart[pair, 0], graph.apart[pair, 1]
            if (one == node and root(graph.up, other) == profile) or (
                other == node and root(graph.up, one) == profile
            ):
                return True
    return False
