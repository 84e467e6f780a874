"""From text to meaning: expressions in Python's syntax, read with `ast` and an allow-list; nothing is run.

Every part of the syntax that has a meaning has a row below; all others are problems. Words call the functions
of `language`, so a definition in a file and the same definition in Python are equal objects.
"""

from __future__ import annotations

import ast
import difflib
import functools
import inspect
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from shoal.definitions import language, nodes
from shoal.definitions.expression import (
    Expression,
    LanguageError,
    PeriodWords,
    WindowWords,
    arithmetic,
    compare,
    contained_in,
    event_path,
    node_of,
    text_match,
)
from shoal.definitions.vocabulary import EVENT_CLOCK, VOCABULARY, Scope
from shoal.errors import DefinitionError, Problem

MAXIMUM_LENGTH = 20_000
MAXIMUM_NODES = 800
MAXIMUM_DEPTH = 40

COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}
ARITHMETIC: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
TEXT_OPERATORS = ("contains", "starts_with", "ends_with", "matches")
TRUTHS = {"true": True, "false": False}


def parse(text: str, *, scope: Scope = Scope.PROFILE) -> nodes.Node:
    """The meaning of an expression's text.

    Raises DefinitionError with every problem found; places count from 1 within `text`.
    """
    tree = _syntax_tree(text)
    reader = _Reader()
    node = reader.node(tree, scope)
    if reader.problems or node is None:
        raise DefinitionError(reader.problems)
    return node


class _Unreadable(Exception):
    """The part has no meaning; its problem has been noted."""


