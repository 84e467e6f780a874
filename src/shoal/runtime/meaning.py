"""Fingerprints of meaning: two definitions with the same one are the same, however they were written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b

from shoal.definitions import nodes
from shoal.definitions.render import render
from shoal.definitions.resolve import Key, Resolved


def meanings(resolved: Resolved) -> dict[Key, str]:
    """The fingerprint of each definition, everything that it refers to included."""
    found: dict[Key, str] = {}
    lists = {name: _fingerprint(*sorted(map(str, listed))) for name, listed in resolved.lists.items()}
    for key, root in resolved.roots():
        found[key] = _fingerprint(*_texts(root), *_referred(root, found, lists), repr(resolved.settings))
    return found


def meaning_of_all(resolved: Resolved) -> str:
    """One fingerprint for a whole workspace."""
    return _fingerprint(
        *(f"{kind} {name} {meaning}" for (kind, name), meaning in sorted(meanings(resolved).items()))
    )


def _texts(root: nodes.Node) -> Iterator[str]:
    if not isinstance(root, nodes.ScoreTotal):
        yield render(root)
        return
    for part in root.parts:
        yield f"{part.name} {part.weight} {part.missing} {render(part.value)}"


def _referred(root: nodes.Node, known: Mapping[Key, str], lists: Mapping[str, str]) -> Iterator[str]:
    for node in root.walk():
        if isinstance(node, nodes.Reference):
            yield known[(node.kind, node.name)]
        if isinstance(node, nodes.InList):
            yield lists[node.name]


def _fingerprint(*texts: str) -> str:
    return blake2b("\x1f".join(texts).encode(), digest_size=8).hexdigest()
