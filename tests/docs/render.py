"""Writes the documents that are made from what runs: `python -m tests.docs.render`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from shoal.definitions.definition import Definition, ListDefinition
from shoal.definitions.parse import usage
from shoal.definitions.vocabulary import VOCABULARY, Word
from shoal.definitions.write import write_definitions
from shoal.errors import Severity
from tests.docs.problem_examples import EXAMPLES, Example
from tests.docs.spec_cases import SECTIONS, Rule, rules, stated_settings
from tests.spec.cases import Case, Row

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
NOTICE = "<!-- Made by `python -m tests.docs.render`; change what it is made from, in tests/docs. -->\n\n"


def semantics() -> str:
    """`docs/semantics.md`: every rule with its tables."""
    text = (HERE / "semantics.md").read_text("utf-8")
    for section in SECTIONS:
        marker = f"<!-- {section} -->"
        assert text.count(marker) == 1, f"{section} has no place in semantics.md"
        text = text.replace(marker, "\n\n".join(map(_rule, rules(section))))
    return NOTICE + text


def _rule(rule: Rule) -> str:
    return "\n\n".join([f"### {rule.title}", rule.statement, *map(_case, rule.cases)])


def _case(case: Case) -> str:
    parts = []
    if len(case.expressions) == 1:
        parts.append(f"```\n{case.expressions[0]}\n```")
    settings = stated_settings(case.settings)
    if settings:
        parts.append(f"With `{'`, `'.join(settings)}` in the settings.")
    parts += _definitions(case.definitions)
    if case.events:
        parts.append(table(case.events))
    parts.append(table(_answers(case)))
    return "\n\n".join(parts)


def _definitions(definitions: Iterable[Definition]) -> list[str]:
    parts = []
    written = write_definitions(each for each in definitions if not isinstance(each, ListDefinition))
    if written:
        parts.append(f"```yaml\n{written.strip()}\n```")
    for each in definitions:
        if isinstance(each, ListDefinition):
            listed = ", ".join(f"`{identifier}`" for identifier in sorted(each.identifiers))
            parts.append(f"The list `{each.name}` holds {listed}.")
    return parts


def _answers(case: Case) -> list[Row]:
    """The rows of answers, without what is the same in all of them."""
    one_expression = len(case.expressions) == 1
    rows = []
    for question in case.questions:
        row = {} if one_expression else {"expression": f"`{' '.join(question.expression.split())}`"}
        rows.append({"now": question.now, **row, **question.answers})
    return rows


def table(rows: Iterable[Row]) -> str:
    """A Markdown table."""
    rows = list(rows)
    header = list(rows[0])
    lines = [header, ["---"] * len(header), *([row[key] for key in header] for row in rows)]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def language() -> str:
    """`docs/reference/language.md`: every word."""
    groups = list(dict.fromkeys(word.group for word in VOCABULARY.values()))
    words = "\n\n".join(_group(group) for group in groups)
    return NOTICE + (HERE / "language.md").read_text("utf-8").replace("<!-- words -->", words)


def _group(group: str) -> str:
    return "\n\n".join([f"### {group}", *(_word(word) for word in VOCABULARY.values() if word.group == group)])


def _word(word: Word) -> str:
    lines = [f"#### `{usage(word.name, word.build)}`", word.summary]
    example = shortest_use(word.name)
    return "\n\n".join([*lines, f"Such as `{example}`."] if example else lines)


def shortest_use(word: str) -> str:
    """The shortest expression of the spec that uses a word with something in its brackets, or at all."""
    expressions = {
        " ".join(expression.split())
        for section in SECTIONS
        for rule in rules(section)
        for case in rule.cases
        for expression in case.expressions
    }
    using = [each for each in expressions if f"{word}(" in each.replace(f"_{word}(", "")]
    full = [each for each in using if f"{word}()" not in each]
    return min(full or using, key=lambda each: (not each.startswith(word), len(each), each), default="")


def problems() -> str:
    """`docs/reference/problems.md`: every code with an example, its message and what to do."""
    intro = (
        "# Problems\n\n`shoal check` reports every problem at once, each with its file, line and column, a code "
        "that stays the same, and a hint. Errors have no meaning, and their definitions are left out until they "
        "are corrected. Warnings have a meaning that may surprise."
    )
    return NOTICE + "\n\n".join([intro, *(_problem(code, example) for code, example in EXAMPLES.items())]) + "\n"


def _problem(code: str, example: Example) -> str:
    files = "\n".join(f"# {path}\n{shortened(text.strip())}" for path, text in example.files.items())
    found = provoked(code, example)
    severity = "warning" if found and found[0].startswith("warning") else "error"
    says = "\n".join(line.partition(" ")[2] for line in found)
    parts = [f"## {code}: {example.title}", f"*{severity}* · {example.meaning}", f"```yaml\n{files}\n```"]
    if says:
        parts.append(f"```text\n{says}\n```")
    return "\n\n".join([*parts, f"**What to do:** {example.remedy}"])


def shortened(text: str) -> str:
    """An example whose point is its length, cut."""
    return "\n".join(line if len(line) <= 120 else f"{line[:60]} ... {line[-20:]}" for line in text.splitlines())


def provoked(code: str, example: Example) -> list[str]:
    """The problems of this code that the example has, one line each after its severity."""
    if example.find is None:
        return []
    with TemporaryDirectory() as folder:
        found = example.find(Path(folder), example.files)
    return [f"{'warning' if p.severity is Severity.WARNING else 'error'} {p}" for p in found if p.code == code]


DOCUMENTS: dict[str, Callable[[], str]] = {
    "docs/semantics.md": semantics,
    "docs/reference/language.md": language,
    "docs/reference/problems.md": problems,
}
"""What is written, by path."""


def main() -> None:
    """Writes every document."""
    for path, make in DOCUMENTS.items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