class _Reader:
    """Reads one tree, noting every problem and going on with the parts that can be read."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def node(self, tree: ast.expr, scope: Scope) -> nodes.Node | None:
        try:
            return node_of(self.read(tree, scope))
        except _Unreadable:
            return None
        except LanguageError as error:
            self.note(tree, error.code, error.message, error.hint)
            return None

    def read(self, tree: ast.expr, scope: Scope) -> Any:
        """An Expression, a constant, a step or a list of those."""
        reading = _READINGS.get(type(tree))
        if reading is None:
            raise self.unreadable(
                tree,
                "SH002",
                f"{_syntax_name(tree)} is not part of the language",
                "see docs/reference/language.md",
            )
        try:
            return _placed(reading(self, tree, scope), tree)
        except (LanguageError, TypeError) as error:
            code = getattr(error, "code", "SH004")
            hint = getattr(error, "hint", "")
            raise self.unreadable(tree, code, getattr(error, "message", str(error)), hint) from None

    def read_all(self, trees: list[ast.expr], scope: Scope) -> list[Any]:
        """Reads every part before it gives up, so that all problems are found at once."""
        values, failed = [], False
        for tree in trees:
            try:
                values.append(self.read(tree, scope))
            except _Unreadable:
                failed = True
        if failed:
            raise _Unreadable
        return values

    def unreadable(self, tree: ast.AST, code: str, message: str, hint: str = "") -> _Unreadable:
        self.note(tree, code, message, hint)
        return _Unreadable()

    def note(self, tree: ast.AST, code: str, message: str, hint: str = "") -> None:
        line, column = getattr(tree, "lineno", 1), getattr(tree, "col_offset", 0) + 1
        self.problems.append(Problem(code=code, message=message, hint=hint, line=line, column=column))


# One reading for each shape of syntax


def _read_constant(_reader: _Reader, tree: ast.Constant, _scope: Scope) -> Any:
    if isinstance(tree.value, str | bool | int | float):
        node_of(tree.value)
        return tree.value
    raise LanguageError(f"{tree.value!r} is not a value of the language", "ask for a missing value with has(...)")


def _read_name(_reader: _Reader, tree: ast.Name, scope: Scope) -> Any:
    if tree.id in TRUTHS:
        return TRUTHS[tree.id]
    if tree.id.startswith("__"):
        raise LanguageError(f"{tree.id} is not a name of the language", code="SH002")
    match scope:
        case Scope.EVENT:
            return Expression(nodes.Property(event_path(tree.id)))
        case Scope.ITEM:
            return Expression(nodes.ItemField(tree.id))
        case Scope.SESSION:
            return language.session_field(tree.id)  # type: ignore[arg-type]
        case Scope.PROFILE:
            return Expression(nodes.Reference("any", tree.id))


def _read_attribute(_reader: _Reader, tree: ast.Attribute, scope: Scope) -> Any:
    path = _dotted_path(tree)
    if path is None or scope not in (Scope.EVENT, Scope.ITEM):
        raise LanguageError(
            "a dotted path has a meaning inside where only", 'outside write context("device.type")', "SH002"
        )
    if any(part.startswith("__") for part in path.split(".")):
        raise LanguageError(f"{path} is not a path of the language", 'write property("odd name")', code="SH002")
    return Expression(nodes.Property(event_path(path)) if scope is Scope.EVENT else nodes.ItemField(path))


def _dotted_path(tree: ast.expr) -> str | None:
    if isinstance(tree, ast.Name):
        return tree.id
    if isinstance(tree, ast.Attribute):
        before = _dotted_path(tree.value)
        return None if before is None else f"{before}.{tree.attr}"
    return None


def _read_call(reader: _Reader, tree: ast.Call, scope: Scope) -> Any:
    if isinstance(tree.func, ast.Attribute) and tree.func.attr in TEXT_OPERATORS:
        return _read_text_method(reader, tree, tree.func, scope)
    word = VOCABULARY.get(tree.func.id) if isinstance(tree.func, ast.Name) else None
    if word is None:
        raise _unknown_word(tree)
    if scope in (Scope.EVENT, Scope.ITEM) and word.name in EVENT_CLOCK:
        return EVENT_CLOCK[word.name]()
    if scope not in word.scopes:
        place = "inside where" if Scope.PROFILE not in word.scopes else "outside where"
        raise LanguageError(f"{word.name}(...) has a meaning {place} only")
    values = reader.read_all(
        [*tree.args, *(keyword.value for keyword in tree.keywords if keyword.arg != "where")], scope
    )
    arguments, rest = values[: len(tree.args)], iter(values[len(tree.args) :])
    keywords: dict[str, Any] = {}
    for keyword in tree.keywords:
        if keyword.arg is None:
            raise LanguageError("** is not part of the language", code="SH002")
        if keyword.arg in keywords:
            raise LanguageError(f"{word.name}(...) is given {keyword.arg}= twice")
        keywords[keyword.arg] = reader.read(keyword.value, word.where) if keyword.arg == "where" else next(rest)
    return _built(word.name, word.build, arguments, keywords)


def _read_text_method(reader: _Reader, tree: ast.Call, func: ast.Attribute, scope: Scope) -> Expression:
    if len(tree.args) != 1 or tree.keywords:
        raise LanguageError(f"{func.attr} takes one text")
    value, text = reader.read_all([func.value, tree.args[0]], scope)
    return text_match(func.attr, value, text)


def _built(name: str, build: Callable[..., Any], arguments: list[Any], keywords: dict[str, Any]) -> Any:
    allowed = _parameters(build)
    for keyword in keywords:
        if keyword not in allowed:
            close = difflib.get_close_matches(keyword, allowed, 1)
            hint = (
                f"did you mean {close[0]}=?" if close else "it takes " + ", ".join(f"{each}=" for each in allowed)
            )
            raise LanguageError(f"{name}(...) takes no {keyword}=", hint)
    try:
        return build(*arguments, **keywords)
    except TypeError:  # too few or too many values, which the signature says best
        raise LanguageError(
            f"{name}(...) is given values that do not fit", f"write {usage(name, build)}"
        ) from None


def usage(name: str, build: Callable[..., Any]) -> str:
    """How a word is called: `time_since(*events, where=, within=, ...)`."""
    shown = []
    for each in inspect.signature(build).parameters.values():
        if each.kind is each.VAR_KEYWORD:
            continue
        if each.kind is each.VAR_POSITIONAL:
            shown.append(f"*{each.name}")
        elif each.kind is each.KEYWORD_ONLY or each.name == "where" or each.default is not each.empty:
            shown.append(f"{each.name}=")
        else:
            shown.append(each.name)
    takes_window = "window" in build.__annotations__
    return f"{name}({', '.join([*shown, *(['within=', '...'] if takes_window else [])])})"


def _parameters(build: Callable[..., Any]) -> list[str]:
    """Names that may be given by keyword, the window's limits included."""
    names = [
        name for name in build.__annotations__ if name not in ("return", "window", "events", "steps", "values")
    ]
    window = build.__annotations__.get("window", "")
    words = WindowWords if "WindowWords" in str(window) else PeriodWords
    return [*names, *(words.__annotations__ if window else ())]


