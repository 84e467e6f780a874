"""Templates of contents: texts with places for facts, `Hello {{ first_name|default("there") }}`.

The syntax is a small part of Jinja's: names, filters, `if`, `==`, `and`, `or`, `not`. Nothing loops, nothing is
called, and nothing fails once it was checked: a fact that is missing is an empty text.
"""

from __future__ import annotations

import html
import inspect
import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from jinja2 import TemplateError, Undefined
from jinja2 import nodes as jinja
from jinja2.sandbox import SandboxedEnvironment

from shoal.definitions.catalog import did_you_mean
from shoal.model.firing import Fact

MAXIMUM_LENGTH = 100_000

ALWAYS_KNOWN = ("profile", "trigger", "at")
"""Facts that every template may use: the profile's name, the trigger's, and the moment of the change."""


@dataclass(frozen=True, slots=True)
class TemplateProblem:
    """What is wrong with a template, and on which of its lines, counted from 1."""

    line: int
    message: str
    hint: str = ""


def render(template: str, facts: Mapping[str, Fact], *, escaped: bool) -> str:
    """The template with its facts filled in; `escaped` for a text that is HTML.

    Never fails for a template without problems. In HTML a fact is text, never markup, and an attribute that became
    the address of a script is emptied.
    """
    known = {name: fact for name, fact in facts.items() if fact is not None}
    filled: str = _compiled(template, escaped).render(known)
    return _ATTRIBUTE.sub(_without_script, filled) if escaped else filled


def web_address(text: str) -> str:
    """The text if it is the address of a page, whole or relative, or of mail; empty for scripts and all else."""
    seen = _UNSEEN.sub("", text)
    scheme = _SCHEME.match(seen)
    return seen if scheme is None or scheme[1].lower() in ("http", "https", "mailto", "tel") else ""


def problems_of_template(template: str, known: Collection[str], *, is_html: bool) -> Iterator[TemplateProblem]:
    """Everything that is wrong with a template that may use these facts, and those that are always known."""
    if len(template) > MAXIMUM_LENGTH:
        yield TemplateProblem(1, f"a template of {len(template)} characters; at most {MAXIMUM_LENGTH} are read")
        return
    try:
        tree = _ENVIRONMENTS[is_html].parse(template)
        problems = list(_problems_of_tree(tree, {*known, *ALWAYS_KNOWN}))
        yield from problems
        if not problems:
            _compiled(template, is_html)
    except TemplateError as error:
        yield TemplateProblem(getattr(error, "lineno", 1) or 1, f"cannot be read: {error.message}"[:200])
    except (RecursionError, SyntaxError):
        yield TemplateProblem(1, "nested too deep to be read")
    if is_html:
        yield from _problems_of_html(template)


# HTML

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_UNSEEN = re.compile(r"[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028\u2029\ufeff]")
"""What browsers skip when they look for the kind of an address."""

_ATTRIBUTE = re.compile(r"""(=\s*)("[^"]*"|'[^']*')""")
_SCRIPTS = re.compile(r"<\s*(script|iframe|object|embed)\b|<[^>]*\son[a-z]+\s*=", re.IGNORECASE)
_UNQUOTED = re.compile(r"<[^>]*=\s*\{\{")


def _is_script(address: str) -> bool:
    scheme = _SCHEME.match(_UNSEEN.sub("", html.unescape(address)))
    return scheme is not None and scheme[1].lower() in ("javascript", "vbscript", "data")


def _without_script(attribute: re.Match[str]) -> str:
    return f'{attribute[1]}""' if _is_script(attribute[2][1:-1]) else attribute[0]


def has_script(text: str) -> bool:
    """Whether a text is the address of a script, or would be or hold one as HTML."""
    return _is_script(text.strip()) or _script_in(text) is not None


def _script_in(text: str) -> re.Match[str] | None:
    attributes = (each for each in _ATTRIBUTE.finditer(text) if _is_script(each[2][1:-1]))
    return _SCRIPTS.search(text) or next(attributes, None)


def _problems_of_html(template: str) -> Iterator[TemplateProblem]:
    def line(found: re.Match[str]) -> int:
        return template.count("\n", 0, found.start()) + 1

    script = _script_in(template)
    if script is not None:
        yield TemplateProblem(line(script), "holds a script, which contents never do", "link to a page instead")
    unquoted = _UNQUOTED.search(template)
    if unquoted is not None:
        yield TemplateProblem(line(unquoted), "an attribute is filled in without quotes", 'href="{{ link }}"')


# What may stand in a template


