"""The walk over events in order: each gets its leaf, and what is new in what it states goes into the graph."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shoal.identity.compiled import compiled
from shoal.identity.graph import IS_SHARED, NOBODY, Graph, root
from shoal.identity.links import claim, has_room, is_before, link, state
from shoal.identity.news import MERGES, News
from shoal.identity.regions import Regions, is_late, join, touch

Nodes = NDArray[np.int32]
Moments = NDArray[np.int64]

DEVICE, FORMER_USER, FORMER_DEVICE = -3, -2, -1
"""The last lines of a statement; before them is one for each person-level kind, highest priority first."""


@compiled
def fold_events(  # noqa: PLR0917  (compiled functions take arrays by position)
    graph: Graph,
    news: News,
    regions: Regions,
    said: Nodes,
    is_settled: NDArray[np.bool_],
    statements: Nodes,
    moments: Moments,
    positions: Moments,
    start: int,
    leaves: Nodes,
    profiles: Nodes,
    merges: Nodes,
) -> int:
    """Folds events from `start` on as long as there is room; where it stopped.

    Filled are, for each event, its leaf, its profile at that moment, and how many merges there were up to then.
    """
    for row in range(start, len(statements)):
        if not has_room(graph, news, len(said)):
            return row
        place, at, position = statements[row], moments[row], positions[row]
        leaf = _settled_leaf(graph, said, is_settled, place)
        if leaf == NOBODY:
            leaf = _fold(graph, news, said, place, at, position)
            is_settled[place] = said[FORMER_USER, place] == NOBODY and said[FORMER_DEVICE, place] == NOBODY
            join(regions, said[:, place], at, position)
        else:
            touch(regions, first_of(said, place), at, position)
        leaves[row], profiles[row], merges[row] = leaf, root(graph.up, leaf), news.used[MERGES]
    return len(statements)


@compiled
def _person_of(said: Nodes, place: int) -> int:
    """The node of highest priority that names a person."""
    for line in range(len(said) + DEVICE):
        if said[line, place] != NOBODY:
            return int(said[line, place])
    return NOBODY


@compiled
def first_of(said: Nodes, place: int) -> int:
    """One node that a statement certainly speaks of."""
    person = _person_of(said, place)
    return int(said[DEVICE, place]) if person == NOBODY else person


@compiled
def _settled_leaf(graph: Graph, said: Nodes, is_settled: NDArray[np.bool_], place: int) -> int:
    """The leaf of an event that says what was said before, when that changes nothing; NOBODY when it may.

    Links that were made stay, and those that were refused stay refused; a device may have got another owner.
    """
    if not is_settled[place]:
        return NOBODY
    person, device = _person_of(said, place), said[DEVICE, place]
    if person == NOBODY:
        return _owner_of(graph, device)
    if device == NOBODY or graph.owner[device] == person or graph.flags[device] & IS_SHARED:
        return person
    return NOBODY


@compiled
def _owner_of(graph: Graph, device: int) -> int:
    """The node to which an anonymous event of a device belongs now: its owner's, or its own."""
    owner = int(graph.owner[device])
    return device if owner == NOBODY else owner


@compiled
def _fold(graph: Graph, news: News, said: Nodes, place: int, at: int, position: int) -> int:  # noqa: PLR0917
    """What an event states goes into the graph; its leaf."""
    leaf, device = _person_of(said, place), said[DEVICE, place]
    known, former = said[FORMER_USER, place], said[FORMER_DEVICE, place]
    # Which of them the former id of an alias is, the order decides: a user who was stated before, or a device.
    if known != NOBODY and is_before(graph, known, at, position):
        former = NOBODY
    else:
        known = NOBODY
    for line in range(len(said) + DEVICE + 1):
        if said[line, place] != NOBODY:
            state(graph, said[line, place], at, position)
    if former != NOBODY:
        state(graph, former, at, position)
    if leaf == NOBODY:
        return _owner_of(graph, device)
    for line in range(len(said) + DEVICE):
        if said[line, place] != NOBODY and said[line, place] != leaf:
            link(graph, news, at, position, leaf, said[line, place])
    if known != NOBODY:
        link(graph, news, at, position, leaf, known)
    if device != NOBODY:
        claim(graph, news, at, position, leaf, device)
    if former != NOBODY:
        claim(graph, news, at, position, leaf, former)
    return leaf


@compiled
def find_late(  # noqa: PLR0917
    regions: Regions, said: Nodes, statements: Nodes, moments: Moments, positions: Moments, latest_at: int
) -> NDArray[np.bool_]:
    """Which events come after others that anything they speak of may depend on. None has one after `latest_at`."""
    late = np.zeros(len(statements), np.bool_)
    for row in range(len(statements)):
        if moments[row] > latest_at:
            continue
        for node in said[:, statements[row]]:
            if node != NOBODY and is_late(regions, node, moments[row], positions[row]):
                late[row] = True
                break
    return late