def _unknown_word(tree: ast.Call) -> LanguageError:
    name = tree.func.id if isinstance(tree.func, ast.Name) else ast.unparse(tree.func)[:60]
    close = difflib.get_close_matches(name, VOCABULARY, 1)
    hint = f"did you mean {close[0]}?" if close else "the words are listed in docs/reference/language.md"
    return LanguageError(f"there is no word {name}(...)", hint, code="SH003")


def _read_comparison(reader: _Reader, tree: ast.Compare, scope: Scope) -> Any:
    parts = [tree.left, *tree.comparators]
    conditions = []
    for operator, left, right in zip(tree.ops, parts, parts[1:], strict=False):
        if isinstance(operator, ast.In | ast.NotIn):
            conditions.append(_membership(reader, operator, left, right, scope))
        elif type(operator) in COMPARISONS:
            conditions.append(_comparison(reader, COMPARISONS[type(operator)], left, right, scope))
        else:
            raise LanguageError("is and is not have no meaning here", "compare with == or !=", code="SH002")
    return functools.reduce(Expression.__and__, conditions)


def _comparison(reader: _Reader, operator: str, left: ast.expr, right: ast.expr, scope: Scope) -> Expression:
    first, second = reader.read_all([left, right], scope)
    if operator == "!=":
        return ~compare("==", first, second)
    return compare(operator, first, second)


def _membership(
    reader: _Reader, operator: ast.In | ast.NotIn, left: ast.expr, right: ast.expr, scope: Scope
) -> Expression:
    value, options = reader.read_all([left, right], scope)
    if not isinstance(options, list) or not isinstance(value, Expression):
        raise LanguageError(
            "in takes a list of constants on its right", 'write plan in ("free", "pro"), or contains(name, "text")'
        )
    found = contained_in(value, options)
    return found if isinstance(operator, ast.In) else ~found


def _read_logic(reader: _Reader, tree: ast.BoolOp, scope: Scope) -> Expression:
    shape = nodes.And if isinstance(tree.op, ast.And) else nodes.Or
    operands: list[nodes.Node] = []
    for value in reader.read_all(tree.values, scope):
        node = node_of(value)
        operands.extend(node.operands if isinstance(node, shape) else (node,))
    return Expression(shape(tuple(operands)))


def _read_sign(reader: _Reader, tree: ast.UnaryOp, scope: Scope) -> Any:
    value = reader.read(tree.operand, scope)
    if isinstance(tree.op, ast.Not):
        return Expression(nodes.Not(node_of(value)))
    if isinstance(tree.op, ast.USub) and isinstance(value, int | float) and not isinstance(value, bool):
        return -value
    if isinstance(tree.op, ast.USub):
        return 0 - value
    raise LanguageError(
        f"{_syntax_name(tree.op)} is not part of the language", "write not ... for a condition", "SH002"
    )


def _read_arithmetic(reader: _Reader, tree: ast.BinOp, scope: Scope) -> Any:
    operator = ARITHMETIC.get(type(tree.op))
    if operator is None:
        hint = "write and / or / not in text" if isinstance(tree.op, ast.BitAnd | ast.BitOr) else "+ - * / are"
        raise LanguageError(f"{_syntax_name(tree.op)} is not part of the language", hint, code="SH002")
    left, right = reader.read_all([tree.left, tree.right], scope)
    return arithmetic(operator, left, right)


def _read_list(reader: _Reader, tree: ast.List | ast.Tuple | ast.Set, scope: Scope) -> list[Any]:
    return reader.read_all(tree.elts, scope)


_READINGS: dict[type[ast.expr], Callable[[_Reader, Any, Scope], Any]] = {
    ast.Constant: _read_constant,
    ast.Name: _read_name,
    ast.Attribute: _read_attribute,
    ast.Call: _read_call,
    ast.Compare: _read_comparison,
    ast.BoolOp: _read_logic,
    ast.UnaryOp: _read_sign,
    ast.BinOp: _read_arithmetic,
    ast.List: _read_list,
    ast.Tuple: _read_list,
    ast.Set: _read_list,
}


# The tree, and what is refused before any meaning is sought


