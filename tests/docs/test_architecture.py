"""The map of ARCHITECTURE.md is the house: every stage is on it, and imports only what stands above it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.docs.render import ROOT

HOUSE = ROOT / "src" / "shoal"
PAGE = (ROOT / "ARCHITECTURE.md").read_text("utf-8")

EXCEPTIONS = {
    "__init__.py": "the face of the package: it loads what it lists when that is asked for",
}
"""Files that may import from below, with the reason."""


def mapped() -> list[str]:
    """The stages in the order of the map, the top first."""
    drawing = re.search(r"```\nsrc/shoal/\n(.*?)```", PAGE, re.DOTALL)
    assert drawing is not None, "ARCHITECTURE.md draws no map"
    return re.findall(r"^  (\w+)(?:/|\.py)", drawing.group(1), re.MULTILINE)


def stage_of(path: Path) -> str:
    return path.relative_to(HOUSE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """The line and the stage of every import of ours, also those inside functions and for type checkers."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.ImportFrom(module="shoal", level=0, names=names):
                yield from ((node.lineno, each.name) for each in names)
            case ast.ImportFrom(module=str() as module, level=0) if module.startswith("shoal."):
                yield node.lineno, module.split(".")[1]
            case ast.Import(names=names):
                ours = (each.name.split(".") for each in names if each.name.startswith("shoal."))
                yield from ((node.lineno, parts[1]) for parts in ours)
            case ast.ImportFrom(level=level) if level:
                raise AssertionError(f"{path}:{node.lineno} imports relatively: name the stage")


def test_every_stage_is_on_the_map() -> None:
    """A new folder is drawn in ARCHITECTURE.md, below everything that it imports."""
    files = {stage_of(path) for path in HOUSE.rglob("*.py")} - {"__init__"}
    assert files - set(mapped()) == set()
    assert len(mapped()) == len(set(mapped()))


def test_stages_import_only_what_stands_above_them() -> None:
    """News travels down as data, never as calls."""
    place = {name: number for number, name in enumerate(mapped())}
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {stage}"
        for path in sorted(HOUSE.rglob("*.py"))
        if str(path.relative_to(HOUSE)) not in EXCEPTIONS
        for line, stage in imports(path)
        if place.get(stage, 0) > place.get(stage_of(path), len(place))
    ]
    assert wrong == []


def test_paths_on_the_page_are_there() -> None:
    """Every file that ARCHITECTURE.md names exists, below src/shoal or the project itself."""
    named = set(re.findall(r"`((?:[\w-]+/)*[\w-]+\.(?:py|md|yaml|html))`", PAGE))
    assert [name for name in sorted(named) if not (HOUSE / name).exists() and not (ROOT / name).exists()] == []
