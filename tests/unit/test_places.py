"""Every place under `.shoal` is known, and a person can be taken out of each of them."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.docs.render import ROOT

import shoal
from shoal.runtime import places
from shoal.runtime.erasing.steps import STEPS
from shoal.runtime.places import PLACES, SHOAL_FOLDER

HOUSE = Path(shoal.__file__).parent


def test_every_place_has_an_eraser() -> None:
    """Whoever adds a place says how a person is taken out of it, in `runtime/erasing/steps.py`."""
    named = {
        value for value in vars(places).values() if isinstance(value, str) and value.startswith(f"{SHOAL_FOLDER}/")
    }

    assert {place.path for place in PLACES} == named
    assert set(STEPS) == named


def test_nobody_keeps_anything_elsewhere() -> None:
    """No other file of the house makes up a path below `.shoal`."""
    inventive = [
        f"{path.relative_to(HOUSE)}:{node.lineno}"
        for path in sorted(HOUSE.rglob("*.py"))
        if path.name != "places.py"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if _makes_a_path(node)
    ]
    assert inventive == []


def _makes_a_path(node: ast.AST) -> bool:
    """`SHOAL_FOLDER / "x"`, or f"{SHOAL_FOLDER}/x", or ".shoal/x" as a text of its own."""
    match node:
        case ast.JoinedStr(values=[ast.FormattedValue(value=ast.Name(id="SHOAL_FOLDER")), _, *_]):
            return True
        case ast.BinOp(left=ast.BinOp(right=ast.Name(id="SHOAL_FOLDER")), op=ast.Div()):
            return True
        case ast.Constant(value=str() as text):
            return text.startswith(f"{SHOAL_FOLDER}/") and " " not in text and "\n" not in text
    return False


def test_the_privacy_page_tells_every_place() -> None:
    """What is kept where, and what an erasure does there."""
    page = (ROOT / "docs" / "explanation" / "privacy.md").read_text("utf-8")
    assert [
        place.path for place in PLACES if f"| `{place.path}` | {place.holds} | {place.erased} |" not in page
    ] == []
