"""What is drawn covers the language: a kind of node that no example holds would be a hole in every other test."""

from __future__ import annotations

import inspect

from hypothesis import given, settings

from shoal.definitions import nodes
from shoal.definitions.resolve import resolve
from shoal.definitions.settings import Settings
from tests.property.strategies import definition_sets

WRITTEN_AWAY = {nodes.Node, nodes.LocalMoment}
"""The base class, and what resolving replaces."""


def test_every_kind_of_node_is_drawn() -> None:
    """Among a few hundred sets of definitions each node of `nodes` occurs."""
    seen: set[type] = set()

    @settings(max_examples=400, derandomize=True, database=None)
    @given(definition_sets(Settings()))
    def look(definitions) -> None:
        for _, root in resolve(definitions).roots():
            seen.update(type(node) for node in root.walk())

    look()
    everything = {each for _, each in inspect.getmembers(nodes, inspect.isclass) if issubclass(each, nodes.Node)}
    assert everything - WRITTEN_AWAY - seen == set()