def _syntax_tree(text: str) -> ast.expr:
    if len(text) > MAXIMUM_LENGTH:
        raise _refused("SH005", f"an expression of {len(text)} characters; at most {MAXIMUM_LENGTH} are read")
    if not text.strip():
        raise _refused("SH001", "an empty expression")
    if "\0" in text:
        raise _refused("SH001", "a NUL character in an expression")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            # The bracket lets an expression run over several lines; it shifts the first line by one column.
            body = ast.parse(f"({text.strip()}\n)", mode="eval").body
    except SyntaxError as error:
        raise _unreadable_text(text, error) from None
    except (RecursionError, MemoryError, ValueError):
        raise _refused("SH005", "an expression nested too deep to be read") from None
    _refuse_large(body)
    leading = len(text) - len(text.lstrip())
    lines_before = text[:leading].count("\n")
    rows = [row.encode() for row in f"({text.strip()}".splitlines()]
    for part in ast.walk(body):
        if isinstance(part, ast.expr | ast.keyword):
            part.col_offset = _characters(rows, part) - (1 if part.lineno == 1 else 0)
            part.lineno += lines_before
    return body


def _characters(rows: list[bytes], part: ast.expr | ast.keyword) -> int:
    """How many characters stand before a part on its line; `ast` counts bytes."""
    row = rows[part.lineno - 1] if part.lineno <= len(rows) else b""
    return part.col_offset if row.isascii() else len(row[: part.col_offset].decode(errors="ignore"))


def _unreadable_text(text: str, error: SyntaxError) -> DefinitionError:
    rows, message = text.strip().splitlines(), str(error.msg)
    line, column = error.lineno or 1, max((error.offset or 1) - (1 if error.lineno == 1 else 0), 1)
    if line > len(rows):  # the bracket around it: a part of the text closed it too early
        line, column = len(rows), len(rows[-1])
    line += text[: len(text) - len(text.lstrip())].count("\n")
    if "nested" in message:
        return _refused(
            "SH005", "an expression nested too deep to be read", line, column, "split it into features"
        )
    if "Exceeds the limit" in message:
        hint = "an id is written as a text in quotes"
        return _refused("SH006", "a number too large to be exact", line, column, hint)
    return _refused("SH001", f"cannot be read: {message[:100]}", line, column, "see docs/reference/language.md")


def _refuse_large(body: ast.expr) -> None:
    for size, (_, depth) in enumerate(_walk_with_depth(body), start=1):
        if size > MAXIMUM_NODES:
            hint = "split it into features, or put long lists into a list file"
            raise _refused("SH005", f"an expression of more than {MAXIMUM_NODES} parts", hint=hint)
        if depth > MAXIMUM_DEPTH:
            hint = "split it into features"
            raise _refused("SH005", f"an expression more than {MAXIMUM_DEPTH} levels deep", hint=hint)


def _walk_with_depth(body: ast.expr) -> Iterator[tuple[ast.AST, int]]:
    waiting: list[tuple[ast.AST, int]] = [(body, 1)]
    while waiting:
        part, depth = waiting.pop()
        yield part, depth
        waiting.extend(
            (child, depth + 1)
            for child in ast.iter_child_nodes(part)
            if not isinstance(child, ast.expr_context | ast.operator | ast.cmpop | ast.boolop | ast.unaryop)
        )


def _refused(code: str, message: str, line: int | None = 1, column: int = 1, hint: str = "") -> DefinitionError:
    return DefinitionError([Problem(code=code, message=message, hint=hint, line=line, column=column)])


def _placed(value: Any, tree: ast.expr) -> Any:
    """The value with its node's place in the text, unless a part of it set one already."""
    place = nodes.Place(tree.lineno, tree.col_offset + 1)
    if isinstance(value, Expression) and value.node.place is None:
        return Expression(replace(value.node, place=place))
    if isinstance(value, nodes.Node) and value.place is None:
        return replace(value, place=place)
    return value


_SYNTAX_NAMES = {
    ast.Lambda: "lambda",
    ast.ListComp: "a comprehension",
    ast.SetComp: "a comprehension",
    ast.DictComp: "a comprehension",
    ast.GeneratorExp: "a comprehension",
    ast.Await: "await",
    ast.Yield: "yield",
    ast.YieldFrom: "yield",
    ast.UAdd: "+ before a value",
    ast.IfExp: "if ... else",
    ast.Subscript: "[...] after a value",
    ast.Dict: "a {...: ...}",
    ast.JoinedStr: "an f-string",
    ast.NamedExpr: ":=",
    ast.Starred: "*",
    ast.Pow: "**",
    ast.Mod: "%",
    ast.FloorDiv: "//",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.Invert: "~",
}


def _syntax_name(tree: ast.AST) -> str:
    return _SYNTAX_NAMES.get(type(tree), type(tree).__name__)