def _problems_of_tree(tree: jinja.Node, known: Collection[str]) -> Iterator[TemplateProblem]:
    for node in _walk(tree):
        if not isinstance(node, _ALLOWED):
            what = _NAMES.get(type(node), type(node).__name__.lower())
            hint = "compute it as one of the values of the action" if isinstance(node, jinja.Expr) else ""
            yield TemplateProblem(node.lineno or 1, f"{what} is not part of a template", hint)
        elif isinstance(node, jinja.Name) and node.name not in known:
            hint = did_you_mean(node.name, known) or "name it under values, with an expression"
            yield TemplateProblem(node.lineno, f"there is no value named {node.name[:80]}", hint)
        elif isinstance(node, jinja.Filter):
            yield from _problems_of_filter(node)
        elif isinstance(node, jinja.Compare) and any(each.op not in ("eq", "ne") for each in node.ops):
            hint = "compare in a value of the action; here only == and != are read"
            yield TemplateProblem(node.lineno, "texts and numbers are not compared in a template", hint)


def _walk(node: jinja.Node) -> Iterator[jinja.Node]:
    """Every part; what is not allowed is not looked into, so that one mistake is one problem."""
    yield node
    if isinstance(node, _ALLOWED):
        for child in node.iter_child_nodes():
            yield from _walk(child)


_ALLOWED = (
    jinja.Template,
    jinja.Output,
    jinja.TemplateData,
    jinja.Name,
    jinja.Const,
    jinja.Filter,
    jinja.If,
    jinja.CondExpr,
    jinja.And,
    jinja.Or,
    jinja.Not,
    jinja.Compare,
    jinja.Operand,
)
_NAMES: dict[type[jinja.Node], str] = {
    jinja.For: "a loop",
    jinja.Call: "a call",
    jinja.Getattr: "a dot",
    jinja.Getitem: "[...]",
    jinja.Assign: "set",
    jinja.Test: "is",
}


def _problems_of_filter(node: jinja.Filter) -> Iterator[TemplateProblem]:
    found = FILTERS.get(node.name)
    if found is None:
        hint = did_you_mean(node.name, FILTERS) or f"there are {', '.join(FILTERS)}"
        yield TemplateProblem(node.lineno, f"there is no filter named {node.name[:80]}", hint)
        return
    wanted = list(inspect.signature(found).parameters.values())[1:]
    given = [each.value if isinstance(each, jinja.Const) else None for each in node.args]
    fits = all(_fits(value, each.annotation) for value, each in zip(given, wanted, strict=False))
    least = sum(each.default is each.empty for each in wanted)
    is_spread = node.kwargs or node.dyn_args or node.dyn_kwargs
    if is_spread or not fits or not least <= len(given) <= len(wanted):
        usage = ", ".join(f"{each.name}: {_WORDS[each.annotation]}" for each in wanted)
        yield TemplateProblem(node.lineno, f"{node.name} takes other values", f"{node.name}({usage})")


_WORDS = {"Fact": "a text or a number", "int": "a whole number from 0 to 1000"}


def _fits(value: object, annotation: str) -> bool:
    if annotation == "int":
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 1000
    return isinstance(value, str | int | float)


# Filters: each gives something for everything


def _default(value: Fact | Undefined, instead: Fact) -> Fact | Undefined:
    return instead if isinstance(value, Undefined) or value is None or value == "" else value


def _upper(value: Fact | Undefined) -> str:
    return _text(value).upper()


def _lower(value: Fact | Undefined) -> str:
    return _text(value).lower()


def _capitalize(value: Fact | Undefined) -> str:
    text = _text(value)
    return text[:1].upper() + text[1:]


def _truncate(value: Fact | Undefined, length: int) -> str:
    text = _text(value)
    return text if len(text) <= length else text[: max(length - 1, 0)].rstrip() + "…"


def _round(value: Fact | Undefined, digits: int = 0) -> Fact | Undefined:
    return round(value, digits) if _is_number(value) else value  # type: ignore[arg-type]


def _fixed(value: Fact | Undefined, digits: int = 2) -> str:
    """A number with so many digits after its point: prices."""
    return f"{value:.{digits}f}" if _is_number(value) else _text(value)


def _urlencode(value: Fact | Undefined) -> str:
    return quote(_text(value).encode("utf-8", "replace"), safe="")


FILTERS: dict[str, Callable[..., Any]] = {
    "default": _default,
    "upper": _upper,
    "lower": _lower,
    "capitalize": _capitalize,
    "truncate": _truncate,
    "round": _round,
    "fixed": _fixed,
    "urlencode": _urlencode,
}
"""The filters of templates by name."""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _text(value: object) -> str:
    """A fact as people write it: 3 rather than 3.0."""
    if value is None or isinstance(value, Undefined):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    return str(value)


def _environment(*, escaped: bool) -> SandboxedEnvironment:
    environment = SandboxedEnvironment(autoescape=escaped, finalize=_text, keep_trailing_newline=True)
    environment.globals.clear()
    environment.filters.clear()
    environment.filters.update(FILTERS)
    return environment


_ENVIRONMENTS = {escaped: _environment(escaped=escaped) for escaped in (False, True)}


@lru_cache(maxsize=1024)
def _compiled(template: str, escaped: bool) -> Any:
    return _ENVIRONMENTS[escaped].from_string(template)
