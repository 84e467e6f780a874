"""What a stranger reads first is true, and leads to every page."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from shoal.definitions.definition import Definitions
from shoal.definitions.definition_files import read_definitions
from shoal.definitions.resolve import resolve
from tests.docs.render import ROOT

README = ROOT / "README.md"
INDEX = ROOT / "docs" / "README.md"
FRONT = [README, *(ROOT / name for name in ("ARCHITECTURE.md", "DEVELOPERS.md", "GLOSSARY.md", "CHANGELOG.md"))]
PAGES = sorted((ROOT / "docs").rglob("*.md"))

_LINK = re.compile(r"!?\[[^\]]*\]\(([^()\s]+(?:\([^()]*\))?)\)")


def links(page: Path) -> list[str]:
    """Where a page leads to, apart from what stands in blocks of code."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text("utf-8"), flags=re.DOTALL)
    return _LINK.findall(text)


def anchors(page: Path) -> set[str]:
    """The names by which headings of a page are reached."""
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [*FRONT, *PAGES], ids=lambda page: str(page.relative_to(ROOT)))
def test_no_link_is_dead(page: Path) -> None:
    """Every link inside the project leads to a file, and to a heading where it names one."""
    dead = []
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert dead == []


def test_every_page_is_in_the_index() -> None:
    """docs/README.md leads to each page of docs, and README.md to it and to the pages beside it."""
    linked = {(INDEX.parent / link.partition("#")[0]).resolve() for link in links(INDEX)}
    assert [str(page.relative_to(ROOT)) for page in PAGES if page != INDEX and page not in linked] == []
    first = {(ROOT / link.partition("#")[0]).resolve() for link in links(README)}
    assert [page.name for page in [*FRONT[1:], INDEX, ROOT / "LICENSE"] if page not in first] == []


def test_every_picture_is_shown() -> None:
    """None lies around that no page shows."""
    shown = {(page.parent / link).resolve() for page in [*FRONT, *PAGES] for link in links(page)}
    assert [each.name for each in sorted((ROOT / "docs" / "images").iterdir()) if each not in shown] == []


def test_the_definition_of_the_readme_has_a_meaning() -> None:
    """It can be pasted into a workspace as it is."""
    blocks = re.findall(r"```yaml\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        definitions, problems = read_definitions(block, "README.md")
        assert problems == []
        assert resolve(Definitions.of(*definitions)).segments


def test_readme_is_one_screen() -> None:
    """More belongs into docs."""
    assert len(README.read_text("utf-8").splitlines()) <= 90
