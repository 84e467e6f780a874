"""Back to text: definitions as the YAML that `definition_files` reads, equal to what was written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

from shoal.definitions.definition import (
    Definition,
    FeatureDefinition,
    ListDefinition,
    PartDefinition,
    ScoreDefinition,
    SegmentDefinition,
    Written,
)
from shoal.definitions.expression import node_of
from shoal.definitions.nodes import Node
from shoal.definitions.render import render

WIDTH = 110
EXACT_WHOLE = 1e15
BLOCK_SIGNS = ("\n", ": ", " #")


def write_definitions(definitions: Iterable[Definition]) -> str:
    """One YAML document for each feature, score and segment, in order; lists have files of their own.

    Text stays as it was written; expressions built in Python get their canonical text.
    """
    documents = [_document(each) for each in definitions if not isinstance(each, ListDefinition)]
    return yaml.dump_all(
        documents, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH, explicit_start=False
    )


def _document(definition: FeatureDefinition | ScoreDefinition | SegmentDefinition) -> dict[str, Any]:
    about = {definition.kind: definition.name}
    about |= {"name": definition.title} if definition.title else {}
    about |= {"description": definition.description} if definition.description else {}
    match definition:
        case FeatureDefinition(value=value):
            return {**about, "value": _expression(value)}
        case SegmentDefinition(purpose=purpose, when=when):
            return {**about, "purpose": purpose.value, "when": _expression(when)}
        case ScoreDefinition(parts=parts):
            return {**about, "parts": {part.name: _part(part) for part in parts}}


def _part(part: PartDefinition) -> dict[str, Any]:
    written = {"weight": _number(part.weight), "value": _expression(part.value)}
    return written if part.missing is None else {**written, "missing": _number(part.missing)}


def _number(value: float) -> float | int:
    """Whole numbers are written without a point."""
    return int(value) if value == int(value) and abs(value) < EXACT_WHOLE else float(value)


class _Expression(str):
    """The text of an expression, which stands on lines of its own where it has several or holds a : or a #."""


def _expression(written: Written) -> _Expression:
    if isinstance(written, str):
        return _Expression(written)
    return _Expression(render(written if isinstance(written, Node) else node_of(written)))


class _Dumper(yaml.SafeDumper):
    """Writes expressions on lines of their own where one line would need quotes."""

    def represent_expression(self, text: _Expression) -> yaml.ScalarNode:
        is_plain = not any(sign in text for sign in BLOCK_SIGNS)
        return self.represent_scalar("tag:yaml.org,2002:str", str(text), style=None if is_plain else "|")


_Dumper.add_representer(_Expression, _Dumper.represent_expression)
