"""The documents say what runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.problem_examples import EXAMPLES
from tests.docs.render import DOCUMENTS, ROOT, provoked
from tests.docs.spec_cases import SECTIONS

CODE = re.compile(r"\bSH\d{3}\b")


@pytest.mark.parametrize("path", DOCUMENTS)
def test_generated_documents_are_not_stale(path: str) -> None:
    """`python -m tests.docs.render` would change nothing."""
    assert (ROOT / path).read_text("utf-8") == DOCUMENTS[path](), f"{path}: run python -m tests.docs.render"


def test_every_file_of_the_spec_has_its_section() -> None:
    """A new file of rules must be given its place."""
    files = {path.stem.removeprefix("test_") for path in (ROOT / "tests" / "spec").glob("test_*.py")}
    assert files == set(SECTIONS)


@pytest.mark.parametrize("code", [code for code, example in EXAMPLES.items() if example.find])
def test_the_example_of_a_problem_has_it(code: str) -> None:
    """With a place in its file, and with something to do."""
    example = EXAMPLES[code]
    found = provoked(code, example)
    assert len(found) >= 1
    assert all(any(path in line for path in example.files) for line in found)
    assert all(line.endswith(")") or " write " in line for line in found if code < "SH060")


def test_every_code_is_documented() -> None:
    """Each code in the source has its example, and each example is of a code in the source."""
    sources = (ROOT / "src" / "shoal").rglob("*.py")
    codes = {code for path in sources for code in CODE.findall(path.read_text("utf-8"))}
    assert codes == set(EXAMPLES)


def documents() -> list[Path]:
    return sorted((ROOT / "docs").rglob("*.md"))


def test_links_between_documents_lead_somewhere() -> None:
    """Relative links point to files that are there."""
    broken = [
        f"{path.relative_to(ROOT)}: {target}"
        for path in documents()
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text("utf-8"))
        if "://" not in target and not (path.parent / target).exists()
    ]
    assert broken == []
