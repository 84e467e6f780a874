"""YAML with places: every value of a file as it was written, with the line on which it stands.

Only shapes are read here. What a key means, and of which type its value is, is for the caller to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from shoal.definitions.source import Row
from shoal.errors import Problem

MAXIMUM_DEPTH = 32
LINES_HINT = "write an expression that holds a : or a # after | on lines of its own"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A value of a file. `line` counts from 1."""

    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Text(Entry):
    """One value as it was written; `tag` is what YAML takes it for (str, int, float, bool, null, timestamp).

    `rows` says where in the file each row of the text stands.
    """

    text: str
    tag: str
    rows: tuple[Row, ...]

    @property
    def is_nothing(self) -> bool:
        return self.tag == "null"


@dataclass(frozen=True, slots=True, kw_only=True)
class Several(Entry):
    """A list of values."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields(Entry):
    """Values by key, in the order in which they are written."""

    entries: dict[str, Entry]
    lines: dict[str, int] = field(default_factory=dict)
    is_inline: bool = False


def read_entries(text: str, path: str) -> tuple[list[Entry], list[Problem]]:
    """The top values of a YAML text (of every document in it, lists opened), and what is wrong with it."""
    reader = _Reader(text, path)
    try:
        documents = [reader.entry(node, MAXIMUM_DEPTH) for node in _documents(text)]
    except yaml.YAMLError as error:
        return [], [*reader.problems, _syntax_problem(error, path)]
    except RecursionError:
        return [], [_problem(path, 1, "nested too deep to be read")]
    return [each for document in documents if document is not None for each in _opened(document)], reader.problems


def _documents(text: str) -> Iterator[yaml.Node]:
    loader = _Loader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is not None:
                yield node
    finally:
        loader.dispose()


class _Loader(yaml.SafeLoader):
    """Builds nodes only, and refuses aliases: copies of copies grow without bound."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases (*name) are not read; write it out", mark)
        return super().compose_node(parent, index)


def _opened(entry: Entry) -> tuple[Entry, ...]:
    return entry.entries if isinstance(entry, Several) else (entry,)


class _Reader:
    """Turns the nodes of one text into entries, noting keys that stand twice."""

    def __init__(self, text: str, path: str) -> None:
        self.path = path
        self.problems: list[Problem] = []
        self._rows = text.splitlines()

    def entry(self, node: yaml.Node, depth: int) -> Entry | None:
        """None for what is nested too deep; that is noted."""
        line = node.start_mark.line + 1
        if depth == 0:
            self.problems.append(_problem(self.path, line, f"nested more than {MAXIMUM_DEPTH} levels deep"))
            return None
        if isinstance(node, yaml.ScalarNode):
            return self._text(node)
        if isinstance(node, yaml.SequenceNode):
            below = (self.entry(each, depth - 1) for each in node.value)
            return Several(line=line, entries=tuple(each for each in below if each is not None))
        assert isinstance(node, yaml.MappingNode)
        return self._fields(node, depth)

    def _text(self, node: yaml.ScalarNode) -> Text:
        return Text(
            line=node.start_mark.line + 1,
            text=node.value,
            tag=node.tag.rpartition(":")[2],
            rows=tuple(self._rows_of(node)),
        )

    def _rows_of(self, node: yaml.ScalarNode) -> Iterator[Row]:
        """Where each row of a value stands: YAML may join rows, and takes their indents away."""
        text, position = node.value, 0
        for line, column, content in self._written(node):
            found = text.find(content, position)
            if found < 0 or not content:
                found = position if position == 0 and content else -1  # an escape: the first row is where it is
            if found >= 0:
                before = text[:found]
                inner_line, inner_column = before.count("\n") + 1, found - before.rfind("\n")
                yield Row((inner_line, inner_column), line, column)
                position = found + max(1, len(content))

    def _written(self, node: yaml.ScalarNode) -> Iterator[tuple[int, int, str]]:
        """Line, column and content of each row that holds a value, without what YAML puts around it."""
        start, end = node.start_mark, node.end_mark
        is_block, is_quoted = node.style in ("|", ">"), node.style in ("'", '"')
        for number in range(start.line + is_block, min(end.line + 1, len(self._rows))):
            row = self._rows[number]
            if number == end.line:
                row = row[: end.column - is_quoted] if not is_block else row[: end.column]
            skipped = start.column + is_quoted if number == start.line else 0
            content = row[skipped:].lstrip(" ")
            yield number + 1, len(row) - len(content) + 1, content.rstrip()

    def _fields(self, node: yaml.MappingNode, depth: int) -> Fields:
        entries: dict[str, Entry] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.append(_problem(self.path, line, "a key must be a plain text"))
                continue
            key = key_node.value
            if key in entries:
                first = lines[key]
                self.problems.append(
                    _problem(self.path, line, f"the key {key[:80]} stands here and on line {first}", "keep one")
                )
                continue
            value = self.entry(value_node, depth - 1)
            if value is not None:
                entries[key], lines[key] = value, line
        begins = node.start_mark.line + 1
        return Fields(line=begins, entries=entries, lines=lines, is_inline=bool(node.flow_style))


def _syntax_problem(error: yaml.YAMLError, path: str) -> Problem:
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        message = str(error.problem or error.context or "cannot be read")
        return _problem(path, mark.line + 1 if mark else 1, f"not valid YAML: {message}"[:200], LINES_HINT)
    return _problem(path, 1, "not valid YAML: it holds characters that no text has")


def _problem(path: str, line: int, message: str, hint: str = "") -> Problem:
    return Problem(code="SH012", message=message, hint=hint, path=path, line=line)
