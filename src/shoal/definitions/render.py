"""From meaning back to text: the canonical form of an expression. `parse(render(node)) == node`.

Frozen reference distributions and purchase models are kept under this text, so it must not vary.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from shoal.definitions import nodes
from shoal.model.time import format_duration, format_moment

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEYWORDS = frozenset(
    ["and", "or", "not", "in", "is", "if", "else", "for", "lambda", "true", "false", "True", "False", "None"]
)

# How tightly an operator binds; a looser part inside a tighter one needs brackets.
_OR, _AND, _NOT, _COMPARE, _SUM, _PRODUCT, _ATOM = range(7)


def render(node: nodes.Node) -> str:
    """The canonical text of an expression."""
    return _render(node, _OR)


def _render(node: nodes.Node, outer: int) -> str:
    text, binding = _text_and_binding(node)
    return f"({text})" if binding < outer else text


def _text_and_binding(node: nodes.Node) -> tuple[str, int]:
    match node:
        case nodes.Or(operands=operands):
            return " or ".join(_render(each, _AND) for each in operands), _OR
        case nodes.And(operands=operands):
            return " and ".join(_render(each, _NOT) for each in operands), _AND
        case nodes.Not(operand=nodes.In() as inside):
            return _membership("not in", inside), _COMPARE
        case nodes.Not(operand=nodes.Compare(operator="==") as equal):
            return _binary("!=", equal.left, equal.right, _COMPARE + 1, _COMPARE + 1), _COMPARE
        case nodes.Not(operand=operand):
            return f"not {_render(operand, _NOT)}", _NOT
        case nodes.In():
            return _membership("in", node), _COMPARE
        case nodes.Compare():
            return _binary(node.operator, node.left, node.right, _COMPARE + 1, _COMPARE + 1), _COMPARE
        case nodes.Arithmetic(operator=operator):
            level = _SUM if operator in "+-" else _PRODUCT
            return _binary(operator, node.left, node.right, level, level + 1), level
        case _:
            return _atom(node), _ATOM


def _binary(operator: str, left: nodes.Node, right: nodes.Node, left_level: int, right_level: int) -> str:
    return f"{_render(left, left_level)} {operator} {_render(right, right_level)}"


def _membership(operator: str, node: nodes.In) -> str:
    options = ", ".join(_render(option, _OR) for option in node.options)
    return f"{_render(node.operand, _COMPARE + 1)} {operator} [{options}]"


def _atom(node: nodes.Node) -> str:
    match node:
        case nodes.Literal(value=value):
            return _literal(value)
        case nodes.Duration(milliseconds=length):
            return _quoted(format_duration(length))
        case nodes.Moment(milliseconds=at):
            return f"moment({_quoted(format_moment(at))})"
        case nodes.LocalMoment(text=text):
            return f"moment({_quoted(text)})"
        case nodes.Ago(milliseconds=length):
            return f"ago({_quoted(format_duration(length))})"
        case nodes.Property(path=path):
            return _path(path.removeprefix("properties."), path)
        case nodes.ItemField(path=path):
            return path if path and _is_dotted_name(path) else f"item({_quoted(path) if path else ''})"
        case nodes.SessionField(name=name):
            return name
        case nodes.EventLocalTime(part=part) | nodes.LocalTime(part=part):
            return f"local_{part}()"
        case nodes.Reference(kind="any", name=name):
            return name
        case _:
            word, arguments = _call(node)
            return f"{word}({', '.join(each for each in arguments if each)})"


def _call(node: nodes.Node) -> tuple[str, Iterable[str]]:
    match node:
        case nodes.Has(operand=operand):
            return "has", [render(operand)]
        case nodes.Default(operand=operand, fallback=fallback):
            return "default", [render(operand), render(fallback)]
        case nodes.TextMatch():
            return node.operator, [render(node.operand), _quoted(node.text)]
        case nodes.AnyItem():
            return "any_item", [render(node.items), f"where={render(node.where)}"]
        case nodes.LastStated(path=path):
            word, _, rest = path.partition(".")
            return ("trait" if word == "traits" else "context"), [_quoted(rest)]
        case nodes.InList(name=name):
            return "in_list", [_quoted(name)]
        case nodes.Everyone():
            return "everyone", []
        case nodes.Consents(purpose=purpose):
            return "consents", [_quoted(purpose)]
        case nodes.Reference(kind=kind, name=name):
            return ("in_segment" if kind == "segment" else kind), [_quoted(name)]
        case nodes.Step():
            return ("absent" if node.is_absent else "step"), [*_events(node.names), _where(node.where)]
        case _:
            return _event_call(node)


def _event_call(node: nodes.Node) -> tuple[str, Iterable[str]]:
    match node:
        case nodes.Aggregate(path=None):
            return node.word, _selection(node.selection)
        case nodes.Aggregate(path=path):
            assert path is not None
            return node.word, [_quoted(path.removeprefix("properties.")), *_of(node.selection)]
        case nodes.FirstTime(selection=selection):
            return "first_time", _selection(selection)
        case nodes.Share(part=part, whole=whole):
            of = [] if whole.names == part.names else [f"of={_name_list(whole.names)}"]
            return "share", [*_events(part.names), _where(part.where), *of, *_window(part.window)]
        case nodes.Regularly(selection=selection):
            shape = [f"periods={node.periods}", f"of={node.of}", _length("each", node.each)]
            return "regularly", [*_selection(selection), *shape]
        case nodes.Stopped(selection=selection):
            return "stopped", [*_selection(selection), _length("active", node.active), _length("idle", node.idle)]
        case nodes.Restarted(selection=selection):
            return "restarted", [*_selection(selection), _length("idle", node.idle), _length("back", node.back)]
        case nodes.Sequence(steps=steps):
            limits = [_length("span", node.span), _length("gap", node.gap)]
            return "sequence", [*map(_step, steps), *limits, *_window(node.window)]
        case nodes.Funnel(steps=steps):
            return "funnel", [*map(_step, steps), _length("span", node.span), *_window(node.window)]
        case _:
            return _session_or_shaping_call(node)


def _session_or_shaping_call(node: nodes.Node) -> tuple[str, Iterable[str]]:
    match node:
        case nodes.SessionCount(where=where, window=window):
            return "sessions", [_where(where), *_window(window)]
        case nodes.SessionValue(name=name, of=of):
            return "session", [_quoted(name), f"of={_quoted(of)}"]
        case nodes.SessionAggregate(word=word, name=name, window=window):
            return f"session_{word}", [_quoted(name), *_window(window)]
        case nodes.Decay(operand=operand):
            return "decay", [render(operand), _length("half_life", node.half_life), _length("step", node.step)]
        case nodes.Scale(operand=operand, low=low, high=high):
            return "scale", [render(operand), render(low), render(high)]
        case nodes.Mean(operands=operands):
            return "mean", map(render, operands)
        case nodes.Rank(operand=operand, into=into, descending=descending):
            options = [f"into={into}" if into else "", "descending=True" if descending else ""]
            return "rank", [render(operand), *options]
        case nodes.PurchaseForecast():
            path = f"revenue={_quoted(node.path.removeprefix('properties.'))}" if node.path else ""
            of, model = f"of={_name_list(node.selection.names)}", f"model={_quoted(node.model)}"
            return node.word, [_length("horizon", node.horizon), path, of, model]
        case _:
            raise AssertionError(f"{type(node).__name__} has no text")


def _selection(selection: nodes.Selection) -> list[str]:
    return [*_events(selection.names), _where(selection.where), *_window(selection.window)]


def _of(selection: nodes.Selection) -> list[str]:
    of = f"of={_name_list(selection.names)}" if selection.names else ""
    return [of, _where(selection.where), *_window(selection.window)]


def _window(window: nodes.Window) -> list[str]:
    moments = {"since": window.since, "after": window.after, "until": window.until}
    return [
        _length("within", window.within),
        f"within={_quoted(window.calendar)}" if window.calendar else "",
        *(f"{word}={render(node)}" for word, node in moments.items() if node is not None),
        f"latest={window.latest}" if window.latest else "",
    ]


def _step(step: nodes.Step) -> str:
    return _quoted(step.names[0]) if len(step.names) == 1 and not (step.where or step.is_absent) else render(step)


def _events(names: tuple[str, ...]) -> list[str]:
    return [_quoted(name) for name in names]


def _name_list(names: tuple[str, ...]) -> str:
    return _quoted(names[0]) if len(names) == 1 else f"[{', '.join(map(_quoted, names))}]"


def _where(where: nodes.Node | None) -> str:
    return "" if where is None else f"where={render(where)}"


def _length(word: str, milliseconds: int | None) -> str:
    return "" if milliseconds is None else f"{word}={_quoted(format_duration(milliseconds))}"


def _path(short: str, full: str) -> str:
    root = short.split(".", maxsplit=1)[0]
    if (root in ("properties", "context", "traits", "consent") and short != full) or not _is_dotted_name(short):
        return f"property({_quoted(full)})"
    return short


def _is_dotted_name(path: str) -> bool:
    parts = path.split(".")
    return all(_NAME.fullmatch(part) and part not in _KEYWORDS and not part.startswith("__") for part in parts)


def _literal(value: float | str | bool) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    escaped = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in escaped)
    return f'"{escaped}"'
